/**
 * Samples of custom readers on their way: a block holds values as structured clones in bytes, so that what is parked has a size and is
 * made anew only when the consumer asks. Layout, 32-bit words: number of values, bytes of each; then the values.
 */
import { fromBytes, toBytes, uncloneable } from '../workers/serialize.js'
import type { PackedBlock } from './readers/block-layout.js'
import type { ReadSample } from './readers/types.js'

/** What turns the blocks of one run into samples again; `discard` forgets a sample that was begun. */
export interface BlockDecoder { unpack (block: PackedBlock): ReadSample[], discard (): void }

export class ValuePacker {
  #values: Buffer[] = []
  #bytes = 0

  get bytes (): number { return this.#bytes }

  /** @throws FsError FORKFS_UNCLONEABLE with the place of what can not travel */
  add (value: unknown): void {
    const bytes = serialized(value)
    this.#values.push(bytes)
    this.#bytes += bytes.length + 4
  }

  /** What was added since the last call. */
  take (): ArrayBuffer {
    const block = new ArrayBuffer(4 + this.#bytes)
    const view = new DataView(block)
    const bytes = new Uint8Array(block)
    const count = this.#values.length
    view.setUint32(0, count, true)
    let at = 4 + 4 * count
    for (const [index, value] of this.#values.entries()) {
      view.setUint32(4 + 4 * index, value.length, true)
      bytes.set(value, at)
      at += value.length
    }
    this.#values = []
    this.#bytes = 0
    return block
  }
}

export class ValueUnpacker implements BlockDecoder {
  #index: number

  /** @param first number of the first value that comes */
  constructor (first: number) {
    this.#index = first
  }

  unpack ({ table }: PackedBlock): ReadSample[] {
    const view = new DataView(table)
    const count = view.getUint32(0, true)
    const samples: ReadSample[] = []
    let at = 4 + 4 * count
    for (let number = 0; number < count; number++) {
      const bytes = view.getUint32(4 + 4 * number, true)
      const index = this.#index++
      samples.push({ index, position: index, offset: undefined, bytes, value: fromBytes(Buffer.from(table, at, bytes)), error: undefined })
      at += bytes
    }
    return samples
  }

  discard (): void {}
}

function serialized (value: unknown): Buffer {
  try {
    return toBytes(value)
  } catch (error) {
    throw uncloneable(error, value, 'value', part => {
      try { toBytes(part); return true } catch { return false }
    })
  }
}
