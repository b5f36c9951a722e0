import type { Readable } from 'node:stream'
import { expectInteger, resolveOffset } from '../file/expect.js'
import { readerOf } from '../file/reader.js'
import type { ByteReader } from '../file/byte-reader.js'
import { refuseCloning, refuseJson } from '../file/uncloneable.js'
import type { Bytes, FileHandle, FileInfo, Verb } from '../filesystem/types.js'
import type { StreamCounter } from './counting.js'
import { checkRange } from './options.js'
import { ownerCheck } from './owner-check.js'
import type { ObjectStream, StreamRange, StreamStats } from './types.js'

/** How a source is opened once more. */
export type Reopen = (range: StreamRange) => Promise<ObjectStream>

/** A range of an open file as a stream. The file is the stream's own: it closes with it. */
export async function readStream (file: FileHandle, range: StreamRange, reopen: Reopen, counter: StreamCounter): Promise<ObjectStream> {
  const info = await file.stat()
  const { size = Infinity } = file // where only its end tells
  const end = Math.min(range.end ?? size, size)
  return new ReadStream(file, info, { begin: Math.min(range.begin, end), end, size }, { range, reopen, counter })
}

interface Source { readonly range: StreamRange, readonly reopen: Reopen, readonly counter: StreamCounter }
interface Window { readonly begin: number, readonly end: number, readonly size: number }

class ReadStream implements ObjectStream {
  readonly #window: Window
  readonly #again: Source
  /** The window as a file of its own: what has offsets is translated. */
  readonly #inner: FileHandle

  constructor (file: FileHandle, info: FileInfo, window: Window, again: Source) {
    this.#window = window
    this.#again = again
    this.#inner = readerOf(windowOf(file, info, window, again.counter))
    refuseCloning(this, () => file.path)
  }

  get path (): string { return this.#inner.path }
  /** Bytes of the stream: of its range. */
  get size (): number | undefined { return this.#inner.size }
  get stats (): StreamStats { return this.#again.counter.stats }

  /** Without a position it goes on where the last such read ended, first at `begin`. */
  read (buffer: Uint8Array, offset?: number, length?: number, position?: number | null): Promise<{ bytesRead: number, buffer: Uint8Array }> {
    if (typeof position !== 'number' || position === -1) return this.#inner.read(buffer, offset, length, position)
    const { begin } = this.#window
    return position < begin
      ? Promise.reject(new RangeError(`Expected \`position\` to be at least \`begin\` (${begin}), got \`${position}\` (number)`))
      : this.#inner.read(buffer, offset, length, position - begin)
  }

  async readRange (start: number, end: number, options?: Verb): Promise<Bytes> {
    const { begin, size } = this.#window
    if (size === Infinity) {
      expectInteger('start', start, 0)
      expectInteger('end', end, 0)
    }
    return this.#inner.readRange(this.#inside(resolveOffset('start', start, size)) - begin, this.#inside(resolveOffset('end', end, size)) - begin, options)
  }

  #inside (offset: number): number { return Math.min(Math.max(offset, this.#window.begin), this.#window.end) }

  readFile (options?: null | undefined): Promise<Bytes>
  readFile (encoding: BufferEncoding): Promise<string>
  readFile (encoding?: BufferEncoding | null): Promise<Bytes | string> { return this.#inner.readFile(encoding as BufferEncoding) }

  readLines (): AsyncIterable<string> { return this.#inner.readLines() }

  createReadStream (options: { readonly start?: number | undefined, readonly end?: number | undefined } = {}): Readable {
    const { begin } = this.#window
    const { start = begin, end = Infinity } = options
    expectInteger('start', start, 0)
    if (end !== Infinity) expectInteger('end', end, 0)
    if (start > end) throw new RangeError(`Expected \`start\` to be at most \`end\` (${end}), got \`${start}\` (number)`)
    // A last byte in front of the range leaves nothing: both lie behind its end then.
    const [first, last] = end < begin ? [Math.min(this.#window.end, Number.MAX_SAFE_INTEGER), Infinity] : [Math.max(start, begin), end]
    return this.#inner.createReadStream({ start: first - begin, end: last - begin })
  }

  async reopen (range: { readonly begin?: number | undefined, readonly end?: number | undefined } = {}): Promise<ObjectStream> {
    const { begin = this.#again.range.begin, end = this.#again.range.end } = range
    return this.#again.reopen(checkRange({ begin, end }))
  }

  write (data: Uint8Array | string): Promise<{ bytesWritten: number }> { return this.#inner.write(data) }
  /** Of the whole source. */
  stat (): Promise<FileInfo> { return this.#inner.stat() }
  commit (): Promise<void> { return this.#inner.commit() }
  abort (reason?: unknown): Promise<void> { return this.#inner.abort(reason) }
  close (): Promise<void> { return this.#inner.close() }
  async [Symbol.asyncDispose] (): Promise<void> { await this.#inner[Symbol.asyncDispose]() }
  toJSON (): never { return refuseJson(this.path) }

  [Symbol.for('nodejs.util.inspect.custom')] (): string {
    const { begin, end } = this.#window
    return `ObjectStream { path: '${this.path}', flag: 'r', begin: ${begin}, end: ${end} }`
  }
}

function windowOf (file: FileHandle, info: FileInfo, { begin, end, size }: Window, counter: StreamCounter): ByteReader {
  const closed = once(async () => {
    counter.close()
    await file[Symbol.asyncDispose]() // quiet after a reset: close() of this stream tells it
  })
  return {
    path: file.path,
    info,
    size: size === Infinity ? undefined : end - begin,
    async read (start, stop, signal, into) {
      const [from, to] = [begin + start, Math.min(begin + stop, end)]
      const data = await counter.run(() => readInto(file, from, Math.max(from, to), signal, into))
      counter.add(data.byteLength)
      return data
    },
    check: ownerCheck(file.path),
    fork () { return { ...this, close: async () => {} } },
    close: closed
  }
}

async function readInto (file: FileHandle, from: number, to: number, signal: AbortSignal | undefined, into: Uint8Array | undefined): Promise<Bytes> {
  if (into === undefined || signal !== undefined) {
    const data = await file.readRange(from, to, { signal })
    if (into === undefined) return data
    into.set(data)
    return into.subarray(0, data.byteLength) as Bytes
  }
  const { bytesRead } = await file.read(into, 0, to - from, from)
  return into.subarray(0, bytesRead) as Bytes
}

function once (work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return () => done ??= work()
}
