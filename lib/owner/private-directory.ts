import { lstat, mkdir } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { FsError, fromNodeError, isNodeError } from '../errors/index.js'

/**
 * Where forkfs keeps what only its user may see: `<parent>/forkfs-<uid>`, mode 0700. The parent is FORKFS_TMPDIR, or the system's
 * folder for temporary files.
 */

/** @throws FsError FORKFS_CONFIG for a relative FORKFS_TMPDIR */
export function temporaryParent (): string {
  const moved = process.env.FORKFS_TMPDIR
  if (moved === undefined || moved === '') return process.getBuiltinModule('node:os').tmpdir()
  if (!isAbsolute(moved)) throw new FsError('FORKFS_CONFIG', 'FORKFS_TMPDIR has to be an absolute path', { path: moved })
  return moved
}

/** Whether FORKFS_TMPDIR says where everything lies: then nothing is looked for elsewhere. */
export function isMoved (): boolean { return (process.env.FORKFS_TMPDIR ?? '') !== '' }

function userName (): string {
  return String(process.getuid?.() ?? process.getBuiltinModule('node:os').userInfo().username.replace(/[^\w-]/g, '_'))
}

/** The path alone: nothing is made or checked. */
export function forkfsPath (parent: string = temporaryParent()): string { return join(parent, `forkfs-${userName()}`) }

function refuse (path: string, why: string): FsError {
  return new FsError('EACCES', `${why}: remove it, or set FORKFS_TMPDIR to a folder of your own`, { path })
}

/**
 * Nobody but this user can have put anything there, or can read it.
 * @throws FsError EACCES: it is a link, no directory, another user's, or its group or others may write or read
 */
export async function checkPrivate (path: string): Promise<void> {
  const stats = await lstat(path)
  if (!stats.isDirectory()) throw refuse(path, 'a private folder is wanted, and something else has its name')
  const uid = process.getuid?.()
  if (uid === undefined) return
  if (stats.uid !== uid) throw refuse(path, 'a private folder belongs to another user')
  if ((stats.mode & 0o077) !== 0) throw refuse(path, 'other users may enter a private folder')
}

/** Make the directory (0700 from the first moment) in a parent that exists, or check the one that is there. @returns the path */
export async function privateDirectory (path: string): Promise<string> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    if (!isNodeError(error) || error.code !== 'EEXIST') throw fromNodeError(error, { path })
    await checkPrivate(path)
  }
  return path
}

/**
 * `<parent>/forkfs-<uid>/<room>`, made and checked.
 * @throws FsError EACCES (see checkPrivate), EROFS, ENOSPC
 */
export async function forkfsDirectory (room: string, parent: string = temporaryParent()): Promise<string> {
  if (isMoved()) {
    try { await mkdir(parent, { recursive: true, mode: 0o700 }) } catch (error) { throw fromNodeError(error, { path: parent }) }
  }
  return privateDirectory(join(await privateDirectory(forkfsPath(parent)), room))
}
