import type { ParserSetup, ShardParser } from './types.js'

const defaultMaxBytes = 256 * 1024 * 1024
const newline = 10
const carriageReturn = 13

/**
 * Lines end with LF or CRLF, which are not part of them; the last one may go without. A byte order mark at the start of the
 * shard is left out. Each byte is looked at once: a line over many blocks is gathered in a buffer that doubles.
 */
export class LineParser implements ShardParser {
  readonly #setup: ParserSetup
  readonly #blank: boolean
  readonly #max: number
  #index: number
  /** Of the first byte of the line at hand. */
  #position: number
  #carry = new Uint8Array(0)
  #carried = 0
  /** Bytes of a line that is left out: by `skip`, or too long. */
  #passed = 0
  #tooLong = false
  #done = false

  /** @param skipBlank leave out lines of nothing but white space; they are numbered all the same */
  constructor (setup: ParserSetup, skipBlank: boolean) {
    this.#setup = setup
    this.#blank = skipBlank
    this.#max = setup.maxSampleBytes ?? defaultMaxBytes
    this.#index = setup.first
    this.#position = setup.position
  }

  get done (): boolean { return this.#done }
  get broken (): boolean { return this.#done }

  write (block: Uint8Array): void {
    let at = 0
    while (at < block.length) {
      const found = block.indexOf(newline, at)
      if (found < 0) { this.#keep(block, at, block.length); return }
      if (this.#carried === 0 && this.#passed === 0) this.#line(block, at, found, found + 1 - at)
      else {
        this.#keep(block, at, found)
        this.#closeCarried(1)
      }
      at = found + 1
    }
  }

  end (): void {
    if (this.#carried > 0 || this.#passed > 0) this.#closeCarried(0)
    this.#done = true
  }

  abandon (): void {
    this.#done = true
    this.#carry = new Uint8Array(0)
    this.#carried = this.#passed = 0
  }

  #keep (block: Uint8Array, start: number, end: number): void {
    const length = end - start
    if (this.#index < this.#setup.skip || this.#tooLong) { this.#passed += length; return }
    if (this.#carried + length > this.#max) {
      this.#tooLong = true
      this.#passed = this.#carried + length
      this.#carried = 0
      this.#carry = new Uint8Array(0)
      this.#setup.fail(`the line is longer than ${this.#max} bytes`, this.#position, this.#index + 1)
      return
    }
    this.#reserve(this.#carried + length)
    this.#carry.set(block.subarray(start, end), this.#carried)
    this.#carried += length
  }

  #reserve (bytes: number): void {
    if (bytes <= this.#carry.length) return
    const grown = new Uint8Array(Math.max(4096, bytes, Math.min(this.#carry.length * 2, this.#max)))
    grown.set(this.#carry.subarray(0, this.#carried))
    this.#carry = grown
  }

  #closeCarried (ending: number): void {
    const length = this.#carried
    const total = length + this.#passed + ending
    const left = this.#passed > 0
    this.#carried = this.#passed = 0
    if (left) {
      this.#tooLong = false
      this.#index++
      this.#position += total
    } else this.#line(this.#carry, 0, length, total)
    if (this.#carry.length > 1024 * 1024) this.#carry = new Uint8Array(0) // one long line must not hold its memory for the whole shard
  }

  /** @param total bytes up to the next line */
  #line (block: Uint8Array, start: number, end: number, total: number): void {
    const index = this.#index++
    const position = this.#position
    this.#position += total
    if (index < this.#setup.skip) return
    if (end - start > this.#max) {
      this.#setup.fail(`the line is longer than ${this.#max} bytes`, position, index + 1)
      return
    }
    if (position === 0 && block[start] === 0xef && block[start + 1] === 0xbb && block[start + 2] === 0xbf && end - start >= 3) start += 3
    if (end > start && block[end - 1] === carriageReturn) end--
    if (this.#blank && isBlank(block, start, end)) return
    this.#setup.counters.samples++
    this.#setup.counters.bytes += end - start
    this.#setup.sink.whole(index, position, block, start, end)
  }
}

function isBlank (block: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = block[at]!
    if (byte !== 32 && byte !== 9 && byte !== carriageReturn) return false
  }
  return true
}
