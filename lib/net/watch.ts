import { TransportError } from './transport.js'
import type { ExchangeOptions } from './transport.js'

/** Node's timers know no more than 32 bits: beyond them they fire at once. */
const longestTimer = 2 ** 31 - 1

/**
 * The clocks of one exchange: its deadline, the longest silence, the caller's signal. One timer, which looks when it fires
 * whether bytes have come meanwhile: the hot path only stores a time.
 */
export class Watch {
  readonly #options: ExchangeOptions
  readonly #expire: (reason: unknown) => void
  #timer: NodeJS.Timeout | undefined
  #immediate: NodeJS.Immediate | undefined
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
    const wait = Math.min(idle, this.#options.deadline.at - now)
    if (wait === Infinity) return
    this.#timer = setTimeout(() => { this.#look() }, Math.min(longestTimer, Math.max(1, Math.ceil(wait))))
  }

  #overdue (now: number): TransportError | undefined {
    if (now >= this.#options.deadline.at) return new TransportError('deadline', 'no answer, or not all of it, before the deadline (`timeoutMs`)')
    if (!this.#paused && now >= this.#last + this.#options.idleMs) return new TransportError('idle', `no byte came for ${Math.round(this.#options.idleMs)} ms (\`idleTimeoutMs\`)`)
    return undefined
  }

  #look (): void {
    const now = performance.now()
    if (this.#overdue(now) === undefined) { this.#arm(now); return }
    // After a standstill (SIGSTOP, a busy loop) timers fire before sockets are read: what has come meanwhile counts.
    this.#immediate = setImmediate(() => {
      const late = performance.now()
      const reason = this.#overdue(late)
      if (reason === undefined) this.#arm(late)
      else this.#expire(reason)
    })
  }

  /** Bytes have come. */
  touch (): void { this.#last = performance.now() }

  /** The consumer does not ask: the other side's silence is ours. */
  pause (): void {
    this.#paused = true
    this.#disarm()
  }

  resume (): void {
    if (!this.#paused) return
    this.#paused = false
    this.#last = performance.now()
    this.#arm(this.#last)
  }

  stop (): void {
    this.#disarm()
    this.#options.signal.removeEventListener('abort', this.#abort)
  }

  #disarm (): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#immediate)
  }
}
