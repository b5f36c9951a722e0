import { align, flagCompressed, headerWords, magic, record, twoTo32 } from './block-layout.js'
import type { SampleSink } from './types.js'

/** Below this a fragment is not worth its record: the rest of the block stays empty. */
const leastFragment = 64

/** A sink that writes packed blocks. `full` holds those that are complete, for the caller to take. */
export class Packer implements SampleSink {
  readonly full: ArrayBuffer[] = []
  compressed = false
  readonly #acquire: (minBytes: number) => ArrayBuffer
  readonly #blockBytes: number
  #words = new Uint32Array(0)
  #bytes = new Uint8Array(0)
  #text: Buffer = Buffer.alloc(0)
  /** Next free byte; 0: no block. */
  #at = 0
  #capacity = 0
  #samples = 0
  readonly #names = new Map<string, number>()
  /** Bytes of the part at hand still to come, and the word that counts those in this block (0: a `more` record is due). */
  #remaining = 0
  #countAt = 0
  #closes = false

  constructor (acquire: (minBytes: number) => ArrayBuffer, blockBytes: number) {
    this.#acquire = acquire
    this.#blockBytes = blockBytes
  }

  /** Bytes in the block that is not full yet. */
  get pending (): number {
    return this.#at === 0 ? 0 : this.#at - headerWords * 4
  }

  begin (index: number, position: number, key: string): void {
    this.#reserve(20 + 3 * key.length + 4)
    const word = this.#at >> 2
    this.#at += 20
    this.#place(word, record.begin, index, position)
    this.#words[word + 4] = this.#write(key)
  }

  part (name: string, size: number): void {
    this.#reserve(8 + 3 * name.length + 4 + 16 + Math.min(size, leastFragment))
    let number = this.#names.get(name)
    if (number === undefined) {
      const word = this.#at >> 2
      this.#at += 8
      this.#words[word] = record.name
      this.#words[word + 1] = this.#write(name)
      number = this.#names.size
      this.#names.set(name, number)
    }
    const word = this.#at >> 2
    this.#words[word] = record.part
    this.#words[word + 1] = number
    this.#words[word + 2] = size
    this.#open(word + 3, size)
  }

  whole (index: number, position: number, block: Uint8Array, start: number, end: number): void {
    const size = end - start
    this.#reserve(24 + Math.min(size, leastFragment))
    const word = this.#at >> 2
    this.#place(word, record.whole, index, position)
    this.#words[word + 4] = size
    this.#open(word + 5, size)
    this.#closes = size > 0
    if (size === 0) this.#samples++
    else this.data(block, start, end)
  }

  data (block: Uint8Array, start: number, end: number): void {
    while (start < end) {
      if (this.#countAt === 0) this.#more()
      const count = Math.min(end - start, this.#capacity - this.#at)
      this.#bytes.set(start === 0 && end === count && block.length === count ? block : block.subarray(start, start + count), this.#at)
      this.#words[this.#countAt] = this.#words[this.#countAt]! + count
      this.#at += count
      this.#remaining -= count
      start += count
      if (this.#remaining === 0) this.#complete()
      else if (this.#at === this.#capacity) this.#seal()
    }
  }

  end (): void {
    this.#reserve(4)
    this.#words[this.#at >> 2] = record.end
    this.#at += 4
    this.#samples++
  }

  drop (): void {
    this.#remaining = 0
    this.#countAt = 0
    this.#closes = false
    this.#at = align(this.#at)
    this.#reserve(4)
    this.#words[this.#at >> 2] = record.drop
    this.#at += 4
  }

  /** Make what is there a full block. A sample at hand goes on in the next one. */
  flush (): void {
    if (this.pending > 0) this.#seal()
  }

  #open (countWord: number, size: number): void {
    this.#words[countWord] = 0
    this.#at = (countWord + 1) << 2
    this.#remaining = size
    this.#countAt = size === 0 ? 0 : countWord
  }

  #more (): void {
    this.#reserve(8 + Math.min(this.#remaining, leastFragment))
    const word = this.#at >> 2
    this.#words[word] = record.more
    this.#open(word + 1, this.#remaining)
  }

  #complete (): void {
    this.#countAt = 0
    this.#at = align(this.#at)
    if (!this.#closes) return
    this.#closes = false
    this.#samples++
  }

  #place (word: number, tag: number, index: number, position: number): void {
    this.#words[word] = tag
    this.#words[word + 1] = index
    this.#words[word + 2] = position % twoTo32
    this.#words[word + 3] = Math.floor(position / twoTo32)
  }

  /** Text at the end of the block; room was reserved. @returns its bytes */
  #write (text: string): number {
    const length = this.#text.write(text, this.#at)
    this.#at = align(this.#at + length)
    return length
  }

  #reserve (bytes: number): void {
    if (this.#at > 0 && this.#at + bytes <= this.#capacity) return
    if (this.#at > 0) this.#seal()
    const needed = Math.max(this.#blockBytes, align(bytes) + headerWords * 4)
    const buffer = this.#acquire(needed)
    if (buffer.byteLength < needed) throw new RangeError(`Expected \`acquire\` to give at least ${needed} bytes, got \`${buffer.byteLength}\``)
    this.#capacity = buffer.byteLength & ~3
    this.#words = new Uint32Array(buffer, 0, this.#capacity >> 2)
    this.#bytes = new Uint8Array(buffer)
    this.#text = Buffer.from(buffer)
    this.#at = headerWords * 4
    this.#samples = 0
    this.#names.clear()
  }

  #seal (): void {
    const words = this.#words
    words[0] = magic
    words[1] = align(this.#at)
    words[2] = this.compressed ? flagCompressed : 0
    words[3] = this.#samples
    this.full.push(words.buffer)
    this.#at = 0
    this.#countAt = 0
  }
}
