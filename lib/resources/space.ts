import { statfs } from 'node:fs/promises'
import { FsError } from '../errors/index.js'

/** How much of what is free may be taken: others write too. */
const share = 0.9

/** Bytes that this user can still write on the file system of `path`; undefined where it does not say. */
export async function freeBytes (path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(path)
    return bavail * bsize
  } catch {
    return undefined
  }
}

/** Refuse what would fill the file system: at most 90 % of what is free. Room is not reserved. @throws FsError ENOSPC */
export async function checkSpace (path: string, bytes: number): Promise<void> {
  const free = await freeBytes(path)
  if (free !== undefined && bytes > free * share) throw new FsError('ENOSPC', `${bytes} bytes are wanted and ${free} are free`, { path })
}
