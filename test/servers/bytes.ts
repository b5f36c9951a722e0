/** Immutable bytes kept as a list of chunks: slices share the memory, nothing is copied until {@link Bytes.toUint8Array}. */
export class Bytes {
  readonly size: number
  readonly #chunks: readonly Uint8Array[]

  private constructor (chunks: readonly Uint8Array[], size: number) {
    this.#chunks = chunks
    this.size = size
  }

  static readonly empty: Bytes = new Bytes([], 0)

  /** The chunks are kept, not copied: the caller must not write to them afterwards. Strings become UTF-8. */
  static of (...parts: readonly (Uint8Array | string | Bytes)[]): Bytes {
    const chunks: Uint8Array[] = []
    let size = 0
    for (const part of parts) {
      const list = part instanceof Bytes ? part.#chunks : [typeof part === 'string' ? Buffer.from(part, 'utf8') : part]
      for (const chunk of list) if (chunk.byteLength > 0) chunks.push(chunk)
      for (const chunk of list) size += chunk.byteLength
    }
    return size === 0 ? Bytes.empty : new Bytes(chunks, size)
  }

  get chunks (): readonly Uint8Array[] { return this.#chunks }

  /** Half-open and clamped to the size; views on the same memory. */
  slice (start: number, end: number = this.size): Bytes {
    if (start <= 0 && end >= this.size) return this
    const chunks: Uint8Array[] = []
    let size = 0
    let at = 0
    for (const chunk of this.#chunks) {
      const from = Math.max(start - at, 0)
      const to = Math.min(end - at, chunk.byteLength)
      at += chunk.byteLength
      if (from >= to) continue
      chunks.push(chunk.subarray(from, to))
      size += to - from
    }
    return size === 0 ? Bytes.empty : new Bytes(chunks, size)
  }

  /** One array; the only chunk itself where there is one. */
  toUint8Array (): Uint8Array {
    return this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.size)
  }

  toString (): string {
    const all = this.toUint8Array()
    return Buffer.from(all.buffer, all.byteOffset, all.byteLength).toString('utf8')
  }
}

const blockBytes = 4 << 20

/**
 * Collects what arrives in small pieces into large blocks, so that a body of a gibibyte is some hundred chunks to send, not 16,000.
 * `expected` (bytes) sizes the blocks; more may be pushed.
 */
export class BytesWriter {
  readonly #done: Uint8Array[] = []
  #block: Buffer
  #used = 0
  #left: number
  size = 0

  constructor (expected = 0) {
    this.#left = expected
    this.#block = this.#next(0)
  }

  push (piece: Uint8Array): void {
    this.size += piece.byteLength
    let at = 0
    while (at < piece.byteLength) {
      if (this.#used === this.#block.byteLength) {
        this.#done.push(this.#block)
        this.#block = this.#next(piece.byteLength - at)
        this.#used = 0
      }
      const n = Math.min(piece.byteLength - at, this.#block.byteLength - this.#used)
      this.#block.set(n === piece.byteLength ? piece : piece.subarray(at, at + n), this.#used)
      this.#used += n
      at += n
    }
  }

  finish (): Bytes {
    return Bytes.of(...this.#done, this.#block.subarray(0, this.#used))
  }

  #next (atLeast: number): Buffer {
    const size = Math.min(Math.max(this.#left, atLeast), blockBytes)
    this.#left = Math.max(this.#left - size, 0)
    return Buffer.allocUnsafeSlow(size)
  }
}
