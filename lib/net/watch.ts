import { TransportError } from './transport.js'
import type { ExchangeOptions } from './transport.js'

/**
 * The clocks of one exchange: its deadline, the longest silence, the caller's signal. One timer, which looks when it fires
 * whether bytes have come meanwhile: the hot path only stores a time.
 */
export class Watch {
  readonly #options: ExchangeOptions
  readonly #expire: (reason: unknown) => void
  #timer: NodeJS.Timeout | undefined
  #last = 0
  #paused = false
  readonly #abort: () => void

  constructor (options: ExchangeOptions, expire: (reason: unknown) => void) {
    this.#options = options
    this.#expire = expire
    this.#abort = () => { expire(options.signal.reason) }
    options.signal.addEventListener('abort', this.#abort, { once: true })
    this.#last = performance.now()
    this.#arm(this.#last)
  }

  #arm (now: number): void {
    const idle = this.#paused ? Infinity : this.#last + this.#options.idleMs - now
    const wait = Math.min(idle, this.#options.deadline - now)
    if (wait === Infinity) return
    this.#timer = setTimeout(() => { this.#look() }, Math.max(1, Math.ceil(wait)))
  }

  #look (): void {
    const now = performance.now()
    if (now >= this.#options.deadline) this.#expire(new TransportError('deadline', 'the deadline passed'))
    else if (!this.#paused && now >= this.#last + this.#options.idleMs) this.#expire(new TransportError('idle', `no byte for ${this.#options.idleMs} ms`))
    else this.#arm(now)
  }

  /** Bytes have come. */
  touch (): void { this.#last = performance.now() }

  /** The consumer does not ask: the other side's silence is ours. */
  pause (): void {
    this.#paused = true
    clearTimeout(this.#timer)
  }

  resume (): void {
    if (!this.#paused) return
    this.#paused = false
    this.#last = performance.now()
    this.#arm(this.#last)
  }

  stop (): void {
    clearTimeout(this.#timer)
    this.#options.signal.removeEventListener('abort', this.#abort)
  }
}
