import { flatHeaders, transportError } from './exchange.js'
import type { Dispatch, ExchangeController, ExchangeHandler } from './exchange.js'
import { Watch } from './watch.js'
import { TransportError } from './transport.js'
import type { ExchangeOptions, NetRequest, NetStream } from './transport.js'

/** An exchange whose body is read as it comes: the connection is paused while the consumer does not ask. */
class StreamExchange implements ExchangeHandler, AsyncIterator<Uint8Array, undefined> {
  readonly #settle: { resolve (stream: NetStream): void, reject (reason: unknown): void }
  readonly #origin: string
  readonly #options: ExchangeOptions
  #watch: Watch
  #controller: ExchangeController | undefined
  #phase: 'connect' | 'sent' | 'body' = 'connect'
  readonly #chunks: Uint8Array[] = []
  #waiting: { resolve (result: IteratorResult<Uint8Array, undefined>): void, reject (reason: unknown): void } | undefined
  #end: 'open' | 'complete' | { readonly reason: unknown } = 'open'

  constructor (origin: string, options: ExchangeOptions, resolve: (stream: NetStream) => void, reject: (reason: unknown) => void) {
    this.#origin = origin
    this.#options = options
    this.#settle = { resolve, reject }
    this.#watch = new Watch(options, reason => { this.fail(reason) })
  }

  fail (reason: unknown): void {
    if (this.#end !== 'open') return
    this.#end = { reason }
    this.#watch.stop()
    this.#controller?.abort(reason instanceof Error ? reason : new Error('aborted'))
    this.#settle.reject(reason)
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.reject(reason)
  }

  onRequestStart (controller: ExchangeController): void {
    this.#controller = controller
    if (this.#end !== 'open') controller.abort(new Error('aborted'))
    else this.#phase = 'sent'
  }

  onResponseStart (controller: ExchangeController, status: number, headers: Record<string, string | string[] | undefined>): void {
    if (status < 200 || this.#end !== 'open') return
    this.#phase = 'body'
    // From here on only silence counts: the consumer decides how long the whole may take.
    this.#watch.stop()
    this.#watch = new Watch({ ...this.#options, deadline: { at: Infinity } }, reason => { this.fail(reason) })
    this.#watch.pause()
    controller.pause()
    this.#settle.resolve({ status, headers: flatHeaders(headers), body: { [Symbol.asyncIterator]: () => this } })
  }

  onResponseData (controller: ExchangeController, chunk: Uint8Array): void {
    if (this.#end !== 'open') return
    this.#watch.touch()
    const bytes = new Uint8Array(chunk) // the memory is the connection's: what waits here must be ours
    const waiting = this.#waiting
    if (waiting === undefined) {
      this.#chunks.push(bytes)
      this.#watch.pause()
      controller.pause()
      return
    }
    this.#waiting = undefined
    waiting.resolve({ done: false, value: bytes })
  }

  onResponseEnd (): void {
    if (this.#end !== 'open') return
    this.#end = 'complete'
    this.#watch.stop()
    this.#waiting?.resolve({ done: true, value: undefined })
  }

  onResponseError (_controller: ExchangeController, error: Error): void {
    this.fail(transportError(error, this.#phase, this.#origin))
  }

  room (): undefined { return undefined }
  placed (): void {}

  next (): Promise<IteratorResult<Uint8Array, undefined>> {
    const chunk = this.#chunks.shift()
    if (chunk !== undefined) return Promise.resolve({ done: false, value: chunk })
    if (this.#end === 'complete') return Promise.resolve({ done: true, value: undefined })
    if (this.#end !== 'open') return Promise.reject(this.#end.reason)
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#watch.resume()
      this.#controller?.resume()
    })
  }

  return (): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#chunks.length = 0
    if (this.#end === 'open') this.fail(new TransportError('lost', 'the consumer stopped'))
    return Promise.resolve({ done: true, value: undefined })
  }
}

/** One request whose body is read by and by. */
export function streamExchange (dispatch: Dispatch, request: NetRequest, options: ExchangeOptions): Promise<NetStream> {
  return new Promise((resolve, reject) => {
    if (options.signal.aborted) { reject(options.signal.reason); return }
    dispatch(request, new StreamExchange(request.origin, options, resolve, reject))
  })
}
