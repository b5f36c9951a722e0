/** What the server knows, by the names of the JSON API where it has one; these are the names that rules and counters use. */
export type Operation =
  | 'buckets.list' | 'buckets.insert' | 'buckets.get' | 'buckets.patch' | 'buckets.delete' | 'buckets.getStorageLayout'
  | 'objects.list' | 'objects.get' | 'objects.getMedia' | 'objects.insert' | 'objects.patch' | 'objects.update' | 'objects.delete'
  | 'objects.rewrite' | 'objects.copy' | 'objects.move' | 'objects.compose'
  /** A resumable upload: begun, bytes sent, asked for its state (`bytes * /N`, which may also be its end), cancelled. */
  | 'uploads.start' | 'uploads.put' | 'uploads.query' | 'uploads.cancel'
  | 'batch'
  /** The XML API, which signed URLs use. */
  | 'xml.get' | 'xml.head' | 'xml.put' | 'xml.delete'
  /** Where credentials come from: the token endpoint, the metadata server, the token exchange, IAM. */
  | 'token' | 'metadata.get' | 'sts.token' | 'sts.subject' | 'iam.generateAccessToken' | 'iam.signBlob'
  | 'unsupported'

/** A request target taken apart without a URL object, which would resolve `.` and `..`. */
export interface Route {
  readonly operation: Operation
  readonly bucket?: string | undefined
  readonly name?: string | undefined
  /** Where a copy or move goes. */
  readonly to?: { readonly bucket: string, readonly name: string } | undefined
  readonly query: URLSearchParams
  /** The path as sent. */
  readonly path: string
}

type Found = Omit<Route, 'query' | 'path'>

const unsupported: Found = { operation: 'unsupported' }

/**
 * @param contentRange The header that tells a chunk of an upload from a question about it
 * @throws URIError for a `%` that is no UTF-8
 */
export function routeOf (method: string, target: string, contentRange: string | undefined): Route {
  const cut = target.indexOf('?')
  const path = cut < 0 ? target : target.slice(0, cut)
  const query = new URLSearchParams(cut < 0 ? '' : target.slice(cut + 1))
  const segments = path.split('/').slice(1).map(decodeURIComponent)
  return { ...find(method, segments, query, contentRange), query, path }
}

function find (method: string, segments: readonly string[], query: URLSearchParams, contentRange: string | undefined): Found {
  const [first, second, third] = segments
  if (first === 'upload' && second === 'storage' && third === 'v1') return uploadRoute(method, segments.slice(3), query, contentRange)
  if (first === 'download' && second === 'storage' && third === 'v1') return jsonRoute(method, segments.slice(3), query)
  if (first === 'storage' && second === 'v1') return jsonRoute(method, segments.slice(2), query)
  if (first === 'batch' && second === 'storage' && segments.length <= 3) return { operation: method === 'POST' ? 'batch' : 'unsupported' }
  return credentialRoute(method, segments) ?? xmlRoute(method, segments)
}

function uploadRoute (method: string, segments: readonly string[], query: URLSearchParams, contentRange: string | undefined): Found {
  const [b, bucket, o, ...rest] = segments
  if (b !== 'b' || bucket === undefined || o !== 'o' || rest.length > 0) return unsupported
  const place = { bucket, name: query.get('name') ?? undefined }
  if (query.has('upload_id')) {
    if (method === 'DELETE') return { operation: 'uploads.cancel', ...place }
    if (method !== 'PUT' && method !== 'POST') return unsupported
    return { operation: contentRange?.startsWith('bytes */') === true ? 'uploads.query' : 'uploads.put', ...place }
  }
  if (method !== 'POST') return unsupported
  return { operation: query.get('uploadType') === 'resumable' ? 'uploads.start' : 'objects.insert', ...place }
}

function jsonRoute (method: string, segments: readonly string[], query: URLSearchParams): Found {
  const [b, bucket, o, name, verb, ...rest] = segments
  if (b !== 'b') return unsupported
  if (bucket === undefined) return { operation: method === 'GET' ? 'buckets.list' : method === 'POST' ? 'buckets.insert' : 'unsupported' }
  if (o === undefined) return { operation: bucketVerbs[method] ?? 'unsupported', bucket }
  if (o === 'storageLayout' && name === undefined) return { operation: method === 'GET' ? 'buckets.getStorageLayout' : 'unsupported', bucket }
  if (o !== 'o') return unsupported
  if (name === undefined) return { operation: method === 'GET' ? 'objects.list' : 'unsupported', bucket }
  if (verb !== undefined) return method === 'POST' ? copyRoute(bucket, name, verb, rest) : unsupported
  if (method === 'GET') return { operation: query.get('alt') === 'media' ? 'objects.getMedia' : 'objects.get', bucket, name }
  return { operation: objectVerbs[method] ?? 'unsupported', bucket, name }
}

const bucketVerbs: Readonly<Record<string, Operation>> = { GET: 'buckets.get', PATCH: 'buckets.patch', DELETE: 'buckets.delete' }
const objectVerbs: Readonly<Record<string, Operation>> = { PATCH: 'objects.patch', PUT: 'objects.update', DELETE: 'objects.delete' }

function copyRoute (bucket: string, name: string, verb: string, rest: readonly string[]): Found {
  if (verb === 'compose' && rest.length === 0) return { operation: 'objects.compose', bucket, name }
  if (verb === 'moveTo' && rest.length === 2 && rest[0] === 'o') return { operation: 'objects.move', bucket, name, to: { bucket, name: rest[1]! } }
  if ((verb !== 'rewriteTo' && verb !== 'copyTo') || rest.length !== 4 || rest[0] !== 'b' || rest[2] !== 'o') return unsupported
  return { operation: verb === 'copyTo' ? 'objects.copy' : 'objects.rewrite', bucket, name, to: { bucket: rest[1]!, name: rest[3]! } }
}

function credentialRoute (method: string, segments: readonly string[]): Found | undefined {
  const [first, ...rest] = segments
  const last = rest.at(-1) ?? ''
  if (first === 'token' && rest.length === 0) return { operation: method === 'POST' ? 'token' : 'unsupported' }
  if (first === 'subject-token' && rest.length === 0) return { operation: method === 'GET' ? 'sts.subject' : 'unsupported' }
  if (first === 'computeMetadata' || (segments.length === 1 && first === '')) return { operation: method === 'GET' ? 'metadata.get' : 'unsupported' }
  if (first !== 'v1') return undefined
  if (rest.length === 1 && last === 'token') return { operation: method === 'POST' ? 'sts.token' : 'unsupported' }
  if (method !== 'POST' || !(rest[0] === 'projects' && rest[2] === 'serviceAccounts' && rest.length === 4)) return undefined
  if (last.endsWith(':generateAccessToken')) return { operation: 'iam.generateAccessToken', name: last.slice(0, -20) }
  return last.endsWith(':signBlob') ? { operation: 'iam.signBlob', name: last.slice(0, -9) } : unsupported
}

const xmlVerbs: Readonly<Record<string, Operation>> = { GET: 'xml.get', HEAD: 'xml.head', PUT: 'xml.put', DELETE: 'xml.delete' }

/** Slashes after the bucket belong to the object's name here. */
function xmlRoute (method: string, [bucket = '', ...rest]: readonly string[]): Found {
  const name = rest.join('/')
  return bucket === '' || name === '' ? unsupported : { operation: xmlVerbs[method] ?? 'unsupported', bucket, name }
}
