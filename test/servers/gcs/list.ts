import { findAction } from '../faults.js'
import { matcherOf } from './glob.js'
import { invalid, required } from './errors.js'
import { inside, keeps } from './fields.js'
import { jsonReply } from './request.js'
import { bucketListSchema, bucketResource, listSchema, objectResource } from './resources.js'
import { splitVersionName } from './store.js'
import { compareUtf8 } from '../listing.js'
import type { Reply } from '../exchange.js'
import type { Mask } from './fields.js'
import type { GcsRequest, Operate } from './request.js'
import type { GcsBucket, GcsObject } from './store.js'

const pageMost = 1000

/** What a page token belongs to: with another one of these it is refused. */
const bound = ['prefix', 'delimiter', 'versions', 'startOffset', 'endOffset', 'matchGlob', 'includeTrailingDelimiter'] as const

function fingerprint ({ query, route }: GcsRequest): string {
  return JSON.stringify([route.bucket, ...bound.map(name => query.get(name) ?? '')])
}

function writeToken (request: GcsRequest, after: string): string {
  return Buffer.from(JSON.stringify([fingerprint(request), after]), 'utf8').toString('base64url')
}

/** Where a page begins. @throws GcsError 400 for a token of another query, or none of ours */
function readToken (request: GcsRequest): string | undefined {
  const token = request.param('pageToken')
  if (token === undefined || token === '') return undefined
  const text = Buffer.from(token, 'base64url').toString('utf8')
  try {
    const [query, after] = JSON.parse(text) as readonly [unknown, unknown]
    if (query === fingerprint(request) && typeof after === 'string') return after
  } catch {} // no token of ours
  throw invalid('Invalid argument.', 'pageToken')
}

/** Items and prefixes are each in order of their bytes; both count. Pages may be shorter than asked for, or empty. */
function list (request: GcsRequest): Reply {
  const { bucket, query } = request
  const mask = request.mask(listSchema)
  const versions = request.flag('versions')
  const after = readToken(request)
  const glob = request.param('matchGlob')
  if (findAction(request.call.actions, 'emptyPage') !== undefined) return page(request, [], [], mask, after ?? '')
  const found = (versions ? bucket.versionNames : bucket.names).page({
    prefix: query.get('prefix') ?? undefined, delimiter: query.get('delimiter') ?? undefined, after,
    from: query.get('startOffset') ?? undefined, until: query.get('endOffset') ?? undefined, limit: request.limit('maxResults', pageMost)
  })
  const keys = request.flag('includeTrailingDelimiter') && !versions
    ? [...found.keys, ...found.prefixes.filter(prefix => bucket.live(prefix) !== undefined)].sort(compareUtf8)
    : found.keys
  const fits = glob === undefined ? () => true : matcherOf(glob)
  const objects = keys.map(key => versions ? bucket.generation(...splitVersionName(key))! : bucket.live(key)!).filter(({ name }) => fits(name))
  return page(request, objects, found.prefixes, mask, found.next)
}

function page (request: GcsRequest, objects: readonly GcsObject[], prefixes: readonly string[], mask: Mask, next: string | undefined): Reply {
  const { bucket, origin } = request
  const items = keeps(mask, 'items') ? objects.map(object => objectResource(bucket, object, origin, inside(mask, 'items'))) : []
  return jsonReply({
    kind: 'storage#objects',
    ...(next === undefined ? {} : { nextPageToken: writeToken(request, next) }),
    ...(prefixes.length === 0 ? {} : { prefixes }),
    ...(items.length === 0 ? {} : { items })
  }, mask)
}

function listBuckets (request: GcsRequest): Reply {
  if (request.param('project') === undefined) throw required('project')
  const prefix = request.param('prefix') ?? ''
  const after = readToken(request)
  const limit = request.limit('maxResults', pageMost)
  const rest = [...request.state.buckets.values()]
    .filter(({ name }) => name.startsWith(prefix) && (after === undefined || compareUtf8(name, after) > 0))
    .sort((a: GcsBucket, b: GcsBucket) => compareUtf8(a.name, b.name))
  const shown = rest.slice(0, limit)
  return jsonReply({
    kind: 'storage#buckets',
    ...(rest.length > shown.length ? { nextPageToken: writeToken(request, shown.at(-1)!.name) } : {}),
    ...(shown.length === 0 ? {} : { items: shown.map(bucket => bucketResource(bucket, request.origin)) })
  }, request.mask(bucketListSchema))
}

export const listOperations = { 'objects.list': list, 'buckets.list': listBuckets } satisfies Record<string, Operate>
