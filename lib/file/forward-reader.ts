import { FsError } from '../errors/index.js'
import type { Bytes, Chunk, FileInfo } from '../filesystem/types.js'
import { allowListeners } from '../owner/index.js'
import type { ByteReader } from './byte-reader.js'
import { allocate, MiB } from './expect.js'
import { Queue } from './ranges.js'

/** One file whose length only its end tells, as a FileHandle reads it. The filesystem binds it to its owner and its retries. */
export interface ForwardSource {
  readonly path: string
  readonly info: FileInfo
  /** A version pins it: to read it again gives the same bytes, or FORKFS_CHANGED. */
  readonly pinned: boolean
  /** From the first byte, until the signal aborts. A chunk `at` 0 after others: the store began again. */
  begin (signal: AbortSignal): AsyncIterator<Chunk, unknown, undefined>
  /** Throws FORKFS_RESET when the epoch that opened the file has ended. */
  check (): void
  /** Called once, when the handle is closed or dropped. */
  release (): void
}

/** One reading of the file. `at`: where the next chunk begins. */
interface Run { readonly controller: AbortController, readonly chunks: AsyncIterator<Chunk, unknown, undefined>, at: number, ended: boolean }

/**
 * Bytes of a file of unknown length, as they come: each reading is one request, begun by the first read, that goes on with each
 * read and stands still between them. What is between two reads is passed over; reads wait for each other. The last `keepBytes`
 * stay at hand. A read of what lies before them begins the file again where a version pins it (cost: all bytes before it), and
 * is refused where none does, since another reply may hold other bytes. Memory: `keepBytes` and one chunk of the store.
 *
 * A reading that fails or is aborted is over: the next read begins again, under the same condition. A fork is a reading of its own.
 *
 * Reads reject with FORKFS_NOT_SUPPORTED for what is behind and not pinned, FORKFS_TRUNCATED where such a reply breaks off.
 */
export function openForward (source: ForwardSource, keepBytes: number): ByteReader {
  return new Forward(source, keepBytes, () => { source.release() })
}

class Forward implements ByteReader {
  readonly size = undefined
  readonly #source: ForwardSource
  readonly #keepBytes: number
  readonly #release: () => void
  readonly #queue = new Queue()
  /** What is at hand, without gaps, up to where the run stands. The last one is the store's until the next one is asked for. */
  #kept: Chunk[] = []
  #run: Run | undefined
  /** The end of what readers have got. */
  #told = 0
  #closing: Promise<void> | undefined

  constructor (source: ForwardSource, keepBytes: number, release: () => void) {
    this.#source = source
    this.#keepBytes = keepBytes
    this.#release = release
  }

  get path (): string { return this.#source.path }
  get info (): FileInfo { return this.#source.info }

  read (start: number, end: number, signal?: AbortSignal, into?: Uint8Array): Promise<Bytes> {
    return this.#queue.run(async () => {
      signal?.throwIfAborted()
      if (this.#closing !== undefined) throw new FsError('FORKFS_CLOSED', 'the file is closed', { path: this.path })
      const run = await this.#runFor(start)
      const abort = (): void => { run.controller.abort(signal?.reason) }
      if (signal !== undefined) allowListeners(signal)
      signal?.addEventListener('abort', abort, { once: true })
      try {
        const data = await this.#take(run, start, end, into)
        if (data.byteLength > 0) this.#told = Math.max(this.#told, start + data.byteLength)
        return data
      } catch (error) {
        await this.#stop(error)
        throw signal?.aborted === true ? signal.reason : error
      } finally {
        signal?.removeEventListener('abort', abort)
      }
    })
  }

  check (): void { this.#source.check() }

  fork (): ByteReader { return new Forward(this.#source, 0, () => {}) }

  close (reason: unknown): Promise<void> {
    this.#closing ??= (async () => {
      this.#run?.controller.abort(reason)
      await this.#queue.idle()
      await this.#stop(reason)
      this.#release()
    })()
    return this.#closing
  }

  /** The run that stands where `start` can still be had from. */
  async #runFor (start: number): Promise<Run> {
    const run = this.#run
    if (run !== undefined && start >= (this.#kept[0]?.at ?? run.at)) return run
    if (this.#told > 0 && !this.#source.pinned) {
      throw new FsError('FORKFS_NOT_SUPPORTED', `neither the length nor a version of the file is told, so that it is read once from front to back, and byte ${start} is behind; open it ` +
        'with { cache: \'all\' } to hold all of it in memory, or get() it first', { path: this.path })
    }
    if (run !== undefined) await this.#stop(new FsError('FORKFS_CLOSED', 'the file is begun again', { path: this.path }))
    const controller = new AbortController()
    this.#run = { controller, chunks: this.#source.begin(controller.signal), at: 0, ended: false }
    return this.#run
  }

  async #stop (reason: unknown): Promise<void> {
    const run = this.#run
    this.#run = undefined
    this.#kept = []
    if (run === undefined || run.ended) return
    run.controller.abort(reason)
    await run.chunks.return?.().catch(() => {}) // its error is the reason, or was told already
  }

  /** The bytes of [start, end), of which none is behind what is kept; fewer at the end of the file. */
  async #take (run: Run, start: number, end: number, into: Uint8Array | undefined): Promise<Bytes> {
    let target = into ?? allocate(Math.min(end - start, MiB))
    let done = 0
    const copy = ({ at, data }: Chunk): void => {
      const piece = data.subarray(Math.max(0, start + done - at), Math.max(0, end - at))
      const needed = done + piece.byteLength
      if (into === undefined && needed > target.byteLength) target = grown(target, done, Math.min(end - start, Math.max(2 * target.byteLength, needed)))
      target.set(piece, done)
      done = needed
    }
    for (const chunk of this.#kept) copy(chunk)
    while (start + done < end) {
      const { at } = run
      const chunk = await this.#more(run)
      if (chunk === undefined) break
      if (chunk.at < at && !this.#source.pinned) done = 0 // what this read has is of another reply
      copy(chunk)
    }
    return (into === undefined && done < target.byteLength ? target.slice(0, done) : target.subarray(0, done)) as Bytes
  }

  async #more (run: Run): Promise<Chunk | undefined> {
    if (run.ended) return undefined
    this.#keep()
    const { done, value } = await run.chunks.next()
    run.ended = done === true
    if (run.ended) return undefined
    const chunk = value as Chunk
    if (chunk.at < run.at) this.#begunAgain()
    this.#kept.push(chunk)
    run.at = chunk.at + chunk.data.byteLength
    return chunk
  }

  /** Make the last chunk ours, as far as it is kept. */
  #keep (): void {
    const last = this.#kept.pop()
    if (last === undefined || this.#keepBytes === 0) return
    const { at, data } = last
    const end = at + data.byteLength
    const own = copyOf(data.subarray(-this.#keepBytes))
    this.#kept.push({ at: end - own.byteLength, data: own })
    while (end - this.#kept[0]!.at - this.#kept[0]!.data.byteLength >= this.#keepBytes) this.#kept.shift()
  }

  #begunAgain (): void {
    if (this.#told > 0 && !this.#source.pinned) {
      throw new FsError('FORKFS_TRUNCATED', 'the reply broke off, and no version tells that another one goes on with the same bytes; read it again from its beginning', { path: this.path, retry: 'may' })
    }
    this.#kept = []
  }
}

function copyOf (bytes: Uint8Array): Bytes {
  const copy = allocate(bytes.byteLength)
  copy.set(bytes)
  return copy
}

function grown (bytes: Uint8Array, used: number, length: number): Bytes {
  const larger = allocate(length)
  larger.set(bytes.subarray(0, used))
  return larger
}
