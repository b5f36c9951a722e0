import { createHash } from 'node:crypto'
import { GcsError } from './errors.js'
import type { Call } from './request.js'
import type { Route } from './routes.js'
import type { GcsState } from './state.js'

const algorithm = 'GOOG4-RSA-SHA256'
const secondsMost = 7 * 24 * 3600
const skewMs = 15 * 60 * 1000

/** Whether the target is a signed URL. */
export function isSigned ({ operation, query }: Route): boolean { return operation.startsWith('xml.') && query.has('X-Goog-Signature') }

/**
 * Hold a signed URL of version 4 to the key of the server's service account.
 * @throws GcsError 400 ExpiredToken, InvalidArgument · 403 SignatureDoesNotMatch
 */
export function verifySigned (state: GcsState, call: Call, route: Route): void {
  const { query } = route
  const [named, credential = '', date = '', expires = '', signedHeaders = '', signature = ''] =
    ['Algorithm', 'Credential', 'Date', 'Expires', 'SignedHeaders', 'Signature'].map(name => query.get(`X-Goog-${name}`) ?? '')
  const [email = '', day, ...scope] = credential.split('/')
  if (named !== algorithm || scope.length !== 3 || scope[1] !== 'storage' || scope[2] !== 'goog4_request' || day !== date.slice(0, 8)) {
    throw new GcsError(400, { reason: 'InvalidArgument', message: 'Invalid argument.' })
  }
  checkTime(date, Number(expires), state.now())
  const host = call.header('host') ?? ''
  for (const name of [host, host.replace(/:\d+$/, '')]) { // the SDK signs the name without its port
    const canonical = canonicalRequest(call, route, signedHeaders.split(';'), name)
    const text = `${algorithm}\n${date}\n${[day, ...scope].join('/')}\n${createHash('sha256').update(canonical, 'utf8').digest('hex')}`
    if (state.tokens.isSigned(text, Buffer.from(signature, 'hex'), email)) return
  }
  throw new GcsError(403, {
    reason: 'SignatureDoesNotMatch', message: 'Access denied. The request signature we calculated does not match the signature you provided.'
  })
}

function checkTime (date: string, seconds: number, now: number): void {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? []
  const from = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  if (Number.isNaN(from) || !(seconds >= 1 && seconds <= secondsMost)) throw new GcsError(400, { reason: 'AuthenticationQueryParametersError' })
  if (now < from - skewMs) throw new GcsError(403, { reason: 'AccessDenied', message: 'Request is not yet valid.' })
  if (now > from + seconds * 1000) throw new GcsError(400, { reason: 'ExpiredToken', message: 'The provided token has expired.' })
}

/** @throws GcsError 400 when a header that must be signed is not */
function canonicalRequest (call: Call, { path, query }: Route, names: readonly string[], host: string): string {
  for (const name of Object.keys(call.headers)) {
    if ((name.startsWith('x-goog-') || name === 'host') && !names.includes(name)) {
      throw new GcsError(400, { reason: 'MalformedSecurityHeader', message: `Header was included in the request, but not in the signed headers: ${name}` })
    }
  }
  const headers = names.map(name => `${name}:${(name === 'host' ? host : call.header(name) ?? '').trim().replace(/\s+/g, ' ')}\n`).join('')
  const pairs = [...query].filter(([name]) => name !== 'X-Goog-Signature').map(([name, value]) => `${encode(name)}=${encode(value)}`).sort()
  return `${call.method}\n${path}\n${pairs.join('&')}\n${headers}\n${names.join(';')}\n${call.header('x-goog-content-sha256') ?? 'UNSIGNED-PAYLOAD'}`
}

/** RFC 3986: only unreserved characters stay. */
function encode (text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, char => '%' + char.charCodeAt(0).toString(16).toUpperCase())
}
