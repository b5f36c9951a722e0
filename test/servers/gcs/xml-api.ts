import { Bytes } from '../bytes.js'
import { declaration, xmlElements } from '../s3/xml.js'
import { checkRead, checkWrite, conditionsOf, findObject } from './conditions.js'
import { commit, headerHashes } from './insert.js'
import { contentHeaders, readContent } from './media.js'
import { checkHolds } from './objects.js'
import { objectName } from './request.js'
import type { Headers, Reply } from '../exchange.js'
import type { GcsError } from './errors.js'
import type { GcsRequest, Operate } from './request.js'
import type { GcsObject, ObjectFields } from './store.js'

/** The XML API as far as signed URLs use it: one object read, written or deleted. Conditions come as headers. */

const codes: Readonly<Record<number, string>> = {
  400: 'InvalidArgument', 401: 'AuthenticationRequired', 403: 'AccessDenied', 404: 'NoSuchKey', 409: 'Conflict', 412: 'PreconditionFailed', 416: 'InvalidRange',
  429: 'SlowDown', 500: 'InternalError', 503: 'ServiceUnavailable'
}

/** A refusal as this API spells it. */
export function xmlError ({ status, reason, message, headers }: GcsError): Reply {
  const code = /^[A-Z]/.test(reason) ? reason : status === 404 && message.includes('bucket') ? 'NoSuchBucket' : codes[status] ?? 'InternalError'
  const body = `${declaration}<Error>${xmlElements([['Code', code], ['Message', message]])}</Error>`
  return { status, headers: { 'Content-Type': 'application/xml; charset=UTF-8', ...headers }, body: Bytes.of(body) }
}

/** The query with the conditions that came as headers. */
function conditionQuery ({ call }: GcsRequest): URLSearchParams {
  const query = new URLSearchParams()
  for (const name of ['Generation', 'Metageneration']) {
    const value = call.header(`x-goog-if-${name.toLowerCase()}-match`)
    if (value !== undefined) query.set(`if${name}Match`, value)
  }
  return query
}

/** ETags are the MD5 where there is one. */
function quotedEtag ({ content, generation }: GcsObject): string {
  return `"${content.md5 === undefined ? `${generation}-composite` : Buffer.from(content.md5, 'base64').toString('hex')}"`
}

function read (request: GcsRequest): Reply {
  const { bucket, name } = request
  const object = findObject(bucket, name, request.integer('generation'))
  checkRead(object, conditionsOf(conditionQuery(request)))
  const reply = readContent(request, bucket, object)
  const metadata = Object.entries(object.fields.metadata ?? {}).map(([key, value]) => [`x-goog-meta-${key}`, value] as const)
  return { ...reply, headers: { ...reply.headers, ...Object.fromEntries(metadata), ETag: quotedEtag(object) } }
}

async function write (request: GcsRequest): Promise<Reply> {
  const { call, bucket, state } = request
  const header = (name: string): string | undefined => call.header(name)
  const metadata = Object.keys(call.headers).filter(name => name.startsWith('x-goog-meta-')).map(name => [name.slice(12), header(name)!] as const)
  const fields: ObjectFields = {
    contentType: header('content-type') ?? 'application/octet-stream', contentEncoding: header('content-encoding'), cacheControl: header('cache-control'),
    contentDisposition: header('content-disposition'), contentLanguage: header('content-language'), storageClass: header('x-goog-storage-class'),
    metadata: metadata.length === 0 ? undefined : Object.fromEntries(metadata)
  }
  const draft = { bucket: bucket.name, name: objectName(request.name), fields, hashes: [headerHashes(header)], query: conditionQuery(request) }
  const object = commit(state, draft, await call.body())
  const { 'x-goog-generation': generation, 'x-goog-metageneration': metageneration, 'x-goog-hash': hash } = contentHeaders(bucket, object)
  const headers: Headers = { ETag: quotedEtag(object), 'x-goog-generation': generation!, 'x-goog-metageneration': metageneration!, 'x-goog-hash': hash! }
  return { status: 200, headers }
}

function remove (request: GcsRequest): Reply {
  const { bucket, name, state } = request
  const generation = request.integer('generation')
  const object = findObject(bucket, name, generation)
  checkWrite(object, conditionsOf(conditionQuery(request)))
  checkHolds(bucket, object)
  if (generation === undefined) bucket.delete(name, state.now())
  else bucket.erase(object)
  return { status: 204, headers: {} }
}

export const xmlOperations = { 'xml.get': read, 'xml.head': read, 'xml.put': write, 'xml.delete': remove } satisfies Record<string, Operate>
