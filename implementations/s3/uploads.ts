import type { UnfinishedUpload } from '../../lib/filesystem/types.js'
import { isReset, parseNothing, unlessReset } from '../../lib/net/index.js'
import type { S3Client, S3Request } from './client.js'
import { completeBody, parseComplete, parseInitiate, parseUploads } from './replies.js'
import type { CompleteReply, UploadedPart } from './replies.js'
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

/** CompleteMultipartUpload. A 200 can carry an error. */
export async function finishUpload (
  target: UploadTarget, id: string, parts: readonly UploadedPart[], signal: AbortSignal, request: Partial<S3Request> = {}
): Promise<CompleteReply> {
  const { client, bucket, key } = target
  return client.call({
    operation: 'CompleteMultipartUpload', method: 'POST', bucket, key, query: canonicalQuery({ uploadId: id }), body: Buffer.from(completeBody(parts)),
    ...request, headers: ['content-type', 'application/xml', ...request.headers ?? []]
  }, signal, reply => parseComplete(reply.body))
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
