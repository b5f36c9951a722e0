import type { Bytes } from '../filesystem/types.js'
import { allocate } from './memory.js'

/** What ended uploads of this thread have left: the next one takes it up, unless the garbage collector was there before. */
const left: Array<WeakRef<Bytes>> = []
const mostLeft = 16
/** Less is not worth the search. */
const leastBytes = 1024 * 1024

function leave (part: Bytes): void {
  if (part.length >= leastBytes && left.length < mostLeft) left.push(new WeakRef(part))
}

function takeUp (capacity: number): Bytes | undefined {
  for (let part = left.pop(); part !== undefined; part = left.pop()) {
    const bytes = part.deref()
    if (bytes !== undefined && bytes.length >= capacity) return bytes
  }
  return undefined
}

/**
 * Collects chunks until a part is full. A small object never needs the memory of a whole part: the buffer grows to it. The memory of parts
 * that have been sent serves again, here and in the next upload, since fresh memory costs more than what is copied into it.
 */
export class PartBuffer {
  #bytes: Bytes | undefined
  #spare: Bytes[] = []
  /** Of the last whole part: the next one is given as much at once. */
  #lastCapacity = 0
  #filled = 0

  get filled (): number { return this.#filled }

  /** Copy as much of `chunk` from `from` as fits into a part of `capacity` bytes. @returns how much that was */
  take (chunk: Uint8Array, from: number, capacity: number): number {
    const taken = Math.min(capacity - this.#filled, chunk.length - from)
    this.#reserve(this.#filled + taken, capacity)
    this.#bytes!.set(chunk.subarray(from, from + taken), this.#filled)
    this.#filled += taken
    return taken
  }

  /** What was collected; the buffer is empty afterwards. */
  drain (): Uint8Array {
    const data = this.#bytes?.subarray(0, this.#filled) ?? new Uint8Array(0)
    this.#lastCapacity = this.#filled
    this.#bytes = undefined
    this.#filled = 0
    return data
  }

  /** A part that came from drain() and that nobody reads any more. */
  giveBack (part: Uint8Array): void { this.#spare.push(new Uint8Array(part.buffer as ArrayBuffer)) }

  /** No more comes: let go of all memory. */
  end (): void {
    this.drain()
    for (const part of this.#spare) leave(part)
    this.#spare = []
  }

  #reserve (needed: number, capacity: number): void {
    const before = this.#bytes
    if (before !== undefined && before.length >= needed) return
    const size = before === undefined && this.#lastCapacity === capacity ? capacity : Math.min(capacity, Math.max(needed, (before?.length ?? 0) * 4, 64 * 1024))
    const grown = size === capacity ? this.#whole(capacity) : allocate(size)
    if (before !== undefined) grown.set(before.subarray(0, this.#filled))
    this.#bytes = grown
  }

  #whole (capacity: number): Bytes {
    const spare = this.#spare.pop()
    return spare !== undefined && spare.length >= capacity ? spare : takeUp(capacity) ?? allocate(capacity)
  }
}
