import { isFsError } from '../errors/index.js'
import { expectInteger } from '../file/expect.js'
import { allowListeners } from '../owner/index.js'
import type { Core } from './core.js'
import type { BulkVerb, Progress } from './types.js'

/** The same core under another signal; one that cannot be bound anew lets what is under way finish. */
export function withSignal (core: Core, signal: AbortSignal): Core {
  return core.withSignal?.(signal) ?? core
}

export type Work<I, R> = (item: I, index: number, signal: AbortSignal) => Promise<R>

export interface EachOptions<I, R> {
  /** Items under way at once, integer >= 1. */
  readonly concurrency: number
  readonly signal?: AbortSignal | undefined
  readonly progress?: Progress | undefined
  readonly fulfilled?: ((value: R, index: number, item: I) => void) | undefined
  /** Takes the error of one item and lets the others go on. Without it the first error ends the call. */
  readonly rejected?: ((error: unknown, index: number, item: I) => void) | undefined
}

export interface BulkOptions extends Pick<BulkVerb, 'signal' | 'onError' | 'progress'> {
  /** Items under way at once, integer >= 1. */
  readonly concurrency: number
}

/** What `onError` never swallows: the call itself has lost its owner. */
export function isFatal (error: unknown): boolean {
  return isFsError(error, 'FORKFS_RESET', 'FORKFS_FOREIGN_OWNER')
}

export function toError (thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown })
}

/**
 * Run `work` for each item in a sliding window and keep nothing: memory is that of the window, however long the input is.
 * The input is pulled only as the window moves, and returned to (`return()`) when the call ends early. After the first error,
 * or an abort, queued items never start, those under way see their signal abort, and the call rejects once all have settled.
 */
export async function eachBulk<I, R> (items: Iterable<I> | AsyncIterable<I>, work: Work<I, R>, options: EachOptions<I, R>): Promise<void> {
  const { concurrency, signal, progress } = options
  try {
    expectInteger('maxConcurrency', concurrency, 1)
    signal?.throwIfAborted()
    const size = countOf(items)
    if (size !== undefined) progress?.setSize(size)
    await new Window(work, options).run(items)
  } finally {
    progress?.close?.()
  }
}

/**
 * {@link eachBulk} with the results in input order. `onError: 'omit'` leaves failed items out, `'return'` puts the Error in
 * their place; an abort and a reset of the owner reject the whole call all the same.
 */
export function runBulk<I, R> (items: Iterable<I> | AsyncIterable<I>, work: Work<I, R>, options: BulkOptions & { readonly onError?: 'raise' | 'omit' | undefined }): Promise<R[]>
export function runBulk<I, R> (items: Iterable<I> | AsyncIterable<I>, work: Work<I, R>, options: BulkOptions): Promise<Array<R | Error>>
export async function runBulk<I, R> (items: Iterable<I> | AsyncIterable<I>, work: Work<I, R>, options: BulkOptions): Promise<Array<R | Error>> {
  const { concurrency, signal, progress, onError = 'raise' } = options
  expectOnError(onError)
  const results: Array<R | Error> = []
  const keep = (value: R | Error, index: number): void => { results[index] = value }
  const rejected = { raise: undefined, omit: () => {}, return: (error: unknown, index: number) => keep(toError(error), index) }[onError]
  await eachBulk(items, work, { concurrency, signal, progress, fulfilled: keep, rejected })
  return onError === 'omit' ? results.filter(() => true) : results // filter passes over the holes of what failed
}

/** Names per delete: what object stores take at once. */
export const deleteBatch = 1000

export function * batches<T> (items: readonly T[], size: number): Generator<readonly T[], void, undefined> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}

export function expectOnError (onError: unknown): void {
  if (onError === 'raise' || onError === 'omit' || onError === 'return') return
  throw new TypeError(`Expected \`onError\` to be 'raise', 'omit' or 'return', got \`${String(onError)}\` (${typeof onError})`)
}

function countOf (items: object): number | undefined {
  if ('length' in items) return Number(items.length)
  return 'size' in items ? Number(items.size) : undefined
}

class Window<I, R> {
  readonly #work: Work<I, R>
  readonly #options: EachOptions<I, R>
  readonly #controller = new AbortController()
  #failure: { readonly error: unknown } | undefined
  #inFlight = 0
  #wake: (() => void) | undefined

  constructor (work: Work<I, R>, options: EachOptions<I, R>) {
    this.#work = work
    this.#options = options
    allowListeners(this.#controller.signal)
  }

  async run (items: Iterable<I> | AsyncIterable<I>): Promise<void> {
    const { signal } = this.#options
    const onAbort = (): void => this.#fail(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      await this.#pump(items).catch((error: unknown) => this.#fail(error))
      while (this.#inFlight > 0) await this.#settled()
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async #pump (items: Iterable<I> | AsyncIterable<I>): Promise<void> {
    const { concurrency } = this.#options
    let index = 0
    for await (const item of items) {
      if (this.#failure !== undefined) return
      const position = index++
      this.#inFlight++
      void this.#one(item, position) // never rejects
      while (this.#inFlight >= concurrency && this.#failure === undefined) await this.#settled()
      if (this.#failure !== undefined) return
    }
  }

  async #one (item: I, index: number): Promise<void> {
    const { progress, fulfilled, rejected } = this.#options
    try {
      if (this.#failure !== undefined) return
      try {
        const value = await this.#work(item, index, this.#controller.signal)
        fulfilled?.(value, index, item)
      } catch (error) {
        if (rejected === undefined || this.#failure !== undefined || isFatal(error)) throw error
        rejected(error, index, item)
      }
      progress?.advance(1)
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#inFlight--
      this.#wake?.()
    }
  }

  #fail (error: unknown): void {
    if (this.#failure === undefined) {
      this.#failure = { error }
      this.#controller.abort(error)
    }
    this.#wake?.()
  }

  #settled (): Promise<void> {
    return new Promise(resolve => { this.#wake = resolve })
  }
}
