import { createHash, randomBytes } from 'node:crypto'
import { Bytes } from '../bytes.js'
import { owner } from './buckets.js'
import { algorithms, compositeChecksum, digest, givenChecksum, verifyChecksum, verifyMd5 } from './checksums.js'
import { checkWrite } from './conditions.js'
import { copySource } from './copy.js'
import { S3Error } from './errors.js'
import { objectHeaders, versionHeaders } from './objects.js'
import { isoTime, xmlReply } from './request.js'
import { md5 } from './store.js'
import { childText, parseXml } from './xml.js'
import type { Headers, Reply } from '../exchange.js'
import type { Checksum } from './checksums.js'
import type { Operation } from './operations.js'
import type { Operate, S3Request } from './request.js'
import type { StoredPart, Upload } from './store.js'
import type { XmlContent, XmlNode } from './xml.js'

const partsMost = 10_000
let started = 0

/** The upload that the query names. @throws S3Error NoSuchUpload */
function uploadOf (request: S3Request): Upload {
  const upload = request.bucket.uploads.get(request.query.get('uploadId') ?? '')
  if (upload === undefined || upload.key !== request.key) throw new S3Error('NoSuchUpload', { detail: { UploadId: request.query.get('uploadId') ?? '' } })
  return upload
}

function createUpload (request: S3Request): Reply {
  const { bucket, key, state } = request
  const algorithm = request.header('x-amz-checksum-algorithm')?.toLowerCase()
  if (algorithm !== undefined && !algorithms.includes(algorithm)) throw new S3Error('InvalidRequest', { message: 'Checksum algorithm provided is unsupported.' })
  const type = request.header('x-amz-checksum-type')?.toUpperCase() ?? (algorithm === 'crc64nvme' ? 'FULL_OBJECT' : 'COMPOSITE')
  if ((type !== 'COMPOSITE' && type !== 'FULL_OBJECT') || (type === 'FULL_OBJECT' && algorithm?.startsWith('sha') === true) ||
    (type === 'COMPOSITE' && algorithm === 'crc64nvme')) {
    throw new S3Error('InvalidRequest', { message: `The ${type} checksum type cannot be used with the ${algorithm} checksum algorithm.` })
  }
  const uploadId = (started++).toString(36).padStart(8, '0') + randomBytes(24).toString('base64url') // sorts by start, as markers need
  bucket.uploads.set(uploadId, { key, uploadId, initiated: state.now(), headers: objectHeaders(request), algorithm, checksumType: type, parts: new Map() })
  const sums: Headers = algorithm === undefined ? {} : { 'x-amz-checksum-algorithm': algorithm.toUpperCase(), 'x-amz-checksum-type': type }
  return xmlReply('InitiateMultipartUploadResult', [['Bucket', bucket.name], ['Key', key], ['UploadId', uploadId]], sums)
}

function partNumberOf (request: S3Request): number {
  const text = request.query.get('partNumber') ?? ''
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (number < 1 || number > partsMost) {
    throw new S3Error('InvalidArgument', { message: 'Part number must be an integer between 1 and 10000, inclusive', detail: { ArgumentName: 'partNumber', ArgumentValue: text } })
  }
  return number
}

function storePart (request: S3Request, body: Bytes, md5OfPart: Buffer, checksum: Checksum | undefined): StoredPart {
  const upload = uploadOf(request) // again: it may have been aborted while the body came
  const number = partNumberOf(request)
  const part: StoredPart = { number, body, etag: `"${md5OfPart.toString('hex')}"`, md5: md5OfPart, modified: request.state.stamp(), checksum }
  upload.parts.set(number, part)
  return part
}

async function uploadPart (request: S3Request): Promise<Reply> {
  const number = partNumberOf(request)
  const { algorithm } = uploadOf(request)
  const { body, trailers } = await request.payload()
  const given = givenChecksum({ ...request.exchange.headers, ...trailers })
  if (algorithm !== undefined && given?.algorithm !== algorithm) {
    throw new S3Error('InvalidRequest', {
      message: `Checksum Type mismatch occurred, expected checksum Type: ${algorithm}, actual checksum Type: ${given?.algorithm ?? 'null'}`, detail: { PartNumber: String(number) }
    })
  }
  const checksum = verifyChecksum(body, given)
  const contentMd5 = request.header('content-md5')
  const part = storePart(request, body, request.state.opaqueEtags && contentMd5 === undefined ? randomBytes(16) : verifyMd5(body, contentMd5), checksum)
  return { status: 200, headers: { ETag: part.etag, ...(checksum === undefined ? {} : { [`x-amz-checksum-${checksum.algorithm}`]: checksum.value }) } }
}

async function uploadPartCopy (request: S3Request): Promise<Reply> {
  partNumberOf(request)
  await request.payload()
  const { algorithm } = uploadOf(request)
  const { object } = copySource(request)
  const range = request.header('x-amz-copy-source-range')
  let { body } = object
  if (range !== undefined) {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? []
    if (first === undefined || last === undefined || Number(first) > Number(last)) {
      throw new S3Error('InvalidArgument', { message: 'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy' })
    }
    if (Number(last) >= body.size) throw new S3Error('InvalidArgument', { message: `Range specified is not valid for source object of size: ${body.size}` })
    body = body.slice(Number(first), Number(last) + 1)
  }
  const value = algorithm === undefined ? undefined : digest(algorithm, body)?.toString('base64')
  const checksum: Checksum | undefined = algorithm === undefined || value === undefined ? undefined : { algorithm, value, type: 'FULL_OBJECT' }
  const part = storePart(request, body, request.state.opaqueEtags ? randomBytes(16) : md5(body), checksum)
  return xmlReply('CopyPartResult', [['LastModified', isoTime(part.modified)], ['ETag', part.etag], ...checksumElement(checksum)])
}

function checksumElement (checksum: Checksum | undefined): XmlContent {
  return checksum === undefined ? [] : [[`Checksum${checksum.algorithm.toUpperCase()}`, checksum.value]]
}

/** The parts that a Complete names, checked one by one. @throws S3Error MalformedXML · InvalidPartOrder · InvalidPart · InvalidRequest · EntityTooSmall */
function namedParts (upload: Upload, root: XmlNode, minPartBytes: number): StoredPart[] {
  const listed = root.children.filter(child => child.name === 'Part')
  if (root.name !== 'CompleteMultipartUpload' || listed.length === 0 || listed.length > partsMost) throw new S3Error('MalformedXML')
  let before = 0
  const parts = listed.map(node => {
    const number = Number(childText(node, 'PartNumber')?.trim())
    if (!Number.isInteger(number) || number < 1) throw new S3Error('MalformedXML')
    if (number <= before) throw new S3Error('InvalidPartOrder', { detail: { UploadId: upload.uploadId } })
    before = number
    return namedPart(upload, node, number)
  })
  for (const part of parts.slice(0, -1)) {
    if (part.body.size >= minPartBytes) continue
    throw new S3Error('EntityTooSmall', {
      detail: { ProposedSize: String(part.body.size), MinSizeAllowed: String(minPartBytes), PartNumber: String(part.number), ETag: part.etag.slice(1, -1) }
    })
  }
  return parts
}

function namedPart (upload: Upload, node: XmlNode, number: number): StoredPart {
  const part = upload.parts.get(number)
  const etag = childText(node, 'ETag')?.trim().replace(/^"|"$/g, '')
  if (part === undefined || etag !== part.etag.slice(1, -1)) {
    throw new S3Error('InvalidPart', { detail: { UploadId: upload.uploadId, PartNumber: String(number), ETag: etag ?? '' } })
  }
  const { algorithm } = upload
  if (algorithm === undefined) return part
  const given = childText(node, `Checksum${algorithm.toUpperCase()}`)?.trim()
  if (given === undefined && upload.checksumType === 'COMPOSITE') {
    throw new S3Error('InvalidRequest', { message: `The upload was created using a ${algorithm} checksum. The complete request must include the checksum for each part. It was missing for part ${number} in the request.` })
  }
  if (given !== undefined && given !== part.checksum?.value) throw new S3Error('InvalidPart', { detail: { UploadId: upload.uploadId, PartNumber: String(number) } })
  return part
}

async function completeUpload (request: S3Request): Promise<Reply> {
  const { bucket, key, state } = request
  uploadOf(request)
  const payload = await request.payload()
  const upload = uploadOf(request)
  const parts = namedParts(upload, parseXml(payload.body.toString()), state.minPartBytes)
  checkWrite(bucket.current(key), name => request.header(name))
  const body = Bytes.of(...parts.map(part => part.body))
  const size = request.header('x-amz-mp-object-size')
  if (size !== undefined && Number(size) !== body.size) throw new S3Error('InvalidRequest', { message: 'The provided x-amz-mp-object-size does not match the size of the object.' })
  const checksum = wholeChecksum(request, upload, parts, body)
  const etag = createHash('md5').update(Buffer.concat(parts.map(part => part.md5))).digest('hex')
  bucket.uploads.delete(upload.uploadId)
  const object = bucket.put({
    key, deleteMarker: false, body, etag: `"${etag}-${parts.length}"`, modified: state.stamp(), headers: upload.headers, checksum, parts: parts.map(part => part.body.size)
  })
  return xmlReply('CompleteMultipartUploadResult', [
    ['Location', `http://${request.header('host')}${request.exchange.target.split('?')[0]}`], ['Bucket', bucket.name], ['Key', key], ['ETag', object.etag],
    ...checksumElement(checksum), ...(checksum === undefined ? [] : [['ChecksumType', checksum.type] as const])
  ], versionHeaders(bucket, object))
}

/** The object's checksum, held to the one in the request's headers. @throws S3Error BadDigest */
function wholeChecksum (request: S3Request, upload: Upload, parts: readonly StoredPart[], body: Bytes): Checksum | undefined {
  const { algorithm } = upload
  if (algorithm === undefined) return undefined
  const given = givenChecksum(request.exchange.headers)
  if (upload.checksumType === 'COMPOSITE') {
    const checksum = compositeChecksum(algorithm, parts.map(part => part.checksum!.value))
    const own = given?.algorithm === algorithm ? given.value : undefined
    if (own !== undefined && own !== checksum.value && own !== checksum.value.replace(/-\d+$/, '')) throw new S3Error('BadDigest')
    return checksum
  }
  const value = digest(algorithm, body)?.toString('base64') ?? given?.value
  if (given !== undefined && given.algorithm === algorithm && given.value !== value) throw new S3Error('BadDigest')
  return value === undefined ? undefined : { algorithm, value, type: 'FULL_OBJECT' }
}

function abortUpload (request: S3Request): Reply {
  request.bucket.uploads.delete(uploadOf(request).uploadId)
  return { status: 204, headers: {} }
}

function listParts (request: S3Request): Reply {
  const { bucket, key, query } = request
  const upload = uploadOf(request)
  const limit = request.limit('max-parts')
  const marker = Number(query.get('part-number-marker') ?? 0)
  const rest = [...upload.parts.values()].filter(part => part.number > marker).sort((a, b) => a.number - b.number)
  const parts = rest.slice(0, limit)
  const truncated = rest.length > parts.length
  return xmlReply('ListPartsResult', [
    ['Bucket', bucket.name], ['Key', key], ['UploadId', upload.uploadId], ['Initiator', owner], ['Owner', owner], ['StorageClass', 'STANDARD'],
    ['PartNumberMarker', marker], ['NextPartNumberMarker', truncated ? parts.at(-1)?.number ?? marker : undefined], ['MaxParts', limit], ['IsTruncated', truncated],
    ...(upload.algorithm === undefined ? [] : [['ChecksumAlgorithm', upload.algorithm.toUpperCase()], ['ChecksumType', upload.checksumType]] as const),
    ...parts.map(part => ['Part', [
      ['PartNumber', part.number], ['LastModified', isoTime(part.modified)], ['ETag', part.etag], ...checksumElement(part.checksum), ['Size', part.body.size]
    ]] as const)
  ])
}

export const multipartOperations = {
  CreateMultipartUpload: createUpload, UploadPart: uploadPart, UploadPartCopy: uploadPartCopy, CompleteMultipartUpload: completeUpload,
  AbortMultipartUpload: abortUpload, ListParts: listParts
} satisfies Partial<Record<Operation, Operate>>
