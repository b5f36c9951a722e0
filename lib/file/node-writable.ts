import type { Writable } from 'node:stream'
import { FsError } from '../errors/index.js'
import type { StagedWriter } from '../filesystem/types.js'
import { expectInteger, MiB, nothing } from './expect.js'
import { opened } from './node-readable.js'
import type { Openable } from './node-readable.js'

export interface NodeWritableOptions {
  /** For messages. */
  readonly path: string
  /** Throws when the owner of the write has changed. */
  readonly check?: (() => void) | undefined
  /** Called once, when the write is published or dropped. */
  readonly release?: (() => void) | undefined
  /** Bytes waiting before write() asks the caller to wait, integer >= 1. @defaultValue 1 MiB */
  readonly highWaterMark?: number | undefined
  /** Destroys the stream with `signal.reason`. */
  readonly signal?: AbortSignal | undefined
}

/**
 * A Node stream over a staged write: end() publishes, and 'finish' comes after that; destroy() without it, or any error,
 * drops everything. Chunks that queued up are taken together.
 */
export function nodeWritable (staged: Openable<StagedWriter>, options: NodeWritableOptions): Writable {
  const { highWaterMark = MiB } = options
  expectInteger('highWaterMark', highWaterMark, 1)
  return new StagedWritable(staged, options, highWaterMark).stream
}

type Done = (error?: Error | null) => void

/** What takes from a stream. No subclass: node:stream is loaded with the first one, not with the package. */
class StagedWritable {
  readonly stream: Writable
  readonly #what: Openable<StagedWriter>
  readonly #options: NodeWritableOptions
  readonly #controller = new AbortController()
  #staged: StagedWriter | undefined
  #working: Promise<unknown> = Promise.resolve()
  #published = false

  constructor (what: Openable<StagedWriter>, options: NodeWritableOptions, highWaterMark: number) {
    const { Writable } = process.getBuiltinModule('node:stream')
    this.stream = new Writable({
      highWaterMark,
      write: (chunk, encoding, done) => { this.#work(staged => staged.write(bytesOf(chunk, encoding)), done) },
      writev: (waiting, done) => { this.#work(staged => staged.write(Buffer.concat(waiting.map(({ chunk, encoding }) => bytesOf(chunk, encoding)))), done) },
      final: done => { this.#finish(done) },
      destroy: (error, done) => { this.#destroy(error, done) }
    })
    this.#what = what
    this.#options = options
    if (typeof what !== 'function') this.#staged = what
    const { signal } = options
    if (signal?.aborted === true) this.stream.destroy(signal.reason as Error)
    else signal?.addEventListener('abort', this.#abort, { once: true })
  }

  #finish (done: Done): void {
    this.#work(async staged => {
      await staged.commit()
      this.#published = true
    }, done)
  }

  #destroy (error: Error | null, done: Done): void {
    const { signal, release, path } = this.#options
    signal?.removeEventListener('abort', this.#abort)
    const reason = error ?? new FsError('FORKFS_CLOSED', 'the stream was destroyed before it ended', { path })
    this.#controller.abort(reason)
    this.#drop(reason).then(() => { done(error) }, (failure: unknown) => { done(error ?? failure as Error) }).finally(() => release?.())
  }

  readonly #abort = (): void => { this.stream.destroy(this.#options.signal?.reason as Error) }

  #work (work: (staged: StagedWriter) => Promise<unknown>, done: Done): void {
    const run = async (): Promise<void> => {
      this.#options.check?.()
      this.#staged ??= await opened(this.#what, this.#controller.signal)
      this.#controller.signal.throwIfAborted()
      await work(this.#staged)
    }
    const working = run()
    this.#working = working.catch(nothing)
    working.then(() => { done() }, (error: unknown) => { done(error as Error) })
  }

  async #drop (reason: unknown): Promise<void> {
    if (this.#published || !ownedStill(this.#options.check)) return
    // a write under way is ended by abort(); one that only opens yet is waited for, its file would stay otherwise
    await this.#staged?.abort(reason)
    await this.#working
    if (!this.#published) await this.#staged?.abort(reason)
  }
}

/** What another owner began is forgotten, not ended: its clients are gone and its files are swept later. */
export function ownedStill (check: (() => void) | undefined): boolean {
  try {
    check?.()
    return true
  } catch {
    return false
  }
}

function bytesOf (chunk: unknown, encoding: BufferEncoding): Uint8Array {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk as Uint8Array
}
