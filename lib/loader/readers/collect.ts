import { parseJson } from './jsonl.js'
import { PartMemory } from './part-memory.js'
import type { Bytes } from '../../filesystem/types.js'
import type { ReaderName, ReadSample, SampleSink } from './types.js'

const noBytes = new Uint8Array(0)
/** Of this thread: a loader of many small shards must not begin a slab for each. */
const memory = new PartMemory()

/** A sink that makes the public shapes. Every part is copied into bytes of its own, once. */
export class SampleCollector implements SampleSink {
  compressed = false
  readonly #reader: ReaderName
  readonly #shard: string
  #taken: ReadSample[] = []
  #index = 0
  #position = 0
  #key = ''
  #files: Record<string, Bytes> = {}
  #bytes = 0
  #name = ''
  #size = 0
  #part: Bytes = noBytes
  #filled = 0
  /** The sample is one part without a key and ends with it. */
  #closes = false
  #textOf: Uint8Array | undefined
  #text: Buffer = Buffer.alloc(0)

  constructor (reader: ReaderName, shard: string) {
    this.#reader = reader
    this.#shard = shard
  }

  /** What was completed since the last call. */
  take (): ReadSample[] {
    const taken = this.#taken
    this.#taken = [] // also where it is empty: it would fill behind the caller's back
    return taken
  }

  begin (index: number, position: number, key: string): void {
    this.#index = index
    this.#position = position
    this.#key = key
    this.#files = {}
    this.#bytes = 0
    this.#closes = false
  }

  part (name: string, size: number): void {
    this.#name = name
    this.#size = size
    this.#bytes += size
    this.#filled = 0
    if (size === 0) this.#completePart(new Uint8Array(0))
  }

  data (block: Uint8Array, start: number, end: number): void {
    const length = end - start
    if (length === this.#size) {
      this.#completePart(copyOf(block, start, end))
      return
    }
    if (this.#filled === 0) this.#part = memory.take(this.#size)
    this.#part.set(block.subarray(start, end), this.#filled)
    this.#filled += length
    if (this.#filled === this.#size) this.#completePart(this.#part)
  }

  end (): void {
    const value = this.#reader === 'bytes' ? { shard: this.#shard, data: this.#files['']! } : { key: this.#key, shard: this.#shard, files: this.#files }
    this.#push(this.#index, this.#position, this.#bytes, value)
    this.#files = {}
  }

  drop (): void {
    this.#files = {}
    this.#part = noBytes
    this.#filled = 0
    this.#closes = false
  }

  whole (index: number, position: number, block: Uint8Array, start: number, end: number): void {
    if (this.#reader === 'bytes') {
      this.#push(index, position, end - start, { shard: this.#shard, data: copyOf(block, start, end) })
      return
    }
    if (this.#textOf !== block) {
      this.#textOf = block
      this.#text = Buffer.from(block.buffer, block.byteOffset, block.byteLength)
    }
    const text = this.#text.toString('utf8', start, end)
    if (this.#reader !== 'jsonl') {
      this.#push(index, position, end - start, text)
      return
    }
    const { value, error } = parseJson(text, this.#shard, index, position)
    this.#taken.push({ index, position, offset: this.compressed ? undefined : position, bytes: end - start, value, error })
  }

  /** As `whole`, with the bytes to follow through `data`. */
  beginWhole (index: number, position: number, size: number): void {
    this.begin(index, position, '')
    this.#closes = true
    this.part('', size)
  }

  #completePart (part: Bytes): void {
    this.#part = noBytes
    if (this.#closes) {
      this.#closes = false
      if (this.#reader === 'bytes') this.#push(this.#index, this.#position, part.length, { shard: this.#shard, data: part })
      else this.whole(this.#index, this.#position, part, 0, part.length)
    } else if (this.#name === '__proto__') { // a file of that name is data, not a prototype
      Object.defineProperty(this.#files, '__proto__', { value: part, enumerable: true, configurable: true, writable: true })
    } else this.#files[this.#name] = part
  }

  #push (index: number, position: number, bytes: number, value: unknown): void {
    this.#taken.push({ index, position, offset: this.compressed ? undefined : position, bytes, value, error: undefined })
  }
}

function copyOf (block: Uint8Array, start: number, end: number): Bytes {
  const copy = memory.take(end - start)
  copy.set(block.subarray(start, end))
  return copy
}
