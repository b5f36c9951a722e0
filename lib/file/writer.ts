import type { Readable } from 'node:stream'
import { FsError } from '../errors/index.js'
import { addFinalizer } from '../owner/index.js'
import type { Bytes, FileHandle, FileInfo, StagedWriter } from '../filesystem/types.js'
import { expectBytes, expectInteger, nothing } from './expect.js'
import { ownedStill } from './node-writable.js'
import { Queue } from './ranges.js'
import { refuseCloning, refuseJson } from './uncloneable.js'

const inspect = Symbol.for('nodejs.util.inspect.custom')

export interface WriteHooks {
  /** Throws FORKFS_RESET when the epoch that opened the file has ended. Called first by every public method. */
  check (): void
  /** Called once, when the write is published, dropped or forgotten. */
  release (): void
}

/**
 * A file opened for writing ('w', 'wx') over a staged write: nothing is visible before commit() or close(). A write that
 * fails drops everything; from then on write, commit and close reject with its error.
 *
 * `staged.abort()` may be called while `staged.write()` is under way: it has to end it.
 */
export function openWriteHandle (path: string, staged: StagedWriter, hooks: WriteHooks): FileHandle {
  return new Writer(path, staged, hooks)
}

class Writer implements FileHandle {
  readonly #path: string
  readonly #staged: StagedWriter
  readonly #hooks: WriteHooks
  readonly #queue = new Queue()
  readonly #taken = { bytes: 0 }
  #failure: { readonly error: unknown } | undefined
  #committing: Promise<void> | undefined
  #aborting: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #released = false
  readonly #disarm: () => void

  constructor (path: string, staged: StagedWriter, hooks: WriteHooks) {
    this.#path = path
    this.#staged = staged
    this.#hooks = hooks
    // The staged write drops what it holds by itself; this only tells, and holds nothing that a forgotten handle could leave in memory.
    const taken = this.#taken
    this.#disarm = addFinalizer({ drain: async () => Promise.resolve(warn(path, taken.bytes, 'it was never closed')) })
    refuseCloning(this, () => path)
  }

  get path (): string { return this.#path }
  /** Bytes taken so far. */
  get size (): number { return this.#taken.bytes }

  /**
   * Append. Resolves when the bytes are taken; calls at once are taken in their order. Further arguments are those of
   * node:fs (offset and length for bytes, then position), as far as they append.
   */
  async write (data: Uint8Array | string, ...rest: readonly unknown[]): Promise<{ bytesWritten: number }> {
    this.#check('write')
    const chunk = chunkOf(data, rest, this.#taken.bytes)
    await this.#queue.run(async () => {
      // What was taken before close() is written before it, also where nobody waited for it.
      this.#hooks.check()
      if (this.#failure !== undefined) throw this.#failure.error
      try {
        if (chunk.byteLength > 0) await this.#staged.write(chunk)
      } catch (error) {
        await this.#fail(error)
        throw error
      }
      this.#taken.bytes += chunk.byteLength
    })
    return { bytesWritten: chunk.byteLength }
  }

  async commit (): Promise<void> {
    this.#hooks.check()
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#aborting !== undefined) throw this.#over('commit')
    this.#committing ??= this.#queue.run(async () => {
      this.#hooks.check()
      if (this.#failure !== undefined) throw this.#failure.error
      if (this.#aborting !== undefined) throw this.#over('commit')
      try {
        await this.#staged.commit()
      } catch (error) {
        await this.#fail(error)
        throw error
      }
      this.#release()
    })
    await this.#committing
  }

  /** Ends a write under way; those queued behind it reject with `reason`. Without effect once commit() has begun. */
  async abort (reason: unknown = new FsError('FORKFS_CLOSED', 'the write was aborted', { path: this.#path })): Promise<void> {
    this.#hooks.check()
    if (this.#committing !== undefined) { await this.#committing.catch(nothing); return }
    this.#failure ??= { error: reason }
    await this.#drop(reason)
  }

  async close (): Promise<void> {
    this.#closing ??= this.#finish()
    await this.#closing
  }

  /** Drops what was not published. Quiet apart from the warning: the error that led here is the one to be seen. */
  async [Symbol.asyncDispose] (): Promise<void> {
    if (this.#closing !== undefined) { await this.#closing.catch(nothing); return }
    if (this.#committing !== undefined) { await this.#committing.catch(nothing); return }
    if (this.#failure === undefined) warn(this.#path, this.#taken.bytes, 'the handle was disposed without close()')
    if (ownedStill(() => { this.#hooks.check() })) await this.abort()
    else this.#release()
  }

  async stat (): Promise<FileInfo> {
    this.#check('stat')
    return { name: this.#path, size: this.#taken.bytes, type: 'file' }
  }

  async read (): Promise<never> { return this.#refuse('read') }
  async readRange (): Promise<never> { return this.#refuse('readRange') }
  readFile (options?: null | undefined): Promise<Bytes>
  readFile (encoding: BufferEncoding): Promise<string>
  async readFile (): Promise<never> { return this.#refuse('readFile') }
  readLines (): AsyncIterable<string> { return this.#refuse('readLines') }
  createReadStream (): Readable { return this.#refuse('createReadStream') }

  toJSON (): never { return refuseJson(this.#path) }

  [inspect] (): string {
    const state = this.#failure !== undefined ? 'aborted' : this.#committing === undefined ? 'open' : 'closed'
    return `FileHandle { path: '${this.#path}', flag: 'w', size: ${this.#taken.bytes}, state: '${state}' }`
  }

  #check (operation: string): void {
    this.#hooks.check()
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#committing !== undefined || this.#closing !== undefined) throw this.#over(operation)
  }

  #over (operation: string): FsError {
    return new FsError('FORKFS_CLOSED', 'the write is over: nothing can follow close() or commit(). Is an `await` missing?', { operation, path: this.#path })
  }

  #refuse (operation: string): never {
    this.#hooks.check()
    throw new FsError('FORKFS_NOT_SUPPORTED', 'the file is open for writing; open it with \'r\' to read', { operation, path: this.#path })
  }

  async #finish (): Promise<void> {
    try {
      this.#hooks.check()
    } catch (error) {
      this.#release()
      throw error
    }
    if (this.#aborting !== undefined) {
      await this.#aborting
      if (this.#failed) throw this.#failure?.error
      return
    }
    await this.commit()
  }

  /** A write or the commit failed, as opposed to an abort that was asked for. */
  #failed = false

  async #fail (error: unknown): Promise<void> {
    if (this.#failure !== undefined) return
    this.#failure = { error }
    this.#failed = true
    if (ownedStill(() => { this.#hooks.check() })) await this.#drop(error).catch(nothing) // the first error is the one that counts
    else this.#release()
  }

  #drop (reason: unknown): Promise<void> {
    this.#aborting ??= (async () => {
      try {
        await this.#staged.abort(reason)
      } finally {
        this.#release()
      }
    })()
    return this.#aborting
  }

  #release (): void {
    if (this.#released) return
    this.#released = true
    this.#disarm()
    this.#hooks.release()
  }
}

function warn (path: string, bytes: number, why: string): void {
  if (bytes > 0) process.emitWarning(`${bytes} bytes written to '${path}' were dropped: ${why}`, { type: 'ForkfsWarning' })
}

/** What node:fs would append for (bytes, offset, length, position) or (text, position, encoding). */
function chunkOf (data: unknown, rest: readonly unknown[], size: number): Uint8Array {
  if (typeof data === 'string') {
    const [position, encoding = 'utf8'] = rest
    expectAppend(position, size)
    if (typeof encoding !== 'string' || !Buffer.isEncoding(encoding)) throw new TypeError(`Expected \`encoding\` to be an encoding that Buffer knows, got \`${String(encoding)}\``)
    return Buffer.from(data, encoding)
  }
  expectBytes('data', data)
  const [offset, length, position] = rest
  expectAppend(position, size)
  const from = offset ?? 0
  expectInteger('offset', from, 0)
  const count = length ?? data.byteLength - from
  expectInteger('length', count, 0)
  if (from + count > data.byteLength) throw new RangeError(`Expected \`offset\` + \`length\` to be at most ${data.byteLength}, got \`${from + count}\` (number)`)
  return data.subarray(from, from + count)
}

function expectAppend (position: unknown, size: number): void {
  if (position === undefined || position === null || position === size) return
  throw new FsError('FORKFS_NOT_SUPPORTED', `a staged write appends: position ${String(position)} is not its end (${size})`, { operation: 'write' })
}
