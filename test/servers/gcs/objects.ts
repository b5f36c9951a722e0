import { checkEtag, checkRead, checkWrite, conditionsOf, findObject } from './conditions.js'
import { GcsError } from './errors.js'
import { jsonReply } from './request.js'
import { etagOf, fieldsOf, objectResource, objectSchema } from './resources.js'
import type { Mask } from './fields.js'
import type { Reply } from '../exchange.js'
import type { GcsRequest, Operate } from './request.js'
import type { GcsBucket, GcsObject, ObjectFields } from './store.js'

/** An object as the reply of an operation. */
export function objectReply (request: GcsRequest, bucket: GcsBucket, object: GcsObject, mask: Mask = request.mask(objectSchema)): Reply {
  return jsonReply(objectResource(bucket, object, request.origin, mask), mask, { ETag: etagOf(object) })
}

/** @throws GcsError 403 for an object that must stay */
export function checkHolds (bucket: GcsBucket, object: GcsObject | undefined): void {
  if (object?.fields.temporaryHold !== true && object?.fields.eventBasedHold !== true) return
  const kind = object.fields.temporaryHold === true ? 'Temporary' : 'Event-Based'
  throw new GcsError(403, {
    reason: 'objectUnderActiveHold',
    message: `Object '${bucket.name}/${object.name}' is under active ${kind} hold and cannot be deleted, overwritten or archived until hold is removed.`
  })
}

function get (request: GcsRequest): Reply {
  const { bucket, name, query } = request
  const object = findObject(bucket, name, request.integer('generation'))
  checkRead(object, conditionsOf(query))
  checkEtag(request, etagOf(object))
  return objectReply(request, bucket, object)
}

function remove (request: GcsRequest): Reply {
  const { bucket, name, query, state } = request
  const generation = request.integer('generation')
  const object = findObject(bucket, name, generation)
  checkWrite(object, conditionsOf(query))
  checkHolds(bucket, object)
  state.countWrite(bucket.name, name)
  if (generation === undefined) bucket.delete(name, state.now())
  else bucket.erase(object)
  return { status: 204, headers: {} }
}

/** PATCH keeps what the resource does not name; PUT does not. */
async function amend (request: GcsRequest, whole: boolean): Promise<Reply> {
  const resource = await request.json()
  const { bucket, name, query, state } = request
  const object = findObject(bucket, name, request.integer('generation'))
  checkWrite(object, conditionsOf(query))
  state.countWrite(bucket.name, name)
  const { storageClass, kmsKeyName } = object.fields
  const fields: ObjectFields = { ...fieldsOf(resource, whole ? {} : object.fields), storageClass, kmsKeyName }
  const amended: GcsObject = { ...object, fields, metageneration: object.metageneration + 1, updated: state.now() }
  bucket.amend(amended)
  return objectReply(request, bucket, amended)
}

export const objectOperations = {
  'objects.get': get, 'objects.delete': remove, 'objects.patch': request => amend(request, false), 'objects.update': request => amend(request, true)
} satisfies Record<string, Operate>
