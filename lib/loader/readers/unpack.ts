import { align, flagCompressed, headerWords, inline, magic, record, twoTo32 } from './block-layout.js'
import type { PackedBlock } from './block-layout.js'
import { SampleCollector } from './collect.js'
import type { ReaderName, ReadSample } from './types.js'

const noBytes = new Uint8Array(0)
const noWords = new Uint32Array(0)
const noText = Buffer.alloc(0)

/**
 * The other end of {@link Packer}: one for each run over a shard, fed with its blocks in their order. Every sample is copied
 * out, so the block can go back as soon as `unpack` has returned.
 */
export class Unpacker {
  readonly #samples: SampleCollector
  readonly #names: string[] = []
  #words = noWords
  #table = noBytes
  #text: Buffer = noText
  #data = noBytes

  constructor (reader: ReaderName, shard: string) {
    this.#samples = new SampleCollector(reader, shard)
  }

  /**
   * @returns the samples that this block completes, in order
   * @throws TypeError for what is no packed block
   */
  unpack ({ table, data }: PackedBlock): ReadSample[] {
    const words = new Uint32Array(table, 0, table.byteLength >> 2)
    const used = words[1]! >> 2
    if (words[0] !== magic || used > words.length || used < headerWords) throw new TypeError('Expected a packed block of samples, got other bytes')
    this.#samples.compressed = (words[2]! & flagCompressed) !== 0
    this.#names.length = 0
    this.#words = words
    this.#table = new Uint8Array(table)
    this.#text = Buffer.from(table)
    this.#data = data === undefined ? noBytes : new Uint8Array(data)
    try {
      for (let word = headerWords; word < used;) word = this.#record(word)
    } finally {
      this.#words = noWords // the block is another's after this
      this.#table = this.#data = noBytes
      this.#text = noText
    }
    return this.#samples.take()
  }

  /** Forget a sample that was begun: its shard is read again, or given up. */
  discard (): void {
    this.#samples.drop()
  }

  /** @returns the word at which the next record begins */
  #record (word: number): number {
    const samples = this.#samples
    const words = this.#words
    switch (words[word]) {
      case record.part:
        samples.part(this.#names[words[word + 1]!]!, words[word + 2]!)
        return this.#bytes(word + 3)
      case record.end:
        samples.end()
        return word + 1
      case record.begin: {
        const start = (word + 5) << 2
        const stop = start + words[word + 4]!
        samples.begin(words[word + 1]!, words[word + 2]! + words[word + 3]! * twoTo32, this.#text.toString('utf8', start, stop))
        return align(stop) >> 2
      }
      case record.name: {
        const start = (word + 2) << 2
        const stop = start + words[word + 1]!
        this.#names.push(this.#text.toString('utf8', start, stop))
        return align(stop) >> 2
      }
      case record.more: return this.#bytes(word + 1)
      case record.whole: return this.#whole(word)
      case record.drop:
        samples.drop()
        return word + 1
      default: throw new TypeError('Expected a packed block of samples, got a record of an unknown kind')
    }
  }

  #bytes (countWord: number): number {
    const count = this.#words[countWord]!
    const where = this.#words[countWord + 1]!
    const start = (countWord + 2) << 2
    if (where !== inline) {
      this.#samples.data(this.#data, where, where + count)
      return countWord + 2
    }
    if (count > 0) this.#samples.data(this.#table, start, start + count)
    return align(start + count) >> 2
  }

  #whole (word: number): number {
    const words = this.#words
    const index = words[word + 1]!
    const position = words[word + 2]! + words[word + 3]! * twoTo32
    const size = words[word + 4]!
    const where = words[word + 6]!
    if (words[word + 5] !== size) {
      this.#samples.beginWhole(index, position, size)
      return this.#bytes(word + 5)
    }
    if (where !== inline) {
      this.#samples.whole(index, position, this.#data, where, where + size)
      return word + 7
    }
    const start = (word + 7) << 2
    this.#samples.whole(index, position, this.#table, start, start + size)
    return align(start + size) >> 2
  }
}
