import type { Readable } from 'node:stream'
import { checkNames, FsError } from '../errors/index.js'
import type { Bytes, FileHandle, FileInfo, Verb } from '../filesystem/types.js'
import { openBytes } from './byte-reader.js'
import type { ByteReader } from './byte-reader.js'
import { allocate, expectBytes, expectInteger, MiB, resolveOffset } from './expect.js'
import { splitLines } from './lines.js'
import { nodeReadable } from './node-readable.js'
import type { NodeReadableOptions } from './node-readable.js'
import { Queue } from './ranges.js'
import type { RangeSource } from './source.js'
import type { StrategyChoice } from './strategies.js'
import { refuseCloning, refuseJson } from './uncloneable.js'

const rangeNames: ReadonlySet<string> = new Set(['signal'] satisfies ReadonlyArray<keyof Verb>)
const wholeNames: ReadonlySet<string> = new Set(['encoding', 'signal'] satisfies ReadonlyArray<keyof ReadFileOptions>)
const streamNames: ReadonlySet<string> = new Set(['start', 'end', 'highWaterMark'] satisfies ReadonlyArray<keyof NodeReadableOptions>)
const inspect = Symbol.for('nodejs.util.inspect.custom')

interface ReadResult { bytesRead: number, buffer: Uint8Array }

/** What node:fs takes too. */
interface ReadFileOptions extends Verb { readonly encoding?: BufferEncoding | null | undefined }

/**
 * A file opened for reading ('r'), pinned to the version it had then. No I/O before the first read.
 *
 * @param source What the filesystem bound to its owner; released when the handle is closed.
 * @throws FsError FORKFS_NOT_SUPPORTED for a read strategy that does not exist yet.
 */
export function openReader (source: RangeSource, options: StrategyChoice = {}): FileHandle {
  return new Reader(openBytes(source, options))
}

/** The same over anything that reads bytes, for example the decoded bytes of a compressed file. */
export function readerOf (bytes: ByteReader): FileHandle {
  return new Reader(bytes)
}

class Reader implements FileHandle {
  readonly #bytes: ByteReader
  readonly #sequential = new Queue()
  readonly #streams = new Set<Readable>()
  readonly #working = new Set<Promise<unknown>>()
  #position = 0
  #closing: Promise<void> | undefined

  constructor (bytes: ByteReader) {
    this.#bytes = bytes
    refuseCloning(this, () => bytes.path)
  }

  get path (): string { return this.#bytes.path }
  get size (): number | undefined { return this.#bytes.size }

  async read (buffer: Uint8Array, offset?: number | null, length?: number | null, position?: number | null): Promise<ReadResult> {
    this.#check('read')
    expectBytes('buffer', buffer)
    const from = offset ?? 0
    expectInteger('offset', from, 0)
    if (from > buffer.byteLength) throw new RangeError(`Expected \`offset\` to be at most ${buffer.byteLength}, got \`${from}\` (number)`)
    const count = length ?? buffer.byteLength - from
    expectInteger('length', count, 0)
    if (from + count > buffer.byteLength) throw new RangeError(`Expected \`length\` to be at most ${buffer.byteLength - from}, got \`${count}\` (number)`)
    const into = buffer.subarray(from, from + count)
    // -1 is how node:fs spells the current position in numbers
    if (position === undefined || position === null || position === -1) return { bytesRead: await this.#readNext(into), buffer }
    expectInteger('position', position, 0)
    return { bytesRead: await this.#fill(into, position), buffer }
  }

  async readRange (start: number, end: number, options: Verb = {}): Promise<Bytes> {
    this.#check('readRange')
    checkNames('readRange()', options, rangeNames)
    const { size } = this
    if (size === undefined) {
      expectInteger('start', start, 0)
      expectInteger('end', end, 0)
    }
    const from = size === undefined ? start : resolveOffset('start', start, size)
    const to = size === undefined ? end : resolveOffset('end', end, size)
    options.signal?.throwIfAborted()
    return from >= to ? allocate(0) : this.#work(this.#bytes.read(from, to, options.signal))
  }

  readFile (options?: null | undefined): Promise<Bytes>
  readFile (options: BufferEncoding): Promise<string>
  readFile (options?: BufferEncoding | ReadFileOptions | null): Promise<Bytes | string>
  /** The whole file from its beginning, whatever the current position is. */
  async readFile (options?: BufferEncoding | ReadFileOptions | null): Promise<Bytes | string> {
    this.#check('readFile')
    const { encoding, signal }: ReadFileOptions = typeof options === 'string' ? { encoding: options } : options ?? {}
    if (typeof options === 'object' && options !== null) checkNames('readFile()', options, wholeNames)
    if (encoding != null && !Buffer.isEncoding(encoding)) throw new TypeError(`Expected \`encoding\` to be an encoding that Buffer knows, got \`${String(encoding)}\` (${typeof encoding})`)
    signal?.throwIfAborted()
    const data = await this.#work(this.size === undefined ? this.#readToEnd(signal) : this.#bytes.read(0, this.size, signal))
    return encoding == null ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString(encoding)
  }

  readLines (): AsyncIterable<string> {
    this.#check('readLines')
    return splitLines(this.createReadStream())
  }

  async write (_data: Uint8Array | string): Promise<never> {
    this.#check('write')
    throw new FsError('FORKFS_NOT_SUPPORTED', 'the file is open for reading; open it with \'w\' to write', { operation: 'write', path: this.path })
  }

  async stat (): Promise<FileInfo> {
    this.#check('stat')
    return this.#bytes.info
  }

  /** A stream with a window of its own: it neither moves nor follows the current position, and does not close the handle. */
  createReadStream (options: Omit<NodeReadableOptions, 'signal'> = {}): Readable {
    this.#check('createReadStream')
    checkNames('createReadStream()', options, streamNames)
    const stream = nodeReadable(this.#bytes.fork(), options)
    this.#streams.add(stream)
    stream.once('close', () => { this.#streams.delete(stream) })
    return stream
  }

  /** Nothing to publish. */
  async commit (): Promise<void> { this.#check('commit') }

  /** Nothing to drop. */
  async abort (_reason?: unknown): Promise<void> { this.#check('abort') }

  /** Waits for reads under way; streams of this handle end with FORKFS_CLOSED. The source is released even after a reset, which it then rejects with. */
  async close (): Promise<void> {
    const begun = this.#closing !== undefined
    await this.#release()
    if (!begun) this.#bytes.check()
  }

  /** As close(), but quiet after a reset: a reader has nothing to lose. */
  async [Symbol.asyncDispose] (): Promise<void> { await this.#release() }

  toJSON (): never { return refuseJson(this.path) }

  [inspect] (): string {
    return `FileHandle { path: '${this.path}', flag: 'r', size: ${this.size}, state: '${this.#closing === undefined ? 'open' : 'closed'}' }`
  }

  #check (operation: string): void {
    this.#bytes.check()
    if (this.#closing !== undefined) throw this.#closed(operation)
  }

  #closed (operation: string): FsError {
    return new FsError('FORKFS_CLOSED', 'the file handle is closed', { operation, path: this.path })
  }

  #release (): Promise<void> {
    this.#closing ??= (async () => {
      const reason = this.#closed('close')
      const ended = [...this.#streams].map(stream => new Promise(resolve => {
        // without a listener the error would end the process; a consumer that waits has one
        stream.once('close', resolve).destroy(stream.listenerCount('error') > 0 ? reason : undefined)
      }))
      await Promise.allSettled([...this.#working, ...ended])
      await this.#bytes.close(reason)
    })()
    return this.#closing
  }

  /** Counts as under way until it settles. */
  async #work<T> (work: Promise<T>): Promise<T> {
    this.#working.add(work)
    try {
      return await work
    } finally {
      this.#working.delete(work)
    }
  }

  /** The position moves only when the bytes are there: a read that failed can be made again. */
  #readNext (into: Uint8Array): Promise<number> {
    return this.#work(this.#sequential.run(async () => {
      const bytesRead = await this.#fill(into, this.#position)
      this.#position += bytesRead
      return bytesRead
    }))
  }

  async #fill (into: Uint8Array, position: number): Promise<number> {
    if (into.byteLength === 0) return 0
    const data = await this.#work(this.#bytes.read(position, position + into.byteLength, undefined, into))
    return data.byteLength
  }

  async #readToEnd (signal: AbortSignal | undefined): Promise<Bytes> {
    const bytes = this.#bytes.fork()
    const chunks: Bytes[] = []
    try {
      for (let at = 0; ;) {
        const chunk = await bytes.read(at, at + MiB, signal)
        if (chunk.byteLength === 0) return joined(chunks, at)
        chunks.push(chunk)
        at += chunk.byteLength
      }
    } finally {
      await bytes.close(this.#closed('readFile'))
    }
  }
}

function joined (chunks: readonly Bytes[], length: number): Bytes {
  const whole = allocate(length)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.byteLength
  }
  return whole
}
