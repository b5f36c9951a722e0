import type { Bytes } from '../filesystem/types.js'
import { nothing } from './expect.js'

/** Wait for `work` at most until `signal` aborts. `work` must be short-lived: it keeps this wait alive until it settles. */
export function untilAborted<T> (work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => { reject(signal.reason) }
    if (signal.aborted) { abort(); return }
    signal.addEventListener('abort', abort, { once: true })
    work.then(
      value => { signal.removeEventListener('abort', abort); resolve(value) },
      (error: unknown) => { signal.removeEventListener('abort', abort); reject(error) }
    )
  })
}

/**
 * The bytes of one range, fetched once for any number of readers. A reader that aborts stops waiting; the last one that
 * does ends the fetch. A fetch that fails while nobody waits is no unhandled rejection: the next reader asks again.
 */
export class SharedFetch {
  readonly start: number
  readonly end: number
  readonly #controller = new AbortController()
  readonly #done: Promise<Bytes>
  #waiting = 0

  constructor (start: number, end: number, fetch: (signal: AbortSignal) => Promise<Bytes>, failed: (fetch: SharedFetch) => void) {
    this.start = start
    this.end = end
    this.#done = fetch(this.#controller.signal)
    this.#done.catch(() => { failed(this) })
  }

  /** Readers that wait for it now. */
  get waiting (): number { return this.#waiting }

  /** Ended before it was done: its bytes will never come. */
  get cancelled (): boolean { return this.#controller.signal.aborted }

  async wait (signal?: AbortSignal): Promise<Bytes> {
    this.#waiting++
    try {
      return await (signal === undefined ? this.#done : untilAborted(this.#done, signal))
    } catch (error) {
      if (signal?.aborted === true && this.#waiting === 1) await this.cancel(signal.reason)
      throw error
    } finally {
      this.#waiting--
    }
  }

  /** End it and wait until nothing of it is under way. Without effect on one that is done. */
  async cancel (reason: unknown): Promise<void> {
    this.#controller.abort(reason)
    await this.#done.then(nothing, nothing)
  }
}
