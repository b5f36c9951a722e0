/**
 * The small replies of S3 as plain objects, and the request bodies that go with them. Every function throws FORKFS_PROTOCOL
 * for a reply that is cut off or another document, and ErrorReply for an `<Error>` in its place.
 */
import { parseSize, parseTime } from './lists.js'
import { decodeUrl, ErrorReply, escapeXml, malformed, XmlReader } from './xml.js'
import type { ErrorFields } from './xml.js'

/** S3 takes as many keys in one DeleteObjects request. */
export const MAX_DELETES = 1000
/** S3 takes as many parts in one upload. */
export const MAX_PARTS = 10_000

export interface CopyReply { readonly etag?: string | undefined, readonly modified?: Date | undefined }
export interface CompleteReply { readonly etag?: string | undefined }
export interface DeleteReply {
  readonly deleted: readonly { readonly key: string, readonly versionId?: string | undefined }[]
  readonly errors: readonly { readonly key: string, readonly code: string, readonly message: string, readonly versionId?: string | undefined }[]
}
export interface BucketsReply {
  readonly buckets: readonly { readonly name: string, readonly created?: Date | undefined, readonly region?: string | undefined }[]
  /** What the next request sends as `continuation-token`. */
  readonly nextToken?: string | undefined
}
export interface UploadsReply {
  readonly uploads: readonly { readonly key: string, readonly uploadId: string, readonly initiated?: Date | undefined }[]
  readonly truncated: boolean
  readonly nextKeyMarker?: string | undefined
  readonly nextUploadIdMarker?: string | undefined
}
export interface PartsReply {
  readonly parts: readonly { readonly number: number, readonly size: number, readonly etag: string, readonly modified?: Date | undefined }[]
  readonly truncated: boolean
  readonly nextMarker?: number | undefined
}

/** The fields of an error body; undefined for anything else, such as a proxy's HTML. */
export function parseError (bytes: Uint8Array): ErrorFields | undefined {
  try {
    const reader = new XmlReader(bytes)
    if (reader.root() !== 'Error') return undefined
    return reader.fields()
  } catch {
    return undefined // the status has to do
  }
}

/** The id of a new multipart upload. */
export function parseInitiate (bytes: Uint8Array): string {
  const uploadId = flat(bytes, 'InitiateMultipartUploadResult')['UploadId']
  if (uploadId === undefined || uploadId === '') throw malformed('there is no upload id')
  return uploadId
}

export function parseComplete (bytes: Uint8Array): CompleteReply {
  return { etag: quoted(flat(bytes, 'CompleteMultipartUploadResult')['ETag']) }
}

/** CopyObject as well as UploadPartCopy. */
export function parseCopy (bytes: Uint8Array): CopyReply {
  const reader = new XmlReader(bytes)
  const root = reader.root()
  if (root === 'Error') throw new ErrorReply(reader.fields())
  if (root !== 'CopyObjectResult' && root !== 'CopyPartResult') throw malformed('expected the result of a copy')
  const fields = reader.fields()
  reader.end()
  return { etag: quoted(fields['ETag']), modified: time(fields['LastModified']) }
}

export function parseDelete (bytes: Uint8Array): DeleteReply {
  const deleted: DeleteReply['deleted'][number][] = []
  const errors: DeleteReply['errors'][number][] = []
  records(bytes, 'DeleteResult', {
    Deleted: fields => { deleted.push({ key: need(fields, 'Key'), versionId: fields['VersionId'] }) },
    Error: fields => {
      errors.push({ key: need(fields, 'Key'), code: fields['Code'] ?? '', message: fields['Message'] ?? '', versionId: fields['VersionId'] })
    }
  })
  return { deleted, errors }
}

export function parseBuckets (bytes: Uint8Array): BucketsReply {
  const buckets: BucketsReply['buckets'][number][] = []
  const reader = new XmlReader(bytes)
  reader.expect('ListAllMyBucketsResult')
  let nextToken: string | undefined
  for (let name = reader.child(); name !== undefined; name = reader.child()) {
    if (name === 'ContinuationToken') nextToken = reader.text()
    else if (name !== 'Buckets') reader.skip()
    else {
      for (let inner = reader.child(); inner !== undefined; inner = reader.child()) {
        if (inner !== 'Bucket') {
          reader.skip()
          continue
        }
        const fields = reader.fields()
        buckets.push({ name: need(fields, 'Name'), created: time(fields['CreationDate']), region: fields['BucketRegion'] })
      }
    }
  }
  reader.end()
  return { buckets, nextToken: nextToken === '' ? undefined : nextToken }
}

export function parseUploads (bytes: Uint8Array): UploadsReply {
  const raw: { key: string, uploadId: string, initiated: Date | undefined }[] = []
  const fields = records(bytes, 'ListMultipartUploadsResult', {
    Upload: upload => { raw.push({ key: need(upload, 'Key'), uploadId: need(upload, 'UploadId'), initiated: time(upload['Initiated']) }) }
  })
  const name = fields['EncodingType'] === 'url' ? decodeUrl : (text: string): string => text
  const truncated = fields['IsTruncated'] === 'true'
  const uploads = raw.map(upload => ({ ...upload, key: name(upload.key) }))
  if (!truncated) return { uploads, truncated }
  const marker = fields['NextKeyMarker']
  return { uploads, truncated, nextKeyMarker: marker === undefined ? undefined : name(marker), nextUploadIdMarker: fields['NextUploadIdMarker'] }
}

export function parseParts (bytes: Uint8Array): PartsReply {
  const parts: PartsReply['parts'][number][] = []
  const fields = records(bytes, 'ListPartsResult', {
    Part: part => {
      parts.push({
        number: parseSize(need(part, 'PartNumber')), size: parseSize(need(part, 'Size')), etag: quoted(need(part, 'ETag')) ?? '', modified: time(part['LastModified'])
      })
    }
  })
  const truncated = fields['IsTruncated'] === 'true'
  const marker = fields['NextPartNumberMarker']
  return { parts, truncated, nextMarker: truncated && marker !== undefined && marker !== '' ? parseSize(marker) : undefined }
}

/** The region of a bucket; the first regions of S3 have names of their own there. */
export function parseLocation (bytes: Uint8Array): string {
  const reader = new XmlReader(bytes)
  reader.expect('LocationConstraint')
  const constraint = reader.text().trim()
  reader.end()
  return constraint === '' ? 'us-east-1' : constraint === 'EU' ? 'eu-west-1' : constraint
}

/**
 * The body of DeleteObjects. `quiet`: the reply names only what failed.
 * @throws RangeError for more than 1,000 keys; FsError FORKFS_NOT_SUPPORTED for a key that XML cannot carry (see `fitsXml`)
 */
export function deleteBody (keys: readonly { readonly key: string, readonly versionId?: string | undefined }[], quiet = true): string {
  if (keys.length < 1 || keys.length > MAX_DELETES) throw new RangeError(`Expected 1..${MAX_DELETES} keys, got ${keys.length}`)
  const objects = keys.map(({ key, versionId }) =>
    `<Object><Key>${escapeXml(key)}</Key>${versionId === undefined ? '' : `<VersionId>${escapeXml(versionId)}</VersionId>`}</Object>`)
  return document('Delete', objects.join('') + (quiet ? '<Quiet>true</Quiet>' : ''))
}

/** One part as UploadPart answered it; the checksum as it was sent, base64. */
export interface UploadedPart { readonly number: number, readonly etag: string, readonly crc32?: string | undefined }

/** The body of CompleteMultipartUpload. S3 wants the parts in ascending order: they are sorted here. */
export function completeBody (parts: readonly UploadedPart[]): string {
  if (parts.length < 1 || parts.length > MAX_PARTS) throw new RangeError(`Expected 1..${MAX_PARTS} parts, got ${parts.length}`)
  const sorted = [...parts].sort((a, b) => a.number - b.number)
  return document('CompleteMultipartUpload', sorted.map(({ number, etag, crc32 }) =>
    `<Part><PartNumber>${number}</PartNumber><ETag>${escapeXml(etag)}</ETag>${crc32 === undefined ? '' : `<ChecksumCRC32>${escapeXml(crc32)}</ChecksumCRC32>`}</Part>`
  ).join(''))
}

/** The body of CreateBucket; empty for us-east-1, which must not be named. */
export function createBucketBody (region: string): string {
  if (region === 'us-east-1' || region === '') return ''
  return document('CreateBucketConfiguration', `<LocationConstraint>${escapeXml(region)}</LocationConstraint>`)
}

function document (root: string, content: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?><${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${content}</${root}>`
}

function flat (bytes: Uint8Array, root: string): ErrorFields {
  const reader = new XmlReader(bytes)
  reader.expect(root)
  const fields = reader.fields()
  reader.end()
  return fields
}

/** Hand the fields of each record to its taker; the result holds the scalar elements beside them. */
function records (bytes: Uint8Array, root: string, takers: Readonly<Record<string, (fields: ErrorFields) => void>>): ErrorFields {
  const reader = new XmlReader(bytes)
  reader.expect(root)
  const rest = Object.create(null) as Record<string, string>
  for (let name = reader.child(); name !== undefined; name = reader.child()) {
    if (Object.hasOwn(takers, name)) takers[name]!(reader.fields())
    else if (scalars.has(name)) rest[name] = reader.text()
    else reader.skip()
  }
  reader.end()
  return rest
}

const scalars: ReadonlySet<string> = new Set(['EncodingType', 'IsTruncated', 'NextKeyMarker', 'NextUploadIdMarker', 'NextPartNumberMarker'])

function need (fields: ErrorFields, name: string): string {
  const value = fields[name]
  if (value === undefined) throw malformed(`there is no <${name}>`)
  return value
}

function quoted (etag: string | undefined): string | undefined {
  return etag === undefined || etag === '' || etag.startsWith('"') || etag.startsWith('W/') ? etag || undefined : `"${etag}"`
}

function time (text: string | undefined): Date | undefined { return text === undefined || text === '' ? undefined : parseTime(text) }
