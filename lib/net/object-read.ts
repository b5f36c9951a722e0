import { FsError } from '../errors/index.js'
import type { Bytes, RangeRead } from '../filesystem/types.js'
import { checkRange, rangeHeader, sizeOf416 } from './range.js'
import type { Destination, NetReply, ReplyHead } from './transport.js'

const MiB = 1024 * 1024

/** How one store reads one object: the rest is the same for all stores that speak HTTP. */
export interface ObjectReader {
  readonly into?: Uint8Array | undefined
  readonly held?: boolean | undefined
  /**
   * Send a GET with these headers besides the store's own (names and values in turn). 416 is an answer here; `destination` is
   * asked for heads of 200 and 206 (see {@link placeOf}), `read` for each whole reply.
   */
  get (headers: string[], destination: (head: ReplyHead) => Destination, read: (reply: NetReply) => RangeRead): Promise<RangeRead>
  /** The version of the bytes in a reply. */
  version (head: ReplyHead): string | undefined
  /** The checksum that came with a whole object must fit. @throws FsError FORKFS_CHECKSUM, with retry 'may' */
  verify (reply: NetReply): void
  /** Where the body of a 416 tells the size and Content-Range does not. */
  sizeInBody? (reply: NetReply): number | undefined
}

/** The head of a read: an answer's bytes go where `place` says, everything else is a short text. */
export function placeOf (place: (head: ReplyHead) => Destination, check: (head: ReplyHead) => void): (head: ReplyHead) => Destination {
  return head => {
    if (head.status !== 200 && head.status !== 206) return { maxBytes: MiB }
    check(head)
    return place(head)
  }
}

/** Bytes of [start, end). A range that lies behind the end is empty, not an error. */
export function readObjectRange (reader: ObjectReader, start: number, end: number | undefined): Promise<RangeRead> {
  const range = rangeHeader(start, end)
  return reader.get(range === undefined ? [] : ['range', range], head => {
    const { length } = checkRange(head, start, end)
    const { into, held } = reader
    if (into === undefined || length < 0) return { maxBytes: Number.MAX_SAFE_INTEGER }
    if (length > into.length) throw new RangeError(`Expected room for ${length} bytes, got ${into.length}`)
    return { into: into.subarray(0, length), held, maxBytes: length }
  }, reply => {
    if (reply.status === 416) return { data: new Uint8Array(0), size: sizeOf416(reply) ?? reader.sizeInBody?.(reply) }
    const { length, size } = checkRange(reply, start, end)
    if (length !== -1 && reply.body.length !== length) throw short(length, reply)
    if (reply.body.length === size) reader.verify(reply)
    return { data: reply.body as Bytes, etag: reader.version(reply), size: size ?? reply.body.length }
  })
}

/**
 * The beginning of an object whose size nobody knows yet: the whole up to twice `partBytes`, else its first part. No range is
 * asked for: stores send checksums with whole objects only, and an empty object has no range. What is larger costs one
 * connection, which is closed behind the first part.
 */
export function readObjectBeginning (reader: ObjectReader, partBytes: number): Promise<RangeRead> {
  return reader.get([], head => {
    const { length } = checkRange(head, 0, undefined)
    // Without a length only chunks tell where a body ends: one that ends with its connection may have been cut.
    if (length < 0 && head.headers['transfer-encoding'] === undefined) throw new FsError('FORKFS_PROTOCOL', 'the reply tells no length', { retry: 'may' })
    return { maxBytes: Number.MAX_SAFE_INTEGER, take: length > 2 * partBytes ? partBytes : undefined }
  }, reply => {
    const { length, size = reply.body.length } = checkRange(reply, 0, undefined)
    const expected = length > 2 * partBytes ? partBytes : size
    if (reply.body.length !== expected) throw short(expected, reply)
    if (expected === size) reader.verify(reply)
    return { data: reply.body as Bytes, etag: reader.version(reply), size }
  })
}

function short (expected: number, { body }: NetReply): FsError {
  return new FsError('FORKFS_TRUNCATED', `${expected} bytes were announced and ${body.length} came`, { retry: 'may' })
}
