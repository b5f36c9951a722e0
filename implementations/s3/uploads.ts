import { createHash } from 'node:crypto'
import { FsError, isFsError } from '../../lib/errors/index.js'
import type { UnfinishedUpload } from '../../lib/filesystem/types.js'
import { isReset, parseNothing, unlessReset } from '../../lib/net/index.js'
import type { S3Client, S3Request } from './client.js'
import { completeBody, parseComplete, parseInitiate, parseUploads } from './replies.js'
import type { UploadedPart } from './replies.js'
import { canonicalQuery } from './sign.js'

/** Where a multipart upload goes. */
export interface UploadTarget { readonly client: S3Client, readonly bucket: string, readonly key: string }

/**
 * CreateMultipartUpload. When the caller aborts meanwhile, the answer is waited for all the same: an upload whose id nobody
 * knows stays at the store and is paid for. A create that is sent twice (a lost answer) leaves one without parts behind: listings
 * do not tell it from the upload that another process has just begun under the same key, so nobody may abort it but a lifecycle rule.
 */
export async function beginUpload (target: UploadTarget, headers: readonly string[], signal: AbortSignal): Promise<string> {
  const { client, bucket, key } = target
  signal.throwIfAborted()
  try {
    const id = await unlessReset(signal, own => client.call({ operation: 'CreateMultipartUpload', method: 'POST', bucket, key, query: 'uploads=', headers }, own, reply => parseInitiate(reply.body)))
    if (!signal.aborted) return id
    await endUpload(target, id, signal)
    throw signal.reason
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  }
}

/** Under this name a conditional write carries a mark of its own: after a lost answer it tells whose object is there. */
export const markHeader = 'x-amz-meta-forkfs-write'

export interface Completion extends Pick<S3Request, 'headers' | 'exclusive'> {
  /** What the object carries as its {@link markHeader}. */
  readonly mark?: string | undefined
}

/**
 * CompleteMultipartUpload (a 200 can carry an error). Where an answer was lost, and the upload is gone when it is asked for again, the object says
 * whose it is: by its mark, else by its ETag, which is known from the parts (S3, "Checking object integrity").
 * @returns its ETag
 * @throws FsError FORKFS_OUTCOME_UNKNOWN where it does not tell
 */
export async function completeUpload (
  target: UploadTarget, id: string, parts: readonly UploadedPart[], signal: AbortSignal, completion: Completion = {}
): Promise<string | undefined> {
  const { client, bucket, key } = target
  const { mark = '', headers = [], exclusive } = completion
  let attempts = 0
  try {
    const { etag } = await client.call({
      operation: 'CompleteMultipartUpload', method: 'POST', bucket, key, query: canonicalQuery({ uploadId: id }), body: Buffer.from(completeBody(parts)),
      headers: ['content-type', 'application/xml', ...headers], exclusive, attempted: attempt => { attempts = attempt }
    }, signal, reply => parseComplete(reply.body))
    return etag
  } catch (error) {
    if (attempts < 2 || !isFsError(error, 'ENOENT', 'EEXIST', 'FORKFS_CHANGED')) throw error
    const found = await client.call({ operation: 'HeadObject', method: 'HEAD', bucket, key }, signal, reply => reply.headers).catch(() => undefined)
    signal.throwIfAborted()
    const etag = found?.['etag']
    if (mark !== '' ? found?.[markHeader] === mark : etag === etagOf(parts)) return etag
    if (!isFsError(error, 'ENOENT')) throw error
    throw new FsError('FORKFS_OUTCOME_UNKNOWN', 'the answer that completes an upload was lost, and the object that is there does not tell whose it is', { path: `${bucket}/${key}`, cause: error })
  }
}

/** Of an object that is made of these parts. */
function etagOf (parts: readonly UploadedPart[]): string {
  const sorted = [...parts].sort((a, b) => a.number - b.number)
  const joined = Buffer.concat(sorted.map(({ etag }) => Buffer.from(etag.replaceAll('"', ''), 'hex')))
  return `"${createHash('md5').update(joined).digest('hex')}-${sorted.length}"`
}

/**
 * AbortMultipartUpload, under a signal of its own: the caller's is what ended the upload. After a reset nothing is sent: the
 * upload belonged to an owner that is gone.
 */
export async function endUpload ({ client, bucket, key }: UploadTarget, id: string, signal: AbortSignal): Promise<void> {
  if (isReset(signal)) return
  const request: S3Request = { operation: 'AbortMultipartUpload', method: 'DELETE', bucket, key, query: canonicalQuery({ uploadId: id }), pardon: ({ status }) => status === 404 }
  await unlessReset(signal, own => client.call(request, own, parseNothing))
}

/** ListMultipartUploads, page by page. MinIO answers only to a prefix that is a whole key. */
export async function * listUploads (client: S3Client, bucket: string, prefix: string, signal: AbortSignal): AsyncGenerator<readonly UnfinishedUpload[], void, undefined> {
  let [key, id]: [string | undefined, string | undefined] = [undefined, undefined]
  for (;;) {
    const query = canonicalQuery({ uploads: '', 'encoding-type': 'url', prefix: prefix === '' ? undefined : prefix, 'key-marker': key, 'upload-id-marker': id })
    const page = await client.call({ operation: 'ListMultipartUploads', method: 'GET', bucket, query }, signal, reply => parseUploads(reply.body))
    yield page.uploads.map(upload => ({ path: `${bucket}/${upload.key}`, id: upload.uploadId, begun: upload.initiated }))
    if (!page.truncated || (page.nextKeyMarker === key && page.nextUploadIdMarker === id)) return
    key = page.nextKeyMarker
    id = page.nextUploadIdMarker
  }
}
