/** How long a request's body is, of known length or in chunks; what is in it is nobody's business. */

const newline = 10

export class BodyCounter {
  /** Bytes of content that came. */
  bytes = 0
  done: boolean
  readonly #isChunked: boolean
  /** Bytes until the next line, or the end. */
  #left: number
  /** The beginning of a line of a chunked body. */
  #line = ''
  /** The chunk of no bytes came: lines up to an empty one follow. */
  #isTrailer = false

  /** `length` undefined: in chunks. */
  constructor (length: number | undefined) {
    this.#isChunked = length === undefined
    this.#left = length ?? 0
    this.done = length === 0
  }

  /** @returns how many bytes belong to the body */
  take (chunk: Buffer): number {
    let at = 0
    while (at < chunk.length && !this.done) at = this.#left > 0 ? this.#content(chunk, at) : this.#framing(chunk, at)
    return at
  }

  #content (chunk: Buffer, at: number): number {
    const taken = Math.min(this.#left, chunk.length - at)
    this.#left -= taken
    this.bytes += taken
    if (this.#left === 0 && !this.#isChunked) this.done = true
    return at + taken
  }

  /** A line between chunks: a length, the empty end of the chunk before, or a trailer. */
  #framing (chunk: Buffer, at: number): number {
    const end = chunk.indexOf(newline, at)
    this.#line += chunk.toString('latin1', at, end === -1 ? chunk.length : end)
    if (end === -1) return chunk.length
    const line = this.#line.trimEnd()
    this.#line = ''
    if (this.#isTrailer) this.done = line === ''
    else if (line !== '') {
      this.#left = parseInt(line, 16)
      this.#isTrailer = this.#left === 0
    }
    return end + 1
  }
}
