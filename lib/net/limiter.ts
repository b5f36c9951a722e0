import pLimit from 'p-limit'

/** At most `concurrency` pieces of work at once over a whole instance; one request is one slot, taken at the leaf. */
export class Limiter {
  readonly #limit: ReturnType<typeof pLimit>
  constructor (concurrency: number) { this.#limit = pLimit(concurrency) }

  get concurrency (): number { return this.#limit.concurrency }
  set concurrency (value: number) { this.#limit.concurrency = value }

  /** Run when a slot is free. Work whose signal aborts while it waits is rejected at once and never starts. */
  run<T> (signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#limit.activeCount < this.#limit.concurrency && this.#limit.pendingCount === 0) return this.#limit(work)
    return new Promise<T>((resolve, reject) => {
      const abort = (): void => { reject(signal.reason) }
      signal.addEventListener('abort', abort, { once: true })
      this.#limit(async () => {
        signal.removeEventListener('abort', abort)
        if (signal.aborted) throw signal.reason
        return work()
      }).then(resolve, reject)
    })
  }
}
