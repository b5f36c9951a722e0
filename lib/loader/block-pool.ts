/** Blocks that came back, to be filled again: fresh memory costs the system a page fault for every 4 KiB. */
export class BlockPool {
  readonly #free = new Map<number, ArrayBuffer[]>()

  /** @param sizes of blocks that are kept; others are left to the garbage collector */
  constructor (...sizes: readonly number[]) {
    for (const size of sizes) this.#free.set(size, [])
  }

  /** A block of so many bytes. */
  take (bytes: number): ArrayBuffer {
    return this.#free.get(bytes)?.pop() ?? new ArrayBuffer(bytes)
  }

  put (blocks: readonly ArrayBuffer[]): void {
    for (const block of blocks) this.#free.get(block.byteLength)?.push(block)
  }

  /** The packed table itself, or a short copy of one that is half empty: what is parked costs memory, and credit, as a whole. */
  trim (table: ArrayBuffer): ArrayBuffer {
    const used = new Uint32Array(table, 0, 2)[1]!
    if (used > table.byteLength / 2) return table
    const copy = table.slice(0, used)
    this.put([table])
    return copy
  }
}
