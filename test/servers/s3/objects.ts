import { randomBytes } from 'node:crypto'
import type { Bytes } from '../bytes.js'
import { givenChecksum, verifyChecksum, verifyMd5 } from './checksums.js'
import { checkWrite, unchanged, wantedRange } from './conditions.js'
import { S3Error } from './errors.js'
import { xmlReply } from './request.js'
import { childText, parseXml } from './xml.js'
import type { Headers, Reply } from '../exchange.js'
import type { Operation } from './operations.js'
import type { Operate, S3Request } from './request.js'
import type { Bucket, StoredObject } from './store.js'
import type { XmlContent } from './xml.js'

const kept: ReadonlySet<string> = new Set(['cache-control', 'content-disposition', 'content-encoding', 'content-language', 'content-type', 'expires',
  'x-amz-storage-class', 'x-amz-website-redirect-location'])
const metadataBytesMost = 2048

/** The request headers that become the object's. @throws S3Error InvalidArgument for more than 2 KiB of metadata */
export function objectHeaders (request: S3Request): Record<string, string> {
  const headers: Record<string, string> = {}
  let metadataBytes = 0
  for (const name of Object.keys(request.exchange.headers)) {
    const value = request.header(name)!
    if (name.startsWith('x-amz-meta-')) {
      metadataBytes += name.length - 11 + value.length
      headers[name] = value
    } else if (kept.has(name)) {
      const own = name === 'content-encoding' ? value.split(',').map(part => part.trim()).filter(part => part !== 'aws-chunked').join(',') : value
      if (own !== '') headers[name] = own
    }
  }
  if (metadataBytes > metadataBytesMost) {
    throw new S3Error('InvalidArgument', { message: 'Your metadata headers exceed the maximum allowed metadata size', detail: { Size: String(metadataBytes), MaxSizeAllowed: String(metadataBytesMost) } })
  }
  headers['content-type'] ??= 'binary/octet-stream'
  return headers
}

/** The object or version that a read names. @throws S3Error NoSuchKey · NoSuchVersion · MethodNotAllowed (a delete marker) */
export function findObject (bucket: Bucket, key: string, versionId: string | undefined): StoredObject {
  const object = versionId === undefined ? bucket.newest(key) : bucket.version(key, versionId)
  if (object === undefined) throw new S3Error(versionId === undefined ? 'NoSuchKey' : 'NoSuchVersion')
  if (!object.deleteMarker) return object
  const headers = { 'x-amz-delete-marker': 'true', 'x-amz-version-id': object.versionId }
  if (versionId === undefined) throw new S3Error('NoSuchKey', { headers })
  throw new S3Error('MethodNotAllowed', { headers: { ...headers, Allow: 'DELETE', 'Last-Modified': new Date(object.modified).toUTCString() } })
}

export function versionHeaders (bucket: Bucket, object: StoredObject): Headers {
  return bucket.versioning === undefined ? {} : { 'x-amz-version-id': object.versionId }
}

const overrides: readonly string[] = ['content-type', 'content-language', 'expires', 'cache-control', 'content-disposition', 'content-encoding']

function read (request: S3Request): Reply {
  const { bucket, query } = request
  const object = findObject(bucket, request.key, query.get('versionId'))
  const headers: Headers = {
    ...object.headers, ETag: object.etag, 'Last-Modified': new Date(object.modified).toUTCString(), 'Accept-Ranges': 'bytes', ...versionHeaders(bucket, object)
  }
  for (const name of overrides) {
    const value = query.get(`response-${name}`)
    if (value !== undefined && request.identity.anonymous) throw new S3Error('InvalidRequest', { message: 'Request specific response headers cannot be used for anonymous GET requests.' })
    if (value !== undefined) headers[name] = value
  }
  if (unchanged(object, name => request.header(name))) {
    const { ETag, 'Last-Modified': modified } = headers
    return { status: 304, headers: { ETag: ETag!, 'Last-Modified': modified! } }
  }
  const part = partRange(request, object)
  const range = part ?? wantedRange(request.exchange.range, object.body.size)
  if (part !== undefined && object.parts !== undefined) headers['x-amz-mp-parts-count'] = String(object.parts.length)
  if (range === undefined) {
    if (object.checksum !== undefined && request.header('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED') {
      headers[`x-amz-checksum-${object.checksum.algorithm}`] = object.checksum.value
      headers['x-amz-checksum-type'] = object.checksum.type
    }
    return { status: 200, headers, body: object.body }
  }
  if (range.end > range.start) headers['Content-Range'] = `bytes ${range.start}-${range.end - 1}/${object.body.size}`
  return { status: range.end > range.start ? 206 : 200, headers, body: object.body.slice(range.start, range.end) }
}

function partRange (request: S3Request, object: StoredObject): { start: number, end: number } | undefined {
  const text = request.query.get('partNumber')
  if (text === undefined) return undefined
  if (request.header('range') !== undefined) throw new S3Error('InvalidRequest', { message: 'Cannot specify both Range header and partNumber query parameter' })
  const number = Number(text)
  const sizes = object.parts ?? [object.body.size]
  if (!Number.isInteger(number) || number < 1 || number > 10_000) throw new S3Error('InvalidArgument', { message: 'Part number must be an integer between 1 and 10000, inclusive' })
  if (number > sizes.length) throw new S3Error('InvalidPartNumber', { detail: { PartNumberRequested: text, ActualPartCount: String(sizes.length) } })
  const start = sizes.slice(0, number - 1).reduce((sum, size) => sum + size, 0)
  return { start, end: start + sizes[number - 1]! }
}

async function putObject (request: S3Request): Promise<Reply> {
  const { bucket, key, state } = request
  const headers = objectHeaders(request)
  checkWrite(bucket.current(key), name => request.header(name)) // early: the body need not come
  const { body, trailers } = await request.payload()
  const checksum = verifyChecksum(body, givenChecksum({ ...request.exchange.headers, ...trailers }))
  const contentMd5 = request.header('content-md5')
  const etag = state.opaqueEtags && contentMd5 === undefined ? randomBytes(16) : verifyMd5(body, contentMd5)
  checkWrite(request.bucket.current(key), name => request.header(name)) // and again: another write may have come first
  const object = request.bucket.put({
    key, deleteMarker: false, body, etag: `"${etag.toString('hex')}"`, modified: state.stamp(), headers, checksum, parts: undefined
  })
  const sums: Headers = checksum === undefined ? {} : { [`x-amz-checksum-${checksum.algorithm}`]: checksum.value, 'x-amz-checksum-type': 'FULL_OBJECT' }
  return { status: 200, headers: { ETag: object.etag, ...versionHeaders(bucket, object), ...sums } }
}

/** Delete one key or version; what there is to say about it as headers. */
function remove (request: S3Request, key: string, versionId: string | undefined): { marker?: StoredObject | undefined, versionId?: string | undefined } {
  const { bucket, state } = request
  if (versionId === undefined) {
    const marker = bucket.delete(key, state.stamp())
    return { marker, versionId: marker?.versionId }
  }
  const removed = bucket.deleteVersion(key, versionId)
  return { marker: removed?.deleteMarker === true ? removed : undefined, versionId }
}

function deleteObject (request: S3Request): Reply {
  const current = request.bucket.current(request.key)
  if (request.header('if-match') !== undefined) checkWrite(current, name => name === 'if-match' ? request.header(name) : undefined)
  const { marker, versionId } = remove(request, request.key, request.query.get('versionId'))
  return {
    status: 204,
    headers: { ...(marker === undefined ? {} : { 'x-amz-delete-marker': 'true' }), ...(versionId === undefined ? {} : { 'x-amz-version-id': versionId }) }
  }
}

const deleteMost = 1000

async function deleteObjects (request: S3Request): Promise<Reply> {
  const { bucket } = request
  const { body, trailers } = await request.payload()
  const checksum = givenChecksum({ ...request.exchange.headers, ...trailers })
  if (checksum === undefined && request.header('content-md5') === undefined) {
    throw new S3Error('InvalidRequest', { message: 'Missing required header for this request: Content-MD5' })
  }
  verifyChecksum(body, checksum)
  verifyMd5(body, request.header('content-md5'))
  const root = parseXml(body.toString())
  const objects = root.children.filter(child => child.name === 'Object')
  if (root.name !== 'Delete' || objects.length === 0 || objects.length > deleteMost) throw new S3Error('MalformedXML')
  const keys = objects.map(object => ({ key: childText(object, 'Key'), versionId: childText(object, 'VersionId'), etag: childText(object, 'ETag') }))
  const quiet = childText(root, 'Quiet')?.trim() === 'true'
  const results: (readonly [string, XmlContent])[] = []
  for (const { key, versionId, etag } of keys) {
    if (key === undefined || key === '') throw new S3Error('MalformedXML')
    try {
      if (Buffer.byteLength(key) > 1024) throw new S3Error('KeyTooLongError')
      if (etag !== undefined) checkWrite(bucket.current(key), name => name === 'if-match' ? etag : undefined)
      const done = remove(request, key, versionId)
      if (quiet) continue
      const marker: XmlContent = done.marker === undefined ? [] : [['DeleteMarker', true], ['DeleteMarkerVersionId', done.marker.versionId]]
      results.push(['Deleted', [['Key', key], ['VersionId', versionId], ...marker]])
    } catch (error) {
      if (!(error instanceof S3Error)) throw error
      results.push(['Error', [['Key', key], ['VersionId', versionId], ['Code', error.code], ['Message', error.message]]])
    }
  }
  return xmlReply('DeleteResult', results)
}

export const objectOperations = {
  GetObject: read, HeadObject: read, PutObject: putObject, DeleteObject: deleteObject, DeleteObjects: deleteObjects
} satisfies Partial<Record<Operation, Operate>>

/** An object put by a test itself, without a request. */
export function seed (bucket: Bucket, key: string, body: Bytes, headers: Readonly<Record<string, string>>, stamp: number, etag: Buffer): void {
  const own = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  bucket.put({
    key, deleteMarker: false, body, etag: `"${etag.toString('hex')}"`, modified: stamp, checksum: undefined, parts: undefined,
    headers: { 'content-type': 'binary/octet-stream', ...own }
  })
}
