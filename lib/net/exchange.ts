import type { Dispatcher } from 'undici'
import { allocate } from './memory.js'
import { Watch } from './watch.js'
import { TransportError } from './transport.js'
import type { Destination, ExchangeOptions, NetReply, NetRequest, ReplyHead, ReplyHeaders } from './transport.js'

const defaultMaxBytes = 64 * 1024 * 1024

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
class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: NetRequest
  readonly #options: ExchangeOptions
  readonly #resolve: (reply: NetReply) => void
  readonly #reject: (reason: unknown) => void
  readonly #watch: Watch
  #controller: Dispatcher.DispatchController | undefined
  #phase: 'connect' | 'sent' | 'body' = 'connect'
  #failure: { readonly reason: unknown } | undefined
  #done = false
  #head: ReplyHead | undefined
  #into: Uint8Array | undefined
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

  onRequestStart (controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#failure !== undefined) controller.abort(new Error('aborted'))
    else this.#phase = 'sent'
  }

  onResponseStart (_controller: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[] | undefined>): void {
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

  #prepare (head: ReplyHead, { into, maxBytes = defaultMaxBytes, take = Infinity }: Destination): void {
    if (this.#request.method === 'HEAD' || head.status === 204 || head.status === 304) return // Content-Length tells of a body that does not come
    const announced = head.headers['content-length']
    let length = announced === undefined ? undefined : Number(announced)
    if (length !== undefined && length > take) this.#cut = length = take
    this.#limit = into === undefined ? maxBytes : into.length
    if (length !== undefined && length > this.#limit) throw new TransportError('protocol', `a body of ${length} bytes where at most ${this.#limit} belong`)
    if (into !== undefined) this.#into = into
    else if (length !== undefined) this.#into = allocate(length)
    else this.#chunks = []
  }

  onResponseData (_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#done) return
    this.#watch.touch()
    const end = this.#at + chunk.length
    if (end >= this.#cut) { this.#enough(chunk); return }
    if (end > this.#limit) { this.fail(new TransportError('protocol', `a body of more than ${this.#limit} bytes`)); return }
    if (this.#chunks === undefined) this.#into!.set(chunk, this.#at)
    else this.#chunks.push(new Uint8Array(chunk))
    this.#at = end
  }

  #enough (chunk: Buffer): void {
    this.#into!.set(chunk.subarray(0, this.#cut - this.#at), this.#at)
    this.#at = this.#cut
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

  onResponseError (_controller: Dispatcher.DispatchController, error: Error): void {
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

/** Hand a request to undici as it is; its clocks are off, ours run. */
export function send (dispatcher: Dispatcher, request: NetRequest, handler: Dispatcher.DispatchHandler & { fail (reason: unknown): void }): void {
  const { origin, path, method, headers, body = null, keepAfterHead } = request
  // undici closes the connection behind a HEAD unless it is told not to: some servers send a body, which the next reply would begin with.
  const reset = method === 'HEAD' && keepAfterHead === true ? { reset: false } : {}
  try {
    dispatcher.dispatch({ origin, path, method, headers: headers as string[], body, headersTimeout: 0, bodyTimeout: 0, ...reset }, handler)
  } catch (error) {
    handler.fail(transportError(error, 'connect', origin))
  }
}

/** Dispatch one request whose body fits into memory. */
export function exchange (dispatcher: Dispatcher, request: NetRequest, options: ExchangeOptions): Promise<NetReply> {
  return new Promise((resolve, reject) => {
    if (options.signal.aborted) { reject(options.signal.reason); return }
    const handler = new Exchange(request, options, resolve, reject)
    send(dispatcher, request, handler)
  })
}
