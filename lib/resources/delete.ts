import { rm } from 'node:fs/promises'
import { fromNodeError, isNodeError } from '../errors/index.js'

/** What passes: another process (a scanner, a mapping on Windows) has it open for a moment. */
const passing: ReadonlySet<string> = new Set(['EPERM', 'EBUSY', 'EACCES', 'ENOTEMPTY'])

const attempts = 10
const intervalMs = 200

/**
 * Run a deletion until it succeeds: again after EPERM, EBUSY, EACCES, ENOTEMPTY (10 times, 200 ms apart), done with ENOENT.
 * @throws what the last try threw
 */
export async function retryDelete (operation: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await operation()
      return
    } catch (error) {
      if (!isNodeError(error)) throw error
      if (error.code === 'ENOENT') return
      if (!passing.has(error.code ?? '') || attempt >= attempts) throw error
      await new Promise(resolve => { setTimeout(resolve, intervalMs) })
    }
  }
}

/** A file, or a folder with all that is in it. Nothing there: done. @throws FsError EACCES, EROFS, … after the retries */
export async function deletePath (path: string): Promise<void> {
  try {
    await retryDelete(() => rm(path, { recursive: true }))
  } catch (error) {
    throw fromNodeError(error, { operation: 'delete', path })
  }
}
