import { createHash } from 'node:crypto'
import { Bytes } from '../bytes.js'
import { checkWrite, conditionsOf, findObject } from './conditions.js'
import { invalid } from './errors.js'
import { inside } from './fields.js'
import { checkHolds, objectReply } from './objects.js'
import { jsonReply, objectName, wholeNumber } from './request.js'
import { fieldsOf, objectResource, objectSchema, rewriteSchema } from './resources.js'
import { Content } from './store.js'
import type { Reply } from '../exchange.js'
import type { GcsRequest, Operate } from './request.js'
import type { GcsBucket, GcsObject, ObjectFields } from './store.js'

const sourcesMost = 32
const quantum = 1 << 20

interface Copying {
  readonly source: GcsObject
  readonly target: GcsBucket
  readonly name: string
  readonly fields: ObjectFields
}

/** Source and target of a copy, with all their conditions checked. A resource with fields replaces the source's. */
async function copying (request: GcsRequest): Promise<Copying> {
  const resource = await request.json()
  const { bucket, route, query, state } = request
  const target = state.bucket(route.to!.bucket)
  const name = objectName(route.to!.name)
  const source = findObject(bucket, request.name, request.integer('sourceGeneration'))
  checkWrite(source, conditionsOf(query, 'ifSource'))
  checkWrite(target.live(name), conditionsOf(query))
  if (!target.versioning) checkHolds(target, target.live(name))
  const given = fieldsOf(resource)
  const replaces = Object.values(given).some(value => value !== undefined)
  return { source, target, name, fields: replaces ? given : { ...source.fields, temporaryHold: undefined, eventBasedHold: undefined } }
}

function copied (request: GcsRequest, { source, target, name, fields }: Copying): GcsObject {
  request.state.countWrite(target.name, name)
  return request.state.store(target, name, source.content, fields)
}

async function copy (request: GcsRequest): Promise<Reply> {
  const work = await copying(request)
  return objectReply(request, work.target, copied(request, work))
}

/**
 * Some bytes in each call, the object at the end. A token holds the progress: sent again, it goes on from the same place, and the last one
 * makes the object again.
 */
async function rewrite (request: GcsRequest): Promise<Reply> {
  const mask = request.mask(rewriteSchema)
  const work = await copying(request)
  const most = request.integer('maxBytesRewrittenPerCall') ?? Infinity
  if (most < quantum || (most !== Infinity && most % quantum !== 0)) {
    throw invalid('maxBytesRewrittenPerCall must be an integral multiple of 1 MiB', 'maxBytesRewrittenPerCall')
  }
  const { size } = work.source.content.body
  const written = Math.min(readProgress(request, work) + Math.min(most, request.state.rewriteBytes), size)
  const progress = { kind: 'storage#rewriteResponse', totalBytesRewritten: String(written), objectSize: String(size) }
  if (written < size) return jsonReply({ ...progress, done: false, rewriteToken: writeProgress(request, work, written) }, mask)
  const object = copied(request, work)
  return jsonReply({ ...progress, done: true, resource: objectResource(work.target, object, request.origin, inside(mask, 'resource')) }, mask)
}

/** What a token belongs to: source, its generation, target, and the fields. */
function identity ({ route }: GcsRequest, { source, fields }: Copying): string {
  return createHash('sha256').update(JSON.stringify([route.bucket, source.name, source.generation, route.to, fields])).digest('base64url')
}

function writeProgress (request: GcsRequest, work: Copying, written: number): string {
  return Buffer.from(`${written} ${identity(request, work)}`).toString('base64url')
}

function readProgress (request: GcsRequest, work: Copying): number {
  const token = request.param('rewriteToken')
  if (token === undefined) return 0
  const [written, owner] = Buffer.from(token, 'base64url').toString('utf8').split(' ')
  if (owner !== identity(request, work)) throw invalid('Invalid rewrite token.', 'rewriteToken')
  return Number(written)
}

/** Atomic: nobody sees both names or none. */
async function move (request: GcsRequest): Promise<Reply> {
  const work = await copying(request)
  const { bucket, name, state } = request
  if (work.name === name) throw invalid('The source and the target of a move must differ.')
  checkHolds(bucket, work.source)
  const object = copied(request, work)
  bucket.delete(name, state.now())
  return objectReply(request, bucket, object)
}

async function compose (request: GcsRequest): Promise<Reply> {
  const mask = request.mask(objectSchema)
  const resource = await request.json()
  const { bucket, state, query } = request
  const name = objectName(request.name)
  const listed = Array.isArray(resource['sourceObjects']) ? resource['sourceObjects'] as readonly unknown[] : []
  if (listed.length === 0) throw invalid('You must provide at least one source component.', undefined, 'required')
  if (listed.length > sourcesMost) throw invalid(`The number of source components provided (${listed.length}) exceeds the maximum (${sourcesMost})`)
  const sources = listed.map(source => component(bucket, source as Readonly<Record<string, unknown>>))
  checkWrite(bucket.live(name), conditionsOf(query))
  if (!bucket.versioning) checkHolds(bucket, bucket.live(name))
  state.countWrite(bucket.name, name)
  const body = Bytes.of(...sources.map(({ content }) => content.body))
  const components = sources.reduce((sum, { content }) => sum + (content.componentCount ?? 1), 0)
  const fields = fieldsOf(resource['destination'] as Readonly<Record<string, unknown>> | undefined ?? {})
  return objectReply(request, bucket, state.store(bucket, name, new Content(body, components), fields), mask)
}

function component (bucket: GcsBucket, source: Readonly<Record<string, unknown>>): GcsObject {
  const { name, generation, objectPreconditions } = source
  if (typeof name !== 'string') throw invalid('A source component must have a name.', undefined, 'required')
  const object = findObject(bucket, name, generation === undefined ? undefined : wholeNumber(String(generation), 'generation'))
  const wanted = (objectPreconditions as Readonly<Record<string, unknown>> | undefined)?.['ifGenerationMatch']
  if (wanted !== undefined) checkWrite(object, conditionsOf(new URLSearchParams({ ifGenerationMatch: String(wanted) })))
  return object
}

export const copyOperations = {
  'objects.copy': copy, 'objects.rewrite': rewrite, 'objects.move': move, 'objects.compose': compose
} satisfies Record<string, Operate>
