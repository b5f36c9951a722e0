import type { Anchor } from './readers/types.js'
import type { DecodedState, ShardProgress } from './state.js'

/** From where a shard is read: the `skip` and `anchor` of its reader. */
export interface ShardStart { readonly skip: number, readonly anchor: Anchor | undefined }

/**
 * What the consumer has taken, shard by shard, whichever worker it came from and in whatever order shards end. With a shuffle
 * buffer a sample counts here when it enters the buffer; the buffer's own state says which are still in it.
 */
export class ProgressBook {
  readonly #planned: number
  readonly #done: Uint8Array
  readonly #begun = new Map<number, ShardProgress>()

  /** @param planned shards in the plan */
  constructor (planned: number, from?: Pick<DecodedState, 'done' | 'begun'>) {
    this.#planned = planned
    this.#done = new Uint8Array(planned)
    if (from === undefined) return
    for (const [start, end] of from.done) this.#done.fill(1, start, end)
    for (const entry of from.begun) this.#begun.set(entry.ordinal, entry)
  }

  /** @param offset of the sample, as its reader gave it */
  take (ordinal: number, index: number, offset: number | undefined): void {
    this.#begun.set(ordinal, { ordinal, next: index + 1, offset })
  }

  /** All samples of the shard were taken, or the shard was given up. */
  finish (ordinal: number): void {
    this.#done[ordinal] = 1
    this.#begun.delete(ordinal)
  }

  isDone (ordinal: number): boolean {
    return this.#done[ordinal] === 1
  }

  startOf (ordinal: number): ShardStart {
    const entry = this.#begun.get(ordinal)
    if (entry === undefined) return { skip: 0, anchor: undefined }
    return { skip: entry.next, anchor: entry.offset === undefined ? undefined : { index: entry.next - 1, offset: entry.offset } }
  }

  /** Places in the plan that are still to be read, ascending. */
  *open (): Generator<number, void, undefined> {
    for (let ordinal = 0; ordinal < this.#planned; ordinal++) if (this.#done[ordinal] === 0) yield ordinal
  }

  /** What {@link encodeState} needs. */
  snapshot (): Pick<DecodedState, 'done' | 'begun'> {
    const done: Array<readonly [number, number]> = []
    for (let end = 0; end < this.#planned;) {
      const start = this.#done.indexOf(1, end)
      if (start < 0) break
      end = this.#done.indexOf(0, start)
      if (end < 0) end = this.#planned
      done.push([start, end])
    }
    return { done, begun: [...this.#begun.values()].sort((a, b) => a.ordinal - b.ordinal) }
  }
}
