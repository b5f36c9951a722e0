import type { UnderlyingSource } from 'node:stream/web'
import { FsError } from '../errors/index.js'
import type { Bytes } from '../filesystem/types.js'
import type { ByteReader } from './byte-reader.js'
import { expectInteger, MiB, resolveOffset } from './expect.js'
import { opened } from './node-readable.js'
import type { Openable } from './node-readable.js'

export interface WebReadableOptions {
  /** First byte; negative counts from the end. @defaultValue 0 */
  readonly start?: number | undefined
  /** Byte after the last one; negative counts from the end. @defaultValue the end of the file */
  readonly end?: number | undefined
  /** Bytes per chunk; the last may be shorter. @defaultValue 1 MiB */
  readonly chunkBytes?: number | undefined
  /** Errors the stream with `signal.reason`. */
  readonly signal?: AbortSignal | undefined
}

/**
 * A web stream of bytes (of the default type, not 'bytes': its chunks can be transferred without harm). Nothing is asked
 * for before the consumer asks, nothing is queued; cancel() ends what is under way. The reader is closed at the end,
 * after an error and by cancel().
 *
 * @throws RangeError or TypeError for wrong options; what the reader rejects with errors the stream.
 */
export function webReadable (reader: Openable<ByteReader>, options: WebReadableOptions = {}): ReadableStream<Bytes> {
  const { start = 0, end = Infinity, chunkBytes = MiB, signal } = options
  expectInteger('start', start, Number.MIN_SAFE_INTEGER)
  if (end !== Infinity) expectInteger('end', end, Number.MIN_SAFE_INTEGER)
  expectInteger('chunkBytes', chunkBytes, 1)
  const pump = new Pump(reader, start, end, chunkBytes, signal)
  return new ReadableStream<Bytes>(pump, { highWaterMark: 0 })
}

class Pump implements UnderlyingSource<Bytes> {
  readonly #what: Openable<ByteReader>
  readonly #controller = new AbortController()
  #end: number
  readonly #chunkBytes: number
  readonly #signal: AbortSignal | undefined
  #reader: ByteReader | undefined
  #stream: ReadableStreamDefaultController<Bytes> | undefined
  #position: number
  #started = false
  #pulling: Promise<unknown> = Promise.resolve()

  constructor (what: Openable<ByteReader>, start: number, end: number, chunkBytes: number, signal: AbortSignal | undefined) {
    this.#what = what
    if (typeof what !== 'function') this.#reader = what
    this.#position = start
    this.#end = end
    this.#chunkBytes = chunkBytes
    this.#signal = signal
  }

  start (stream: ReadableStreamDefaultController<Bytes>): void {
    this.#stream = stream
    if (this.#signal?.aborted === true) this.#abort()
    else this.#signal?.addEventListener('abort', this.#abort, { once: true })
  }

  async pull (stream: ReadableStreamDefaultController<Bytes>): Promise<void> {
    const pulling = this.#next()
    this.#pulling = pulling.catch(() => {})
    try {
      const chunk = await pulling
      if (this.#controller.signal.aborted) return
      if (chunk !== undefined) { stream.enqueue(chunk); return }
    } catch (error) {
      await this.#finish(error)
      throw error
    }
    await this.#finish(new FsError('FORKFS_CLOSED', 'the stream has ended', { path: this.#reader?.path }))
    if (!this.#controller.signal.aborted) stream.close()
  }

  async cancel (reason: unknown): Promise<void> {
    const why = reason ?? new FsError('FORKFS_CLOSED', 'the stream was cancelled', { path: this.#reader?.path })
    this.#controller.abort(why)
    await this.#pulling
    await this.#finish(why)
  }

  readonly #abort = (): void => {
    const reason: unknown = this.#signal?.reason
    this.#stream?.error(reason)
    this.#controller.abort(reason)
    this.#pulling.then(() => this.#finish(reason)).catch(() => {}) // the stream has its error already
  }

  async #next (): Promise<Bytes | undefined> {
    const { signal } = this.#controller
    if (!this.#started) await this.#open(signal)
    signal.throwIfAborted()
    const reader = this.#reader
    reader?.check()
    const stop = Math.min(this.#position + this.#chunkBytes, this.#end)
    const chunk = this.#position < stop ? await reader?.read(this.#position, stop, signal) : undefined
    if (chunk === undefined || chunk.byteLength === 0) return undefined
    this.#position += chunk.byteLength
    return chunk
  }

  /** Only the opened file knows where "from the end" is. */
  async #open (signal: AbortSignal): Promise<void> {
    this.#reader ??= await opened(this.#what, signal)
    this.#started = true
    const { path, size } = this.#reader
    if (this.#position >= 0 && this.#end >= 0) return
    if (size === undefined) throw new FsError('FORKFS_NOT_SUPPORTED', 'the length is not known: offsets can not count from the end', { path })
    this.#position = resolveOffset('start', this.#position, size)
    this.#end = this.#end === Infinity ? size : resolveOffset('end', this.#end, size)
  }

  async #finish (reason: unknown): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#abort)
    await this.#reader?.close(reason)
  }
}
