import { allocate } from '../../file/expect.js'
import type { Bytes } from '../../filesystem/types.js'

/** Parts of up to so many bytes share slabs of so many: parts of about one size, so that whoever keeps one kind of part keeps no other. */
interface SizeClass { readonly partBytes: number, readonly slabBytes: number, slab: ArrayBuffer | undefined, used: number }

const KiB = 1024

/**
 * Memory for the parts of samples. A slab is cheaper than its parts one by one: fewer pieces for the garbage collector, and small enough
 * to be memory that the process has used before. Larger parts have memory of their own.
 */
export class PartMemory {
  readonly #classes: readonly SizeClass[] = [
    { partBytes: KiB, slabBytes: 8 * KiB, slab: undefined, used: 0 },
    { partBytes: 32 * KiB, slabBytes: 64 * KiB, slab: undefined, used: 0 }
  ]

  /** Not zeroed: whoever asks fills all of it, or gives it to nobody. Begins on a multiple of 8 bytes, so that any typed array can look at it. */
  take (bytes: number): Bytes {
    for (const shared of this.#classes) if (bytes <= shared.partBytes) return cut(shared, bytes)
    return allocate(bytes)
  }
}

function cut (shared: SizeClass, bytes: number): Bytes {
  if (shared.slab === undefined || shared.used + bytes > shared.slabBytes) {
    shared.slab = allocate(shared.slabBytes).buffer
    shared.used = 0
  }
  const part = new Uint8Array(shared.slab, shared.used, bytes)
  shared.used = (shared.used + bytes + 7) & ~7
  return part
}
