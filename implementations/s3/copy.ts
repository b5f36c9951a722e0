import { isFsError } from '../../lib/errors/index.js'
import { overParts, planParts } from '../../lib/net/index.js'
import type { ReplyHeaders } from '../../lib/net/index.js'
import { copySource } from './address.js'
import type { S3Path } from './address.js'
import type { S3Client } from './client.js'
import { parseCopy } from './replies.js'
import type { UploadedPart } from './replies.js'
import { canonicalQuery } from './sign.js'
import { beginUpload, completeUpload, endUpload } from './uploads.js'

export interface CopyContext {
  readonly client: S3Client
  readonly from: S3Path
  readonly to: S3Path
  /** Encryption and the like. */
  readonly storeHeaders: readonly string[]
  readonly signal: AbortSignal
}

export interface CopyLimits {
  /** Bytes that one CopyObject takes; @defaultValue 5 GB (S3, "Copying objects") */
  readonly single: number
  /** Bytes of one part of a larger copy. */
  readonly part: number
}

export const copyLimits: CopyLimits = Object.freeze({ single: 5_000_000_000, part: 512 * 1024 * 1024 })

/** Parts of one copy under way at once: they cost the store work, and us a connection each. */
const LANES = 8

/** What an object keeps beside its bytes; a copy in parts has to say it again. */
const kept = ['content-type', 'cache-control', 'content-disposition', 'content-encoding', 'content-language', 'expires', 'x-amz-storage-class', 'x-amz-website-redirect-location']

/** One request; where the store finds the object too large for that, parts of one version in parallel. Always by the store itself. */
export async function copyObject (context: CopyContext, limits: CopyLimits = copyLimits): Promise<void> {
  const { client, from, to, storeHeaders, signal } = context
  const headers = ['x-amz-copy-source', copySource(from.bucket, from.key, from.versionId), ...storeHeaders]
  try {
    await client.call({ operation: 'CopyObject', method: 'PUT', bucket: to.bucket, key: to.key, source: `${from.bucket}/${from.key}`, headers }, signal, reply => parseCopy(reply.body))
  } catch (error) {
    if (!isFsError(error, 'EINVAL', 'ENOSPC')) throw error
    const query = canonicalQuery({ versionId: from.versionId })
    const source = await client.call({ operation: 'HeadObject', method: 'HEAD', bucket: from.bucket, key: from.key, query }, signal, reply => reply.headers)
    if (!(Number(source['content-length']) > limits.single)) throw error
    await copyParts(context, source, limits.part)
  }
}

async function copyParts (context: CopyContext, source: ReplyHeaders, partBytes: number): Promise<void> {
  const { client, from, to, storeHeaders, signal } = context
  const target = { client, bucket: to.bucket, key: to.key }
  const etag = source['etag']
  const shared = ['x-amz-copy-source', copySource(from.bucket, from.key, from.versionId ?? source['x-amz-version-id'])]
  if (etag !== undefined) shared.push('x-amz-copy-source-if-match', etag)
  const uploadId = await beginUpload(target, [...objectHeaders(source), ...storeHeaders], signal)
  try {
    const parts: UploadedPart[] = []
    await overParts(planParts(0, Number(source['content-length']), partBytes), LANES, signal, async ({ start, end }, inner) => {
      const number = start / partBytes + 1
      const request = {
        operation: 'UploadPartCopy', method: 'PUT', bucket: to.bucket, key: to.key, query: canonicalQuery({ partNumber: number, uploadId }), source: `${from.bucket}/${from.key}`,
        headers: [...shared, 'x-amz-copy-source-range', `bytes=${start}-${end - 1}`]
      } as const
      const copied = await client.call(request, inner, reply => parseCopy(reply.body))
      parts.push({ number, etag: copied.etag ?? '' })
    })
    await completeUpload(target, uploadId, parts, signal)
  } catch (error) {
    await endUpload(target, uploadId, signal).catch(() => {}) // the first error counts
    throw error
  }
}

function objectHeaders (source: ReplyHeaders): string[] {
  const headers: string[] = []
  for (const [name, value] of Object.entries(source)) {
    if (value !== undefined && (kept.includes(name) || name.startsWith('x-amz-meta-'))) headers.push(name, value)
  }
  return headers
}
