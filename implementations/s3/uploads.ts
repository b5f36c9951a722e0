import { isFsError } from '../../lib/errors/index.js'
import type { S3Client, S3Request } from './client.js'
import { completeBody, parseComplete, parseInitiate } from './replies.js'
import type { CompleteReply, UploadedPart } from './replies.js'
import { canonicalQuery } from './sign.js'

/** Where a multipart upload goes. */
export interface UploadTarget { readonly client: S3Client, readonly bucket: string, readonly key: string }

/**
 * CreateMultipartUpload. When the caller aborts meanwhile, the answer is waited for all the same: an upload whose id nobody
 * knows stays at the store and is paid for. A create that is sent twice (a lost answer) leaves an empty one behind.
 */
export async function beginUpload (target: UploadTarget, headers: readonly string[], signal: AbortSignal): Promise<string> {
  const { client, bucket, key } = target
  const own = new AbortController()
  const forward = (): void => { if (isReset(signal)) own.abort(signal.reason) }
  signal.throwIfAborted()
  signal.addEventListener('abort', forward, { once: true })
  try {
    const id = await client.call({ operation: 'CreateMultipartUpload', method: 'POST', bucket, key, query: 'uploads=', headers }, own.signal, reply => parseInitiate(reply.body))
    if (!signal.aborted) return id
    await endUpload(target, id, signal)
    throw signal.reason
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  } finally {
    signal.removeEventListener('abort', forward)
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
  const own = new AbortController()
  const request: S3Request = { operation: 'AbortMultipartUpload', method: 'DELETE', bucket, key, query: canonicalQuery({ uploadId: id }), pardon: ({ status }) => status === 404 }
  const forward = (): void => { if (isReset(signal)) own.abort(signal.reason) }
  signal.addEventListener('abort', forward, { once: true })
  try {
    await client.call(request, own.signal, () => undefined)
  } finally {
    signal.removeEventListener('abort', forward)
  }
}

/** Whether the owner of the work is gone. */
function isReset (signal: AbortSignal): boolean {
  return signal.aborted && isFsError(signal.reason, 'FORKFS_RESET')
}
