import { checkWrite, conditionsOf } from './conditions.js'
import { GcsError, invalid, required } from './errors.js'
import { jsonReply } from './request.js'
import { bucketResource, bucketSchema } from './resources.js'
import { GcsBucket } from './store.js'
import type { Reply } from '../exchange.js'
import type { GcsRequest, Operate } from './request.js'

function bucketReply (request: GcsRequest, bucket: GcsBucket): Reply {
  return jsonReply(bucketResource(bucket, request.origin), request.mask(bucketSchema))
}

async function insert (request: GcsRequest): Promise<Reply> {
  const { state } = request
  if (request.param('project') === undefined) throw required('project')
  const resource = await request.json()
  const name = resource['name']
  if (typeof name !== 'string' || name === '') throw required('name')
  if (!/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(name)) throw invalid(`Invalid bucket name: '${name}'`)
  if (state.buckets.has(name)) throw new GcsError(409, { message: 'Your previous request to create the named bucket succeeded and you already own it.' })
  const text = (field: string): string | undefined => typeof resource[field] === 'string' ? resource[field] : undefined
  const bucket = new GcsBucket({
    name, location: text('location')?.toUpperCase(), storageClass: text('storageClass'), versioning: flagOf(resource['versioning'], 'enabled'),
    requesterPays: flagOf(resource['billing'], 'requesterPays'), hierarchical: flagOf(resource['hierarchicalNamespace'], 'enabled')
  }, state.now())
  state.buckets.set(name, bucket)
  return bucketReply(request, bucket)
}

/** A flag inside of a resource: undefined where the resource says nothing. */
function flagOf (value: unknown, name: string): boolean | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  return (value as Readonly<Record<string, unknown>>)[name] === true
}

function get (request: GcsRequest): Reply { return bucketReply(request, request.bucket) }

async function patch (request: GcsRequest): Promise<Reply> {
  const resource = await request.json()
  const { bucket, state } = request
  checkMetageneration(request, bucket)
  bucket.versioning = flagOf(resource['versioning'], 'enabled') ?? bucket.versioning
  bucket.requesterPays = flagOf(resource['billing'], 'requesterPays') ?? bucket.requesterPays
  if (typeof resource['labels'] === 'object') bucket.labels = resource['labels'] as Readonly<Record<string, string>> | null ?? undefined
  bucket.metageneration++
  bucket.updated = state.now()
  return bucketReply(request, bucket)
}

function remove (request: GcsRequest): Reply {
  const { bucket, state } = request
  checkMetageneration(request, bucket)
  if (!bucket.isEmpty) throw new GcsError(409, { message: 'The bucket you tried to delete is not empty.' })
  state.buckets.delete(bucket.name)
  return { status: 204, headers: {} }
}

function checkMetageneration ({ query }: GcsRequest, { created, metageneration }: GcsBucket): void {
  checkWrite({ generation: created * 1000, metageneration }, conditionsOf(query))
}

function storageLayout (request: GcsRequest): Reply {
  const { name, location, hierarchical } = request.bucket
  return jsonReply({
    kind: 'storage#storageLayout', bucket: name, location, locationType: 'multi-region', ...(hierarchical ? { hierarchicalNamespace: { enabled: true } } : {})
  })
}

export const bucketOperations = {
  'buckets.insert': insert, 'buckets.get': get, 'buckets.patch': patch, 'buckets.delete': remove, 'buckets.getStorageLayout': storageLayout
} satisfies Record<string, Operate>
