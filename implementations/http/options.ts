import type { Dispatcher } from 'undici'
import { isRecord, kinds, oneOf } from '../../lib/filesystem/options.js'
import type { OptionTable } from '../../lib/filesystem/options.js'
import { normalizeUrl } from './address.js'

export interface HttpOptions {
  /** Where relative paths begin: an absolute URL of a directory, without query. Credentials among `headers` then go to its origin only. */
  readonly baseUrl?: string | undefined
  /** Sent with every request. authorization, cookie and proxy-authorization never travel; on a redirect to another origin only harmless ones go along. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Extra certificate authorities, PEM. HTTPS_PROXY and NO_PROXY are honoured. */
  readonly ca?: string | undefined
  /** An undici dispatcher of the caller's: never closed by us; such an instance refuses to travel. */
  readonly dispatcher?: Dispatcher | undefined
  /** 'direct' is not there yet (FORKFS_NOT_SUPPORTED). @defaultValue 'auto', which is undici */
  readonly transport?: 'auto' | 'undici' | 'direct' | undefined
}

/** Secret wherever they stand: they stay at home. */
export const secretHeaders: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization'])
/** What another origin may see. Any other header could be a key under a name of its own (x-api-key, private-token). */
export const harmlessHeaders: ReadonlySet<string> = new Set(['accept', 'accept-language', 'cache-control', 'pragma', 'user-agent'])
/** Set by the reads themselves, or by the transport. */
const ownHeaders: ReadonlySet<string> = new Set([
  'accept-encoding', 'connection', 'content-length', 'expect', 'if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since',
  'keep-alive', 'range', 'te', 'trailer', 'transfer-encoding', 'upgrade'
])

function isHeaders (value: unknown): boolean {
  return isRecord(value) && Object.entries(value).every(([name, text]) => /^[\w!#$%&'*+.^`|~-]+$/.test(name) &&
    typeof text === 'string' && /^[\t\x20-\x7e\x80-\xff]*$/.test(text) && !ownHeaders.has(name.toLowerCase()))
}

/** The normal form of `baseUrl`: without a closing slash. @throws TypeError */
export function normalizeBase (baseUrl: string): string {
  return normalizeUrl(baseUrl, undefined).replace(/\/$/, '')
}

function isBase (value: unknown): boolean {
  if (typeof value !== 'string' || /[?#]/.test(value)) return false
  try { return normalizeBase(value) !== '' } catch { return false }
}

export const httpOptions: OptionTable = Object.freeze({
  baseUrl: { expected: 'an absolute http or https URL without user, password, query and fragment', check: isBase, secret: true }, // secret: a refused one may hold a password
  headers: { expected: 'an object of header names and their values, without those that reads set themselves (range, if-match, accept-encoding, …)', check: isHeaders },
  ca: kinds.pem,
  dispatcher: { ...kinds.object, opaque: true },
  transport: oneOf('auto', 'undici', 'direct')
})
