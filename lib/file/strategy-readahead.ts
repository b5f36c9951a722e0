import type { Bytes } from '../filesystem/types.js'
import { allocate, MiB, nothing } from './expect.js'
import { settle } from './ranges.js'
import type { Fetch, ReadStrategy } from './ranges.js'
import { SharedFetch } from './shared-fetch.js'

const growth = 8
const maxAhead = 2

/** A part of one read: from a block, or (without one) fetched for this read alone. `asked`: this read asked for the block. */
interface Piece { readonly start: number, readonly end: number, readonly block?: SharedFetch, readonly asked: boolean }

/**
 * The default. A read that goes on where the last one ended fetches a whole block, the next blocks are fetched in the
 * background, and blocks double from `blockBytes` to eight times that (8 MiB at most, if `blockBytes` is less) while reads
 * stay sequential. A read elsewhere fetches exactly its bytes, keeps the one block used last and starts over with small blocks.
 *
 * What is ahead is bounded: at most two blocks, asked for when a read comes near them; a consumer that pauses has nothing
 * under way. A background fetch that failed is asked again, once, by the read that needs it.
 */
export class Readahead implements ReadStrategy {
  readonly #fetch: Fetch
  readonly #size: number
  readonly #blockBytes: number
  readonly #maxBytes: number
  /** Sorted by start, not overlapping. */
  #blocks: SharedFetch[] = []
  #current: SharedFetch | undefined
  /** Fetches that were told to end and have not yet. */
  readonly #ending = new Set<Promise<void>>()
  #nextBytes: number
  readonly #views: boolean
  #expected = 0
  #run = 0
  #closed = false

  /** @param views no byte is read twice, so that what is read may be a view of its block: no copy, but the last view keeps the block */
  constructor (fetch: Fetch, size: number, blockBytes: number, views = false) {
    this.#views = views
    this.#fetch = fetch
    this.#size = size
    this.#blockBytes = blockBytes
    this.#maxBytes = Math.max(blockBytes, Math.min(growth * blockBytes, 8 * MiB))
    this.#nextBytes = blockBytes
  }

  async read (start: number, end: number, signal?: AbortSignal, into?: Uint8Array): Promise<Bytes> {
    signal?.throwIfAborted()
    const pieces = this.#plan(start, end)
    const [only] = pieces
    if (pieces.length === 1 && only !== undefined && into === undefined) return this.#whole(only, signal)
    const target = into ?? allocate(end - start)
    await settle(pieces.map(piece => this.#copy(piece, target.subarray(piece.start - start, piece.end - start), signal)), signal)
    return target.subarray(0, end - start) as Bytes
  }

  async close (reason: unknown): Promise<void> {
    this.#closed = true
    for (const block of this.#blocks) this.#end(block, reason)
    this.#blocks = []
    this.#current = undefined
    await Promise.all(this.#ending)
  }

  /** Decides without waiting, so that reads at once see each other's blocks. */
  #plan (start: number, end: number): Piece[] {
    const hit = this.#find(start)
    const sequential = start === this.#expected || (hit !== undefined && start > this.#expected)
    if (sequential) this.#run++
    else if (hit === undefined) this.#startOver()
    this.#expected = end
    const pieces: Piece[] = []
    for (let at = start; at < end;) {
      const piece = this.#piece(at, end, this.#run > 0)
      if (piece.block !== undefined) this.#current = piece.block
      pieces.push(piece)
      at = piece.end
    }
    if (this.#run > 1) this.#ahead(end)
    if (sequential) this.#forgetOutside(start, end)
    return pieces
  }

  #piece (start: number, end: number, sequential: boolean): Piece {
    const known = this.#find(start)
    if (known !== undefined) return { start, end: Math.min(end, known.end), block: known, asked: false }
    const stop = Math.min(end, this.#nextStart(start))
    // A read of a block or more gains nothing from a block: its bytes go straight to where they are wanted.
    if (!sequential || stop - start >= this.#blockBytes) return { start, end: stop, asked: true }
    const block = this.#ask(start)
    return { start, end: Math.min(stop, block.end), block, asked: true }
  }

  /** Keep what follows `end` coming: from half of the last block on while blocks grow, two full blocks ahead afterwards. */
  #ahead (end: number): void {
    let edge = this.#edge(end)
    let count = this.#blocks.filter(block => block.start >= end).length
    while (edge < this.#size && count < maxAhead) {
      const wanted = this.#nextBytes < this.#maxBytes ? this.#nextBytes / 4 : this.#nextBytes
      if (edge - end >= wanted) return
      edge = this.#ask(edge).end
      count++
    }
  }

  #ask (start: number): SharedFetch {
    const end = Math.min(start + this.#nextBytes, this.#nextStart(start))
    this.#nextBytes = Math.min(this.#nextBytes * 2, this.#maxBytes)
    const block = new SharedFetch(start, end, signal => this.#fetch(start, end, signal), failed => { this.#remove(failed) })
    this.#blocks.push(block)
    this.#blocks.sort((a, b) => a.start - b.start)
    return block
  }

  #startOver (): void {
    this.#run = 0
    this.#nextBytes = this.#blockBytes
    for (const block of this.#blocks) {
      if (block !== this.#current) this.#drop(block)
    }
  }

  #forgetOutside (start: number, end: number): void {
    const edge = this.#edge(end)
    for (const block of [...this.#blocks]) {
      if ((block.end <= start && block !== this.#current) || block.start > edge) this.#drop(block)
    }
  }

  #drop (block: SharedFetch): void {
    if (block.waiting === 0) this.#end(block, new Error('not needed any more'))
    this.#remove(block)
  }

  #end (block: SharedFetch, reason: unknown): void {
    const ended = block.cancel(reason)
    this.#ending.add(ended)
    ended.finally(() => { this.#ending.delete(ended) }).catch(nothing)
  }

  #remove (block: SharedFetch): void {
    this.#blocks = this.#blocks.filter(other => other !== block)
    if (this.#current === block) this.#current = undefined
  }

  #find (at: number): SharedFetch | undefined {
    return this.#blocks.find(block => block.start <= at && at < block.end && !block.cancelled)
  }

  /** Where the blocks that follow each other from `at` end. */
  #edge (at: number): number {
    return this.#blocks.reduce((edge, block) => block.start <= edge && block.end > edge ? block.end : edge, at)
  }

  #nextStart (at: number): number {
    return this.#blocks.find(block => block.start > at)?.start ?? this.#size
  }

  /** A read that is one piece: its own memory, without a copy where a block is exactly what was asked for. */
  async #whole (piece: Piece, signal: AbortSignal | undefined): Promise<Bytes> {
    const { start, end, block } = piece
    if (block === undefined) return this.#fetch(start, end, signal)
    const handedOver = block.start === start && block.end === end && block.waiting === 0
    if (handedOver) this.#remove(block) // before the wait: nobody else may get this memory
    const data = await this.#wait(piece, block, signal)
    if (handedOver || data.byteLength !== block.end - block.start) return data
    return this.#views ? data.subarray(start - block.start, end - block.start) : data.slice(start - block.start, end - block.start)
  }

  async #copy (piece: Piece, target: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const { start, end, block } = piece
    if (block === undefined) { await this.#fetch(start, end, signal, target); return }
    const data = await this.#wait(piece, block, signal)
    target.set(data.byteLength === block.end - block.start ? data.subarray(start - block.start, end - block.start) : data)
  }

  /** The block's bytes; the piece's alone where the block was asked for in the background and failed. */
  async #wait (piece: Piece, block: SharedFetch, signal: AbortSignal | undefined): Promise<Bytes> {
    try {
      return await block.wait(signal)
    } catch (error) {
      if (piece.asked || this.#closed || signal?.aborted === true) throw error
      return this.#fetch(piece.start, piece.end, signal)
    }
  }
}
