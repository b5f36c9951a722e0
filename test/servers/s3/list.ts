import { compareUtf8 } from '../listing.js'
import { owner } from './buckets.js'
import { S3Error } from './errors.js'
import { isoTime, xmlReply } from './request.js'
import { listEncode } from './target.js'
import type { ListPage, SortedKeys } from '../listing.js'
import type { Reply } from '../exchange.js'
import type { Operation } from './operations.js'
import type { Operate, S3Request } from './request.js'
import type { Bucket, StoredObject, Upload } from './store.js'
import type { XmlContent } from './xml.js'

/** How names are spelled in the reply: as they are, or for `encoding-type=url`. @throws S3Error InvalidArgument */
function speller (request: S3Request): (name: string) => string {
  const type = request.query.get('encoding-type')
  if (type === undefined || type === '') return name => name
  if (type.toLowerCase() !== 'url') throw new S3Error('InvalidArgument', { message: 'Invalid Encoding Method specified in Request' })
  return listEncode
}

function encodingType (request: S3Request): XmlContent {
  return request.query.get('encoding-type') === 'url' ? [['EncodingType', 'url']] : []
}

function contents (bucket: Bucket, page: ListPage, spell: (name: string) => string, withOwner: boolean): XmlContent {
  const objects = page.keys.map(key => ['Contents', [
    ['Key', spell(key)], ...objectFields(bucket.current(key)!), ['StorageClass', 'STANDARD'], ...(withOwner ? [['Owner', owner] as const] : [])
  ]] as const)
  return [...objects, ...page.prefixes.map(prefix => ['CommonPrefixes', [['Prefix', spell(prefix)]]] as const)]
}

function objectFields (object: StoredObject): XmlContent {
  const { checksum } = object
  const sums: XmlContent = checksum === undefined ? [] : [['ChecksumAlgorithm', checksum.algorithm.toUpperCase()], ['ChecksumType', checksum.type]]
  return [['LastModified', isoTime(object.modified)], ['ETag', object.etag], ...sums, ['Size', object.body.size]]
}

/** The page for a query; a limit of none is an empty, complete listing. */
function page (keys: SortedKeys, request: S3Request, limit: number, after: string | undefined): ListPage {
  if (limit === 0) return { keys: [], prefixes: [], next: undefined }
  return keys.page({ prefix: request.query.get('prefix'), delimiter: request.query.get('delimiter'), limit, after })
}

function listObjectsV2 (request: S3Request): Reply {
  const { bucket, query } = request
  const spell = speller(request)
  const limit = request.limit('max-keys')
  const token = query.get('continuation-token')
  const startAfter = query.get('start-after')
  const found = page(bucket.keys, request, limit, token === undefined ? startAfter : readToken(token))
  const delimiter = query.get('delimiter')
  return xmlReply('ListBucketResult', [
    ['Name', bucket.name], ['Prefix', spell(query.get('prefix') ?? '')],
    ['StartAfter', startAfter === undefined ? undefined : spell(startAfter)],
    ['ContinuationToken', token],
    ['NextContinuationToken', found.next === undefined ? undefined : writeToken(found.next)],
    ['KeyCount', found.keys.length + found.prefixes.length], ['MaxKeys', limit],
    ['Delimiter', delimiter === undefined || delimiter === '' ? undefined : spell(delimiter)], ...encodingType(request),
    ['IsTruncated', found.next !== undefined],
    ...contents(bucket, found, spell, query.get('fetch-owner') === 'true')
  ])
}

function listObjects (request: S3Request): Reply {
  const { bucket, query } = request
  const spell = speller(request)
  const limit = request.limit('max-keys')
  const marker = query.get('marker')
  const found = page(bucket.keys, request, limit, marker)
  const delimiter = query.get('delimiter')
  const delimited = delimiter !== undefined && delimiter !== ''
  return xmlReply('ListBucketResult', [
    ['Name', bucket.name], ['Prefix', spell(query.get('prefix') ?? '')], ['Marker', spell(marker ?? '')],
    ['NextMarker', found.next === undefined || !delimited ? undefined : spell(found.next)], // without a delimiter the last key is the marker
    ['MaxKeys', limit], ['Delimiter', delimited ? spell(delimiter) : undefined], ...encodingType(request),
    ['IsTruncated', found.next !== undefined],
    ...contents(bucket, found, spell, true)
  ])
}

const tokenMark = 't1:'

function writeToken (after: string): string { return Buffer.from(tokenMark + after, 'utf8').toString('base64') }

function readToken (token: string): string {
  const text = Buffer.from(token, 'base64').toString('utf8')
  if (!text.startsWith(tokenMark)) throw new S3Error('InvalidArgument', { message: 'The continuation token provided is incorrect', detail: { ArgumentName: 'continuation-token' } })
  return text.slice(tokenMark.length)
}

function listObjectVersions (request: S3Request): Reply {
  const { bucket, query } = request
  const spell = speller(request)
  const limit = request.limit('max-keys')
  const marker = query.get('key-marker')
  const versionMarker = query.get('version-id-marker')
  const prefix = query.get('prefix') ?? ''
  const keys = bucket.everyKey().filter(key => key.startsWith(prefix) && (marker === undefined || compareUtf8(key, marker) >= 0)).sort(compareUtf8)
  const all: StoredObject[] = []
  for (const key of keys) {
    const versions = bucket.versionsOf(key)
    const from = key !== marker ? 0 : versionMarker === undefined ? versions.length : versions.findIndex(version => version.versionId === versionMarker) + 1
    all.push(...versions.slice(from))
    if (all.length > limit) break
  }
  const shown = all.slice(0, limit)
  const last = all.length > limit ? shown.at(-1) : undefined
  return xmlReply('ListVersionsResult', [
    ['Name', bucket.name], ['Prefix', spell(prefix)], ['KeyMarker', spell(marker ?? '')], ['VersionIdMarker', versionMarker ?? ''],
    ['NextKeyMarker', last === undefined ? undefined : spell(last.key)], ['NextVersionIdMarker', last?.versionId],
    ['MaxKeys', limit], ...encodingType(request), ['IsTruncated', last !== undefined],
    ...shown.map(version => [version.deleteMarker ? 'DeleteMarker' : 'Version', [
      ['Key', spell(version.key)], ['VersionId', version.versionId], ['IsLatest', bucket.newest(version.key) === version],
      ...(version.deleteMarker ? [['LastModified', isoTime(version.modified)] as const] : objectFields(version)), ['Owner', owner]
    ]] as const)
  ])
}

function listMultipartUploads (request: S3Request): Reply {
  const { bucket, query } = request
  const spell = speller(request)
  const limit = request.limit('max-uploads')
  const marker = query.get('key-marker')
  const idMarker = query.get('upload-id-marker')
  const prefix = query.get('prefix') ?? ''
  const delimiter = query.get('delimiter') ?? ''
  const rest = sortedUploads(bucket).filter(({ key, uploadId }) => key.startsWith(prefix) && isAfter(key, uploadId, marker, idMarker))
  const uploads: Upload[] = []
  const prefixes = new Set<string>()
  let last: Upload | undefined
  let truncated = false
  for (const upload of rest) {
    const cut = delimiter === '' ? -1 : upload.key.indexOf(delimiter, prefix.length)
    const rolled = cut < 0 ? undefined : upload.key.slice(0, cut + delimiter.length)
    if (rolled === undefined || !prefixes.has(rolled)) {
      truncated = uploads.length + prefixes.size >= limit
      if (truncated) break
      if (rolled === undefined) uploads.push(upload)
      else prefixes.add(rolled)
    }
    last = upload
  }
  return xmlReply('ListMultipartUploadsResult', [
    ['Bucket', bucket.name], ['KeyMarker', spell(marker ?? '')], ['UploadIdMarker', idMarker ?? ''],
    ['NextKeyMarker', truncated && last !== undefined ? spell(last.key) : undefined], ['NextUploadIdMarker', truncated ? last?.uploadId : undefined],
    ['Prefix', spell(prefix)], ['Delimiter', delimiter === '' ? undefined : spell(delimiter)], ['MaxUploads', limit], ...encodingType(request),
    ['IsTruncated', truncated],
    ...uploads.map(upload => ['Upload', [
      ['Key', spell(upload.key)], ['UploadId', upload.uploadId], ['Initiator', owner], ['Owner', owner], ['StorageClass', 'STANDARD'], ['Initiated', isoTime(upload.initiated)]
    ]] as const),
    ...[...prefixes].map(rolled => ['CommonPrefixes', [['Prefix', spell(rolled)]]] as const)
  ])
}

/** In the order of S3: by key, then by start. */
export function sortedUploads (bucket: Bucket): Upload[] {
  return [...bucket.uploads.values()].sort((a, b) => compareUtf8(a.key, b.key) || (a.uploadId < b.uploadId ? -1 : 1))
}

function isAfter (key: string, uploadId: string, marker: string | undefined, idMarker: string | undefined): boolean {
  if (marker === undefined || marker === '') return true
  const order = compareUtf8(key, marker)
  return order > 0 || (order === 0 && idMarker !== undefined && idMarker !== '' && uploadId > idMarker)
}

export const listOperations = {
  ListObjectsV2: listObjectsV2, ListObjects: listObjects, ListObjectVersions: listObjectVersions, ListMultipartUploads: listMultipartUploads
} satisfies Partial<Record<Operation, Operate>>
