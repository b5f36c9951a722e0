import { isFsError, isRecord } from '../errors/index.js'
import { canonical, commonOptions } from '../filesystem/options.js'
import { isFileSystem } from '../filesystem/filesystem.js'
import type { FileSystem } from '../filesystem/filesystem.js'
import { join as joinPath } from '../filesystem/paths.js'
import { ownerName } from '../owner/index.js'
import { filesystem } from '../registry/instances.js'
import { loadImplementation } from '../registry/protocols.js'
import { parseUrl } from '../registry/url.js'

/** A directory in a store. `path` is normalised. */
export interface Address { readonly fs: FileSystem, readonly path: string }

const scheme = /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\//

export function below ({ path }: Address, name: string): string { return joinPath(path, name) }

export function isLocal ({ fs }: Address): boolean { return fs.protocol === 'file' }

/** `~` and `~/…` are the user's home. */
export function expandHome (path: string): string {
  return path === '~' || path.startsWith('~/') ? process.getBuiltinModule('node:os').homedir() + path.slice(1) : path
}

/** A path of this machine, absolute. @throws TypeError */
export function localPath (argument: string, path: unknown): string {
  if (Buffer.isBuffer(path)) path = path.toString()
  if (path instanceof URL) return process.getBuiltinModule('node:url').fileURLToPath(path)
  if (typeof path !== 'string' || path === '') throw new TypeError(`Expected \`${argument}\` to be a local path, got ${path === '' ? 'an empty string' : `(${typeof path})`}`)
  if (scheme.test(path) && !path.startsWith('file://')) throw new TypeError(`Expected \`${argument}\` to be a local path, got the URL '${parseUrl(path).protocol}://…'`)
  return filesystem('file').normalize(expandHome(path))
}

function check (path: unknown, fs: unknown): string | URL {
  if (Buffer.isBuffer(path)) path = path.toString()
  const isUrl = path instanceof URL
  if (!isUrl && (typeof path !== 'string' || path === '')) throw new TypeError(`Expected \`path\` to be a path or a URL, got ${path === '' ? 'an empty string' : `(${typeof path})`}`)
  if (fs === undefined) return path as string | URL
  if (!isFileSystem(fs)) throw new TypeError('Expected `filesystem` to be a FileSystem; what arrives from another thread or process is a descriptor: revive() it first')
  if (fs.protocol !== 'http' && (isUrl || scheme.test(path as string))) throw new TypeError('Expected a path inside the filesystem, got a URL: pass either the URL alone, or the path with the filesystem')
  return path as string | URL
}

function addressOf (path: string | URL, fs: FileSystem | undefined): Address {
  if (fs === undefined) {
    const { protocol, path: inside } = parseUrl(typeof path === 'string' ? expandHome(path) : path)
    fs = filesystem(protocol)
    return { fs, path: fs.normalize(inside) }
  }
  const text = String(path)
  return { fs, path: fs.normalize(fs.protocol === 'file' ? expandHome(text) : text) }
}

/** No I/O. @throws TypeError; FsError FORKFS_UNKNOWN_PROTOCOL, FORKFS_NOT_LOADED, EINVAL */
export function toAddress (path: unknown, fs: unknown): Address { return addressOf(check(path, fs), fs as FileSystem | undefined) }

/** The same, loading the implementation where it is not yet. */
export async function loadAddress (path: unknown, fs: unknown): Promise<Address> {
  const checked = check(path, fs)
  if (fs === undefined) await loadImplementation(parseUrl(checked).protocol)
  return addressOf(checked, fs as FileSystem | undefined)
}

/**
 * What a directory is, the same text in all threads and processes that mean the same store, account and path; a digest: URLs may hold
 * secrets. Options that only tune (timeouts, concurrency) count for nothing, keys only by their account. What can not travel is another
 * one in each thread.
 */
export function identityOf ({ fs, path }: Address): string {
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(`${storeOf(fs)}\n${path}`).digest('hex').slice(0, 32)
}

function storeOf (fs: FileSystem): string {
  const here = (): string => `${ownerName()} ${fs.token}`
  if (fs.protocol === 'memory') return here()
  try {
    const { type, options = {}, withheld = {} } = fs.toJSON().$forkfs as DescribedStore
    const { credentials, shareCredentials: _share, ...others } = options
    const { settled: _settled, accessKeyId, account, ...kept } = withheld
    const keys = isRecord(credentials) ? credentials : {}
    const who = accessKeyId ?? account ?? keys['accessKeyId'] ?? keys['client_email'] ?? (isRecord(credentials) ? undefined : credentials)
    return canonical({ type, who, kept, options: Object.fromEntries(Object.entries(others).filter(([name]) => !Object.hasOwn(commonOptions, name))) })
  } catch (error) {
    if (isFsError(error, 'FORKFS_UNCLONEABLE')) return here()
    throw error
  }
}

/** `accessKeyId` and `account` say whose keys stayed at home; `settled` only that a sender has looked. */
interface DescribedStore { readonly type: string, readonly options?: Readonly<Record<string, unknown>>, readonly withheld?: Readonly<Record<string, unknown>> }
