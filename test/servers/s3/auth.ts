import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { S3Error } from './errors.js'
import { percentEncode, toLatin1 } from './target.js'
import type { Exchange } from '../exchange.js'
import type { Target } from './target.js'

/** What a server accepts signatures of. */
export interface S3Credential {
  /** The name in signatures. */
  readonly accessKeyId: string
  /** What they are made with. */
  readonly secretAccessKey: string
  /** Temporary credentials: the token that requests must carry. @defaultValue none */
  readonly sessionToken?: string | undefined
  /** The token counts as expired from then on, in milliseconds since 1970 by the server's clock. @defaultValue never */
  readonly expiresAt?: number | undefined
}

/** Who asks, and how the body is vouched for. */
export interface Identity {
  readonly anonymous: boolean
  /** Region of the signature's scope; undefined when anonymous. */
  readonly region: string | undefined
  /** Value of x-amz-content-sha256: a digest, or one of the UNSIGNED and STREAMING names. */
  readonly payload: string
  /** For signed chunks: signs a string with the key of the request. */
  readonly sign: (text: string) => string
  readonly scope: string
  readonly date: string
  readonly signature: string
}

interface Signed {
  readonly credential: string
  readonly signedHeaders: string
  readonly signature: string
  readonly date: string
  readonly presigned: boolean
}

const skewMs = 15 * 60 * 1000
const algorithm = 'AWS4-HMAC-SHA256'
export const emptySha256 = createHash('sha256').digest('hex')

/** Checks signatures of version 4 in headers and in presigned URLs, as S3 does. Signing keys are cached by scope. */
export class Authenticator {
  #credentials: ReadonlyMap<string, S3Credential>
  readonly #keys = new Map<string, Buffer>()

  constructor (credentials: readonly S3Credential[]) {
    this.#credentials = byId(credentials)
  }

  replace (credentials: readonly S3Credential[]): void {
    this.#credentials = byId(credentials)
    this.#keys.clear()
  }

  /**
   * @param now The server's clock, in milliseconds since 1970
   * @throws S3Error when the request carries a signature and it is not good
   */
  identify (exchange: Exchange, target: Target, now: number): Identity {
    const signed = readSignature(exchange, target)
    if (signed === undefined) {
      const payload = exchange.header('x-amz-content-sha256') === undefined ? 'UNSIGNED-PAYLOAD' : payloadOf(exchange, false)
      return { anonymous: true, region: undefined, payload, sign: () => '', scope: '', date: '', signature: '' }
    }
    const [accessKeyId = '', day = '', region = '', service, end, ...more] = splitCredential(signed.credential)
    if (end !== 'aws4_request' || service !== 's3' || more.length > 0) throw malformed(signed.presigned)
    const credential = this.#credentials.get(accessKeyId)
    if (credential === undefined) throw new S3Error('InvalidAccessKeyId', { detail: { AWSAccessKeyId: accessKeyId } })
    checkTime(signed, target, day, now)
    checkToken(credential, exchange, target, signed.presigned, now)
    const payload = payloadOf(exchange, signed.presigned)
    const canonical = canonicalRequest(exchange, target, signed, payload)
    const scope = `${day}/${region}/s3/aws4_request`
    const text = `${algorithm}\n${signed.date}\n${scope}\n${sha256(canonical)}`
    const sign = (string: string): string => createHmac('sha256', this.#key(credential, day, region)).update(string, 'latin1').digest('hex')
    if (!equal(sign(text), signed.signature)) {
      throw new S3Error('SignatureDoesNotMatch', {
        detail: { AWSAccessKeyId: accessKeyId, StringToSign: text, SignatureProvided: signed.signature, CanonicalRequest: canonical }
      })
    }
    return { anonymous: false, region, payload, sign, scope, date: signed.date, signature: signed.signature }
  }

  #key (credential: S3Credential, day: string, region: string): Buffer {
    const name = `${credential.accessKeyId}/${day}/${region}`
    let key = this.#keys.get(name)
    if (key === undefined) {
      key = Buffer.from('AWS4' + credential.secretAccessKey, 'utf8')
      for (const step of [day, region, 's3', 'aws4_request']) key = createHmac('sha256', key).update(step).digest()
      this.#keys.set(name, key)
    }
    return key
  }
}

function byId (credentials: readonly S3Credential[]): ReadonlyMap<string, S3Credential> {
  return new Map(credentials.map(credential => [credential.accessKeyId, credential]))
}

/** An access key id may hold slashes; the scope has always four parts. */
function splitCredential (credential: string): string[] {
  const parts = credential.split('/')
  return [parts.slice(0, -4).join('/'), ...parts.slice(-4)]
}

function readSignature (exchange: Exchange, target: Target): Signed | undefined {
  const header = exchange.header('authorization')
  const { query } = target
  const inQuery = query.get('X-Amz-Algorithm')
  if (header !== undefined && inQuery !== undefined) {
    throw new S3Error('InvalidArgument', { message: 'Only one auth mechanism allowed' })
  }
  if (header !== undefined) return fromHeader(exchange, header)
  if (inQuery === undefined) return undefined
  if (inQuery !== algorithm) throw malformed(true)
  const [credential, signedHeaders, signature, date] = ['Credential', 'SignedHeaders', 'Signature', 'Date'].map(name => query.get('X-Amz-' + name))
  if (credential === undefined || signedHeaders === undefined || signature === undefined || date === undefined) throw malformed(true)
  return { credential, signedHeaders, signature, date, presigned: true }
}

function fromHeader (exchange: Exchange, header: string): Signed {
  if (!header.startsWith(algorithm + ' ')) throw new S3Error('InvalidRequest', { message: 'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.' })
  const fields = new Map(header.slice(algorithm.length + 1).split(',').map(field => {
    const [name = '', ...value] = field.trim().split('=')
    return [name, value.join('=')] as const
  }))
  const [credential, signedHeaders, signature] = ['Credential', 'SignedHeaders', 'Signature'].map(name => fields.get(name))
  if (credential === undefined || signedHeaders === undefined || signature === undefined) throw malformed(false)
  const date = exchange.header('x-amz-date') ?? compactDate(exchange.header('date'))
  if (date === undefined) throw new S3Error('AccessDenied', { message: 'AWS authentication requires a valid Date or x-amz-date header' })
  return { credential, signedHeaders, signature, date, presigned: false }
}

function compactDate (date: string | undefined): string | undefined {
  const ms = date === undefined ? NaN : Date.parse(date)
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString().replace(/[-:]|\.\d+/g, '')
}

function malformed (presigned: boolean): S3Error {
  return new S3Error(presigned ? 'AuthorizationQueryParametersError' : 'AuthorizationHeaderMalformed')
}

function checkTime (signed: Signed, target: Target, day: string, now: number): void {
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(signed.date) ?? []
  if (y === undefined || day !== `${y}${mo}${d}`) throw malformed(signed.presigned)
  const at = Date.parse(`${y}-${mo}-${d}T${h}:${mi}:${s}Z`)
  if (!signed.presigned) {
    if (Math.abs(now - at) > skewMs) {
      throw new S3Error('RequestTimeTooSkewed', {
        detail: { RequestTime: signed.date, ServerTime: new Date(now).toISOString(), MaxAllowedSkewMilliseconds: String(skewMs) }
      })
    }
    return
  }
  const expires = Number(target.query.get('X-Amz-Expires'))
  if (!Number.isInteger(expires) || expires < 1 || expires > 604_800) throw malformed(true)
  if (at - now > skewMs) throw new S3Error('AccessDenied', { message: 'Request is not valid yet' })
  if (now > at + expires * 1000) throw new S3Error('AccessDenied', { message: 'Request has expired' })
}

function checkToken (credential: S3Credential, exchange: Exchange, target: Target, presigned: boolean, now: number): void {
  const token = presigned ? target.query.get('X-Amz-Security-Token') : exchange.header('x-amz-security-token')
  if (token !== credential.sessionToken) {
    // A temporary key without its token is unknown to S3, a wrong token is invalid.
    throw new S3Error(token === undefined ? 'InvalidAccessKeyId' : 'InvalidToken')
  }
  if (credential.expiresAt !== undefined && now >= credential.expiresAt) throw new S3Error('ExpiredToken')
}

function payloadOf (exchange: Exchange, presigned: boolean): string {
  const given = exchange.header('x-amz-content-sha256')
  if (given !== undefined) {
    if (/^[0-9a-f]{64}$/.test(given) || given === 'UNSIGNED-PAYLOAD' || streamings.has(given)) return given
    throw new S3Error('InvalidArgument', { message: 'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.' })
  }
  if (presigned) return 'UNSIGNED-PAYLOAD'
  throw new S3Error('InvalidRequest', { message: 'Missing required header for this request: x-amz-content-sha256' })
}

const streamings: ReadonlySet<string> = new Set([
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'
])

function canonicalRequest (exchange: Exchange, target: Target, signed: Signed, payload: string): string {
  const names = signed.signedHeaders.split(';')
  for (const name of Object.keys(exchange.headers)) {
    if ((name.startsWith('x-amz-') || name === 'host') && !names.includes(name) && !(signed.presigned && name === 'x-amz-content-sha256')) {
      throw new S3Error('AccessDenied', { message: 'There were headers present in the request which were not signed', detail: { HeadersNotSigned: name } })
    }
  }
  const headers = names.map(name => `${name}:${(exchange.header(name) ?? '').trim().replace(/ +/g, ' ')}\n`).join('')
  const query = target.query.entries.filter(([name]) => !(signed.presigned && name === 'X-Amz-Signature'))
    .map(([name, value]) => [percentEncode(toLatin1(name)), percentEncode(toLatin1(value))] as const)
    .sort(([a, x], [b, y]) => a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0)
    .map(([name, value]) => `${name}=${value}`).join('&')
  return `${exchange.method}\n${percentEncode(target.path, '/')}\n${query}\n${headers}\n${signed.signedHeaders}\n${payload}`
}

/** Header values arrive in latin-1 spelling of their bytes, and are hashed as those bytes. */
function sha256 (text: string): string { return createHash('sha256').update(text, 'latin1').digest('hex') }

function equal (a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'))
}
