import { isRecord } from '../../lib/errors/index.js'
import { networkOptions } from '../../lib/filesystem/network-options.js'
import type { NetworkOptions } from '../../lib/filesystem/network-options.js'
import type { OptionTable } from '../../lib/filesystem/options.js'
import { normalizeUrl } from './address.js'

export interface HttpOptions extends NetworkOptions {
  /** Where relative paths begin: an absolute URL of a directory, without query. Credentials among `headers` then go to its origin only. */
  readonly baseUrl?: string | undefined
  /**
   * Sent with every request. Those with secret names (authorization, cookie, x-api-key, x-amz-security-token, …) never travel; on a redirect to another
   * origin only harmless ones go along.
   */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

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
  ...networkOptions
})
