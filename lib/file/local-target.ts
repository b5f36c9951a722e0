import { constants } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { access, lstat, mkdir, readlink, realpath, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { FsError } from '../errors/index.js'
import type { WriteOptions } from '../filesystem/types.js'
import { etagOf, isMissing } from './local-info.js'
import { changed } from './local-reader.js'

const maxLinks = 40

export interface LocalWriteOptions extends Pick<WriteOptions, 'flag' | 'ifMatch'> {
  /** Create missing parent directories. @defaultValue false, as node:fs */
  readonly autoMkdir?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** Where a write goes, and what is there now. */
export interface Target { readonly path: string, readonly existing: BigIntStats | undefined }

/**
 * What node:fs would write to. Links are followed, also one that leads to a file which is not there yet; an exclusive
 * write refuses a link as it refuses a file.
 */
export async function findTarget (path: string, options: LocalWriteOptions): Promise<Target> {
  const { flag = 'w', ifMatch, autoMkdir = false } = options
  const exists = await lstat(path).then(() => true, whenMissing(false))
  if (exists && flag === 'wx') throw new FsError('EEXIST', 'it exists already', { path })
  const target = exists ? await follow(path) : path
  const existing = exists ? await statIfAny(target) : undefined
  await checkVersion(path, ifMatch, existing)
  if (existing === undefined) {
    if (autoMkdir) await mkdir(dirname(target), { recursive: true })
    return { path: target, existing }
  }
  if (existing.isDirectory()) throw new FsError('EISDIR', 'it is a directory', { path })
  // A rename would put a plain file in the place of /dev/null.
  if (!existing.isFile()) throw new FsError('FORKFS_NOT_SUPPORTED', 'it is a pipe, a socket or a device: it can not be written all or nothing', { path })
  await access(target, constants.W_OK) // a rename would not ask
  return { path: target, existing }
}

/** FORKFS_CHANGED unless what is there is the version `ifMatch`. */
async function checkVersion (path: string, ifMatch: string | undefined, existing: BigIntStats | undefined): Promise<void> {
  if (ifMatch === undefined) return
  const found = existing === undefined ? undefined : etagOf(existing)
  if (found !== ifMatch) throw changed(path, ifMatch, found)
}

/** The same once more, just before publishing. */
export async function recheckVersion (target: Target, ifMatch: string | undefined): Promise<void> {
  if (ifMatch !== undefined) await checkVersion(target.path, ifMatch, await statIfAny(target.path))
}

async function follow (path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  let at = path
  for (let links = 0; links < maxLinks; links++) {
    const link = await readlink(at).catch(() => undefined) // EINVAL: no link; ENOENT: nothing there
    if (link === undefined) return at
    at = resolve(dirname(at), link)
  }
  throw new FsError('EINVAL', 'too many symbolic links', { path })
}

async function statIfAny (path: string): Promise<BigIntStats | undefined> {
  return stat(path, { bigint: true }).catch(whenMissing(undefined))
}

function whenMissing<T> (value: T): (error: unknown) => T {
  return error => {
    if (isMissing(error) && (error as NodeJS.ErrnoException).code === 'ENOENT') return value
    throw error
  }
}
