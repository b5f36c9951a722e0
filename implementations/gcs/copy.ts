import { FsError, isFsError } from '../../lib/errors/index.js'
import { parseNothing } from '../../lib/net/index.js'
import type { GcsPath } from './address.js'
import { encodeSegment, objectPath, queryOf } from './address.js'
import type { GcsClient } from './client.js'
import { objectFields, parseJson, parseObject } from './replies.js'
import type { ObjectResource } from './replies.js'

export interface CopyContext {
  readonly client: GcsClient
  readonly from: GcsPath
  readonly to: GcsPath
  readonly signal: AbortSignal
}

interface RewriteReply { readonly done?: boolean, readonly rewriteToken?: string, readonly resource?: ObjectResource }

/** Where a rewrite of large objects between places goes on; more calls than this are no copy. */
const MAX_CALLS = 100_000

/** By the store itself, in as many calls as it wants; type and metadata go along. A lost answer is asked for again with the same token. */
export async function copyObject (context: CopyContext): Promise<void> {
  const { client, from, to, signal } = context
  const target = `${objectPath(from.bucket, from.object)}/rewriteTo/b/${encodeSegment(to.bucket)}/o/${encodeSegment(to.object)}`
  let rewriteToken: string | undefined
  for (let calls = 0; calls < MAX_CALLS; calls++) {
    const query = queryOf({ sourceGeneration: from.generation, destinationKmsKeyName: client.settings.kmsKeyName, rewriteToken, fields: 'done,rewriteToken,resource(name,generation)' })
    const reply = await client.call<RewriteReply>({
      operation: 'objects.rewrite', method: 'POST', path: `${from.bucket}/${from.object}`, target, query, headers: ['content-type', 'application/json'], body: Buffer.from('{}'),
      pinned: from.generation !== undefined
    }, signal, parseJson<RewriteReply>).catch(async (error: unknown) => { throw await explained(context, error) })
    if (reply.done === true) return
    if (reply.rewriteToken === undefined) throw new FsError('FORKFS_PROTOCOL', 'a copy has more to do but no token for it', { path: `${to.bucket}/${to.object}` })
    rewriteToken = reply.rewriteToken
  }
  throw new FsError('FORKFS_PROTOCOL', 'a copy does not come to its end', { path: `${to.bucket}/${to.object}` })
}

/** A 404 does not tell what is missing: the source, or the bucket that the copy should lie in. */
async function explained (context: CopyContext, error: unknown): Promise<unknown> {
  const { to, signal } = context
  if (signal.aborted || !isFsError(error, 'ENOENT', 'FORKFS_CHANGED') || error.status !== 404) return error
  const source = await describe(context).catch(() => undefined)
  return source === undefined ? error : new FsError('ENOENT', 'no such bucket', { path: to.bucket, protocol: 'gs', status: 404, requestId: error.requestId, cause: error })
}

function describe ({ client, from, signal }: CopyContext, at: GcsPath = from): Promise<ObjectResource> {
  const query = queryOf({ generation: at.generation, fields: objectFields })
  const request = { operation: 'objects.get', method: 'GET', path: `${at.bucket}/${at.object}`, target: objectPath(at.bucket, at.object), query } as const
  return client.call(request, signal, parseObject)
}

/**
 * Move within a bucket in one step where the store can; else, and between buckets, copy and delete what was copied, unless it has
 * changed meanwhile. @throws FsError ENOENT where there is no such object, FORKFS_CHANGED
 */
export async function moveObject (context: CopyContext): Promise<void> {
  const { client, from, to, signal } = context
  const source = await describe(context)
  if (from.bucket === to.bucket && !client.lacks.has('moveTo') && await movedAtOnce(context, source)) return
  await copyObject({ ...context, from: { ...from, generation: source.generation } })
  const query = `ifGenerationMatch=${source.generation}`
  let attempts = 0
  await client.call({
    operation: 'objects.delete', method: 'DELETE', path: `${from.bucket}/${from.object}`, target: objectPath(from.bucket, from.object), query, pinned: true,
    attempted: attempt => { attempts = attempt }, pardon: ({ status }) => status === 404 && attempts > 1
  }, signal, parseNothing)
}

/** False where the store has no such call, which is remembered. */
async function movedAtOnce (context: CopyContext, source: ObjectResource): Promise<boolean> {
  const { client, from, to, signal } = context
  let attempts = 0
  try {
    await client.call({
      operation: 'objects.move', method: 'POST', path: `${from.bucket}/${from.object}`, target: `${objectPath(from.bucket, from.object)}/moveTo/o/${encodeSegment(to.object)}`,
      query: queryOf({ ifSourceGenerationMatch: source.generation, fields: 'name,generation' }), headers: ['content-type', 'application/json'], body: Buffer.from('{}'),
      attempted: attempt => { attempts = attempt }
    }, signal, parseObject)
    return true
  } catch (error) {
    if (signal.aborted || !isFsError(error)) throw error
    // An earlier attempt whose answer was lost may have moved it.
    if (attempts > 1 && isFsError(error, 'ENOENT', 'FORKFS_CHANGED')) {
      const there = await describe(context, to).catch(() => undefined)
      if (there !== undefined && there.crc32c === source.crc32c && there.size === source.size && Number(there.generation) > Number(source.generation)) return true
    }
    if (![400, 404, 405, 501].includes(error.status ?? 0)) throw error
    await describe(context) // really the call that is missing, not the object
    client.lacks.add('moveTo')
    return false
  }
}
