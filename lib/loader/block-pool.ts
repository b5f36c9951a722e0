/** Blocks of one size that came back, to be filled again: fresh memory costs the system a page fault for every 4 KiB. */
export class BlockPool {
  readonly #blockBytes: number
  readonly #free: ArrayBuffer[] = []

  constructor (blockBytes: number) {
    this.#blockBytes = blockBytes
  }

  /** A block of at least so many bytes. */
  take (bytes: number): ArrayBuffer {
    if (bytes > this.#blockBytes) return new ArrayBuffer(bytes) // for a sample with a very long name
    return this.#free.pop() ?? new ArrayBuffer(this.#blockBytes)
  }

  put (blocks: readonly ArrayBuffer[]): void {
    for (const block of blocks) if (block.byteLength === this.#blockBytes) this.#free.push(block)
  }

  /** The packed block itself, or a short copy of one that is half empty: what is parked costs memory, and credit, as a whole. */
  trim (block: ArrayBuffer): ArrayBuffer {
    const used = new Uint32Array(block, 0, 2)[1]!
    if (used > block.byteLength / 2) return block
    const copy = block.slice(0, used)
    this.put([block])
    return copy
  }
}
