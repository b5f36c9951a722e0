/** Heads of requests and replies as text: written as they are, read strictly (RFC 9112). */
import { bodyBytes, TransportError } from '../transport.js'
import type { NetRequest, ReplyHead, ReplyHeaders } from '../transport.js'

/** The longest head that is read, as in Node itself. */
export const maxHeadBytes = 16 * 1024

/** HTTP all right, but not as we read it: another parser may do better. */
export class OddReply extends TransportError {
  constructor (message: string) { super('protocol', message) }
  static { Object.defineProperty(this.prototype, 'name', { value: 'OddReply' }) }
}

/** Bytes of the body, or what tells its end. */
export type Framing = number | 'chunked' | 'close'

const token = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/
const unfitForValue = /[^\t\x20-\x7e\x80-\xff]/
const unfitForTarget = /[^\x21-\x7e\x80-\xff]/

/** Names of headers as they came, and in lower case: servers send the same few in every reply. */
const names = new Map<string, string>()
const manyNames = 500

function nameOf (raw: string): string {
  const known = names.get(raw)
  if (known !== undefined) return known
  if (!token.test(raw)) throw new OddReply('a line of the reply\'s head has no name')
  const name = raw.toLowerCase()
  if (names.size < manyNames) names.set(raw, name)
  return name
}

function isSpace (code: number): boolean { return code === 32 || code === 9 }

function valueOf (text: string, start: number, end: number): string {
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  const value = text.slice(start, end)
  if (unfitForValue.test(value)) throw new OddReply('a header of the reply holds a control character')
  return /[\x80-\xff]/.test(value) ? Buffer.from(value, 'latin1').toString() : value
}

export interface ParsedHead extends ReplyHead {
  /** Whether the connection can take another request when the body is through. */
  readonly persists: boolean
}

/** A head without the empty line behind it. @throws TransportError for what is no HTTP/1.x, OddReply for what is not strict */
export function parseHead (text: string): ParsedHead {
  const end = text.indexOf('\r\n')
  const line = end < 0 ? text : text.slice(0, end)
  const status = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [^\0\r\n]*)?$/.exec(line)
  if (status === null) throw new OddReply('the reply begins with no status line of HTTP/1.1')
  const headers: Record<string, string | undefined> = {}
  for (let at = line.length + 2; at < text.length;) {
    const found = text.indexOf('\r\n', at)
    const stop = found < 0 ? text.length : found
    const colon = text.indexOf(':', at)
    if (colon < 0 || colon >= stop) throw new OddReply('a line of the reply\'s head has no name')
    const name = nameOf(text.slice(at, colon))
    const value = valueOf(text, colon + 1, stop)
    const before = headers[name]
    headers[name] = before === undefined ? value : `${before}, ${value}`
    at = stop + 2
  }
  return { status: Number(status[2]), headers, persists: status[1] === '1' && !/\bclose\b/i.test(headers['connection'] ?? '') }
}

/** How the body of a reply ends (RFC 9112, 6.3). What can be read in two ways is refused. */
export function framingOf ({ status, headers }: ReplyHead, method: NetRequest['method']): Framing {
  if (method === 'HEAD' || status === 204 || status === 304) return 0
  const coding = headers['transfer-encoding']
  const length = headers['content-length']
  if (coding !== undefined) {
    if (coding.toLowerCase() !== 'chunked' || length !== undefined) throw new OddReply('the reply\'s transfer-encoding is not chunked alone')
    return 'chunked'
  }
  if (length === undefined) return 'close'
  if (!/^\d{1,15}$/.test(length)) throw new OddReply('the reply\'s content-length is no number')
  return Number(length)
}

/** For how long the server keeps an idle connection, in milliseconds, where it tells. */
export function keptFor (headers: ReplyHeaders): number | undefined {
  const seconds = /\btimeout=(\d{1,9})\b/i.exec(headers['keep-alive'] ?? '')?.[1]
  return seconds === undefined ? undefined : Number(seconds) * 1000
}

/** The value of a header of a request. */
export function headerOf ({ headers }: NetRequest, name: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) if (headers[at]!.toLowerCase() === name) return headers[at + 1]
  return undefined
}

/** The head of a request, whole. @throws TypeError for what would not stay one request: before anything is sent */
export function writeHead ({ method, origin, path, headers, body }: NetRequest): string {
  if (unfitForTarget.test(path)) throw new TypeError('a character of the request\'s target belongs into no request line')
  let fields = ''
  let hasHost = false
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!
    const value = headers[at + 1]!
    if (!token.test(name) || unfitForValue.test(value)) throw new TypeError(`the request's header '${name}' holds what belongs into no header`)
    const lower = name.toLowerCase()
    if (lower === 'host') hasHost = true
    else if (lower === 'content-length' || lower === 'transfer-encoding' || lower === 'connection') throw new TypeError(`the header '${name}' is the transport's`)
    fields += `${name}: ${value}\r\n`
  }
  const length = body !== undefined ? `content-length: ${bodyBytes(body)}\r\n` : method === 'GET' || method === 'HEAD' || method === 'DELETE' ? '' : 'content-length: 0\r\n'
  return `${method} ${path} HTTP/1.1\r\n${hasHost ? '' : `host: ${origin.slice(origin.indexOf('//') + 2)}\r\n`}${fields}${length}\r\n`
}
