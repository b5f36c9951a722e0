import { crc32 } from 'node:zlib'
import { FsError } from '../../lib/errors/index.js'
import type { Bytes, RangeRead } from '../../lib/filesystem/types.js'
import { checkRange, rangeHeader } from '../../lib/net/index.js'
import type { Destination, NetReply, ReplyHead, ReplyHeaders } from '../../lib/net/index.js'
import type { S3Client } from './client.js'
import { parseError } from './replies.js'

const MiB = 1024 * 1024

export interface ReadContext {
  readonly client: S3Client
  readonly bucket: string
  readonly key: string
  /** Canonical: a version, or nothing. */
  readonly query: string
  readonly checksums: boolean
  readonly signal: AbortSignal
  readonly ifMatch?: string | undefined
  readonly into?: Uint8Array | undefined
  /** Told the headers of what was read. */
  seen (headers: ReplyHeaders): void
}

/** Bytes of [start, end). A range that lies behind the end is empty, not an error. */
export async function readRange (context: ReadContext, start: number, end: number | undefined): Promise<RangeRead> {
  const range = rangeHeader(start, end)
  return get(context, range === undefined ? [] : ['range', range], head => {
    const { length } = checkRange(head, start, end)
    const { into } = context
    if (into === undefined || length < 0) return { maxBytes: Number.MAX_SAFE_INTEGER }
    if (length > into.length) throw new RangeError(`Expected room for ${length} bytes, got ${into.length}`)
    return { into: into.subarray(0, length), maxBytes: length }
  }, reply => {
    if (reply.status === 416) return { data: new Uint8Array(0), size: sizeBehind416(reply) }
    const { length, size } = checkRange(reply, start, end)
    if (length !== -1 && reply.body.length !== length) throw short(length, reply)
    if (context.checksums && reply.body.length === size) verify(reply)
    return { data: reply.body as Bytes, etag: reply.headers['etag'], size: size ?? reply.body.length }
  })
}

/**
 * The beginning of an object whose size nobody knows yet: the whole up to twice `partBytes`, else its first part. No range is
 * asked for: a store sends checksums with whole objects only, and an empty object has no range. What is larger costs one
 * connection, which is closed behind the first part.
 */
export async function readBeginning (context: ReadContext, partBytes: number): Promise<RangeRead> {
  return get(context, [], head => {
    const { length } = checkRange(head, 0, undefined)
    // Without a length only chunks tell where a body ends: one that ends with its connection may have been cut.
    if (length < 0 && head.headers['transfer-encoding'] === undefined) throw new FsError('FORKFS_PROTOCOL', 'the reply tells no length', { retry: 'may' })
    return { maxBytes: Number.MAX_SAFE_INTEGER, take: length > 2 * partBytes ? partBytes : undefined }
  }, reply => {
    const { length, size = reply.body.length } = checkRange(reply, 0, undefined)
    const expected = length > 2 * partBytes ? partBytes : size
    if (reply.body.length !== expected) throw short(expected, reply)
    if (context.checksums && expected === size) verify(reply)
    return { data: reply.body as Bytes, etag: reply.headers['etag'], size }
  })
}

async function get (context: ReadContext, headers: string[], place: (head: ReplyHead) => Destination, read: (reply: NetReply) => RangeRead): Promise<RangeRead> {
  const { client, bucket, key, query, checksums, ifMatch, signal } = context
  if (ifMatch !== undefined) headers.push('if-match', ifMatch)
  if (checksums) headers.push('x-amz-checksum-mode', 'ENABLED')
  return client.call({
    operation: 'GetObject', method: 'GET', bucket, key, query, headers, pardon,
    destination: head => {
      if (head.status !== 200 && head.status !== 206) return { maxBytes: MiB }
      if (ifMatch !== undefined) checkVersion(head.headers['etag'], ifMatch)
      return place(head)
    }
  }, signal, reply => {
    const result = read(reply)
    if (reply.status !== 416) context.seen(reply.headers)
    return result
  })
}

function pardon ({ status }: NetReply): boolean { return status === 416 }

/** Not every store knows If-Match: the version that came is compared too. */
function checkVersion (etag: string | undefined, wanted: string): void {
  if (etag === undefined || etag === wanted || !/^"[^"]*"$/.test(wanted) || etag === `W/${wanted}`) return
  throw new FsError('FORKFS_CHANGED', 'the store sent another version than the one that was asked for')
}

function short (expected: number, { body }: NetReply): FsError {
  return new FsError('FORKFS_TRUNCATED', `${expected} bytes were announced and ${body.length} came`, { retry: 'may' })
}

/** S3 tells the size in the error's body, others in Content-Range. */
function sizeBehind416 (reply: NetReply): number | undefined {
  const told = parseError(reply.body)?.['ActualObjectSize'] ?? /\/(\d+)$/.exec(reply.headers['content-range'] ?? '')?.[1]
  return told !== undefined && /^\d{1,16}$/.test(told) ? Number(told) : undefined
}

/** A full-object CRC32 that came along must fit; checksums of parts ("-n") and other algorithms tell nothing here. */
function verify ({ headers, body }: NetReply): void {
  const sent = headers['x-amz-checksum-crc32']
  if (sent === undefined || sent.includes('-') || headers['x-amz-checksum-type'] === 'COMPOSITE') return
  if (crc32Text(body) !== sent) throw new FsError('FORKFS_CHECKSUM', 'the bytes do not fit the CRC32 that the store sent with them', { retry: 'may' })
}

/** The CRC32 of bytes as S3's headers spell it. */
export function crc32Text (data: Uint8Array): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32(data))
  return bytes.toString('base64')
}
