import { accessSync, constants, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'

/**
 * Where suites that write thousands of small files do it: FORKFS_TEST_SCRATCH, else memory where the system has a file
 * system of that kind (every write is flushed, which costs a disk milliseconds), else the folder for temporary files.
 */
export function scratchFolder (): string {
  const wanted = process.env['FORKFS_TEST_SCRATCH']
  if (wanted !== undefined) return realpathSync(wanted)
  try {
    accessSync('/dev/shm', constants.W_OK)
    return '/dev/shm'
  } catch {
    return realpathSync(tmpdir())
  }
}
