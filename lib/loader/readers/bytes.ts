import type { ParserSetup, ShardParser } from './types.js'

const defaultMaxBytes = 2 ** 31 - 1

/** The whole shard, as it is stored, is one sample. Of unknown size it is gathered first, in a buffer that doubles. */
export class BytesParser implements ShardParser {
  readonly #setup: ParserSetup
  readonly #max: number
  readonly #wanted: boolean
  readonly #size: number | undefined
  #carry = new Uint8Array(0)
  #filled = 0
  #open = false
  #done = false

  constructor (setup: ParserSetup) {
    this.#setup = setup
    this.#max = setup.maxSampleBytes ?? defaultMaxBytes
    this.#size = setup.size
    this.#wanted = setup.skip === 0
    this.#done = !this.#wanted
  }

  get done (): boolean { return this.#done }
  get broken (): boolean { return this.#done }

  write (block: Uint8Array): void {
    if (this.#done) return
    const filled = this.#filled + block.length
    if (Math.max(filled, this.#size ?? 0) > this.#max) return this.#broken(`the shard is larger than ${this.#max} bytes`)
    if (this.#size === undefined) this.#gather(block, filled)
    else {
      if (filled > this.#size) return this.#broken('the shard is longer than its size says')
      this.#begin(this.#size)
      if (block.length > 0) this.#setup.sink.data(block, 0, block.length)
    }
    this.#filled = filled
  }

  end (): void {
    if (this.#done) return
    if (this.#size !== undefined && this.#filled < this.#size) return this.#broken('the shard is shorter than its size says')
    if (this.#size === undefined) this.#setup.sink.whole(0, 0, this.#carry, 0, this.#filled)
    else {
      this.#begin(this.#size)
      this.#setup.sink.end()
    }
    this.#setup.counters.samples++
    this.#setup.counters.bytes += this.#filled
    this.#done = true
  }

  abandon (): void {
    this.#done = true
    if (this.#open) this.#setup.sink.drop()
    this.#open = false
  }

  #begin (size: number): void {
    if (this.#open) return
    this.#open = true
    this.#setup.sink.begin(0, 0, '')
    this.#setup.sink.part('', size)
  }

  #gather (block: Uint8Array, filled: number): void {
    if (filled > this.#carry.length) {
      const grown = new Uint8Array(Math.max(65_536, filled, Math.min(this.#carry.length * 2, this.#max)))
      grown.set(this.#carry.subarray(0, this.#filled))
      this.#carry = grown
    }
    this.#carry.set(block, this.#filled)
  }

  #broken (problem: string): void {
    this.abandon()
    this.#setup.fail(problem, this.#filled)
  }
}
