import { FsError } from '../../lib/errors/index.js'
import { allocate } from '../../lib/net/index.js'
import type { NetCall, NetClient, NetStream, ReplyHead, ReplyHeaders } from '../../lib/net/index.js'
import type { Bytes } from '../../lib/filesystem/types.js'

const nothing = new Uint8Array(0)

/** Content-Length; undefined where there is none, or no number. */
export function lengthOf ({ headers }: ReplyHead): number | undefined {
  const text = headers['content-length']
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined
}

/**
 * The body of a streamed reply, read from front to back by one call after another. It has a signal of its own, so that it may
 * outlive the call that opened it; each call lends it its signal while it reads.
 */
export class Body implements ReplyHead {
  readonly status: number
  readonly headers: ReplyHeaders
  /** Where the redirects ended. */
  readonly url: string
  readonly #path: string
  readonly #controller: AbortController
  readonly #iterator: AsyncIterator<Uint8Array>
  #rest: Uint8Array = nothing
  #position = 0
  #ended = false

  private constructor (stream: NetStream, controller: AbortController, path: string, url: string) {
    this.status = stream.status
    this.headers = stream.headers
    this.url = url
    this.#path = path
    this.#controller = controller
    this.#iterator = stream.body[Symbol.asyncIterator]()
  }

  static async open (net: NetClient, call: NetCall, signal: AbortSignal, url: string): Promise<Body> {
    const controller = new AbortController()
    return bound(controller, signal, async () => new Body(await net.stream(call, controller.signal), controller, call.path, url))
  }

  /** Offset of the next byte. */
  get position (): number { return this.#position }
  /** Nothing more can be read: the end was seen, or close() came. */
  get over (): boolean { return (this.#ended && this.#rest.length === 0) || this.#controller.signal.aborted }

  /** Read while `signal` may end it. A failed or aborted body is closed. */
  async using<T> (signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await bound(this.#controller, signal, work)
    } catch (error) {
      this.close()
      throw signal.aborted ? signal.reason : error
    }
  }

  /** End it now; its connection is closed unless the body had been read to its end. */
  close (): void {
    this.#rest = nothing
    if (this.#ended) return
    this.#controller.abort(new FsError('FORKFS_CLOSED', 'the rest of the body is not wanted', { path: this.#path }))
    this.#iterator.return?.().catch(() => {}) // the client counts bodies that are being read
  }

  /** Read a short rest and keep the connection, or close. */
  async discard (most: number, signal: AbortSignal): Promise<void> {
    if ((lengthOf(this) ?? Infinity) > most) this.close()
    else await this.using(signal, () => this.skip(Infinity))
  }

  /** The next bytes as they came, at most `most` of them; undefined at the end. */
  async #next (most: number): Promise<Uint8Array | undefined> {
    while (this.#rest.length === 0) {
      if (this.#ended) return undefined
      const step = await this.#iterator.next()
      if (step.done === true) this.#ended = true
      else this.#rest = step.value
    }
    const piece = this.#rest.length <= most ? this.#rest : this.#rest.subarray(0, most)
    this.#rest = this.#rest.subarray(piece.length)
    this.#position += piece.length
    return piece
  }

  /** What is left, piece by piece as it came. */
  async *pieces (signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const piece = await this.using(signal, () => this.#next(Infinity))
      if (piece === undefined) return
      yield piece
    }
  }

  /** Pass over up to `bytes` bytes. @returns how many there were */
  async skip (bytes: number): Promise<number> {
    let left = bytes
    while (left > 0) {
      const piece = await this.#next(left)
      if (piece === undefined) break
      left -= piece.length
    }
    return bytes === Infinity ? this.#position : bytes - left
  }

  /** Fill `target` from its front. @returns how many bytes there were */
  async fill (target: Uint8Array): Promise<number> {
    let at = 0
    while (at < target.length) {
      const piece = await this.#next(target.length - at)
      if (piece === undefined) break
      target.set(piece, at)
      at += piece.length
    }
    return at
  }

  /** Up to `most` bytes of a body whose length nobody told. */
  async collect (most: number): Promise<Bytes> {
    const pieces: Uint8Array[] = []
    let length = 0
    while (length < most) {
      const piece = await this.#next(most - length)
      if (piece === undefined) break
      pieces.push(piece)
      length += piece.length
    }
    const data = allocate(length)
    let at = 0
    for (const piece of pieces) {
      data.set(piece, at)
      at += piece.length
    }
    return data as Bytes
  }

  /** The last up to `bytes` bytes, whatever comes before them: memory is bounded by twice of that. */
  async last (bytes: number): Promise<Bytes> {
    let kept = nothing as Uint8Array
    for (;;) {
      const piece = await this.collect(Math.max(bytes, 64 * 1024))
      if (piece.length === 0) return kept.slice() as Bytes
      const joined = allocate(kept.length + piece.length)
      joined.set(kept)
      joined.set(piece, kept.length)
      kept = joined.subarray(Math.max(0, joined.length - bytes))
    }
  }

  /** See the end of a body whose bytes have all been read: its connection goes back to the pool. */
  async finish (): Promise<void> {
    if (this.#rest.length === 0 && !this.#ended) await this.#next(0)
  }
}

/** Do `work` while `signal` aborts `controller` with its reason. */
async function bound<T> (controller: AbortController, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted()
  const forward = (): void => { controller.abort(signal.reason) }
  signal.addEventListener('abort', forward, { once: true })
  try {
    return await work()
  } finally {
    signal.removeEventListener('abort', forward)
  }
}
