import type { Bytes } from '../filesystem/types.js'
import { allocate } from './expect.js'
import { settle } from './ranges.js'
import type { Fetch, ReadStrategy } from './ranges.js'
import { SharedFetch } from './shared-fetch.js'

const maxBlocks = 32
/** Blocks that one read asks for at once. */
const blocksAtOnce = 8

/**
 * Blocks at multiples of `blockBytes`, the 32 used last are kept: for reads that come back to the same places. Readers of
 * one block share its fetch; a block that failed is not kept. Memory: at most 32 blocks and those that reads wait for.
 */
export class BlockCache implements ReadStrategy {
  readonly #fetch: Fetch
  readonly #size: number
  readonly #blockBytes: number
  /** In the order of last use. */
  readonly #blocks = new Map<number, SharedFetch>()

  constructor (fetch: Fetch, size: number, blockBytes: number) {
    this.#fetch = fetch
    this.#size = size
    this.#blockBytes = blockBytes
  }

  async read (start: number, end: number, signal?: AbortSignal, into?: Uint8Array): Promise<Bytes> {
    signal?.throwIfAborted()
    const target = into ?? allocate(end - start)
    const last = Math.ceil(end / this.#blockBytes)
    for (let first = Math.floor(start / this.#blockBytes); first < last; first += blocksAtOnce) {
      const indexes = Array.from({ length: Math.min(blocksAtOnce, last - first) }, (_, i) => first + i)
      await settle(indexes.map(index => this.#copy(index, start, end, target, signal)), signal)
    }
    return target.subarray(0, end - start) as Bytes
  }

  async close (reason: unknown): Promise<void> {
    const ended = [...this.#blocks.values()].map(block => block.cancel(reason))
    this.#blocks.clear()
    await Promise.all(ended)
  }

  async #copy (index: number, start: number, end: number, target: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const block = this.#block(index)
    const data = await block.wait(signal)
    const from = Math.max(start, block.start)
    target.set(data.subarray(from - block.start, Math.min(end, block.end) - block.start), from - start)
  }

  #block (index: number): SharedFetch {
    const known = this.#blocks.get(index)
    this.#blocks.delete(index)
    const block = known === undefined || known.cancelled ? this.#ask(index) : known
    this.#blocks.set(index, block)
    for (const [oldest] of this.#blocks) {
      if (this.#blocks.size <= maxBlocks) break
      this.#blocks.delete(oldest)
    }
    return block
  }

  #ask (index: number): SharedFetch {
    const start = index * this.#blockBytes
    const end = Math.min(this.#size, start + this.#blockBytes)
    const forget = (failed: SharedFetch): void => { if (this.#blocks.get(index) === failed) this.#blocks.delete(index) }
    return new SharedFetch(start, end, signal => this.#fetch(start, end, signal), forget)
  }
}
