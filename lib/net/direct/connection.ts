import type { Socket } from 'node:net'
import { connectMs, keepAliveMs } from '../transport.js'
import { keptFor } from './head.js'
import type { ParsedHead } from './head.js'
import { ReplyParser } from './reply-parser.js'
import type { Turn } from './turn.js'

/** Asked of a body that is read to where it belongs: smaller ones are copied, which costs less than another read. */
const worthPlacing = 32 * 1024
/** Bytes per read: what fits into the processor's second cache. */
export const windowBytes = 256 * 1024

/** Bytes that come are put into what `buffer` gives, and told by `callback`. */
export interface OnRead { buffer (): Uint8Array, callback (bytes: number, buffer: Uint8Array): boolean }

export interface ConnectionOptions {
  /** Begin to connect. */
  connect (onread: OnRead): Socket
  /** 'connect' or 'secureConnect'. */
  readonly ready: string
  /** Shared by all connections of this transport: what is read into it is used before the next read. */
  readonly scratch: Buffer
  onReady (): void
  /** It can take the next request. */
  onFree (): void
  /** It is closed. `error`: why it never came about. */
  onGone (error: Error | undefined): void
  /** This runtime reads elsewhere than where it was told to. */
  onUnfit (): void
}

/**
 * One connection, one request at a time. Reads without streams: the kernel (or TLS) puts bytes where they belong, if their
 * place can not be taken away meanwhile, else into memory that all share.
 */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #socket: Socket
  readonly #parser = new ReplyParser(this)
  readonly #timer: NodeJS.Timeout
  #offered: Uint8Array
  #placing = false
  #turn: Turn | undefined
  #keepsHead = true
  #open = false
  #gone = false
  #paused = false
  #keptMs = keepAliveMs
  /** performance.now() after which it is not used again. */
  usableUntil = 0

  constructor (options: ConnectionOptions) {
    this.#options = options
    this.#offered = options.scratch
    this.#socket = options.connect({ buffer: () => this.#room(), callback: (bytes, buffer) => this.#read(bytes, buffer) })
    this.#timer = setTimeout(() => { this.#socket.destroy(Object.assign(new Error(`no connection within ${connectMs} ms`), { code: 'ETIMEDOUT' })) }, connectMs)
    this.#socket.once(options.ready, () => {
      clearTimeout(this.#timer)
      this.#open = true
      options.onReady()
    })
    this.#socket.on('error', error => { this.#lost(error) })
    this.#socket.on('end', () => { this.#ended() })
    this.#socket.on('close', () => { this.#lost(undefined) })
  }

  /** Send the request of this turn. @returns false: it was given up meanwhile, the connection is still free */
  begin (turn: Turn): boolean {
    turn.handler.onRequestStart(turn)
    if (turn.aborted) return false
    const { method, body, keepAfterHead } = turn.request
    turn.connection = this
    this.#turn = turn
    this.#keepsHead = method !== 'HEAD' || keepAfterHead === true
    this.#parser.begin(method)
    const socket = this.#socket
    socket.ref()
    if (body === undefined) {
      socket.write(turn.head, 'latin1')
      return true
    }
    socket.cork()
    socket.write(turn.head, 'latin1')
    if (body instanceof Uint8Array) socket.write(body)
    else for (const piece of body) socket.write(piece)
    socket.uncork()
    return true
  }

  /** Nobody waits for it: the process may end. */
  rest (now: number): void {
    this.usableUntil = now + this.#keptMs
    this.#socket.unref()
  }

  pause (): void {
    this.#paused = true
    this.#socket.pause()
  }

  resume (): void {
    if (!this.#paused) return
    this.#paused = false
    this.#socket.resume()
  }

  /** Close now; its request is not told. */
  destroy (): void {
    const turn = this.#turn
    this.#turn = undefined
    this.usableUntil = 0
    if (turn !== undefined) turn.connection = undefined
    this.#parser.stop()
    this.#socket.destroy()
  }

  /** Close now; its request fails. */
  fail (error: Error): void {
    const turn = this.#turn
    this.destroy()
    turn?.fail(error)
  }

  head (head: ParsedHead): void {
    const kept = keptFor(head.headers)
    if (kept !== undefined) this.#keptMs = Math.min(keepAliveMs, kept - 1000)
    this.#turn!.handler.onResponseStart(this.#turn!, head.status, head.headers)
  }

  data (chunk: Buffer): void { this.#turn!.handler.onResponseData(this.#turn!, chunk) }

  end (persists: boolean): void {
    const turn = this.#turn!
    this.#turn = undefined
    turn.connection = undefined
    // A server that answers before it has the whole request leaves a connection that nobody can use.
    const free = persists && this.#keepsHead && this.#keptMs > 0 && this.#socket.writableLength === 0
    this.resume() // a reader that was slow has all the same: the next one waits for bytes
    turn.handler.onResponseEnd(turn)
    if (free) this.#options.onFree()
    else this.destroy()
  }

  /** Where the next bytes go. Never more than the rest of a body: behind it comes another reply. */
  #room (): Uint8Array {
    const certain = this.#parser.certain
    let room: Uint8Array | undefined
    try {
      if (certain >= worthPlacing) room = this.#turn?.handler.room(Math.min(certain, windowBytes))
    } catch (error) {
      this.fail(error as Error) // nobody above would catch it
    }
    this.#placing = room !== undefined
    this.#offered = room ?? this.#options.scratch
    return this.#offered
  }

  #read (bytes: number, buffer: Uint8Array): boolean {
    try {
      if (buffer !== this.#offered) this.#unfit()
      else if (this.#turn === undefined) this.destroy() // nobody asked
      else if (this.#placing) this.#placed(this.#turn, bytes)
      else this.#parser.feed(bytes === buffer.length ? buffer as Buffer : (buffer as Buffer).subarray(0, bytes))
    } catch (error) {
      this.fail(error as Error)
    }
    return true
  }

  #placed (turn: Turn, bytes: number): void {
    turn.handler.placed(bytes)
    if (this.#turn === turn) this.#parser.skip(bytes)
  }

  #unfit (): void {
    this.#options.onUnfit()
    this.fail(new Error('this runtime does not read to where it is told to'))
  }

  #ended (): void {
    try {
      this.#parser.finish()
      this.destroy()
    } catch (error) {
      this.fail(error as Error)
    }
  }

  #lost (error: Error | undefined): void {
    if (this.#gone) return
    this.#gone = true
    clearTimeout(this.#timer)
    const failure = error ?? new Error('the other side ended the connection')
    this.fail(failure)
    this.#options.onGone(this.#open ? undefined : failure)
  }
}
