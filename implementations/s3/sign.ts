/**
 * AWS Signature Version 4 for S3, header form and presigned URLs, over requests whose path and query are ready for the wire.
 * Source: "Authenticating Requests (AWS Signature Version 4)" in the Amazon S3 API reference; which headers stay unsigned
 * follows the AWS SDK for JavaScript v3. A signature of a plain GET costs about 3 microseconds: the signing key is kept per
 * day, the date per second.
 */
import { createHmac, hash } from 'node:crypto'

/** Keys as providers give them; `expiration` only where they are temporary. */
export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
  readonly expiration?: Date | undefined
}

/** The body is not part of the signature: TLS and the checksum header look after it. */
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD'

/** Longest life of a presigned URL, in seconds (seven days). */
export const MAX_EXPIRES = 604_800

/** Two clocks that differ by less are not the reason for a refused signature (S3 allows 15 minutes). */
const SIGNIFICANT_MS = 60_000

/** The time of the store: this machine's, corrected by what the store said when it refused ours. One per client. */
export class Clock {
  #offsetMs = 0

  /** Milliseconds to add to this machine's clock. */
  get offsetMs (): number { return this.#offsetMs }

  now (): number { return Date.now() + this.#offsetMs }

  /** Take over the store's time. False: it was known already, so that a repetition of the request would be refused again. */
  adjust (serverTime: Date): boolean {
    const offset = serverTime.getTime() - Date.now()
    if (!Number.isFinite(offset) || Math.abs(offset - this.#offsetMs) < SIGNIFICANT_MS) return false
    this.#offsetMs = offset
    return true
  }
}

export interface PresignOptions {
  /** Seconds, integer 1..604800. @defaultValue 3600 */
  readonly expiresIn?: number | undefined
  /** Further headers that whoever uses the URL has to send exactly so: flat pairs of name and value. */
  readonly headers?: readonly string[] | undefined
}

// What proxies and HTTP clients add or change on the way: the SDK leaves the same ones out.
const unsigned: ReadonlySet<string> = new Set([
  'authorization', 'cache-control', 'connection', 'expect', 'from', 'keep-alive', 'max-forwards', 'pragma', 'referer', 'te', 'trailer',
  'transfer-encoding', 'upgrade', 'user-agent', 'x-amzn-trace-id'
])

/** Signs for one pair of keys and one region. Cheap to make: a client keeps one per region and a new one after each refresh. */
export class Signer {
  readonly accessKeyId: string
  readonly region: string
  readonly #secret: string
  readonly #token: string | undefined
  readonly #clock: Clock
  #second = -1
  #date = ''
  #day = ''
  #scope = ''
  #key: Buffer = Buffer.alloc(0)

  constructor (credentials: Credentials, region: string, clock: Clock = new Clock()) {
    this.accessKeyId = credentials.accessKeyId
    this.region = region
    this.#secret = credentials.secretAccessKey
    this.#token = credentials.sessionToken
    this.#clock = clock
  }

  /**
   * Append `x-amz-content-sha256`, `x-amz-date`, `authorization` and, for temporary keys, `x-amz-security-token` to `headers`.
   * @param path percent-encoded, as it goes over the wire (S3 normalises nothing)
   * @param query canonical ({@link canonicalQuery}), without the question mark, '' for none
   * @param headers flat pairs of name and value, without `host`; those that must be signed are
   * @param payload hex SHA-256 of the body, or what S3 defines in its place
   * @throws TypeError for a header value that is not printable ASCII: it would not reach the store as it was signed
   */
  sign (method: string, host: string, path: string, query: string, headers: string[], payload: string = UNSIGNED_PAYLOAD): void {
    this.#tick()
    const given = headers.length
    headers.push('x-amz-content-sha256', payload, 'x-amz-date', this.#date)
    if (this.#token !== undefined) headers.push('x-amz-security-token', this.#token)
    let canonical: string
    let names: string
    if (isPlainRead(headers, given)) {
      const range = given === 0 ? '' : `range:${headers[1]!}\n`
      const token = this.#token === undefined ? '' : `x-amz-security-token:${this.#token}\n`
      canonical = `host:${host}\n${range}x-amz-content-sha256:${payload}\nx-amz-date:${this.#date}\n${token}`
      names = `host;${given === 0 ? '' : 'range;'}x-amz-content-sha256;x-amz-date${token === '' ? '' : ';x-amz-security-token'}`
    } else {
      [canonical, names] = canonicalHeaders(host, headers)
    }
    const signature = this.#signature(`${method}\n${path}\n${query}\n${canonical}\n${names}\n${payload}`)
    headers.push('authorization', `AWS4-HMAC-SHA256 Credential=${this.accessKeyId}/${this.#scope}, SignedHeaders=${names}, Signature=${signature}`)
  }

  /** The whole query (without the question mark) of a URL that anybody may use until it expires. The URL is a secret. */
  presign (method: 'GET' | 'HEAD' | 'PUT' | 'DELETE', host: string, path: string, query: string, options: PresignOptions = {}): string {
    const { expiresIn = 3600, headers = [] } = options
    if (!Number.isInteger(expiresIn) || expiresIn < 1 || expiresIn > MAX_EXPIRES) {
      throw new RangeError(`Expected \`expiresSeconds\` to be an integer 1..${MAX_EXPIRES}, got \`${String(expiresIn)}\` (${typeof expiresIn})`)
    }
    this.#tick()
    const [canonical, names] = canonicalHeaders(host, headers)
    const added: [string, string][] = [
      ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
      ['X-Amz-Credential', `${this.accessKeyId}/${this.#scope}`],
      ['X-Amz-Date', this.#date],
      ['X-Amz-Expires', String(expiresIn)],
      ['X-Amz-SignedHeaders', names]
    ]
    if (this.#token !== undefined) added.push(['X-Amz-Security-Token', this.#token])
    const whole = sortQuery([...(query === '' ? [] : query.split('&')), ...added.map(([name, value]) => `${name}=${encodeStrict(value)}`)])
    const signature = this.#signature(`${method}\n${path}\n${whole}\n${canonical}\n${names}\n${UNSIGNED_PAYLOAD}`)
    return `${whole}&X-Amz-Signature=${signature}`
  }

  #signature (request: string): string {
    const text = `AWS4-HMAC-SHA256\n${this.#date}\n${this.#scope}\n${hash('sha256', request, 'hex')}`
    return createHmac('sha256', this.#key).update(text).digest('hex')
  }

  #tick (): void {
    const second = Math.floor(this.#clock.now() / 1000)
    if (second === this.#second) return
    this.#second = second
    this.#date = new Date(second * 1000).toISOString().replace(/[-:]|\.\d{3}/g, '')
    const day = this.#date.slice(0, 8)
    if (day === this.#day) return
    this.#day = day
    this.#scope = `${day}/${this.region}/s3/aws4_request`
    this.#key = hmac(hmac(hmac(hmac('AWS4' + this.#secret, day), this.region), 's3'), 'aws4_request')
  }
}

/** Encode and sort query parameters: the one form that is sent and signed. Undefined values are left out. */
export function canonicalQuery (parameters: Readonly<Record<string, string | number | undefined>>): string {
  const parts: string[] = []
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) parts.push(`${encodeStrict(name)}=${encodeStrict(String(value))}`)
  }
  return sortQuery(parts)
}

/**
 * Percent-encode all but the unreserved characters of RFC 3986.
 * @throws TypeError for text that UTF-8 cannot carry (half of a surrogate pair)
 */
export function encodeStrict (text: string): string {
  if (/^[\w.~-]*$/.test(text)) return text
  let encoded: string
  try {
    encoded = encodeURIComponent(text)
  } catch (error) {
    throw new TypeError(`Expected text that UTF-8 can carry, got half of a surrogate pair in ${JSON.stringify(text)}`, { cause: error })
  }
  return encoded.replace(/[!'()*]/g, character => '%' + character.charCodeAt(0).toString(16).toUpperCase())
}

function hmac (key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

// By name, then by value: '=' sorts after '-' and '.', so that the joined text has another order.
function sortQuery (parts: string[]): string {
  if (parts.length < 2) return parts.join('&')
  const split = parts.map(part => {
    const at = part.indexOf('=')
    return { part, name: at < 0 ? part : part.slice(0, at) }
  })
  split.sort((a, b) => a.name === b.name ? order(a.part, b.part) : order(a.name, b.name))
  return split.map(({ part }) => part).join('&')
}

function order (a: string, b: string): number { return a < b ? -1 : a > b ? 1 : 0 }

function canonicalHeaders (host: string, headers: readonly string[]): [canonical: string, names: string] {
  const signed: { readonly name: string, value: string }[] = [{ name: 'host', value: host }]
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase()
    if (name === 'host' || unsigned.has(name) || name.startsWith('proxy-') || name.startsWith('sec-')) continue
    insert(signed, name, trimmed(name, headers[i + 1]!))
  }
  let canonical = ''
  let names = ''
  for (const { name, value } of signed) {
    canonical += `${name}:${value}\n`
    names += names === '' ? name : `;${name}`
  }
  return [canonical, names]
}

// A handful of entries, mostly in order already: insertion beats a sort call. Repeated names become one, in their order.
function insert (signed: { readonly name: string, value: string }[], name: string, value: string): void {
  let at = signed.length
  while (at > 0 && signed[at - 1]!.name > name) at--
  const before = signed[at - 1]
  if (before !== undefined && before.name === name) before.value += `,${value}`
  else signed.splice(at, 0, { name, value })
}

// Most requests by far: no header of their own, or a range. Their canonical form is known without sorting.
function isPlainRead (headers: readonly string[], given: number): boolean {
  return given === 0 || (given === 2 && headers[0] === 'range' && clean.test(headers[1]!))
}

const clean = /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/

function trimmed (name: string, value: string): string {
  if (clean.test(value)) return value
  if (/[^\t\x20-\x7e]/.test(value)) {
    throw new TypeError(`Expected header \`${name}\` to hold printable ASCII only; percent-encode or base64-encode other text`)
  }
  return value.trim().replace(/\s+/g, ' ')
}
