import { crc32 } from 'node:zlib'
import { FsError } from '../../lib/errors/index.js'
import type { RangeRead } from '../../lib/filesystem/types.js'
import { placeOf, readObjectBeginning, readObjectRange } from '../../lib/net/index.js'
import type { NetReply, ObjectReader, ReplyHeaders } from '../../lib/net/index.js'
import type { S3Client } from './client.js'
import { parseError } from './replies.js'

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
  readonly held?: boolean | undefined
  /** Told the headers of what was read. */
  seen (headers: ReplyHeaders): void
}

function readerOf (context: ReadContext): ObjectReader {
  const { client, bucket, key, query, checksums, ifMatch, into, held, signal } = context
  return {
    into,
    held,
    get: (headers, destination, read) => {
      if (ifMatch !== undefined) headers.push('if-match', ifMatch)
      if (checksums) headers.push('x-amz-checksum-mode', 'ENABLED')
      const checked = placeOf(destination, head => { checkVersion(head.headers['etag'], ifMatch) })
      return client.call({ operation: 'GetObject', method: 'GET', bucket, key, query, headers, pardon, destination: checked }, signal, reply => {
        const result = read(reply)
        if (reply.status !== 416) context.seen(reply.headers)
        return result
      })
    },
    version: ({ headers }) => headers['etag'],
    verify: reply => { if (checksums) verify(reply) },
    sizeInBody
  }
}

/** Bytes of [start, end). A range that lies behind the end is empty, not an error. */
export function readRange (context: ReadContext, start: number, end: number | undefined): Promise<RangeRead> {
  return readObjectRange(readerOf(context), start, end)
}

/** The whole up to twice `partBytes`, else the first part of it. */
export function readBeginning (context: ReadContext, partBytes: number): Promise<RangeRead> {
  return readObjectBeginning(readerOf(context), partBytes)
}

function pardon ({ status }: NetReply): boolean { return status === 416 }

/** Every object has an ETag; what comes without one is a page of something on the way. Not every store knows If-Match: the version that came is compared too. */
function checkVersion (etag: string | undefined, wanted: string | undefined): void {
  if (etag === undefined) throw new FsError('FORKFS_PROTOCOL', 'the answer has no ETag and so is no object of a store: is a proxy in between, or the endpoint something else?')
  if (wanted === undefined || etag === wanted || !/^"[^"]*"$/.test(wanted) || etag === `W/${wanted}`) return
  throw new FsError('FORKFS_CHANGED', 'the store sent another version than the one that was asked for')
}

/** S3 tells the size in the error's body, others in Content-Range. */
function sizeInBody (reply: NetReply): number | undefined {
  const told = parseError(reply.body)?.['ActualObjectSize']
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
