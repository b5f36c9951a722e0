import { FsError, isFsError } from '../errors/index.js'
import type { FileInfo, StagedWriter } from '../filesystem/types.js'
import { journalAdd, journalAddSync } from '../resources/index.js'
import type { JournalTicket } from '../resources/index.js'
import type { StreamCounter } from './counting.js'
import { ownerCheck } from './owner-check.js'
import { StagedFile } from './staged-file.js'
import { recordOf, stagedKind, upload } from './upload.js'
import type { Destination } from './upload.js'
import { UploadError } from './upload-error.js'

export interface StagedWriteOptions {
  readonly signal: AbortSignal | undefined
  readonly onUploadError: 'keep' | 'discard'
  readonly counter: StreamCounter
}

/** A write to a store far away: bytes gather in a private file here and are sent once, when it is committed. */
export class StagedWrite implements StagedWriter {
  readonly #to: Destination
  readonly #options: StagedWriteOptions
  readonly #file: StagedFile
  readonly #check: () => void
  #ticket: JournalTicket | undefined
  #retrying: Promise<void> | undefined
  #state: 'open' | 'committing' | 'kept' | 'over' = 'open'

  private constructor (to: Destination, options: StagedWriteOptions, file: StagedFile) {
    this.#to = to
    this.#options = options
    this.#file = file
    this.#check = ownerCheck(to.path)
  }

  static async open (to: Destination, options: StagedWriteOptions): Promise<StagedWrite> {
    options.signal?.throwIfAborted()
    // Told at once where it can be: a long write should not fail at its end.
    if (to.flag === 'wx' && await options.counter.run(() => to.fs.exists(to.path, { signal: options.signal }))) {
      throw new FsError('EEXIST', 'the object exists already', { operation: 'openStream', path: to.path, protocol: to.fs.protocol })
    }
    return new StagedWrite(to, options, await StagedFile.create())
  }

  /** Whether the bytes stay here though the write is over. */
  get isKept (): boolean { return this.#state === 'kept' }

  async write (chunk: Uint8Array): Promise<void> {
    this.#options.signal?.throwIfAborted()
    await this.#owned(() => this.#file.write(chunk))
    this.#options.signal?.throwIfAborted()
  }

  async commit (): Promise<FileInfo> {
    this.#state = 'committing'
    await this.#owned(() => this.#file.flush())
    try {
      await this.#send()
    } catch (error) {
      this.#check()
      throw await this.#failed(error)
    }
    this.#state = 'over'
    await this.#file.discard().catch(() => {}) // it is published: what is left of the file is the sweep's
    return { name: this.#to.path, size: this.#file.size, type: 'file' }
  }

  /** A reset closes the file: whatever that makes of `work`, it is the reset that is told. */
  async #owned (work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } finally {
      this.#check()
    }
  }

  #send (): Promise<void> {
    const { signal, counter } = this.#options
    signal?.throwIfAborted()
    return counter.run(() => upload(this.#file, this.#to, signal))
  }

  /** Aborts and a name that is taken are answers, not failures of the upload. @returns what to throw */
  async #failed (error: unknown): Promise<unknown> {
    const { signal, onUploadError } = this.#options
    if (signal?.aborted === true || isFsError(error, 'EEXIST') || onUploadError === 'discard') {
      this.#state = 'over'
      await this.#file.discard().catch(() => {}) // the first error is the one to tell; the sweep sees to the file
      return signal?.aborted === true || isFsError(error, 'EEXIST') ? error : this.#error(error)
    }
    await this.#keep()
    return this.#error(error)
  }

  #error (cause: unknown): UploadError {
    const { fs: { protocol }, path } = this.#to
    return this.#state === 'kept' ? new UploadError({ path, protocol, cause, keptAt: this.#file.path }, () => this.retry()) : new UploadError({ path, protocol, cause })
  }

  /** For recover() of a later process, where it can be written down; for retry() in any case. */
  async #keep (): Promise<void> {
    this.#state = 'kept'
    this.#ticket ??= await journalAdd({ kind: stagedKind, data: this.#record(), keeps: [this.#file.path] }).catch(() => undefined)
  }

  #record (): object { return recordOf(this.#to, this.#file.path, this.#file.size) }

  /** Send what was kept. */
  retry (): Promise<void> {
    this.#retrying ??= this.#sendAgain().catch((error: unknown) => {
      this.#retrying = undefined
      throw error
    })
    return this.#retrying
  }

  async #sendAgain (): Promise<void> {
    this.#check()
    if (this.#state !== 'kept') throw new FsError('FORKFS_CLOSED', 'nothing is kept: write the object again', { operation: 'retryCommit', path: this.#to.path })
    try {
      await this.#send()
    } catch (error) {
      this.#check()
      throw this.#options.signal?.aborted === true ? error : this.#error(error)
    }
    await this.#drop()
  }

  async #drop (): Promise<void> {
    this.#state = 'over'
    await this.#ticket?.done().catch(() => {}) // a later recover() finds the file gone
    await this.#file.discard()
  }

  /** Nothing of it stays, unless it is kept. */
  async abort (): Promise<void> {
    if (this.#state === 'kept' || this.#state === 'over') return
    await this.#drop()
  }

  /** Delete what was kept as well. */
  async forget (): Promise<void> {
    if (this.#state === 'kept') await this.#drop()
  }

  /** Nobody can close it any more: to disk and into the journal, for recover(). */
  async keepForLater (): Promise<void> {
    if (this.#state !== 'open') return
    await this.#file.keep()
    await this.#keep()
  }

  /** At exit: what was taken is whole, recover() sends it. */
  exit (): void {
    if ((this.#state === 'open' || this.#state === 'committing') && this.#file.completeSync()) {
      journalAddSync({ kind: stagedKind, data: this.#record(), keeps: [this.#file.path] })
    }
  }
}
