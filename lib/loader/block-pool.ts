/** Blocks of one size that came back, to be filled again: fresh ones cost the system a page fault for every 4 KiB. */
export class BlockPool {
  readonly #free: ArrayBuffer[] = []
  #bytes = 0

  /** A block of at least so many bytes. */
  take (bytes: number): ArrayBuffer {
    if (bytes > this.#bytes) { // the size of this run, or a sample with a very long name
      const usual = this.#bytes === 0 || this.#free.length === 0
      if (usual) this.#bytes = Math.max(this.#bytes, bytes)
      return new ArrayBuffer(bytes)
    }
    return this.#free.pop() ?? new ArrayBuffer(this.#bytes)
  }

  put (blocks: readonly ArrayBuffer[]): void {
    for (const block of blocks) if (block.byteLength === this.#bytes) this.#free.push(block)
  }

  /** The block itself, or a short copy of one that is half empty: what is parked counts, and memory, in whole blocks. */
  trim (block: ArrayBuffer): ArrayBuffer {
    const used = new Uint32Array(block, 0, 2)[1]!
    if (used > block.byteLength / 2) return block
    const copy = block.slice(0, used)
    this.put([block])
    return copy
  }
}
