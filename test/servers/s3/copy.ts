import { randomBytes } from 'node:crypto'
import { algorithms, digest } from './checksums.js'
import { checkWrite, unchanged } from './conditions.js'
import { S3Error } from './errors.js'
import { findObject, objectHeaders, versionHeaders } from './objects.js'
import { isoTime, xmlReply } from './request.js'
import { md5 } from './store.js'
import { percentDecode, utf8 } from './target.js'
import type { Bytes } from '../bytes.js'
import type { Reply } from '../exchange.js'
import type { Checksum } from './checksums.js'
import type { Operation } from './operations.js'
import type { Operate, S3Request } from './request.js'
import type { Bucket, StoredObject } from './store.js'

export interface CopySource {
  readonly bucket: Bucket
  readonly object: StoredObject
}

/**
 * The object that x-amz-copy-source names, with its conditions checked: `bucket/key` with or without a leading slash, percent-encoded or
 * plain, `?versionId=` behind it.
 * @throws S3Error InvalidArgument · NoSuchBucket · NoSuchKey · PreconditionFailed
 */
export function copySource (request: S3Request): CopySource {
  const raw = request.header('x-amz-copy-source') ?? ''
  const [, path = raw, versionId] = /^(.*)\?versionId=([^&]*)$/s.exec(raw) ?? []
  const decoded = utf8(percentDecode(path, true)).replace(/^\//, '')
  const slash = decoded.indexOf('/')
  if (slash < 1 || slash === decoded.length - 1) {
    throw new S3Error('InvalidArgument', { message: 'Copy Source must mention the source bucket and key: sourcebucket/sourcekey', detail: { ArgumentName: 'x-amz-copy-source' } })
  }
  const bucket = request.state.bucket(decoded.slice(0, slash))
  const object = findObject(bucket, decoded.slice(slash + 1), versionId)
  if (unchanged(object, name => request.header(name), 'x-amz-copy-source-')) throw new S3Error('PreconditionFailed')
  return { bucket, object }
}

function directive (request: S3Request): 'COPY' | 'REPLACE' {
  const value = request.header('x-amz-metadata-directive') ?? 'COPY'
  if (value !== 'COPY' && value !== 'REPLACE') throw new S3Error('InvalidArgument', { message: 'Unknown metadata directive.' })
  return value
}

/** A checksum asked for by x-amz-checksum-algorithm, else the source's own where it is of the whole object. */
function copiedChecksum (request: S3Request, body: Bytes, source: Checksum | undefined): Checksum | undefined {
  const asked = request.header('x-amz-checksum-algorithm')?.toLowerCase()
  if (asked === undefined) return source?.type === 'FULL_OBJECT' ? source : undefined
  if (!algorithms.includes(asked)) throw new S3Error('InvalidRequest', { message: 'Checksum algorithm provided is unsupported.' })
  const value = digest(asked, body)?.toString('base64')
  return value === undefined ? undefined : { algorithm: asked, value, type: 'FULL_OBJECT' }
}

async function copyObject (request: S3Request): Promise<Reply> {
  const { bucket, key, state } = request
  await request.payload()
  const source = copySource(request)
  const replaces = directive(request) === 'REPLACE'
  if (source.bucket === bucket && source.object.key === key && source.object === bucket.current(key) && !replaces) {
    throw new S3Error('InvalidRequest', {
      message: 'This copy request is illegal because it is trying to copy an object to itself without changing the object\'s metadata, storage class, website redirect location or encryption attributes.'
    })
  }
  checkWrite(bucket.current(key), name => request.header(name))
  const { body } = source.object
  const headers = replaces ? objectHeaders(request) : source.object.headers
  const checksum = copiedChecksum(request, body, source.object.checksum)
  const etag = source.object.parts === undefined ? source.object.etag : `"${(state.opaqueEtags ? randomBytes(16) : md5(body)).toString('hex')}"`
  const object = bucket.put({ key, deleteMarker: false, body, etag, modified: state.stamp(), headers, checksum, parts: undefined })
  const from = source.bucket.versioning === undefined ? {} : { 'x-amz-copy-source-version-id': source.object.versionId }
  return xmlReply('CopyObjectResult', [
    ['LastModified', isoTime(object.modified)], ['ETag', object.etag],
    ...(checksum === undefined ? [] : [[`Checksum${checksum.algorithm.toUpperCase()}`, checksum.value] as const])
  ], { ...versionHeaders(bucket, object), ...from })
}

export const copyOperations = { CopyObject: copyObject } satisfies Partial<Record<Operation, Operate>>
