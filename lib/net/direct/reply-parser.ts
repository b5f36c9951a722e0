import { TransportError } from '../transport.js'
import type { NetRequest } from '../transport.js'
import { framingOf, maxHeadBytes, OddReply, parseHead } from './head.js'
import type { ParsedHead } from './head.js'

/** What is told of one reply, in this order: head, data as often as there is some, end. What it throws is thrown by the parser. */
export interface ReplySink {
  head (head: ParsedHead): void
  /** Part of the body; its memory is read into again after the call. */
  data (chunk: Buffer): void
  /** `persists`: what comes next belongs to the next reply. */
  end (persists: boolean): void
}

type State = 'idle' | 'head' | 'fixed' | 'size' | 'chunk' | 'gap' | 'trailer' | 'close' | 'over'

const start = Buffer.from('HTTP/')
const noBytes = Buffer.alloc(0)
const lineFeed = 10
/** Longest line of a chunk's size, with its extensions. */
const maxLine = 1024

/** Reads the replies of one connection as they come, one at a time, however their bytes are cut. Strict: what has two readings has none. */
export class ReplyParser {
  readonly #sink: ReplySink
  #state: State = 'idle'
  #method: NetRequest['method'] = 'GET'
  #persists = false
  /** A head that has not ended yet. */
  #pending = noBytes
  /** A line of chunked coding that has not ended yet. */
  #line = ''
  #left = 0

  constructor (sink: ReplySink) { this.#sink = sink }

  /** A request was sent: what comes is its reply. */
  begin (method: NetRequest['method']): void {
    this.#method = method
    this.#state = 'head'
  }

  /** The connection is given up: nothing more is told. */
  stop (): void { this.#state = 'over' }

  /** Bytes of a body that come next, whatever else: they may be read to where they belong, and be counted by skip(). */
  get certain (): number { return this.#state === 'fixed' ? this.#left : 0 }

  /** So many bytes of the body came, and went past the parser. */
  skip (bytes: number): void {
    this.#left -= bytes
    if (this.#left === 0) this.#end(true)
  }

  /** @throws TransportError, after which nothing more is read */
  feed (chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && this.#state !== 'over') at = this.#step(chunk, at)
  }

  /** The other side has ended the connection. @throws TransportError 'cut' or 'lost' where that is no end of a reply */
  finish (): void {
    const state = this.#state
    if (state === 'close') this.#end(false)
    else if (state === 'head') throw new TransportError('lost', 'the other side ended the connection before its reply')
    else if (state !== 'idle' && state !== 'over') throw new TransportError('cut', 'the body ended early')
  }

  #step (chunk: Buffer, at: number): number {
    switch (this.#state) {
      case 'head': return this.#head(chunk, at)
      case 'fixed':
      case 'chunk': return this.#body(chunk, at)
      case 'close':
        this.#sink.data(chunk.subarray(at))
        return chunk.length
      case 'size':
      case 'gap':
      case 'trailer': return this.#coding(chunk, at)
      default: throw new OddReply('bytes came that belong to no reply')
    }
  }

  #head (chunk: Buffer, at: number): number {
    const before = this.#pending.length
    const bytes = before === 0 ? chunk.subarray(at) : Buffer.concat([this.#pending, chunk.subarray(at)])
    const known = Math.min(start.length, bytes.length)
    if (bytes.compare(start, 0, known, 0, known) !== 0) throw new TransportError('protocol', 'the reply is not HTTP/1.1')
    const end = bytes.indexOf('\r\n\r\n', Math.max(0, before - 3))
    if (Math.max(end, 0) > maxHeadBytes || (end < 0 && bytes.length > maxHeadBytes)) throw new TransportError('protocol', `the reply's head is longer than ${maxHeadBytes} bytes`)
    if (end < 0) {
      this.#pending = Buffer.from(bytes)
      return chunk.length
    }
    this.#pending = noBytes
    const next = at + end + 4 - before
    this.#begun(parseHead(bytes.toString('latin1', 0, end)), next < chunk.length)
    return next
  }

  #begun (head: ParsedHead, more: boolean): void {
    if (head.status === 101) throw new OddReply('the server changed the protocol')
    if (head.status < 200) return // the reply itself is still to come
    const framing = framingOf(head, this.#method)
    this.#persists = head.persists && framing !== 'close'
    this.#left = typeof framing === 'number' ? framing : 0
    this.#state = framing === 'chunked' ? 'size' : framing === 'close' ? 'close' : 'fixed'
    this.#sink.head(head)
    if (framing === 0 && this.#going()) this.#end(!more)
  }

  #going (): boolean { return this.#state !== 'over' }

  #body (chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#left)
    this.#left -= end - at
    this.#sink.data(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end))
    if (this.#left > 0 || !this.#going()) return end
    if (this.#state === 'chunk') this.#state = 'gap'
    else this.#end(end === chunk.length)
    return end
  }

  /** The lines around chunks: sizes, what ends a chunk, trailers (of which none is of use here). */
  #coding (chunk: Buffer, at: number): number {
    const found = chunk.indexOf(lineFeed, at)
    const stop = found < 0 ? chunk.length : found
    this.#line += chunk.toString('latin1', at, stop)
    if (this.#line.length > maxLine) throw new TransportError('protocol', 'a line between the chunks of the body has no end')
    if (found < 0) return stop
    const line = this.#line
    this.#line = ''
    if (!line.endsWith('\r')) throw new OddReply('a line between the chunks of the body ends without carriage return')
    this.#coded(line.slice(0, -1), found + 1 === chunk.length)
    return found + 1
  }

  #coded (line: string, last: boolean): void {
    if (this.#state === 'size') {
      const size = /^([\da-fA-F]{1,12})[ \t]*(?:;[^\0\r]*)?$/.exec(line)?.[1]
      if (size === undefined) throw new OddReply('a chunk of the body has no size')
      this.#left = parseInt(size, 16)
      this.#state = this.#left === 0 ? 'trailer' : 'chunk'
    } else if (this.#state === 'gap') {
      if (line !== '') throw new OddReply('a chunk of the body is longer than its size')
      this.#state = 'size'
    } else if (line === '') {
      this.#end(last)
    } else if ((this.#left += line.length) > maxHeadBytes) {
      throw new TransportError('protocol', `the reply's trailers are longer than ${maxHeadBytes} bytes`)
    }
  }

  #end (clean: boolean): void {
    const persists = clean && this.#persists
    this.#state = persists ? 'idle' : 'over'
    this.#sink.end(persists)
  }
}
