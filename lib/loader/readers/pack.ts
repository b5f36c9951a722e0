import { align, flagCompressed, headerWords, inline, magic, record, twoTo32 } from './block-layout.js'
import type { PackedBlock } from './block-layout.js'
import type { Lender, SampleSink } from './types.js'

/** Below this a fragment is not worth its record: the rest of the table stays empty. */
const leastFragment = 64

export interface PackerOptions {
  readonly acquire: (minBytes: number) => ArrayBuffer
  readonly blockBytes: number
  readonly flushBytes: number
  readonly lender: Lender | undefined
}

/**
 * A sink that writes packed blocks. `full` holds those that are complete, for the caller to take. Bytes in a lent buffer stay where they
 * are, and the buffer goes along with the table at its end. Where there are so many samples that the table is full before (lines of a
 * few bytes), what the table refers to is copied, and from then on bytes go into the table: so a block is never larger than one buffer
 * and one table.
 */
export class Packer implements SampleSink {
  readonly full: PackedBlock[] = []
  compressed = false
  readonly #options: PackerOptions
  #lender: Lender | undefined
  /** What the table at hand refers to, and how much of it. */
  #data: ArrayBuffer | undefined
  #dataEnd = 0
  #words = new Uint32Array(0)
  #bytes = new Uint8Array(0)
  #text: Buffer = Buffer.alloc(0)
  /** Next free byte; 0: no table. */
  #at = 0
  #capacity = 0
  #samples = 0
  readonly #names = new Map<string, number>()
  /** Bytes of the part at hand still to come, and the word that counts those in this fragment (0: a `more` record is due). */
  #remaining = 0
  #countAt = 0
  #closes = false

  constructor (options: PackerOptions) {
    this.#options = options
    this.#lender = options.lender
  }

  /** Something is there that should go before the source is asked for more. */
  get due (): boolean {
    return this.#data === undefined ? this.#at - headerWords * 4 >= this.#options.flushBytes : this.#lender!.last
  }

  begin (index: number, position: number, key: string): void {
    this.#reserve(20 + 3 * key.length + 4)
    const word = this.#at >> 2
    this.#at += 20
    this.#place(word, record.begin, index, position)
    this.#words[word + 4] = this.#write(key)
  }

  part (name: string, size: number): void {
    this.#reserve(8 + 3 * name.length + 4 + 20 + Math.min(size, leastFragment))
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
    this.#reserve(28 + Math.min(size, leastFragment))
    const word = this.#at >> 2
    this.#place(word, record.whole, index, position)
    this.#words[word + 4] = size
    this.#open(word + 5, size)
    this.#closes = size > 0
    if (size === 0) this.#samples++
    else this.data(block, start, end)
  }

  data (block: Uint8Array, start: number, end: number): void {
    const buffer = this.#lender?.buffer
    if (buffer !== undefined && block.buffer === buffer) this.#refer(buffer, block.byteOffset + start, end - start)
    else this.#copy(block, start, end)
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
    if (this.#at === 0) return
    const data = this.#data
    if (data !== undefined) this.#lender!.take()
    this.#seal(data)
  }

  /** The bytes stay where they are; those of one fragment lie in a row. */
  #refer (buffer: ArrayBuffer, where: number, count: number): void {
    const words = this.#words
    const follows = this.#countAt !== 0 && words[this.#countAt + 1] !== inline && words[this.#countAt]! + words[this.#countAt + 1]! === where
    if (!follows) {
      if (this.#countAt === 0 || words[this.#countAt]! > 0) this.#more()
      if (this.#lender === undefined) { this.#copy(new Uint8Array(buffer), where, where + count); return } // the record needed another table
      this.#words[this.#countAt + 1] = where
    }
    this.#data = buffer
    this.#dataEnd = where + count
    this.#words[this.#countAt]! += count
    this.#remaining -= count
    if (this.#remaining === 0) this.#complete()
  }

  #copy (block: Uint8Array, start: number, end: number): void {
    while (start < end) {
      if (this.#countAt === 0 || this.#words[this.#countAt + 1] !== inline) this.#more()
      const count = Math.min(end - start, this.#capacity - this.#at)
      this.#bytes.set(start === 0 && end === count && block.length === count ? block : block.subarray(start, start + count), this.#at)
      this.#words[this.#countAt] = this.#words[this.#countAt]! + count
      this.#at += count
      this.#remaining -= count
      start += count
      if (this.#remaining === 0) this.#complete()
      else if (this.#at === this.#capacity) this.#sealFull()
    }
  }

  #open (countWord: number, size: number): void {
    this.#words[countWord] = 0
    this.#words[countWord + 1] = inline
    this.#at = (countWord + 2) << 2
    this.#remaining = size
    this.#countAt = size === 0 ? 0 : countWord
  }

  #more (): void {
    this.#at = align(this.#at)
    this.#reserve(12 + Math.min(this.#remaining, leastFragment))
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

  /** Text at the end of the table; room was reserved. @returns its bytes */
  #write (text: string): number {
    const length = this.#text.write(text, this.#at)
    this.#at = align(this.#at + length)
    return length
  }

  #reserve (bytes: number): void {
    if (this.#at > 0 && this.#at + bytes <= this.#capacity) return
    if (this.#at > 0) this.#sealFull()
    const { acquire, blockBytes } = this.#options
    const needed = Math.max(blockBytes, align(bytes) + headerWords * 4)
    const buffer = acquire(needed)
    if (buffer.byteLength < needed) throw new RangeError(`Expected \`acquire\` to give at least ${needed} bytes, got \`${buffer.byteLength}\``)
    this.#capacity = buffer.byteLength & ~3
    this.#words = new Uint32Array(buffer, 0, this.#capacity >> 2)
    this.#bytes = new Uint8Array(buffer)
    this.#text = Buffer.from(buffer)
    this.#at = headerWords * 4
    this.#samples = 0
    this.#names.clear()
  }

  /** The table is full, in the middle of the buffer that it refers to. */
  #sealFull (): void {
    const data = this.#data
    if (data === undefined) { this.#seal(undefined); return }
    this.#lender = undefined
    this.#seal(data.slice(0, this.#dataEnd))
  }

  #seal (data: ArrayBuffer | undefined): void {
    const words = this.#words
    words[0] = magic
    words[1] = align(this.#at)
    words[2] = this.compressed ? flagCompressed : 0
    words[3] = this.#samples
    this.full.push({ table: words.buffer, data })
    this.#data = undefined
    this.#at = 0
    this.#countAt = 0
  }
}
