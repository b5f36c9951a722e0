/**
 * Paths of this filesystem are URLs. Their bytes reach the server as they were written: a path is cut into origin and request
 * target by hand and goes past every URL parser, which would resolve `.` and `..` and change encodings.
 */
import { FsError, kindOf } from '../../lib/errors/index.js'

export interface Address {
  /** 'http://host:port', as the WHATWG URL standard writes it: lower case, without a default port. */
  readonly origin: string
  /** Request target with query, byte for byte. Begins with '/'. */
  readonly target: string
}

const scheme = /^([a-z][a-z0-9+.-]*):\/\//i
const controls = /[\u0000-\u001f\u007f]/
/** What RFC 3986 does not allow in a path or query, brackets excepted: they mean something to glob(), and are encoded when sent. */
const illegal = /[^\x21-\x7e]+|["<>\\^`{|}]+|%(?![0-9a-f]{2})/gi

const origins = new Map<string, string>()
const originsMost = 256

/** The origin of a URL, canonical. Parsed once per spelling. */
function originOf (start: string): string {
  let origin = origins.get(start)
  if (origin === undefined) {
    origin = parseOrigin(start)
    if (origins.size >= originsMost) origins.clear()
    origins.set(start, origin)
  }
  return origin
}

function parseOrigin (start: string): string {
  // The text is not repeated: it could hold a password.
  if (start.includes('@')) throw new TypeError('Expected a URL without user and password: pass an authorization header in `headers`')
  let url: URL
  try { url = new URL(start) } catch { throw new TypeError(`Expected a URL with a valid host, got \`${start.slice(0, 80)}\``) }
  if (url.pathname !== '/' || url.host === '') throw new TypeError(`Expected a URL with a valid host, got \`${start.slice(0, 80)}\``)
  return url.origin
}

/** Percent-encode as UTF-8 what is not legal in a request target; what is encoded already stays. */
export function encodeTarget (text: string): string {
  try {
    return text.replace(illegal, encodeURIComponent)
  } catch (cause) {
    throw new FsError('EINVAL', 'the path holds half a surrogate pair and has no UTF-8 form', { cause })
  }
}

/** Cut an absolute URL into its origin and the rest, as written; undefined for what has no scheme. */
function split (url: string): { readonly origin: string, readonly rest: string } | undefined {
  const match = scheme.exec(url)
  if (match === null) return undefined
  const name = match[1]!.toLowerCase()
  if (name !== 'http' && name !== 'https') throw new TypeError(`Expected an http or https URL, got one of '${name}'`)
  const length = url.slice(match[0].length).search(/[/?#]/)
  const end = length === -1 ? url.length : match[0].length + length
  return { origin: originOf(url.slice(0, end)), rest: url.slice(end) }
}

/**
 * The one spelling of a path: absolute, canonical origin, legal characters, no fragment. The root is the bare origin; other
 * closing slashes stay, they name another resource. `base` is itself normal; paths below it may begin with one slash.
 * @throws TypeError for what is no http URL (relative without a base, user and password); FsError EINVAL for control characters
 */
export function normalizeUrl (path: string, base: string | undefined): string {
  if (typeof path !== 'string') throw new TypeError(`Expected a path to be a string, got (${kindOf(path)})`)
  if (controls.test(path)) throw new FsError('EINVAL', 'the path holds control characters')
  const absolute = split(path)
  if (absolute === undefined && base === undefined) throw new TypeError('Expected a path to be an absolute http or https URL, or the option `baseUrl`')
  const fragment = path.indexOf('#')
  if (absolute === undefined) {
    const relative = encodeTarget(fragment === -1 ? path : path.slice(0, fragment)).replace(/^\//, '')
    return relative === '' ? base! : `${base!}/${relative}`
  }
  const { origin, rest } = absolute
  const cut = rest.indexOf('#')
  const target = encodeTarget(cut === -1 ? rest : rest.slice(0, cut))
  return target === '/' ? origin : target.startsWith('?') ? `${origin}/${target}` : origin + target
}

/** A normal URL as it is sent. */
export function addressOf (url: string): Address {
  const slash = url.indexOf('/', url.indexOf('://') + 3)
  if (slash === -1) return { origin: url, target: '/' }
  const target = url.slice(slash)
  return { origin: url.slice(0, slash), target: /[[\]]/.test(target) ? target.replaceAll('[', '%5B').replaceAll(']', '%5D') : target }
}

/** Without its query. */
export function withoutQuery (url: string): string {
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}

/** A path for errors and traces: a query can be a signature, a user part a password. */
export function shownPath (path: string): string {
  const end = path.search(/[?#]/)
  const bare = end === -1 ? path : `${path.slice(0, end)}?…`
  return bare.replace(/^(https?:\/\/)[^/]*@/i, '$1')
}
