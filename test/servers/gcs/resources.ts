import { invalid } from './errors.js'
import { keeps } from './fields.js'
import type { Mask, Schema } from './fields.js'
import type { GcsBucket, GcsObject, GivenHashes, ObjectFields } from './store.js'

/** Milliseconds since 1970 as the API spells times. */
function time (ms: number | undefined): string | undefined { return ms === undefined ? undefined : new Date(ms).toISOString() }

/** Changes with each generation and metageneration. */
export function etagOf ({ generation, metageneration }: GcsObject): string {
  return Buffer.from(`${generation}/${metageneration}`).toString('base64').replaceAll('=', '')
}

interface Place { readonly bucket: GcsBucket, readonly object: GcsObject, readonly origin: string }

const objectFields: Readonly<Record<string, (place: Place) => unknown>> = {
  kind: () => 'storage#object',
  id: ({ bucket, object }) => `${bucket.name}/${object.name}/${object.generation}`,
  selfLink: ({ bucket, object, origin }) => `${origin}/storage/v1/b/${bucket.name}/o/${encodeURIComponent(object.name)}`,
  mediaLink: ({ bucket, object: { name, generation }, origin }) =>
    `${origin}/download/storage/v1/b/${bucket.name}/o/${encodeURIComponent(name)}?generation=${generation}&alt=media`,
  name: ({ object }) => object.name,
  bucket: ({ bucket }) => bucket.name,
  generation: ({ object }) => String(object.generation),
  metageneration: ({ object }) => String(object.metageneration),
  contentType: ({ object }) => object.fields.contentType,
  contentEncoding: ({ object }) => object.fields.contentEncoding,
  contentDisposition: ({ object }) => object.fields.contentDisposition,
  contentLanguage: ({ object }) => object.fields.contentLanguage,
  cacheControl: ({ object }) => object.fields.cacheControl,
  customTime: ({ object }) => object.fields.customTime,
  storageClass: ({ bucket, object }) => object.fields.storageClass ?? bucket.storageClass,
  kmsKeyName: ({ object }) => object.fields.kmsKeyName,
  temporaryHold: ({ object }) => object.fields.temporaryHold,
  eventBasedHold: ({ object }) => object.fields.eventBasedHold,
  size: ({ object }) => String(object.content.body.size),
  md5Hash: ({ object }) => object.content.md5,
  crc32c: ({ object }) => object.content.crc32c,
  componentCount: ({ object }) => object.content.componentCount,
  etag: ({ object }) => etagOf(object),
  metadata: ({ object }) => object.fields.metadata,
  timeCreated: ({ object }) => time(object.created),
  updated: ({ object }) => time(object.updated),
  timeDeleted: ({ object }) => time(object.deleted),
  timeFinalized: ({ object }) => time(object.created),
  timeStorageClassUpdated: ({ object }) => time(object.created)
}

/** An object in JSON. Checksums are only computed where the mask keeps them. */
export function objectResource (bucket: GcsBucket, object: GcsObject, origin: string, mask?: Mask): Record<string, unknown> {
  const place: Place = { bucket, object, origin }
  const resource: Record<string, unknown> = {}
  for (const name in objectFields) {
    const value = keeps(mask, name) ? objectFields[name]!(place) : undefined
    if (value !== undefined) resource[name] = value
  }
  return resource
}

const leaves = (names: readonly string[]): Schema => Object.fromEntries(names.map(name => [name, true]))

/** Names that the real service has and this one leaves empty: asking for them is no mistake. */
const silent = ['acl', 'owner', 'retention', 'retentionExpirationTime', 'customerEncryption', 'softDeleteTime', 'hardDeleteTime', 'restoreToken', 'contexts']

export const objectSchema: Schema = leaves([...Object.keys(objectFields), ...silent])
export const listSchema: Schema = { kind: true, nextPageToken: true, prefixes: true, items: objectSchema }
export const rewriteSchema: Schema = { kind: true, totalBytesRewritten: true, objectSize: true, done: true, rewriteToken: true, resource: objectSchema }

export function bucketResource (bucket: GcsBucket, origin: string): Record<string, unknown> {
  return {
    kind: 'storage#bucket', id: bucket.name, name: bucket.name, selfLink: `${origin}/storage/v1/b/${bucket.name}`, projectNumber: '100000000001',
    generation: String(bucket.created * 1000), metageneration: String(bucket.metageneration), location: bucket.location, locationType: 'multi-region',
    storageClass: bucket.storageClass, etag: Buffer.from(String(bucket.metageneration)).toString('base64'),
    timeCreated: time(bucket.created), updated: time(bucket.updated),
    ...(bucket.versioning ? { versioning: { enabled: true } } : {}), ...(bucket.requesterPays ? { billing: { requesterPays: true } } : {}),
    ...(bucket.labels === undefined ? {} : { labels: bucket.labels }), ...(bucket.hierarchical ? { hierarchicalNamespace: { enabled: true } } : {}),
    iamConfiguration: { uniformBucketLevelAccess: { enabled: true } }
  }
}

export const bucketSchema: Schema = leaves(['kind', 'id', 'name', 'selfLink', 'projectNumber', 'generation', 'metageneration', 'location', 'locationType',
  'storageClass', 'etag', 'timeCreated', 'updated', 'versioning', 'billing', 'labels', 'hierarchicalNamespace', 'iamConfiguration', 'lifecycle', 'retentionPolicy',
  'softDeletePolicy', 'acl', 'cors', 'encryption', 'logging', 'website', 'autoclass', 'rpo', 'defaultEventBasedHold', 'owner'])
export const bucketListSchema: Schema = { kind: true, nextPageToken: true, items: bucketSchema }

const texts = ['contentType', 'contentEncoding', 'contentDisposition', 'contentLanguage', 'cacheControl', 'customTime', 'storageClass', 'kmsKeyName'] as const
const flags = ['temporaryHold', 'eventBasedHold'] as const

/**
 * What a resource from the client sets; `before` shows through where it says nothing, `null` removes.
 * @throws GcsError 400 for values of the wrong kind
 */
export function fieldsOf (resource: Readonly<Record<string, unknown>>, before: ObjectFields = {}): ObjectFields {
  const fields: Record<string, unknown> = { ...before }
  for (const [names, kind] of [[texts, 'string'], [flags, 'boolean']] as const) {
    for (const name of names) {
      const value = resource[name]
      if (value === undefined) continue
      if (value !== null && typeof value !== kind) throw invalid(`Invalid value for field ${name}`, name)
      fields[name] = value === '' ? undefined : value ?? undefined
    }
  }
  if (resource['metadata'] !== undefined) fields['metadata'] = metadataOf(resource['metadata'], before.metadata)
  return fields
}

function metadataOf (value: unknown, before: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> | undefined {
  if (value === null) return undefined
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid('Invalid value for field metadata', 'metadata')
  const metadata: Record<string, string> = { ...before }
  for (const [name, one] of Object.entries(value)) {
    if (one === null) delete metadata[name]
    else if (typeof one === 'string') metadata[name] = one
    else throw invalid(`Invalid value for field metadata.${name}`, 'metadata')
  }
  return Object.keys(metadata).length === 0 ? undefined : metadata
}

/** The hashes that a resource says its content has. */
export function hashesOf (resource: Readonly<Record<string, unknown>>): GivenHashes {
  const { crc32c, md5Hash } = resource
  return { crc32c: typeof crc32c === 'string' ? crc32c : undefined, md5Hash: typeof md5Hash === 'string' ? md5Hash : undefined }
}
