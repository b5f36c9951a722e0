import { align, flagCompressed, headerWords, magic, record, twoTo32 } from './block-layout.js'
import { SampleCollector } from './collect.js'
import type { ReaderName, ReadSample } from './types.js'

/**
 * The other end of {@link Packer}: one for each run over a shard, fed with its blocks in their order. Every sample is copied
 * out, so the block can go back as soon as `unpack` has returned.
 */
export class Unpacker {
  readonly #samples: SampleCollector
  readonly #names: string[] = []

  constructor (reader: ReaderName, shard: string) {
    this.#samples = new SampleCollector(reader, shard)
  }

  /**
   * @returns the samples that this block completes, in order
   * @throws TypeError for what is no packed block
   */
  unpack (block: ArrayBuffer): ReadSample[] {
    const words = new Uint32Array(block, 0, block.byteLength >> 2)
    const used = words[1]! >> 2
    if (words[0] !== magic || used > words.length || used < headerWords) throw new TypeError('Expected a packed block of samples, got other bytes')
    this.#samples.compressed = (words[2]! & flagCompressed) !== 0
    this.#names.length = 0
    const bytes = new Uint8Array(block)
    const text = Buffer.from(block)
    let word = headerWords
    while (word < used) word = this.#record(words, bytes, text, word)
    return this.#samples.take()
  }

  /** Forget a sample that was begun: its shard is read again, or given up. */
  discard (): void {
    this.#samples.drop()
  }

  /** @returns the word at which the next record begins */
  #record (words: Uint32Array, bytes: Uint8Array, text: Buffer, word: number): number {
    const samples = this.#samples
    switch (words[word]) {
      case record.part:
        samples.part(this.#names[words[word + 1]!]!, words[word + 2]!)
        return this.#data(words, bytes, word + 3)
      case record.end:
        samples.end()
        return word + 1
      case record.begin: {
        const start = (word + 5) << 2
        const stop = start + words[word + 4]!
        samples.begin(words[word + 1]!, words[word + 2]! + words[word + 3]! * twoTo32, text.toString('utf8', start, stop))
        return align(stop) >> 2
      }
      case record.name: {
        const start = (word + 2) << 2
        const stop = start + words[word + 1]!
        this.#names.push(text.toString('utf8', start, stop))
        return align(stop) >> 2
      }
      case record.more: return this.#data(words, bytes, word + 1)
      case record.whole: return this.#whole(words, bytes, word)
      case record.drop:
        samples.drop()
        return word + 1
      default: throw new TypeError('Expected a packed block of samples, got a record of an unknown kind')
    }
  }

  #data (words: Uint32Array, bytes: Uint8Array, countWord: number): number {
    const start = (countWord + 1) << 2
    const stop = start + words[countWord]!
    this.#samples.data(bytes, start, stop)
    return align(stop) >> 2
  }

  #whole (words: Uint32Array, bytes: Uint8Array, word: number): number {
    const index = words[word + 1]!
    const position = words[word + 2]! + words[word + 3]! * twoTo32
    const size = words[word + 4]!
    const here = words[word + 5]!
    const start = (word + 6) << 2
    if (here === size) {
      this.#samples.whole(index, position, bytes, start, start + size)
      return align(start + size) >> 2
    }
    this.#samples.beginWhole(index, position, size)
    return this.#data(words, bytes, word + 5)
  }
}
