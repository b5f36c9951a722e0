import { constants } from 'node:fs'
import { copyFile, open, rename, unlink } from 'node:fs/promises'
import { FsError, isNodeError } from '../errors/index.js'
import type { Verb } from '../filesystem/types.js'
import { localInfo, translated } from './local-info.js'
import { findTarget } from './local-target.js'
import type { LocalWriteOptions } from './local-target.js'
import { localTemporaryPath } from './local-temporary.js'

/**
 * Copy one file by the kernel (a reference to the same blocks where the file system has that), staged and renamed as every
 * write: the old target stays until the new one is whole.
 *
 * @throws FsError EISDIR · FORKFS_NOT_SUPPORTED for pipes, sockets, devices and broken links · ENOENT, also for a missing
 * parent without `autoMkdir` · what node:fs says otherwise
 */
export async function copyLocalFile (source: string, target: string, options: Verb & Pick<LocalWriteOptions, 'autoMkdir'> = {}): Promise<void> {
  const { signal, autoMkdir } = options
  const { type } = await localInfo(source, signal)
  if (type === 'directory') throw new FsError('EISDIR', 'it is a directory', { path: source })
  if (type === 'other') throw new FsError('FORKFS_NOT_SUPPORTED', 'it is a pipe, a socket, a device or a broken link', { path: source })
  await translated(target, async () => {
    const { path } = await findTarget(target, { autoMkdir })
    const staged = localTemporaryPath(path)
    try {
      await copyFile(source, staged, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
      await sync(staged)
      signal?.throwIfAborted()
      await rename(staged, path)
    } catch (error) {
      await unlink(staged).catch(() => {}) // not there if the copy did not begin; what went wrong is told already
      throw error
    }
  })
}

async function sync (path: string): Promise<void> {
  const handle = await open(path, 'r') // its mode, copied from the source, may forbid writing
  try {
    await handle.sync()
  } catch (error) {
    if (!isNodeError(error) || error.code !== 'EPERM') throw error // Windows flushes only what is open for writing
  } finally {
    await handle.close()
  }
}
