import type { Dispatcher } from 'undici'
import { FsError } from '../errors/index.js'
import type { ErrorCode } from '../errors/index.js'
import { Owned, shareOf } from '../owner/index.js'
import { contentBytes, Deadline } from './deadline.js'
import { Limiter } from './limiter.js'
import { openTransport } from './open-transport.js'
import type { TransportOptions } from './open-transport.js'
import { orAborted } from './or-aborted.js'
import { backoffMs, RetryBudget, retryAfterMs, sleep } from './retry.js'
import type { RetryPolicy } from './retry.js'
import { publishRetry, trace } from './trace.js'
import { bodyBytes, keepAliveMs, TransportError } from './transport.js'
import type { Destination, NetReply, NetRequest, NetStream, ReplyHead, Transport } from './transport.js'

export interface NetClientOptions {
  readonly protocol: string
  readonly maxConcurrency: number
  readonly retry: RetryPolicy
  readonly timeoutMs: number
  readonly idleTimeoutMs: number
  readonly ca?: string | undefined
  readonly dispatcher?: Dispatcher | undefined
  readonly transport?: TransportOptions['transport']
}

/** What a reply that is no success means. */
export interface Failure {
  /** `retry: 'may'` on it: the same request may succeed later. */
  readonly error: FsError
  readonly retryAfterMs?: number | undefined
  /** Put right what the server complained about (fresh credentials, the other region): true, and it goes again at once. */
  readonly repair?: (() => Promise<boolean>) | undefined
}

/** One request with all its attempts. */
export interface NetCall {
  readonly operation: string
  readonly path: string
  /** Sending it twice does no harm: it is tried again even where it may have arrived. */
  readonly idempotent: boolean
  /** The request of one attempt: signed, with its Date. */
  build (attempt: number): NetRequest | Promise<NetRequest>
  /** undefined: a success. Looks at the whole reply: a 200 can carry an error. */
  judge (reply: NetReply): Failure | undefined
  /** Where the body goes; called for every head, also of failures. May throw an FsError: the reply is not read. */
  readonly destination?: ((head: ReplyHead) => Destination) | undefined
}

/** Uploads get time in proportion: silence while a body is sent is not the server's. */
const slowestUpload = 64 * 1024 / 1000

const translations: Readonly<Record<TransportError['kind'], ErrorCode>> = Object.freeze({
  connect: 'FORKFS_NETWORK', certificate: 'FORKFS_NETWORK', lost: 'FORKFS_NETWORK', cut: 'FORKFS_TRUNCATED', deadline: 'ETIMEDOUT', idle: 'ETIMEDOUT', protocol: 'FORKFS_PROTOCOL'
})

/** One attempt on the wire: a success, or what became of it. */
type Once<T> = (transport: Transport, request: NetRequest, deadline: Deadline) => Promise<T | Attempt>

interface Attempt { readonly error: unknown, readonly again: boolean, readonly afterMs?: number | undefined, readonly repair?: (() => Promise<boolean>) | undefined }

/**
 * The requests of one filesystem instance: one transport per owner, a limit on what is in flight, deadlines, retries with
 * full jitter and a budget, figures and traces. What is under way at a reset is destroyed with the transport.
 */
export class NetClient {
  readonly #options: NetClientOptions
  readonly #transport: Owned<Transport>
  readonly #limiter: Limiter
  readonly #budget = new RetryBudget()
  #active = 0
  #lastUse = 0
  #requests = 0
  #retries = 0
  #bytesIn = 0
  #bytesOut = 0

  constructor (options: NetClientOptions) {
    this.#options = options
    const { ca, dispatcher, transport } = options
    const maxConcurrency = shareOf(options.maxConcurrency)
    this.#limiter = new Limiter(maxConcurrency)
    this.#transport = new Owned<Transport>({
      open: () => openTransport({ transport, connections: maxConcurrency, ca, dispatcher }),
      close: transport => transport.close(),
      drop: transport => { transport.destroy() }
    })
  }

  get stats (): { requests: number, retries: number, bytesIn: number, bytesOut: number, sockets: number } {
    return { requests: this.#requests, retries: this.#retries, bytesIn: this.#bytesIn, bytesOut: this.#bytesOut, sockets: this.#transport.current?.sockets ?? 0 }
  }

  close (): Promise<void> { return this.#transport.close() }
  drop (): boolean { return this.#transport.drop() }

  /** The reply, whole. @throws FsError, or `signal.reason` */
  send (call: NetCall, signal: AbortSignal): Promise<NetReply> {
    return trace(this.#options.protocol, call, () => this.#repeat(call, signal, (transport, request, deadline) => this.#bounded(transport, call, request, signal, deadline)))
  }

  /** The reply with its body still to come; only the head is retried. `judge` sees a success without its body. */
  stream (call: NetCall, signal: AbortSignal): Promise<NetStream> {
    return trace(this.#options.protocol, call, () => this.#repeat(call, signal, (transport, request, deadline) => this.#open(transport, call, request, signal, deadline)))
  }

  async #repeat<T extends ReplyHead> (call: NetCall, signal: AbortSignal, once: Once<T>): Promise<T> {
    const { retry: { attempts }, timeoutMs } = this.#options
    let deadline: Deadline | undefined
    let repairs = 2
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#limiter.run(signal, () => {
        deadline ??= new Deadline(timeoutMs) // from here on: waiting for a slot is no fault of the store's
        return this.#attempt(call, attempt, deadline, signal, once)
      })
      if ('status' in outcome) {
        this.#budget.give()
        return outcome
      }
      if (signal.aborted) throw signal.reason
      if (outcome.repair !== undefined && repairs-- > 0 && await orAborted(outcome.repair(), signal)) continue
      const wait = Math.max(backoffMs(this.#options.retry, attempt), outcome.afterMs ?? 0)
      const hopeless = !outcome.again || attempt >= attempts || performance.now() + wait >= deadline!.at || !this.#budget.take()
      if (hopeless) throw exhausted(outcome.error, attempt)
      this.#retries++
      publishRetry(this.#options.protocol, call, attempt, wait, outcome.error)
      await sleep(wait, signal)
    }
  }

  async #attempt<T extends ReplyHead> (call: NetCall, attempt: number, deadline: Deadline, signal: AbortSignal, once: Once<T>): Promise<T | Attempt> {
    const now = Date.now()
    // What froze meanwhile (SIGSTOP, sleep, a snapshot) is not used again.
    if (this.#active === 0 && now - this.#lastUse > keepAliveMs && !this.#borrowed) this.#transport.drop()
    this.#active++
    try {
      const built = call.build(attempt)
      const request = built instanceof Promise ? await orAborted(built, signal) : built
      const transport = this.#transport.current ?? await this.#transport.get()
      this.#requests++
      const sends = bodyBytes(request.body)
      this.#bytesOut += sends
      deadline.allow(sends)
      return await once(transport, request, deadline)
    } catch (error) {
      return this.#failed(call, error)
    } finally {
      this.#active--
      this.#lastUse = Date.now()
    }
  }

  get #borrowed (): boolean { return this.#options.dispatcher !== undefined }

  #idleMs (request: NetRequest): number {
    return this.#options.idleTimeoutMs + bodyBytes(request.body) / slowestUpload
  }

  async #bounded (transport: Transport, call: NetCall, request: NetRequest, signal: AbortSignal, deadline: Deadline): Promise<NetReply | Attempt> {
    const { destination } = call
    const place = destination === undefined ? undefined : (head: ReplyHead): Destination => {
      const placed = destination(head)
      deadline.allow(contentBytes(head, placed))
      return placed
    }
    const reply = await transport.request(request, { signal, deadline, idleMs: this.#idleMs(request), destination: place })
    this.#bytesIn += reply.body.length
    const failure = call.judge(reply)
    return failure === undefined ? reply : this.#judged(failure, reply)
  }

  async #open (transport: Transport, call: NetCall, request: NetRequest, signal: AbortSignal, deadline: Deadline): Promise<NetStream | Attempt> {
    const stream = await transport.stream(request, { signal, deadline, idleMs: this.#idleMs(request) })
    const failure = call.judge({ status: stream.status, headers: stream.headers, body: new Uint8Array(0) })
    if (failure === undefined) return { ...stream, body: this.#counted(call, stream.body) }
    await stream.body[Symbol.asyncIterator]().return?.()
    return this.#judged(failure, stream)
  }

  /** A body that is still read is work under way: the idle-gap check must not take its connection away. */
  #counted (call: NetCall, body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    const inner = body[Symbol.asyncIterator]()
    let open = true
    this.#active++
    const over = (): void => {
      if (!open) return
      open = false
      this.#active--
      this.#lastUse = Date.now()
    }
    const iterator: AsyncIterator<Uint8Array, undefined> = {
      next: async () => {
        try {
          const result = await inner.next() as IteratorResult<Uint8Array, undefined>
          if (result.done === true) over()
          else this.#bytesIn += result.value.length
          return result
        } catch (error) {
          over()
          throw this.#failed(call, error).error
        }
      },
      return: async () => {
        over()
        await inner.return?.()
        return { done: true, value: undefined }
      }
    }
    return { [Symbol.asyncIterator]: () => iterator }
  }

  #judged (failure: Failure, head: ReplyHead): Attempt {
    const afterMs = failure.retryAfterMs ?? retryAfterMs(head.headers['retry-after'])
    const bounded = afterMs === undefined ? undefined : Math.min(afterMs, this.#options.retry.maxMs)
    return { error: failure.error, again: failure.error.retry === 'may', afterMs: bounded, repair: failure.repair }
  }

  #failed (call: NetCall, error: unknown): Attempt {
    if (error instanceof TransportError) {
      const again = error.kind !== 'deadline' && error.kind !== 'certificate' && (call.idempotent || error.kind === 'connect')
      const code = translations[error.kind]
      return { error: new FsError(code, error.message, { operation: call.operation, path: call.path, retry: again ? 'may' : 'never', cause: error.cause ?? error }), again }
    }
    const again = error instanceof FsError && error.retry === 'may' && call.idempotent
    return { error, again }
  }
}

function exhausted (error: unknown, attempts: number): unknown {
  if (!(error instanceof FsError) || error.retry !== 'may') return error
  return new FsError(error.code, attempts === 1 ? error.condition : `${error.condition} (${attempts} attempts)`, {
    operation: error.operation, path: error.path, protocol: error.protocol, retry: 'exhausted', status: error.status, requestId: error.requestId, cause: error.cause
  })
}
