import type { Readable } from 'node:stream'
import { FsError } from '../errors/index.js'
import type { ByteReader } from './byte-reader.js'
import { expectInteger, MiB } from './expect.js'

/** Something to read from, or how to open it (at the first read; the signal aborts when the stream is destroyed before). */
export type Openable<T> = T | ((signal: AbortSignal) => Promise<T>)

export async function opened<T extends object> (what: Openable<T>, signal: AbortSignal): Promise<T> {
  return typeof what === 'function' ? what(signal) : what
}

export interface NodeReadableOptions {
  /** First byte, integer >= 0. @defaultValue 0 */
  readonly start?: number | undefined
  /** Last byte, inclusive as in node:fs; may be Infinity. @defaultValue Infinity */
  readonly end?: number | undefined
  /** Bytes per chunk, and what the stream keeps for a consumer that is slower, integer >= 1. @defaultValue 1 MiB */
  readonly highWaterMark?: number | undefined
  /** Destroys the stream with `signal.reason`. */
  readonly signal?: AbortSignal | undefined
}

/**
 * A Node stream of bytes that closes its reader when it ends, fails or is destroyed. Asks only while the consumer has
 * room: one that pauses has nothing under way. Chunks are never used again by us; those of one request (at most 8 MiB) share its memory.
 *
 * @throws RangeError or TypeError for wrong options; what the reader rejects with is emitted as 'error'.
 */
export function nodeReadable (reader: Openable<ByteReader>, options: NodeReadableOptions = {}): Readable {
  const { start = 0, end = Infinity, highWaterMark = MiB, signal } = options
  expectInteger('start', start, 0)
  if (end !== Infinity) expectInteger('end', end, 0)
  expectInteger('highWaterMark', highWaterMark, 1)
  if (start > end) throw new RangeError(`Expected \`start\` to be at most \`end\` (${end}), got \`${start}\` (number)`)
  return new ByteReadable(reader, start, end + 1, highWaterMark, signal).stream
}

/** What fills a stream. No subclass: node:stream is loaded with the first one, not with the package. */
class ByteReadable {
  readonly stream: Readable
  readonly #what: Openable<ByteReader>
  readonly #controller = new AbortController()
  readonly #end: number
  readonly #chunkBytes: number
  readonly #signal: AbortSignal | undefined
  #reader: ByteReader | undefined
  #position: number
  #reading: Promise<void> = Promise.resolve()

  constructor (what: Openable<ByteReader>, start: number, end: number, chunkBytes: number, signal: AbortSignal | undefined) {
    const { Readable } = process.getBuiltinModule('node:stream')
    this.stream = new Readable({ highWaterMark: chunkBytes, read: () => { this.#read() }, destroy: (error, done) => { this.#destroy(error, done) } })
    this.#what = what
    this.#position = start
    this.#end = end
    this.#chunkBytes = chunkBytes
    this.#signal = signal
    if (typeof what !== 'function') this.#reader = what
    if (signal?.aborted === true) this.stream.destroy(signal.reason as Error)
    else signal?.addEventListener('abort', this.#abort, { once: true })
  }

  #read (): void {
    const { stream } = this
    this.#reading = this.#next().then(
      chunk => { if (!stream.destroyed) stream.push(chunk) },
      (error: unknown) => { stream.destroy(error as Error) }
    )
  }

  #destroy (error: Error | null, done: (error?: Error | null) => void): void {
    this.#signal?.removeEventListener('abort', this.#abort)
    const reason = error ?? new FsError('FORKFS_CLOSED', 'the stream was destroyed', { path: this.#reader?.path })
    this.#controller.abort(reason)
    this.#reading.then(() => this.#reader?.close(reason)).then(() => { done(error) }, (failure: unknown) => { done(error ?? failure as Error) })
  }

  readonly #abort = (): void => { this.stream.destroy(this.#signal?.reason as Error) }

  async #next (): Promise<Buffer | null> {
    const { signal } = this.#controller
    this.#reader ??= await opened(this.#what, signal)
    signal.throwIfAborted()
    const reader = this.#reader
    reader.check()
    const stop = Math.min(this.#position + this.#chunkBytes, this.#end)
    const chunk = this.#position < stop ? await reader.read(this.#position, stop, signal) : undefined
    if (chunk === undefined || chunk.byteLength === 0) return null
    this.#position += chunk.byteLength
    return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  }
}
