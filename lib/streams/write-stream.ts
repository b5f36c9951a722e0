import type { Readable } from 'node:stream'
import { FsError } from '../errors/index.js'
import { refuseCloning, refuseJson } from '../file/uncloneable.js'
import type { Bytes, FileHandle, FileInfo } from '../filesystem/types.js'
import { addFinalizer, allowListeners, onReset } from '../owner/index.js'
import type { StreamCounter } from './counting.js'
import type { StagedWrite } from './staged-write.js'
import type { ObjectStream, StreamStats } from './types.js'

/** Tells of streams that nobody can close any more. */
let lost: FinalizationRegistry<WriteCore> | undefined

onReset(() => {
  lost = undefined // those of another owner are none of ours
  return {}
})

export interface WriteStreamOptions {
  readonly onDispose: 'commit' | 'abort'
  /** What the end of the process does with an open write. @defaultValue as `onDispose` */
  readonly onEnd?: 'commit' | 'abort' | undefined
  readonly counter: StreamCounter
  /** What it stages to, where that is ours. */
  readonly staged?: StagedWrite | undefined
  readonly signal?: AbortSignal | undefined
}

/** A handle that is open for writing as a stream. */
export function writeStream (file: FileHandle, options: WriteStreamOptions): ObjectStream {
  const core = new WriteCore(file, options)
  const stream = new WriteStream(core)
  lost ??= new FinalizationRegistry(forgotten => { forgotten.lost() })
  lost.register(stream, core)
  return stream
}

/** What the end of the process needs of a stream; it does not hold the stream itself, so that a forgotten one is noticed. */
class WriteCore {
  readonly file: FileHandle
  readonly counter: StreamCounter
  readonly #onDispose: 'commit' | 'abort'
  readonly #onEnd: 'commit' | 'abort'
  readonly #staged: StagedWrite | undefined
  readonly #signal: AbortSignal | undefined
  readonly #disarm: () => void
  readonly #abort: () => void
  #closing: Promise<void> | undefined
  #aborted = false
  #bySignal = false
  /** A call of write() failed: dispose must not publish what is there. */
  #spoilt = false
  /** An error ended its writer, as far as anybody knows: only close() says that it is whole. */
  #doubtful = false
  /** Why the end of the process has dropped it. */
  #ended: FsError | undefined
  #writing = 0
  #leaving: Promise<void> | undefined

  constructor (file: FileHandle, { onDispose, onEnd = onDispose, counter, staged, signal }: WriteStreamOptions) {
    this.file = file
    this.counter = counter
    this.#onDispose = onDispose
    this.#onEnd = onEnd
    this.#staged = staged
    this.#signal = signal
    this.#disarm = addFinalizer({
      drain: () => this.#drain(),
      exit: () => { if (this.#isWhole && (this.#closing !== undefined || this.#commitsAtEnd)) staged?.exit() },
      uncaught: () => { this.#doubtful = true }
    })
    this.#abort = () => {
      this.#bySignal = this.#closing === undefined
      this.#drop(signal?.reason).catch(() => {}) // its file is left to the sweep
    }
    if (staged === undefined || signal === undefined) return // the file has heard of the signal itself
    allowListeners(signal)
    signal.addEventListener('abort', this.#abort, { once: true })
  }

  /** All that was given to write() was taken. */
  get #isWhole (): boolean { return !this.#aborted && !this.#spoilt && this.#writing === 0 }

  get #commitsAtEnd (): boolean { return this.#onEnd === 'commit' && !this.#doubtful }

  async write (data: Uint8Array | string, rest: readonly unknown[]): Promise<{ bytesWritten: number }> {
    this.#writing++
    try {
      const result = await (this.file.write as (...args: readonly unknown[]) => Promise<{ bytesWritten: number }>).call(this.file, data, ...rest)
      this.counter.add(result.bytesWritten)
      return result
    } catch (error) {
      this.#spoilt = true
      throw error
    } finally {
      this.#writing--
    }
  }

  close (): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close (): Promise<void> {
    try {
      await this.counter.run(() => this.file.close())
      if (this.#bySignal) throw this.#signal?.reason
      if (this.#ended !== undefined) throw this.#ended
    } finally {
      this.#end()
    }
  }

  /** After a failed close() it gives up what was kept. */
  async abort (reason?: unknown): Promise<void> {
    await this.#drop(reason)
    if (this.#closing !== undefined) await this.#staged?.forget()
  }

  async #drop (reason: unknown): Promise<void> {
    this.#aborted = true
    try {
      await this.file.abort(reason)
    } finally {
      this.#end()
    }
  }

  async dispose (): Promise<void> {
    if (this.#closing !== undefined) { await this.#closing.catch(() => {}); return }
    if (this.#bySignal) throw this.#signal?.reason // nobody may have been told
    if (this.#ended !== undefined && this.#onDispose === 'commit') throw this.#ended
    if (this.#aborted) return
    if (this.#spoilt || this.#onDispose === 'abort') { await this.#drop(undefined); return }
    await this.close()
  }

  /** The stream was collected: an upload can not begin here, nobody would wait for it. */
  lost (): void {
    if (this.#closing !== undefined || this.#aborted || this.#leaving !== undefined) return
    const { path, size = 0 } = this.file
    const keeps = this.#staged !== undefined && this.#commitsAtEnd && this.#isWhole
    process.emitWarning(`a stream to '${path}' was dropped without close(): its ${size} bytes ${keeps ? 'are kept for recover()' : 'are lost'}. Use withStream()`, { type: 'ForkfsWarning' })
    this.#leaving = (async () => {
      try {
        if (keeps) await this.#staged?.keepForLater()
      } finally {
        await this.#drop(undefined)
      }
    })()
    this.#leaving.catch(() => {}) // a full disk: the warning has told enough
  }

  async #drain (): Promise<void> {
    if (this.#leaving !== undefined) { await this.#leaving.catch(() => {}); return }
    if (this.#closing !== undefined) { await this.#closing.catch(() => {}); return } // its caller is told
    if (this.#aborted) return
    if (this.#commitsAtEnd && !this.#spoilt) await this.close()
    else await this.#dropAtEnd()
  }

  /** Who goes on after shutdown() is not to believe that it was published. */
  async #dropAtEnd (): Promise<void> {
    const { path, size = 0 } = this.file
    this.#ended = new FsError('FORKFS_CLOSED', 'the process ends, or shutdown() was called, before the stream was closed: nothing was published', { operation: 'stream', path })
    if (this.#onDispose === 'commit') process.emitWarning(`${size} bytes written to '${path}' were dropped: the process ended before its stream was closed`, { type: 'ForkfsWarning' })
    await this.#drop(this.#ended)
  }

  #end (): void {
    this.#disarm()
    this.#signal?.removeEventListener('abort', this.#abort)
    this.counter.close()
  }
}

class WriteStream implements ObjectStream {
  readonly #core: WriteCore

  constructor (core: WriteCore) {
    this.#core = core
    refuseCloning(this, () => core.file.path)
  }

  get path (): string { return this.#core.file.path }
  /** Bytes taken so far. */
  get size (): number | undefined { return this.#core.file.size }
  get stats (): StreamStats { return this.#core.counter.stats }

  write (data: Uint8Array | string, ...rest: readonly unknown[]): Promise<{ bytesWritten: number }> { return this.#core.write(data, rest) }
  /** As close(): a stream is published once. */
  commit (): Promise<void> { return this.#core.close() }
  abort (reason?: unknown): Promise<void> { return this.#core.abort(reason) }
  /** Calls at once, and later ones, share one upload and its outcome. */
  close (): Promise<void> { return this.#core.close() }
  [Symbol.asyncDispose] (): Promise<void> { return this.#core.dispose() }

  async reopen (): Promise<never> {
    throw new FsError('FORKFS_NOT_SUPPORTED', 'the stream is open for writing; only readers are opened again', { operation: 'reopen', path: this.path })
  }

  stat (): Promise<FileInfo> { return this.#core.file.stat() }
  read (buffer: Uint8Array, offset?: number, length?: number, position?: number | null): Promise<{ bytesRead: number, buffer: Uint8Array }> {
    return this.#core.file.read(buffer, offset, length, position)
  }

  readRange (start: number, end: number): Promise<Bytes> { return this.#core.file.readRange(start, end) }
  readFile (options?: null | undefined): Promise<Bytes>
  readFile (encoding: BufferEncoding): Promise<string>
  readFile (encoding?: BufferEncoding | null): Promise<Bytes | string> { return this.#core.file.readFile(encoding as BufferEncoding) }
  readLines (): AsyncIterable<string> { return this.#core.file.readLines() }
  createReadStream (): Readable { return this.#core.file.createReadStream() }
  toJSON (): never { return refuseJson(this.path) }

  [Symbol.for('nodejs.util.inspect.custom')] (): string { return `ObjectStream { path: '${this.path}', flag: 'w', size: ${this.size} }` }
}
