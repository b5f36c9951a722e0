import type { FileSystem } from '../filesystem/filesystem.js'
import type { FileHandle } from '../filesystem/types.js'
import type { BlockPool } from './block-pool.js'
import type { Lender, ShardInput } from './readers/types.js'

export interface SourceOptions {
  /** Where it will be read from. */
  readonly start: number
  /** Bytes of one read, and how many of them are under way at once. */
  readonly readBytes: number
  readonly readsAtOnce: number
  /** Longest block that is handed on. */
  readonly sliceBytes: number
  readonly signal: AbortSignal
  readonly etag: string | undefined
  /**
   * Buffers of `readBytes` to read into, again and again: fresh ones cost twice the copy, and garbage collections besides. Such reads are
   * waited for when the shard is left; without it they end with the signal.
   */
  readonly buffers: BlockPool | undefined
  /** Give those buffers away with the bytes in them. */
  readonly lends: boolean
}

/**
 * One shard, read from one place to its end. All reads are of the version that the first request found. Memory: one read that is being
 * used and those under way; a consumer that pauses holds no connection.
 */
export class ShardSource implements ShardInput {
  readonly shard: string
  readonly size: number | undefined
  readonly etag: string | undefined
  readonly lender: Lender | undefined
  readonly #file: FileHandle
  readonly #options: SourceOptions
  readonly #loan = new Loan()
  #begun: Reads | undefined
  #at = 0

  private constructor (shard: string, file: FileHandle, etag: string | undefined, options: SourceOptions) {
    this.shard = shard
    this.size = file.size
    this.etag = etag
    this.#file = file
    this.#options = options
    if (options.lends) this.lender = this.#loan
  }

  static async open (fs: FileSystem, path: string, shard: string, options: SourceOptions): Promise<ShardSource> {
    const file = await fs.open(path, 'r', {
      cache: 'none', ifMatch: options.etag, signal: options.signal, firstBytes: options.start === 0 ? options.readBytes : 0
    })
    const { etag } = await file.stat()
    return new ShardSource(shard, file, etag, options)
  }

  /** Stored bytes that were handed on, counted from the start of the shard. */
  get at (): number { return this.#at }

  async close (): Promise<void> {
    await this.#begun?.end()
    await this.#file[Symbol.asyncDispose]()
  }

  /** Ask for the first bytes before anybody waits for them. */
  begin (): void {
    this.#begun = new Reads(this.#file, this.#options.start, this.#options)
    this.#begun.ask()
  }

  async *blocks (start: number): AsyncGenerator<Uint8Array, void, undefined> {
    const { readsAtOnce, sliceBytes, signal } = this.#options
    const reads = this.#begun?.start === start ? this.#begun : new Reads(this.#file, start, this.#options)
    if (reads === this.#begun) this.#begun = undefined
    this.#at = start
    try {
      while (reads.asked < readsAtOnce) reads.ask()
      for (let data = await reads.next(); data !== undefined; data = await reads.next()) {
        reads.ask()
        this.#loan.buffer = data.buffer instanceof ArrayBuffer ? data.buffer : undefined
        for (let at = 0; at < data.length; at += sliceBytes) {
          const slice = data.subarray(at, at + sliceBytes)
          this.#at += slice.length
          this.#loan.last = at + sliceBytes >= data.length
          yield slice
          signal.throwIfAborted()
        }
        if (this.#loan.buffer !== undefined) reads.giveBack(data)
      }
    } finally {
      await reads.end()
    }
  }
}

class Loan implements Lender {
  buffer: ArrayBuffer | undefined
  last = false

  take (): void { this.buffer = undefined }
}

/** Reads of consecutive parts, in order. */
class Reads {
  readonly start: number
  /** How often there was an ask(). */
  asked = 0
  readonly #file: FileHandle
  readonly #readBytes: number
  readonly #outer: AbortSignal
  readonly #controller = new AbortController()
  readonly #forward = (): void => { this.#controller.abort(this.#outer.reason) }
  /** Where the shard ends; Infinity until that is known. */
  #size: number
  readonly #buffers: BlockPool | undefined
  readonly #pending: Array<Promise<Uint8Array>> = []
  #next: number

  constructor (file: FileHandle, start: number, { readBytes, signal, buffers }: SourceOptions) {
    this.start = start
    this.#file = file
    this.#readBytes = readBytes
    this.#buffers = buffers
    this.#outer = signal
    this.#size = file.size ?? Infinity
    this.#next = start
    if (signal.aborted) this.#forward()
    else signal.addEventListener('abort', this.#forward, { once: true })
  }

  ask (): void {
    this.asked++
    if (this.#next >= this.#size) return
    const end = Math.min(this.#next + this.#readBytes, this.#size)
    const bytes = end - this.#next
    const read = this.#buffers === undefined
      ? this.#file.readRange(this.#next, end, { signal: this.#controller.signal })
      : this.#readInto(new Uint8Array(this.#buffers.take(bytes > this.#readBytes / 2 ? this.#readBytes : bytes), 0, bytes), this.#next)
    read.catch(() => {}) // seen when its turn comes, or not wanted any more
    this.#pending.push(read)
    this.#next = end
  }

  async #readInto (target: Uint8Array, position: number): Promise<Uint8Array> {
    const { bytesRead } = await this.#file.read(target, 0, target.length, position)
    return target.subarray(0, bytesRead)
  }

  /** The bytes are used. */
  giveBack (data: Uint8Array): void {
    if (data.buffer instanceof ArrayBuffer) this.#buffers?.put([data.buffer])
  }

  /** The next bytes; undefined at the end. */
  async next (): Promise<Uint8Array | undefined> {
    const data = await this.#pending.shift()
    if (data === undefined || this.#size !== Infinity || data.length === this.#readBytes) return data
    this.#size = 0 // a short read is the last one: what was asked for behind it gives nothing
    return data.length === 0 ? undefined : data
  }

  /** Nothing is under way any more when this resolves. */
  async end (): Promise<void> {
    this.#outer.removeEventListener('abort', this.#forward)
    if (this.#pending.length > 0) this.#controller.abort(new Error('not wanted any more'))
    for (const read of await Promise.allSettled(this.#pending)) if (read.status === 'fulfilled') this.giveBack(read.value)
  }
}
