import { S3Error } from './errors.js'

/** A request target taken apart without a URL object, which would resolve `.` and `..`. */
export interface Target {
  readonly bucket: string | undefined
  /** Undefined for requests to the bucket. */
  readonly key: string | undefined
  /** Decoded names and values in order. */
  readonly query: Query
  /** The decoded path as bytes in latin-1 spelling, for the canonical request. */
  readonly path: string
}

export class Query {
  readonly entries: readonly (readonly [name: string, value: string])[]

  constructor (entries: readonly (readonly [string, string])[]) { this.entries = entries }

  get (name: string): string | undefined { return this.entries.find(([key]) => key === name)?.[1] }

  has (name: string): boolean { return this.entries.some(([key]) => key === name) }
}

/** @param domains Hosts below which the first label is a bucket. */
export function parseTarget (target: string, host: string, domains: readonly string[]): Target {
  const cut = target.indexOf('?')
  const rawPath = cut < 0 ? target : target.slice(0, cut)
  const path = percentDecode(rawPath, true)
  const query = parseQuery(cut < 0 ? '' : target.slice(cut + 1))
  const virtual = virtualBucket(host, domains)
  if (!path.startsWith('/')) throw new S3Error('InvalidURI')
  if (virtual !== undefined) return { bucket: virtual, key: path === '/' ? undefined : utf8(path.slice(1)), query, path }
  const slash = path.indexOf('/', 1)
  const bucket = slash < 0 ? path.slice(1) : path.slice(1, slash)
  const key = slash < 0 ? '' : path.slice(slash + 1)
  return { bucket: bucket === '' ? undefined : utf8(bucket), key: key === '' ? undefined : utf8(key), query, path }
}

function virtualBucket (host: string, domains: readonly string[]): string | undefined {
  const name = host.replace(/:\d+$/, '').toLowerCase()
  for (const domain of domains) {
    if (name.endsWith('.' + domain)) return name.slice(0, -domain.length - 1)
  }
  return /^(.+)\.s3(?:\.[a-z0-9-]+)?\.amazonaws\.com$/.exec(name)?.[1]
}

function parseQuery (raw: string): Query {
  const entries: [string, string][] = []
  for (const pair of raw.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    entries.push([utf8(percentDecode(equals < 0 ? pair : pair.slice(0, equals), true)), utf8(equals < 0 ? '' : percentDecode(pair.slice(equals + 1), true))])
  }
  return new Query(entries)
}

/**
 * Bytes of percent-encoded text, in latin-1 spelling. S3 reads `+` as a space, in paths too.
 * @throws S3Error InvalidURI for a `%` without two hexadecimal digits
 */
export function percentDecode (text: string, plusIsSpace: boolean): string {
  const spaced = plusIsSpace ? text.replaceAll('+', ' ') : text
  if (!spaced.includes('%')) return spaced
  if (/%(?![0-9a-fA-F]{2})/.test(spaced)) throw new S3Error('InvalidURI')
  return spaced.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
}

/** Text of bytes in latin-1 spelling. */
export function utf8 (bytes: string): string {
  if (!/[\u0080-\u00ff]/.test(bytes)) return bytes
  const text = Buffer.from(bytes, 'latin1').toString('utf8')
  if (Buffer.from(text, 'utf8').toString('latin1') !== bytes) throw new S3Error('InvalidURI')
  return text
}

/** RFC 3986 encoding of bytes in latin-1 spelling: all but the unreserved characters and those of `keep`. */
export function percentEncode (bytes: string, keep = ''): string {
  return bytes.replace(/[^A-Za-z0-9\-._~]/g, char => keep.includes(char) ? char : '%' + char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0'))
}

/** The spelling of `encoding-type=url`: a space is `+`, and `- _ . / *` stay. */
export function listEncode (text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
    .replace(/[^A-Za-z0-9\-._/* ]/g, char => '%' + char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')).replaceAll(' ', '+')
}

export function toLatin1 (text: string): string { return Buffer.from(text, 'utf8').toString('latin1') }
