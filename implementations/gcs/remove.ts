import { FsError, isFsError } from '../../lib/errors/index.js'
import { backoffMs, bulkFailure, overParts, parseNothing, planParts, sleep } from '../../lib/net/index.js'
import { randomHex } from '../../lib/owner/index.js'
import { objectPath, queryOf } from './address.js'
import type { GcsPath } from './address.js'
import { batchBody, MAX_BATCH, parseBatch } from './batch.js'
import type { BatchAnswer } from './batch.js'
import type { GcsClient } from './client.js'
import { failureOf } from './errors.js'

/** Batches of one call under way at once. */
const LANES = 8

/** Delete objects, 100 to a request. Whatever fails, all others are deleted; then the first failure is thrown with all of them. */
export async function removeObjects (client: GcsClient, objects: readonly GcsPath[], signal: AbortSignal): Promise<void> {
  if (objects.length === 1) { await removeOne(client, objects[0]!, signal); return }
  const failures = new Map<number, FsError>()
  await overParts(planParts(0, objects.length, MAX_BATCH), LANES, signal, async ({ start, end }, inner) => {
    for (const [index, error] of await removeMany(client, objects.slice(start, end), inner)) failures.set(start + index, error)
  })
  const inOrder = [...failures].sort(([a], [b]) => a - b).map(([, error]) => error)
  const failure = bulkFailure('gs', inOrder, objects.length)
  if (failure !== undefined) throw failure
}

const pathOf = ({ bucket, object }: GcsPath): string => `${bucket}/${object}`

/** What is gone at the second attempt was deleted by the first. */
async function removeOne (client: GcsClient, at: GcsPath, signal: AbortSignal): Promise<void> {
  let attempts = 0
  await client.call({
    operation: 'objects.delete', method: 'DELETE', path: pathOf(at), target: objectPath(at.bucket, at.object), query: queryOf({ generation: at.generation }),
    attempted: attempt => { attempts = attempt }, pardon: ({ status }) => status === 404 && attempts > 1
  }, signal, parseNothing)
}

/** @returns what failed, by its place in `objects` */
async function removeMany (client: GcsClient, objects: readonly GcsPath[], signal: AbortSignal): Promise<Map<number, FsError>> {
  const failures = new Map<number, FsError>()
  const { retry } = client
  let left = objects.map((_, index) => index)
  let asked = 0
  for (let attempt = 1; left.length > 0; attempt++) {
    if (attempt > 1) await sleep(backoffMs(retry, attempt - 1), signal)
    const answers = client.lacks.has('batch') ? undefined : await sendBatch(client, left.map(index => objects[index]!), signal, () => { asked++ })
    if (answers === undefined) return removeEach(client, objects, left, failures, signal)
    const again: number[] = []
    for (const [place, index] of left.entries()) {
      const answer = answers.get(place)
      if (answer?.status === 200 || answer?.status === 204 || (answer?.status === 404 && asked > 1)) continue
      const error = answer === undefined ? unanswered(objects[index]!) : failureOf(answer.status, {}, answer.body, { path: pathOf(objects[index]!) }).error
      if (error.retry === 'may' && attempt < retry.attempts) again.push(index)
      else failures.set(index, error)
    }
    left = again
  }
  return failures
}

function unanswered (at: GcsPath): FsError {
  return new FsError('FORKFS_PROTOCOL', 'the store left one delete of a batch without an answer', { path: pathOf(at), protocol: 'gs', retry: 'may' })
}

/** undefined where the store has no batches. */
async function sendBatch (client: GcsClient, objects: readonly GcsPath[], signal: AbortSignal, attempted: () => void): Promise<Map<number, BatchAnswer> | undefined> {
  const boundary = `forkfs_${randomHex(16)}`
  const targets = objects.map(({ bucket, object, generation }) => {
    const query = client.withProject(queryOf({ generation }))
    return query === '' ? objectPath(bucket, object) : `${objectPath(bucket, object)}?${query}`
  })
  const missing = ({ status }: { readonly status: number }): boolean => status === 404 || status === 405 || status === 501
  const answers = await client.call({
    operation: 'batch', method: 'POST', path: objects[0]!.bucket, target: '/batch/storage/v1', headers: ['content-type', `multipart/mixed; boundary=${boundary}`],
    body: batchBody(boundary, targets), pardon: missing, attempted
  }, signal, reply => missing(reply) ? undefined : parseBatch(reply.headers['content-type'], reply.body))
  if (answers === undefined) client.lacks.add('batch')
  return answers
}

async function removeEach (
  client: GcsClient, objects: readonly GcsPath[], left: readonly number[], failures: Map<number, FsError>, signal: AbortSignal
): Promise<Map<number, FsError>> {
  await overParts(planParts(0, left.length, 1), LANES, signal, async ({ start }, inner) => {
    const index = left[start]!
    try {
      await removeOne(client, objects[index]!, inner)
    } catch (error) {
      if (!isFsError(error) || inner.aborted) throw error
      failures.set(index, error)
    }
  })
  return failures
}
