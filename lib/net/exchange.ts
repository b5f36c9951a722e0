import { allocate } from './memory.js'
import { Watch } from './watch.js'
import { TransportError } from './transport.js'
import type { Destination, ExchangeOptions, NetReply, NetRequest, ReplyHead, ReplyHeaders } from './transport.js'

const defaultMaxBytes = 64 * 1024 * 1024

/** How a handler ends or slows what brings its reply. */
export interface ExchangeController {
  /** The connection is closed, or the request is never sent. */
  abort (reason: Error): void
  pause (): void
  resume (): void
}

/** What is told of one exchange as it goes on; undici's dispatch handlers have this shape. */
export interface ExchangeHandler {
  /** The request is about to be sent. */
  onRequestStart (controller: ExchangeController): void
  onResponseStart (controller: ExchangeController, status: number, headers: Record<string, string | string[] | undefined>): void
  /** The chunk's memory belongs to whoever calls. */
  onResponseData (controller: ExchangeController, chunk: Uint8Array): void
  onResponseEnd (controller: ExchangeController): void
  onResponseError (controller: ExchangeController, error: Error): void
  /** Instead of onResponseData: where the next bytes of the body, at most so many, may be read to at once. undefined: nowhere. */
  room (most: number): Uint8Array | undefined
  /** So many bytes were read to there. */
  placed (bytes: number): void
  /** It never came to a request. */
  fail (reason: unknown): void
}

/** What takes a request, to tell the handler what becomes of it. */
export type Dispatch = (request: NetRequest, handler: ExchangeHandler) => void

/** undici's header record: repeated lines come as arrays. */
export function flatHeaders (headers: Record<string, string | string[] | undefined>): ReplyHeaders {
  for (const name in headers) {
    const value = headers[name]
    if (Array.isArray(value)) headers[name] = value.join(', ')
  }
  return headers as ReplyHeaders
}

/** Certificates that no further attempt makes valid: OpenSSL's codes and Node's for the wrong host name. */
const untrusted = /CERT|UNABLE_TO_GET_ISSUER|UNABLE_TO_VERIFY_LEAF/

/** What undici (or the system below it) reports, as the condition that decides about a retry. */
export function transportError (error: unknown, phase: 'connect' | 'sent' | 'body', origin: string): unknown {
  if (error instanceof TransportError) return error
  const code = typeof error === 'object' && error !== null ? String((error as { code?: unknown }).code ?? '') : ''
  const name = error instanceof Error ? error.name : ''
  const message = error instanceof Error ? error.message : String(error)
  if (name === 'HTTPParserError' || code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW') {
    return phase === 'body' ? new TransportError('cut', 'the body broke off', error) : new TransportError('protocol', 'the reply is not HTTP/1.1', error)
  }
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' || phase === 'body') return new TransportError('cut', 'the body ended early', error)
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') return error
  const reason = code === '' ? message : code
  if (untrusted.test(code)) return new TransportError('certificate', `the certificate of ${origin} is not trusted (${reason}): give its authority as \`ca\`, or mend the certificate`, error)
  if (phase === 'connect') return new TransportError('connect', `no connection to ${origin} (${reason})`, error)
  return new TransportError('lost', `the connection to ${origin} was lost (${reason})`, error)
}

const noBody = new Uint8Array(0)

/** One bounded exchange as a dispatch handler: the body is copied once, into the place where it is wanted. */
class Exchange implements ExchangeHandler {
  readonly #request: NetRequest
  readonly #options: ExchangeOptions
  readonly #resolve: (reply: NetReply) => void
  readonly #reject: (reason: unknown) => void
  readonly #watch: Watch
  #controller: ExchangeController | undefined
  #phase: 'connect' | 'sent' | 'body' = 'connect'
  #failure: { readonly reason: unknown } | undefined
  #done = false
  #head: ReplyHead | undefined
  #into: Uint8Array | undefined
  /** Nobody can take the memory of `#into` away while bytes come. */
  #held = false
  #chunks: Uint8Array[] | undefined
  #limit = defaultMaxBytes
  /** The body goes on behind it, and nobody wants the rest. */
  #cut = Infinity
  #at = 0

  constructor (request: NetRequest, options: ExchangeOptions, resolve: (reply: NetReply) => void, reject: (reason: unknown) => void) {
    this.#request = request
    this.#options = options
    this.#resolve = resolve
    this.#reject = reject
    this.#watch = new Watch(options, reason => { this.fail(reason) })
  }

  /** End now with `reason`: the connection is closed, or the request is never written. */
  fail (reason: unknown): void {
    if (this.#done) return
    this.#done = true
    this.#failure = { reason }
    this.#watch.stop()
    this.#controller?.abort(reason instanceof Error ? reason : new Error('aborted'))
    this.#reject(reason)
  }

  onRequestStart (controller: ExchangeController): void {
    this.#controller = controller
    if (this.#failure !== undefined) controller.abort(new Error('aborted'))
    else this.#phase = 'sent'
  }

  onResponseStart (_controller: ExchangeController, status: number, headers: Record<string, string | string[] | undefined>): void {
    if (status < 200 || this.#done) return
    this.#phase = 'body'
    this.#watch.touch()
    const head = { status, headers: flatHeaders(headers) }
    this.#head = head
    try {
      this.#prepare(head, this.#options.destination?.(head) ?? {})
    } catch (error) {
      this.fail(error)
    }
  }

  #prepare (head: ReplyHead, { into, held = false, maxBytes = defaultMaxBytes, take = Infinity }: Destination): void {
    if (this.#request.method === 'HEAD' || head.status === 204 || head.status === 304) return // Content-Length tells of a body that does not come
    const announced = head.headers['content-length']
    let length = announced === undefined ? undefined : Number(announced)
    if (length !== undefined && length > take) this.#cut = length = take
    this.#limit = into === undefined ? maxBytes : into.length
    if (length !== undefined && length > this.#limit) throw new TransportError('protocol', `a body of ${length} bytes where at most ${this.#limit} belong`)
    this.#held = into === undefined || held || into.buffer instanceof SharedArrayBuffer
    if (into !== undefined) this.#into = into
    else if (length !== undefined) this.#into = allocate(length)
    else this.#chunks = []
  }

  onResponseData (_controller: ExchangeController, chunk: Uint8Array): void {
    if (this.#done) return
    this.#watch.touch()
    const end = this.#at + chunk.length
    if (end >= this.#cut) { this.#enough(chunk); return }
    if (end > this.#limit) { this.fail(new TransportError('protocol', `a body of more than ${this.#limit} bytes`)); return }
    if (this.#chunks === undefined) this.#into!.set(chunk, this.#at)
    else this.#chunks.push(new Uint8Array(chunk))
    this.#at = end
  }

  room (most: number): Uint8Array | undefined {
    if (!this.#held || this.#into === undefined) return undefined
    return this.#into.subarray(this.#at, Math.min(this.#at + most, this.#into.length, this.#cut))
  }

  placed (bytes: number): void {
    this.#watch.touch()
    this.#at += bytes
    if (this.#at >= this.#cut) this.#finish()
  }

  #enough (chunk: Uint8Array): void {
    this.#into!.set(chunk.subarray(0, this.#cut - this.#at), this.#at)
    this.#at = this.#cut
    this.#finish()
  }

  /** The rest of the body is not wanted, if there is one. */
  #finish (): void {
    this.onResponseEnd()
    this.#controller?.abort(new Error('the rest is not wanted'))
  }

  onResponseEnd (): void {
    if (this.#done) return
    this.#done = true
    this.#watch.stop()
    const body = this.#chunks !== undefined ? Buffer.concat(this.#chunks) : this.#into === undefined ? noBody : view(this.#into, this.#at)
    this.#resolve({ status: this.#head!.status, headers: this.#head!.headers, body: plain(body) })
  }

  onResponseError (_controller: ExchangeController, error: Error): void {
    if (this.#done) return
    this.fail(transportError(error, this.#phase, this.#request.origin))
  }
}

function view (bytes: Uint8Array, length: number): Uint8Array {
  return bytes.length === length ? bytes : bytes.subarray(0, length)
}

/** A Uint8Array and nothing more: a Buffer's methods differ (slice shares memory). */
function plain (bytes: Uint8Array): Uint8Array {
  return Buffer.isBuffer(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) : bytes
}

/** One request whose body fits into memory. */
export function exchange (dispatch: Dispatch, request: NetRequest, options: ExchangeOptions): Promise<NetReply> {
  return new Promise((resolve, reject) => {
    if (options.signal.aborted) { reject(options.signal.reason); return }
    dispatch(request, new Exchange(request, options, resolve, reject))
  })
}
