import type { BigIntStats } from 'node:fs'
import { lstat, readlink, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fromNodeError, isNodeError } from '../errors/index.js'
import type { FileInfo } from '../filesystem/types.js'

/** What the local file system says besides {@link FileInfo}. */
export interface LocalInfo extends FileInfo {
  /** Undefined for a directory: what it holds is another question (du). */
  readonly size: number | undefined
  readonly etag: string
  /** Permission bits and file type, as in `fs.Stats.mode`; of the target for a link. */
  readonly mode: number
  readonly ino: number
  /** The path itself is a symbolic link. */
  readonly islink: boolean
  /** Where the link points to, as it is written there. */
  readonly destination?: string | undefined
}

/** Of what has a size: anything but a directory. */
export type SizedLocalInfo = LocalInfo & { readonly size: number }

/** The version of a file: in quotes, made of inode, modification time in nanoseconds and size. */
export function etagOf (stats: BigIntStats): string {
  return `"${stats.ino.toString(36)}-${stats.mtimeNs.toString(36)}-${stats.size.toString(36)}"`
}

/** Run `work` with what node:fs rejects with translated. */
export async function translated<T> (path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw fromNodeError(error, { path })
  }
}

/** One of the errors of a path that is not there (any more), or whose link leads nowhere. */
export function isMissing (error: unknown): boolean {
  return isNodeError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}

/**
 * One path. Links are followed to tell files from directories; 'other' stands for what is neither (sockets, pipes,
 * devices) and for links that lead nowhere. One lstat(2), one stat(2) and one readlink(2) more for a link.
 *
 * @throws FsError ENOENT, ENOTDIR, EACCES.
 */
export async function localInfo (path: string, signal?: AbortSignal): Promise<LocalInfo> {
  signal?.throwIfAborted()
  const name = resolve(path)
  const info = await translated(name, () => describe(name))
  signal?.throwIfAborted()
  return info
}

/** As {@link localInfo}, with Node's own errors. */
export async function describe (name: string): Promise<LocalInfo> {
  const own = await lstat(name, { bigint: true })
  if (!own.isSymbolicLink()) return infoOf(name, own)
  const destination = await readlink(name)
  try {
    return { ...infoOf(name, await stat(name, { bigint: true })), islink: true, destination }
  } catch (error) {
    if (!isMissing(error) && !(isNodeError(error) && error.code === 'ELOOP')) throw error
    return { ...infoOf(name, own), size: 0, islink: true, destination }
  }
}

/** From what stat(2) said of a path that is no link. */
export function infoOf (name: string, stats: BigIntStats): LocalInfo {
  const type = stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other'
  return {
    name,
    size: type === 'directory' ? undefined : Number(stats.size),
    type,
    modified: stats.mtime,
    created: stats.birthtime,
    etag: etagOf(stats),
    mode: Number(stats.mode),
    ino: Number(stats.ino),
    islink: false
  }
}
