import { FsError } from '../../lib/errors/index.js'
import { allocate, checkRange, overParts, planParts, rangeHeader, sizeOf416 } from '../../lib/net/index.js'
import type { Destination, NetReply, ReplyHead } from '../../lib/net/index.js'
import type { Bytes, Chunk, RangeRead } from '../../lib/filesystem/types.js'
import { shownPath } from './address.js'
import type { Again } from './again.js'
import { lengthOf } from './body.js'
import type { Body } from './body.js'
import type { HttpClient } from './client.js'
import { decode, decodeChunks, encodingsOf, refuseEncodedRange } from './decode.js'
import { checkVersion, pinHeaders, versionOf } from './version.js'
import type { WholeFiles } from './whole.js'

/** Longest single range; longer reads are cut and read in parallel where the server has ranges. */
export const partBytes = 8 * 1024 * 1024
const maxLanes = 16

export interface Wanted {
  /** A normal URL. */
  readonly path: string
  /** Negative, without an end: so many bytes from the end. */
  readonly start: number
  readonly end: number | undefined
  readonly ifMatch?: string | undefined
  readonly into?: Uint8Array | undefined
  readonly signal: AbortSignal
}

/** Thrown at the head of a reply that is the whole file instead of a range, and not a short one. */
class RangeIgnored extends Error {}

const isWhole = ({ start, end }: Wanted): boolean => start === 0 && end === undefined
const none = (): Bytes => new Uint8Array(0)

function truncated (path: string, got: number, wanted: number): FsError {
  return new FsError('FORKFS_TRUNCATED', `${got} bytes came where ${wanted} belong`, { path: shownPath(path), protocol: 'http', retry: 'may' })
}

function unwantedPart (path: string): FsError {
  return new FsError('FORKFS_PROTOCOL', 'the server sends a part where the whole was asked for', { path: shownPath(path), protocol: 'http', status: 206 })
}

/** The bytes where the caller wants them. */
function placed (data: Bytes, into: Uint8Array | undefined): Bytes {
  if (into === undefined) return data
  into.set(data)
  return into.subarray(0, data.length) as Bytes
}

export interface ReaderOptions {
  readonly client: HttpClient
  readonly whole: WholeFiles
  readonly concurrency: number
  readonly again: Again
}

/**
 * Reads of one server's files. With ranges: short reads are one request, long ones a first part that tells size and version
 * and then parts in parallel. Without: one streamed request, whose bytes before the wanted ones are passed over; reads of one
 * file that follow each other share it.
 */
export class Reader {
  readonly #options: ReaderOptions
  /** Replies whose reader does something else between two pieces. */
  readonly #standing = new Set<Body>()

  constructor (options: ReaderOptions) { this.#options = options }

  async read (wanted: Wanted): Promise<RangeRead> {
    const { path, start, end } = wanted
    const { whole } = this.#options
    if (end !== undefined && end <= start) return { data: none() }
    if (whole.lacksRanges(path)) return this.#unranged(wanted)
    try {
      return await (end !== undefined && end - start <= partBytes ? this.#part(wanted) : this.#long(wanted))
    } catch (error) {
      if (!(error instanceof RangeIgnored)) throw error
      whole.remember(path)
      return this.#unranged(wanted)
    }
  }

  // ------------------------------------------------------------------------------------------------ with ranges

  async #part (wanted: Wanted): Promise<RangeRead> {
    const { path, start, end, ifMatch, into, signal } = wanted
    const destination = (head: ReplyHead): Destination => {
      checkVersion(ifMatch, head.headers, path)
      refuseEncodedRange(head, path)
      if (head.status === 206) {
        const { length } = checkRange(head, start, end)
        return into === undefined ? { maxBytes: length } : { into: into.subarray(0, length) }
      }
      if (head.status === 416) return {}
      const length = lengthOf(head)
      if (length === undefined || length > partBytes) throw new RangeIgnored()
      return { maxBytes: length }
    }
    const check = ({ status, headers, body }: NetReply): void => {
      if (status !== 206) return
      const { length } = checkRange({ status, headers }, start, end)
      if (body.length !== length) throw truncated(path, body.length, length)
    }
    const headers = ['range', rangeHeader(start, end)!, ...pinHeaders(ifMatch)]
    const { reply } = await this.#options.client.send({ operation: 'read', method: 'GET', path, headers, accept: [416], destination, check }, signal)
    const etag = versionOf(reply.headers)
    if (reply.status === 416) return this.#past(reply, wanted)
    if (reply.status === 206) return { data: reply.body as Bytes, etag, size: checkRange(reply, start, end).size }
    if (reply.body.length > 0) this.#options.whole.remember(path)
    return { data: placed(reply.body.slice(start, end) as Bytes, into), etag, size: reply.body.length }
  }

  /** Nothing lies at or after the start. */
  #past (head: ReplyHead, { path, start }: Wanted): RangeRead {
    const size = sizeOf416(head) ?? (start <= 0 ? 0 : undefined)
    if (size !== undefined && (start < 0 ? size > 0 : size > start)) throw new FsError('FORKFS_PROTOCOL', `the server refuses a range of a file of ${size} bytes that begins at ${start}`, { path: shownPath(path), protocol: 'http', status: 416 })
    return { data: none(), etag: versionOf(head.headers), size }
  }

  async #long (wanted: Wanted): Promise<RangeRead> {
    const { path, start, end, ifMatch, signal } = wanted
    const first = await this.#options.again.run(signal, async () => {
      const last = start < 0 ? undefined : Math.min(end ?? Infinity, start + partBytes)
      const headers = ['range', rangeHeader(start, last)!, ...pinHeaders(ifMatch)]
      const body = await this.#options.client.open({ operation: 'read', method: 'GET', path, headers, accept: [416] }, signal)
      return this.#closing(body, signal, () => this.#begin(body, wanted, last))
    })
    if (first === undefined) return this.#unranged(wanted) // only without a range can it be had
    const { read, from, data } = first
    if (from === undefined || from >= data.length) return read
    await overParts(planParts(start + from, start + data.length, partBytes), Math.min(maxLanes, this.#options.concurrency), signal, async (part, inner) => {
      const into = data.subarray(part.start - start, part.end - start)
      const next = await this.read({ path, start: part.start, end: part.end, into, ifMatch: ifMatch ?? read.etag, signal: inner })
      if (next.size !== undefined && next.size !== read.size) throw new FsError('FORKFS_CHANGED', 'its size changed while it was read', { path: shownPath(path), protocol: 'http' })
      if (next.data.length !== into.length) throw truncated(path, next.data.length, into.length)
    })
    return read
  }

  /** What the first reply of a long read gives; `from`: where the parts that are still missing begin in `data`. */
  async #begin (body: Body, wanted: Wanted, last: number | undefined): Promise<{ read: RangeRead, data: Bytes, from?: number } | undefined> {
    const { path, start, end, ifMatch, into } = wanted
    if (body.status === 416) { const read = this.#past(body, wanted); return { read, data: read.data } }
    checkVersion(ifMatch, body.headers, path)
    if (body.status !== 206) {
      if (lengthOf(body) !== 0) this.#options.whole.remember(path)
      const read = await this.#consume(body, wanted)
      return { read, data: read.data }
    }
    if (isWhole(wanted) && encodingsOf(body).length > 0) return undefined
    refuseEncodedRange(body, path)
    const { length, size } = checkRange(body, start, last)
    if (size === undefined && end === undefined && start >= 0) return undefined
    const total = start < 0 ? length : Math.min(end ?? Infinity, size ?? Infinity) - start
    const data = (into?.subarray(0, total) ?? allocate(total)) as Bytes
    const from = await body.fill(data.subarray(0, length))
    if (from !== length) throw truncated(path, from, length)
    await body.finish()
    return { read: { data, etag: versionOf(body.headers), size }, data, from }
  }

  // ------------------------------------------------------------------------------------------------ without ranges

  async #unranged (wanted: Wanted): Promise<RangeRead> {
    const { path, start, end, ifMatch, signal } = wanted
    const { whole } = this.#options
    if (end === undefined || start < 0) {
      return this.#options.again.run(signal, async () => {
        const body = await this.#openWhole(wanted)
        return this.#closing(body, signal, () => this.#consume(body, wanted))
      })
    }
    return whole.turn(path, signal, (file, gone) => this.#options.again.run(signal, async () => {
      const body = file.take(start, ifMatch) ?? await this.#openWhole(wanted)
      const read = await body.using(signal, () => this.#consume(body, wanted))
      file.park(body, read.etag, gone)
      return read
    }))
  }

  #openWhole ({ path, ifMatch, signal }: Wanted): Promise<Body> {
    return this.#options.client.open({ operation: 'read', method: 'GET', path, headers: pinHeaders(ifMatch) }, signal)
  }

  /** The wanted bytes of a reply that is the whole file; the body stays where they end. */
  async #consume (body: Body, wanted: Wanted): Promise<RangeRead> {
    const { path, start, end, ifMatch, into } = wanted
    if (body.status === 206) throw unwantedPart(path)
    checkVersion(ifMatch, body.headers, path)
    const etag = versionOf(body.headers)
    const encodings = encodingsOf(body)
    if (encodings.length > 0) {
      if (!isWhole(wanted)) refuseEncodedRange(body, path)
      return { data: placed(await decode(await body.collect(Infinity), encodings, path), into), etag }
    }
    const size = lengthOf(body)
    if (start < 0 && size === undefined) return { data: placed(await body.last(-start), into), etag }
    const from = start < 0 ? Math.max(0, size! + start) : start
    await body.skip(Math.min(from, size ?? Infinity) - body.position)
    if (size === undefined) return { data: placed(await body.collect((end ?? Infinity) - from), into), etag }
    const length = Math.max(0, Math.min(end ?? size, size) - from)
    const data = (into?.subarray(0, length) ?? allocate(length)) as Bytes
    const got = await body.fill(data)
    if (got !== length) throw truncated(path, got, length)
    if (body.position === size) await body.finish()
    return { data, etag, size }
  }

  // ------------------------------------------------------------------------------------------------ streams

  /** The whole file in one streamed request, decoded; from its beginning again, with `at` 0, where the body breaks off. */
  async *chunks (wanted: Pick<Wanted, 'path' | 'ifMatch' | 'signal'>): AsyncGenerator<Chunk, void, undefined> {
    for (let attempt = 1; ; attempt++) {
      try {
        yield* this.#wholeInChunks({ ...wanted, start: 0, end: undefined })
        return
      } catch (error) {
        await this.#options.again.pause(attempt, error, wanted.signal)
      }
    }
  }

  async *#wholeInChunks (wanted: Wanted): AsyncGenerator<Chunk, void, undefined> {
    const { path, ifMatch, signal } = wanted
    const body = await this.#openWhole(wanted)
    try {
      if (body.status === 206) throw unwantedPart(path)
      checkVersion(ifMatch, body.headers, path)
      let at = 0
      for await (const data of decodeChunks(body.pieces(signal), encodingsOf(body), path)) {
        this.#standing.add(body)
        yield { at, data }
        if (!this.#standing.delete(body)) throw new FsError('FORKFS_CLOSED', 'the filesystem was closed before the end of the reply', { path: shownPath(path), protocol: 'http', retry: 'may' })
        at += data.length
      }
    } finally {
      this.#standing.delete(body)
      body.close()
    }
  }

  /** End replies that wait for their readers, who begin them again: nobody knows when they would. */
  endStanding (): void {
    for (const body of this.#standing) body.close()
    this.#standing.clear()
  }

  async #closing<T> (body: Body, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await body.using(signal, work)
    } finally {
      body.close()
    }
  }
}
