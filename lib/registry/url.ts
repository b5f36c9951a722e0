import { isAbsolute } from 'node:path'
import { FsError, isRecord, kindOf, nearestName } from '../errors/index.js'
import type { FileSystem } from '../filesystem/filesystem.js'
import { Mapper } from '../filesystem/mapper.js'
import type { FileHandle, OpenFlags, OpenOptions } from '../filesystem/types.js'
import { parent, workingDirectory } from '../filesystem/paths.js'
import { filesystem } from './instances.js'
import { areAliases, availableProtocols, loadImplementation, protocolsWithOption } from './protocols.js'
import type { UrlOptions } from './builtin-types.js'

const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\//

export interface ParsedUrl { readonly protocol: string, /** What the filesystem's verbs take. */ readonly path: string }

const local: ReadonlySet<string> = new Set(['file', 'local', 'memory'])
const userAndPassword = /^[^/]*:[^/]*@/

/** The text is not repeated: it holds a password. */
function misplacedCredentials (protocol: string): TypeError {
  return new TypeError(`Credentials do not belong into a ${protocol} URL: pass them as options`)
}

/** A path that is meant as one: 's3:/bucket/key' would be read, and written, below the working directory. Who has such a directory writes './s3:/…'. */
function localPath (text: string): string {
  const [, name] = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/(?!\/)/.exec(text) ?? []
  if (name !== undefined && availableProtocols().includes(name.toLowerCase())) {
    throw new TypeError(`Expected two slashes after \`${name}:\`: a URL begins with ${name.toLowerCase()}://, a path of that name with ./${name}:`)
  }
  if (text.startsWith('://')) throw new TypeError('Expected a URL to name its protocol before \`://\`, such as s3://')
  return text
}

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
    if (match === null) return { protocol: 'file', path: localPath(url) }
    const protocol = match[1]!.toLowerCase()
    if (protocol === 'http' || protocol === 'https') return { protocol, path: url }
    const path = url.slice(match[0].length)
    if (!local.has(protocol) && userAndPassword.test(path)) throw misplacedCredentials(protocol)
    return { protocol, path }
  }
  if (Object.prototype.toString.call(url) !== '[object URL]') throw new TypeError(`Expected a URL to be a string or a URL, got (${kindOf(url)})`)
  const protocol = url.protocol.slice(0, -1)
  if (protocol === 'http' || protocol === 'https') return { protocol, path: url.href }
  if (url.username !== '' || url.password !== '') throw misplacedCredentials(protocol)
  if (protocol === 'file') return { protocol, path: process.getBuiltinModule('node:url').fileURLToPath(url) }
  try {
    return { protocol, path: decodeURIComponent(url.host) + decodeURIComponent(url.pathname) }
  } catch (cause) {
    throw new TypeError(`The path of ${protocol}://${url.host} is not valid percent-encoded UTF-8`, { cause })
  }
}

const openNames: ReadonlySet<string> = new Set(['signal', 'flag', 'ifMatch', 'contentType', 'metadata', 'partBytes', 'cache', 'blockBytes', 'firstBytes', 'compression', 'num', 'name', 'create', 'check'])

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

/** One alias of an implementation stands for all of them. @throws FsError FORKFS_NOT_ALLOWED */
export function checkAllowed (protocol: string, allowed: readonly string[] | undefined): void {
  if (allowed === undefined) return
  if (!Array.isArray(allowed)) throw new TypeError(`Expected \`allowedProtocols\` to be an array of protocols, got (${typeof allowed})`)
  if (allowed.some(name => areAliases(protocol, name))) return
  throw new FsError('FORKFS_NOT_ALLOWED', `'${protocol}' is not among the allowed protocols (${allowed.join(', ')})`, { protocol })
}

/** The filesystem of a URL, and the path as it is written, from `here` on where it is relative: a closing slash says something to a copy. */
export async function locate (url: string | URL, options: UrlOptions, extra: ReadonlySet<string>, here = workingDirectory()): Promise<[FileSystem, string]> {
  checkUrlOptions(options as Record<string, unknown>, extra)
  const { protocol, path } = parseUrl(url)
  checkAllowed(protocol, options.allowedProtocols)
  const type = await loadImplementation(protocol)
  const given: Record<string, unknown> = {}
  for (const alias of type.protocols) {
    const own = (options as Record<string, unknown>)[alias]
    if (own !== undefined && !isRecord(own)) throw new TypeError(`Expected \`${alias}\` to be an object of options, got (${kindOf(own)})`)
    Object.assign(given, own)
  }
  const fs = filesystem(protocol, given)
  return [fs, fs.protocol === 'file' && here !== undefined && !isAbsolute(path) ? `${here}/${path}` : path]
}

async function resolve (url: string | URL, options: UrlOptions, extra: ReadonlySet<string>, here?: string): Promise<[FileSystem, string]> {
  const [fs, path] = await locate(url, options, extra, here)
  return [fs, fs.normalize(path)]
}

const none: ReadonlySet<string> = new Set()

/** 's3://bucket/key' -> [filesystem, 'bucket/key'] */
export async function urlToFs (url: string | URL, options: UrlOptions = {}): Promise<[FileSystem, string]> {
  return resolve(url, options, none)
}

/** fs.open() of a URL: 's3://bucket/key', a path, a URL object. @throws TypeError for an option in the wrong place · FsError FORKFS_UNKNOWN_PROTOCOL, FORKFS_NOT_ALLOWED, and those of fs.open() */
export async function open (url: string | URL, flags: OpenFlags = 'r', options: OpenOptions & UrlOptions = {}): Promise<FileHandle> {
  const [fs, path] = await resolve(url, options, openNames)
  return fs.open(path, flags, openOptions(options))
}

function openOptions (options: OpenOptions): OpenOptions {
  const { signal, flag, ifMatch, contentType, metadata, partBytes, cache, blockBytes, firstBytes, compression } = options
  return { signal, flag, ifMatch, contentType, metadata, partBytes, cache, blockBytes, firstBytes, compression }
}

/** What openFiles() takes for writing. */
export interface OpenFilesOptions {
  /** How many files a single URL stands for when writing, integer >= 1. @defaultValue 1 */
  readonly num?: number | undefined
  /** What stands for the `*`, or before '.part', of the file with that index, from 0. @defaultValue the index, with zeros in front to equal length */
  readonly name?: ((index: number) => string) | undefined
}

/**
 * Several files at once. Reading: globs are expanded. Writing: one `*` is replaced by the index of each of `num` files,
 * without one the URL is a directory and the files are 0.part, 1.part, …; a list names each file as it is. Missing parents are
 * made. Where one can not be opened the others are closed (or dropped) again.
 */
export async function openFiles (urls: string | readonly string[], flags: OpenFlags = 'r', options: OpenOptions & UrlOptions & OpenFilesOptions = {}): Promise<FileHandle[]> {
  const list = typeof urls === 'string' ? [urls] : urls
  if (!Array.isArray(list) || list.length === 0) throw new TypeError('Expected `urls` to be a URL, or an array of at least one')
  const targets: Array<[FileSystem, string]> = []
  const here = workingDirectory()
  for (const url of list) targets.push(...(flags === 'r' ? await matches(url, options, here) : await numbered(url, options, typeof urls === 'string', here)))
  if (flags !== 'r') await makeParents(targets, options.signal)
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

async function matches (url: string, options: UrlOptions, here: string | undefined): Promise<Array<[FileSystem, string]>> {
  const [fs, path] = await resolve(url, options, openNames, here)
  if (!fs.isPattern(path)) return [[fs, path]]
  return (await fs.glob(path, { withDirectories: false })).map(match => [fs, match])
}

async function numbered (url: string, options: UrlOptions & OpenFilesOptions, single: boolean, here: string | undefined): Promise<Array<[FileSystem, string]>> {
  const { num, name } = options
  if (num !== undefined && (!Number.isInteger(num) || num < 1)) throw new RangeError(`Expected \`num\` to be an integer >= 1, got \`${num}\``)
  if (name !== undefined && typeof name !== 'function') throw new TypeError(`Expected \`name\` to be a function, got (${typeof name})`)
  const [fs, path] = await resolve(url, options, openNames, here)
  const pieces = path.split('*')
  if (!single) {
    if (num !== undefined || pieces.length > 1) throw new TypeError('Expected a single URL with `num` or a `*`: a list names each file')
    return [[fs, path]]
  }
  if (pieces.length > 2) throw new TypeError(`Expected at most one * in '${url}'`)
  const count = num ?? 1
  const width = String(count - 1).length
  return Array.from({ length: count }, (_, index) => {
    const label = name === undefined ? String(index).padStart(width, '0') : name(index)
    return [fs, pieces.length === 2 ? pieces.join(label) : `${path}/${label}.part`]
  })
}

async function makeParents (targets: ReadonlyArray<readonly [FileSystem, string]>, signal: AbortSignal | undefined): Promise<void> {
  const made = new Map<FileSystem, Set<string>>()
  for (const [fs, path] of targets) {
    if (!fs.capabilities.write || !fs.capabilities.emptyDirectories) continue
    const known = made.get(fs) ?? new Set<string>()
    made.set(fs, known)
    const directory = parent(path)
    if (!known.has(directory)) await fs.makedirs(directory, { existOk: true, signal })
    known.add(directory)
  }
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
