import { FsError } from '../errors/index.js'
import type { FileSystem } from '../filesystem/filesystem.js'
import { Mapper } from '../filesystem/mapper.js'
import { isRecord, nearestName } from '../filesystem/options.js'
import type { FileHandle, OpenFlags, OpenOptions } from '../filesystem/types.js'
import { hasMagic } from '../filesystem/paths.js'
import { filesystem } from './instances.js'
import { availableProtocols, loadImplementation, protocolsWithOption } from './protocols.js'
import type { UrlOptions } from './builtin-types.js'

const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\//

export interface ParsedUrl { readonly protocol: string, /** What the filesystem's verbs take. */ readonly path: string }

/**
 * Split a URL. Strings are literal ('s3://bucket/100%.csv' is what it says), URL objects are percent-decoded; a string
 * without a scheme is a local path.
 * @throws TypeError for what is no URL
 */
export function parseUrl (url: string | URL): ParsedUrl {
  if (typeof url === 'string') {
    if (url === '') throw new TypeError('Expected a URL or a path, got an empty string')
    if (url.includes('::')) throw new FsError('FORKFS_NOT_SUPPORTED', 'chained URLs (a::b) are not supported yet', { path: url })
    const match = scheme.exec(url)
    if (match === null) return { protocol: 'file', path: url }
    const protocol = match[1]!.toLowerCase()
    const path = protocol === 'http' || protocol === 'https' ? url : url.slice(match[0].length)
    return { protocol, path }
  }
  if (Object.prototype.toString.call(url) !== '[object URL]') throw new TypeError(`Expected a URL to be a string or a URL, got (${url === null ? 'null' : typeof url})`)
  const protocol = url.protocol.slice(0, -1)
  if (protocol === 'http' || protocol === 'https') return { protocol, path: url.href }
  if (url.username !== '' || url.password !== '') throw new TypeError(`Credentials do not belong into a ${protocol} URL: pass them as options`)
  if (protocol === 'file') return { protocol, path: process.getBuiltinModule('node:url').fileURLToPath(url) }
  try {
    return { protocol, path: decodeURIComponent(url.host) + decodeURIComponent(url.pathname) }
  } catch (cause) {
    throw new TypeError(`The path of ${protocol}://${url.host} is not valid percent-encoded UTF-8`, { cause })
  }
}

const openNames: ReadonlySet<string> = new Set(['signal', 'flag', 'ifMatch', 'contentType', 'metadata', 'partBytes', 'cache', 'blockBytes', 'compression', 'num', 'create', 'check'])

/** @throws TypeError for a key that is neither a protocol nor known, saying where it belongs */
function checkUrlOptions (options: Readonly<Record<string, unknown>>, extra: ReadonlySet<string>): void {
  if (!isRecord(options)) throw new TypeError('Expected the options to be an object')
  const protocols = availableProtocols()
  for (const name of Object.keys(options)) {
    if (name === 'allowedProtocols' || protocols.includes(name) || extra.has(name)) continue
    const [home] = protocolsWithOption(name)
    if (home !== undefined) throw new TypeError(`\`${name}\` is an option of ${home}: write { ${home}: { ${name}: … } }`)
    const near = nearestName(name, [...protocols, 'allowedProtocols', ...extra])
    throw new TypeError(`Unknown option \`${name}\`${near === undefined ? '; options go under the name of their protocol: { s3: { … } }' : `: did you mean \`${near}\`?`}`)
  }
}

/** @throws FsError FORKFS_NOT_ALLOWED */
export function checkAllowed (protocol: string, allowed: readonly string[] | undefined): void {
  if (allowed === undefined || allowed.includes(protocol)) return
  throw new FsError('FORKFS_NOT_ALLOWED', `'${protocol}' is not among the allowed protocols (${allowed.join(', ')})`, { protocol })
}

async function resolve (url: string | URL, options: UrlOptions, extra: ReadonlySet<string>): Promise<[FileSystem, string]> {
  checkUrlOptions(options as Record<string, unknown>, extra)
  const { protocol, path } = parseUrl(url)
  checkAllowed(protocol, options.allowedProtocols)
  const type = await loadImplementation(protocol)
  const given: Record<string, unknown> = {}
  for (const alias of type.protocols) Object.assign(given, (options as Record<string, unknown>)[alias])
  const fs = filesystem(protocol, given)
  return [fs, fs.normalize(path)]
}

const none: ReadonlySet<string> = new Set()

/** 's3://bucket/key' -> [filesystem, 'bucket/key'] */
export async function urlToFs (url: string | URL, options: UrlOptions = {}): Promise<[FileSystem, string]> {
  return resolve(url, options, none)
}

export async function open (url: string | URL, flags: OpenFlags = 'r', options: OpenOptions & UrlOptions = {}): Promise<FileHandle> {
  const [fs, path] = await resolve(url, options, openNames)
  return fs.open(path, flags, openOptions(options))
}

function openOptions (options: OpenOptions): OpenOptions {
  const { signal, flag, ifMatch, contentType, metadata, partBytes, cache, blockBytes, compression } = options
  return { signal, flag, ifMatch, contentType, metadata, partBytes, cache, blockBytes, compression }
}

/**
 * Several files at once. Reading: globs are expanded. Writing: one `*` is replaced by the index of each of `num` files
 * (default 1), without one the URL is a directory and the files are 0.part, 1.part, …. Where one can not be opened the
 * others are closed (or dropped) again.
 */
export async function openFiles (urls: string | readonly string[], flags: OpenFlags = 'r', options: OpenOptions & UrlOptions & { readonly num?: number | undefined } = {}): Promise<FileHandle[]> {
  const list = typeof urls === 'string' ? [urls] : urls
  if (list.length === 0) throw new TypeError('Expected at least one URL')
  const targets: Array<[FileSystem, string]> = []
  for (const url of list) targets.push(...(flags === 'r' ? await matches(url, options) : await numbered(url, options, typeof urls === 'string')))
  const opened = await Promise.allSettled(targets.map(([fs, path]) => fs.open(path, flags, openOptions(options))))
  const failed = opened.find(result => result.status === 'rejected')
  if (failed === undefined) return opened.map(result => (result as PromiseFulfilledResult<FileHandle>).value)
  await Promise.all(opened.map(async result => {
    if (result.status === 'rejected') return
    await result.value.abort(failed.reason)
    await result.value.close().catch(() => {})
  }))
  throw failed.reason
}

async function matches (url: string, options: UrlOptions): Promise<Array<[FileSystem, string]>> {
  const [fs, path] = await resolve(url, options, openNames)
  if (!hasMagic(path)) return [[fs, path]]
  return (await fs.glob(path, { withDirectories: false })).map(match => [fs, match])
}

async function numbered (url: string, options: UrlOptions & { readonly num?: number | undefined }, expand: boolean): Promise<Array<[FileSystem, string]>> {
  const [fs, path] = await resolve(url, options, openNames)
  if (!expand) return [[fs, path]]
  const { num = 1 } = options
  if (!Number.isInteger(num) || num < 1) throw new RangeError(`Expected \`num\` to be an integer >= 1, got \`${num}\``)
  const pieces = path.split('*')
  if (pieces.length > 2) throw new TypeError(`Expected at most one * in '${url}'`)
  const width = String(num - 1).length
  return Array.from({ length: num }, (_, index) => {
    const label = String(index).padStart(width, '0')
    return [fs, pieces.length === 2 ? pieces.join(label) : `${path}/${label}.part`]
  })
}

/** Real local paths. @throws FsError FORKFS_NOT_SUPPORTED for what is not on this machine */
export async function openLocal (url: string, options: UrlOptions = {}): Promise<string> {
  const [fs, path] = await resolve(url, options, none)
  if (fs.protocol !== 'file') throw new FsError('FORKFS_NOT_SUPPORTED', `${fs.protocol} has no local paths; download with get() first`, { protocol: fs.protocol, path })
  await fs.info(path)
  return path
}

/** A directory as a map of keys to bytes. `create` makes it; `check` writes and removes a probe first. */
export async function getMapper (url: string, options: UrlOptions & { readonly create?: boolean | undefined, readonly check?: boolean | undefined } = {}): Promise<Mapper> {
  const [fs, path] = await resolve(url, options, openNames)
  if (options.create === true) await fs.makedirs(path, { existOk: true })
  const mapper = new Mapper(fs, path)
  if (options.check === true) {
    const probe = `.forkfs-probe-${process.getBuiltinModule('node:crypto').randomBytes(8).toString('hex')}`
    await mapper.set(probe, new Uint8Array(0))
    await mapper.delete(probe)
  }
  return mapper
}
