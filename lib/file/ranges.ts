import { FsError } from '../errors/index.js'
import type { Bytes } from '../filesystem/types.js'
import { allocate, expectInteger, MiB, nothing } from './expect.js'
import type { RangeSource } from './source.js'

/** How strategies ask: exactly [start, end), inside the file, into `into` where it is given. */
export type Fetch = (start: number, end: number, signal?: AbortSignal, into?: Uint8Array) => Promise<Bytes>

/** A range longer than two parts is fetched in parts of this size, so that each stays within the deadline of one request. */
const partBytes = 8 * MiB
const partsAtOnce = 4

/** The source's own read with its promises checked, long ranges in parallel parts. Rejects when nothing is under way any more. */
export function fetchFrom (source: RangeSource): Fetch {
  const one: Fetch = async (start, end, signal, into) => {
    const data = await source.read(start, end, { signal, into })
    if (data.byteLength !== end - start) {
      throw new FsError('FORKFS_TRUNCATED', `got ${data.byteLength} bytes instead of ${end - start}`, { path: source.path, retry: 'may' })
    }
    if (into !== undefined && (data.buffer !== into.buffer || data.byteOffset !== into.byteOffset)) into.set(data)
    return into === undefined ? data : into.subarray(0, data.byteLength) as Bytes
  }
  return async (start, end, signal, into) => {
    signal?.throwIfAborted()
    if (end - start <= 2 * partBytes) return one(start, end, signal, into)
    const target = into ?? allocate(end - start)
    await eachPart(start, end, signal, async (from, to, partSignal) => { await one(from, to, partSignal, target.subarray(from - start, to - start)) })
    return target.subarray(0, end - start) as Bytes
  }
}

type PartWork = (from: number, to: number, signal: AbortSignal) => Promise<void>

/** Run `work` for each part, a few at once; the first failure ends the others, and all have settled when this does. */
async function eachPart (start: number, end: number, signal: AbortSignal | undefined, work: PartWork): Promise<void> {
  const controller = new AbortController()
  const abort = (): void => { controller.abort(signal?.reason) }
  signal?.addEventListener('abort', abort, { once: true })
  let next = start
  const failures: unknown[] = []
  const run = async (): Promise<void> => {
    while (next < end && failures.length === 0) {
      signal?.throwIfAborted()
      const from = next
      next = Math.min(end, from + partBytes)
      await work(from, next, controller.signal)
    }
  }
  const guarded = (): Promise<void> => run().catch((error: unknown) => {
    failures.push(error)
    controller.abort(error)
  })
  try {
    await Promise.all(Array.from({ length: partsAtOnce }, guarded))
  } finally {
    signal?.removeEventListener('abort', abort)
  }
  if (signal?.aborted === true) throw signal.reason
  if (failures.length > 0) throw failures[0]
}

/** All of `work`, settled; then the first failure in input order, an abort before any other. */
export async function settle<T> (work: ReadonlyArray<Promise<T>>, signal?: AbortSignal): Promise<T[]> {
  const results = await Promise.allSettled(work)
  if (signal?.aborted === true && results.some(result => result.status === 'rejected')) throw signal.reason
  return results.map(result => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  })
}

/** One after another in the order of their calls; a failure does not stop those behind it. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve()

  run<T> (work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = result.then(nothing, nothing)
    return result
  }

  /** Settles when everything queued so far has. */
  async idle (): Promise<void> { await this.#last }
}

/** Reads of one open file. Any number at once; each result belongs to the caller alone. */
export interface ReadStrategy {
  /** Exactly [start, end), which lies inside the file; with `into` the bytes are put there and the result is a view of it. */
  read: Fetch
  /** Forget what is kept, end what is fetched ahead and wait until it has ended. Reads under way end with `reason`. */
  close (reason: unknown): Promise<void>
}

export interface StrategyOptions {
  /** Bytes per block, integer >= 1. @defaultValue 1 MiB */
  readonly blockBytes?: number | undefined
}

export function blockBytesOf (options: StrategyOptions): number {
  const { blockBytes = MiB } = options
  expectInteger('blockBytes', blockBytes, 1)
  return blockBytes
}
