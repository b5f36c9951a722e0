import { FsError, isFsError } from '../../lib/errors/index.js'
import type { RetryPolicy } from '../../lib/net/index.js'
import { backoffMs, sleep } from '../../lib/net/retry.js'

/** Streamed bodies that break off are asked for again from their beginning, as often as the options allow. */
export class Again {
  readonly #retry: RetryPolicy
  readonly #retried: () => void

  /** @param retried told of each new attempt */
  constructor (retry: RetryPolicy, retried: () => void) {
    this.#retry = retry
    this.#retried = retried
  }

  async run<T> (signal: AbortSignal, once: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await once()
      } catch (error) {
        await this.pause(attempt, error, signal)
      }
    }
  }

  /** After an attempt that failed: wait for the next one. @throws the error where there is none */
  async pause (made: number, error: unknown, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw signal.reason
    if (!isFsError(error) || error.retry !== 'may') throw error
    if (made >= this.#retry.attempts) throw new FsError(error.code, made === 1 ? error.condition : `${error.condition} (${made} attempts)`, { ...error, retry: 'exhausted', cause: error.cause })
    this.#retried()
    await sleep(backoffMs(this.#retry, made), signal)
  }
}
