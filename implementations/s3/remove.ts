import { bulkFailure, parseNothing } from '../../lib/net/index.js'
import type { S3Path } from './address.js'
import type { S3Client } from './client.js'
import { failureOfFields } from './errors.js'
import { crc32Text } from './read.js'
import { deleteBody, MAX_DELETES, parseDelete } from './replies.js'
import { canonicalQuery } from './sign.js'
import { fitsXml } from './xml.js'

/** Delete objects, 1,000 to a request; S3 answers the same for what was there and what was not. */
export async function removeObjects (client: S3Client, objects: readonly S3Path[], signal: AbortSignal): Promise<void> {
  const buckets = new Map<string, S3Path[]>()
  for (const at of objects) {
    if (objects.length === 1 || !fitsXml(at.key)) await removeOne(client, at, signal)
    else {
      const known = buckets.get(at.bucket)
      if (known === undefined) buckets.set(at.bucket, [at])
      else known.push(at)
    }
  }
  for (const [bucket, all] of buckets) {
    for (let at = 0; at < all.length; at += MAX_DELETES) await removeMany(client, bucket, all.slice(at, at + MAX_DELETES), signal)
  }
}

async function removeOne (client: S3Client, { bucket, key, versionId }: S3Path, signal: AbortSignal): Promise<void> {
  await client.call({ operation: 'DeleteObject', method: 'DELETE', bucket, key, query: canonicalQuery({ versionId }) }, signal, parseNothing)
}

async function removeMany (client: S3Client, bucket: string, objects: readonly S3Path[], signal: AbortSignal): Promise<void> {
  const body = Buffer.from(deleteBody(objects))
  const headers = ['content-type', 'application/xml', 'x-amz-checksum-crc32', crc32Text(body)]
  const { errors } = await client.call({ operation: 'DeleteObjects', method: 'POST', bucket, query: 'delete=', headers, body }, signal, reply => parseDelete(reply.body))
  const real = errors.filter(({ code }) => code !== 'NoSuchKey')
  const failures = real.map(({ key, code, message }) => failureOfFields({ Code: code, Message: message }, {}, { path: `${bucket}/${key}` }).error)
  const failure = bulkFailure('s3', failures, objects.length)
  if (failure !== undefined) throw failure
}
