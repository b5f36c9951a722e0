import type { UnderlyingSink } from 'node:stream/web'
import { FsError } from '../errors/index.js'
import type { StagedWriter } from '../filesystem/types.js'
import { expectBytes } from './expect.js'
import { opened } from './node-readable.js'
import type { Openable } from './node-readable.js'
import { ownedStill } from './node-writable.js'
import type { NodeWritableOptions } from './node-writable.js'

/**
 * A web stream over a staged write: close() publishes, abort() and any failing write drop everything. Takes Uint8Array
 * chunks; another chunk fails the stream with a TypeError.
 */
export function webWritable (staged: Openable<StagedWriter>, options: Omit<NodeWritableOptions, 'highWaterMark'>): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>(new Sink(staged, options))
}

class Sink implements UnderlyingSink<Uint8Array> {
  readonly #what: Openable<StagedWriter>
  readonly #options: Omit<NodeWritableOptions, 'highWaterMark'>
  readonly #controller = new AbortController()
  #staged: StagedWriter | undefined
  #stream: WritableStreamDefaultController | undefined
  #over = false

  constructor (what: Openable<StagedWriter>, options: Omit<NodeWritableOptions, 'highWaterMark'>) {
    this.#what = what
    this.#options = options
  }

  async start (stream: WritableStreamDefaultController): Promise<void> {
    this.#stream = stream
    const { signal } = this.#options
    signal?.throwIfAborted()
    signal?.addEventListener('abort', this.#abort, { once: true })
    try {
      this.#options.check?.()
      this.#staged = await opened(this.#what, this.#controller.signal)
      if (this.#controller.signal.aborted) await this.#drop(this.#controller.signal.reason)
    } catch (error) {
      this.#finish()
      throw error
    }
  }

  async write (chunk: unknown): Promise<void> {
    await this.#work(async staged => {
      expectBytes('chunk', chunk)
      await staged.write(chunk)
    })
  }

  async close (): Promise<void> {
    await this.#work(staged => staged.commit())
    this.#finish()
  }

  async abort (reason: unknown): Promise<void> {
    await this.#drop(reason ?? new FsError('FORKFS_CLOSED', 'the stream was aborted', { path: this.#options.path }))
  }

  readonly #abort = (): void => {
    const reason: unknown = this.#options.signal?.reason
    this.#controller.abort(reason)
    this.#stream?.error(reason)
    this.#drop(reason).catch(() => {}) // the stream has its error already
  }

  /** A sink whose write or close rejects hears no abort(): it cleans up by itself. */
  async #work (work: (staged: StagedWriter) => Promise<unknown>): Promise<void> {
    try {
      this.#options.check?.()
      if (this.#staged !== undefined) await work(this.#staged)
    } catch (error) {
      await this.#drop(error)
      throw error
    }
  }

  async #drop (reason: unknown): Promise<void> {
    if (this.#over) return
    try {
      if (ownedStill(this.#options.check)) await this.#staged?.abort(reason)
    } finally {
      if (this.#staged !== undefined) this.#finish()
    }
  }

  #finish (): void {
    if (this.#over) return
    this.#over = true
    this.#options.signal?.removeEventListener('abort', this.#abort)
    this.#options.release?.()
  }
}
