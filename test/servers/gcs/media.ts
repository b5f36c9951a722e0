import { gunzipSync } from 'node:zlib'
import { Bytes } from '../bytes.js'
import { parseRange } from '../ranges.js'
import { checkEtag, checkRead, conditionsOf, findObject } from './conditions.js'
import { GcsError } from './errors.js'
import { etagOf } from './resources.js'
import type { Headers, Reply } from '../exchange.js'
import type { GcsRequest, Operate } from './request.js'
import type { GcsBucket, GcsObject } from './store.js'

/** What every reply with content says about its object. The hashes are of the stored bytes and come in two lines. */
export function contentHeaders (bucket: GcsBucket, object: GcsObject): Headers {
  const { content, fields } = object
  const md5 = content.md5 === undefined ? [] : [`md5=${content.md5}`]
  const optional: Readonly<Record<string, string | undefined>> = {
    'Content-Type': fields.contentType, 'Content-Encoding': fields.contentEncoding, 'Content-Disposition': fields.contentDisposition,
    'Content-Language': fields.contentLanguage, 'Cache-Control': fields.cacheControl ?? 'no-cache, no-store, max-age=0, must-revalidate'
  }
  const headers: Headers = {
    ETag: etagOf(object), 'Last-Modified': new Date(object.updated).toUTCString(), 'x-goog-generation': String(object.generation),
    'x-goog-metageneration': String(object.metageneration), 'x-goog-storage-class': fields.storageClass ?? bucket.storageClass,
    'x-goog-stored-content-encoding': fields.contentEncoding ?? 'identity', 'x-goog-stored-content-length': String(content.body.size),
    'x-goog-hash': [`crc32c=${content.crc32c}`, ...md5]
  }
  for (const [name, value] of Object.entries(optional)) if (value !== undefined) headers[name] = value
  return headers
}

/** The content that a read asks for, with its conditions, its range and the inflation of stored gzip. @throws GcsError 404 · 412 · 304 · 416 */
export function readContent (request: GcsRequest, bucket: GcsBucket, object: GcsObject): Reply {
  const headers = contentHeaders(bucket, object)
  const inflated = inflate(request, object)
  if (inflated !== undefined) {
    delete headers['Content-Encoding']
    return { status: 200, headers: { ...headers, Warning: '214 UploadServer gunzipped', Vary: 'Accept-Encoding' }, body: inflated, chunked: true }
  }
  const { body } = object.content
  const range = wantedRange(request.call.range, body.size)
  if (range === 'unsatisfiable') throw new GcsError(416, { headers: { 'Content-Range': `bytes */${body.size}` }, plain: true })
  if (range === undefined) return { status: 200, headers: { ...headers, 'Accept-Ranges': 'bytes' }, body }
  headers['Content-Range'] = `bytes ${range.start}-${range.end - 1}/${body.size}`
  return { status: 206, headers, body: body.slice(range.start, range.end) }
}

/** A range whose end lies before its start is no range: the whole content. */
function wantedRange (text: string | undefined, size: number): ReturnType<typeof parseRange> {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(text?.trim() ?? '') ?? []
  return first !== undefined && Number(last) < Number(first) ? undefined : parseRange(text, size)
}

/** Stored gzip is inflated for clients that do not take it: the whole of it, whatever range was asked for. */
function inflate ({ call }: GcsRequest, { content, fields }: GcsObject): Bytes | undefined {
  if (fields.contentEncoding?.toLowerCase() !== 'gzip' || /\bno-transform\b/.test(fields.cacheControl ?? '')) return undefined
  if (/\bgzip\b/.test(call.header('accept-encoding') ?? '')) return undefined
  try {
    return Bytes.of(gunzipSync(content.body.toUint8Array()))
  } catch {
    throw new GcsError(503, { message: 'The stored content is not gzip.', plain: true })
  }
}

function getMedia (request: GcsRequest): Reply {
  const { bucket, name, query } = request
  try {
    const object = findObject(bucket, name, request.integer('generation'))
    checkRead(object, conditionsOf(query))
    checkEtag(request, etagOf(object))
    return readContent(request, bucket, object)
  } catch (error) {
    if (!(error instanceof GcsError) || error.status !== 404) throw error
    throw new GcsError(404, { message: error.message, plain: true })
  }
}

export const mediaOperations = { 'objects.getMedia': getMedia } satisfies Record<string, Operate>
