import type { LimitFunction } from 'p-limit'

/** At most `concurrency` pieces of work at once over a whole instance; one request is one slot, taken at the leaf. */
export class Limiter {
  readonly concurrency: number
  #limit: LimitFunction | undefined
  constructor (concurrency: number) { this.concurrency = concurrency }

  /** Run when a slot is free. Work whose signal aborts while it waits is rejected at once and never starts. */
  run<T> (signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (signal.aborted) return Promise.reject(signal.reason as Error)
    const limit = this.#limit
    if (limit === undefined) return this.#first(signal, work)
    if (limit.activeCount < limit.concurrency && limit.pendingCount === 0) return limit(work)
    return new Promise<T>((resolve, reject) => {
      const abort = (): void => { reject(signal.reason) }
      signal.addEventListener('abort', abort, { once: true })
      limit(async () => {
        signal.removeEventListener('abort', abort)
        if (signal.aborted) throw signal.reason
        return work()
      }).then(resolve, reject)
    })
  }

  async #first<T> (signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const { default: pLimit } = await import('p-limit')
    this.#limit ??= pLimit(this.concurrency)
    return this.run(signal, work)
  }
}
