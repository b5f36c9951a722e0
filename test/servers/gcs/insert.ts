import { Bytes } from '../bytes.js'
import { checkWrite, conditionsOf } from './conditions.js'
import { GcsError, invalid } from './errors.js'
import { boundaryOf, parseMultipart } from './multipart.js'
import { checkHolds, objectReply } from './objects.js'
import { objectName, parseJson } from './request.js'
import { fieldsOf, hashesOf } from './resources.js'
import { Content } from './store.js'
import type { Reply } from '../exchange.js'
import type { GcsRequest, Operate } from './request.js'
import type { GcsState } from './state.js'
import type { GcsObject, GivenHashes, ObjectFields } from './store.js'

/** All that makes an object out of bytes. */
export interface Draft {
  readonly bucket: string
  readonly name: string
  readonly fields: ObjectFields
  readonly hashes: readonly GivenHashes[]
  /** With the preconditions. */
  readonly query: URLSearchParams
}

/**
 * Make the object, with everything checked at this moment.
 * @throws GcsError 412 · 400 (hashes) · 403 (holds) · 404 (bucket) · 429
 */
export function commit (state: GcsState, draft: Draft, body: Bytes): GcsObject {
  const bucket = state.bucket(draft.bucket)
  const content = new Content(body)
  for (const hashes of draft.hashes) checkHashes(content, hashes)
  const current = bucket.live(draft.name)
  checkWrite(current, conditionsOf(draft.query))
  if (!bucket.versioning) checkHolds(bucket, current)
  state.countWrite(bucket.name, draft.name)
  return state.store(bucket, draft.name, content, draft.fields)
}

function checkHashes (content: Content, { crc32c, md5Hash }: GivenHashes): void {
  if (crc32c !== undefined && crc32c !== content.crc32c) throw invalid(`Provided CRC32C "${crc32c}" doesn't match calculated CRC32C "${content.crc32c}".`)
  if (md5Hash !== undefined && md5Hash !== content.md5) throw invalid(`Provided MD5 hash "${md5Hash}" doesn't match calculated MD5 hash "${content.md5}".`)
}

/** The hashes that headers name: `x-goog-hash: crc32c=…,md5=…` and Content-MD5. */
export function headerHashes (header: (name: string) => string | undefined): GivenHashes {
  const named = header('x-goog-hash') ?? ''
  return { crc32c: /(?:^|,)\s*crc32c=([^,\s]+)/.exec(named)?.[1], md5Hash: /(?:^|,)\s*md5=([^,\s]+)/.exec(named)?.[1] ?? header('content-md5') }
}

/** The name and fields that the first part of an upload gives. */
export function draftOf (request: GcsRequest, resource: Readonly<Record<string, unknown>>, contentType: string | undefined): Draft {
  const { query, call } = request
  const named = typeof resource['name'] === 'string' ? resource['name'] : undefined
  const inQuery = query.get('name') ?? undefined
  if (named !== undefined && inQuery !== undefined && named !== inQuery) throw invalid(`Value '${named}' in content does not agree with value '${inQuery}'.`, 'name')
  const fields = fieldsOf(resource)
  return {
    bucket: request.bucket.name, name: objectName(named ?? inQuery), query, hashes: [hashesOf(resource), headerHashes(name => call.header(name))],
    fields: {
      ...fields, contentType: fields.contentType ?? contentType ?? 'application/octet-stream',
      contentEncoding: fields.contentEncoding ?? query.get('contentEncoding') ?? undefined, kmsKeyName: fields.kmsKeyName ?? query.get('kmsKeyName') ?? undefined
    }
  }
}

async function insert (request: GcsRequest): Promise<Reply> {
  const { call, state, query } = request
  const type = query.get('uploadType')
  if (type === 'media') {
    const draft = draftOf(request, {}, call.header('content-type'))
    return objectReply(request, request.bucket, commit(state, draft, await call.body()))
  }
  if (type !== 'multipart') throw new GcsError(400, { message: `Invalid value for uploadType: '${type}'` })
  const boundary = boundaryOf(call.header('content-type'))
  if (boundary === undefined) throw invalid('Missing boundary in the content type of a multipart upload.', undefined, 'badContent')
  const [first, second, ...more] = parseMultipart((await call.body()).toUint8Array(), boundary)
  if (first === undefined || second === undefined || more.length > 0) throw invalid('A multipart upload has two parts.', undefined, 'badContent')
  const draft = draftOf(request, parseJson(first.body.toString('utf8')), second.headers['content-type'])
  return objectReply(request, request.bucket, commit(state, draft, Bytes.of(second.body)))
}

/** The name that the first part of a multipart upload gives, for rules that ask for a key. */
export async function multipartName (request: GcsRequest): Promise<string | undefined> {
  const boundary = boundaryOf(request.call.header('content-type'))
  if (boundary === undefined) return undefined
  const name = parseJson(parseMultipart((await request.call.body()).toUint8Array(), boundary)[0]?.body.toString('utf8') ?? '')['name']
  return typeof name === 'string' ? name : undefined
}

export const insertOperations = { 'objects.insert': insert } satisfies Record<string, Operate>
