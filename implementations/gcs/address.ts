/** Where an object is: from `bucket/object` to request paths. Names are opaque: encoded as one segment, never normalised. */
import { FsError } from '../../lib/errors/fs-error.js'

export interface GcsPath {
  /** Empty for the list of buckets. */
  readonly bucket: string
  /** Empty for the bucket itself. */
  readonly object: string
  readonly generation?: string | undefined
}

/** Split at the first slash. `versionAware` takes a trailing `#<generation>` off. */
export function parsePath (path: string, versionAware = false): GcsPath {
  const slash = path.indexOf('/')
  const bucket = slash < 0 ? path : path.slice(0, slash)
  const object = slash < 0 ? '' : path.slice(slash + 1)
  const match = versionAware ? /#(\d{1,19})$/.exec(object) : null
  return match === null ? { bucket, object } : { bucket, object: object.slice(0, match.index), generation: match[1]! }
}

/** Names of buckets: "Bucket naming requirements" of the GCS documentation. */
export function isBucket (name: string): boolean {
  return /^[a-z0-9._-]{3,222}$/.test(name)
}

/**
 * What no request could carry is refused ("Object naming requirements" of the GCS documentation).
 * @throws FsError EINVAL
 */
export function checkObject (name: string, path: string): void {
  const refuse = (what: string): never => { throw new FsError('EINVAL', what, { path: path.length > 200 ? `${path.slice(0, 200)}…` : path }) }
  if (name === '.' || name === '..') refuse('an object can not be named \'.\' or \'..\'')
  if (/[\r\n]/.test(name)) refuse('the name of an object holds no line ends')
  if (name.length > 1024 / 4 && Buffer.byteLength(name) > 1024) refuse('the name of an object has at most 1,024 bytes of UTF-8')
  if (/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(name)) refuse('the name holds half a surrogate pair and has no UTF-8 form')
}

/** One path segment, whatever is in it. Names of unreserved characters come back as they are. */
export function encodeSegment (name: string): string {
  return /^[\w.~-]*$/.test(name) ? name : encodeURIComponent(name)
}

export function bucketPath (bucket: string): string { return `/storage/v1/b/${encodeSegment(bucket)}` }

export function objectPath (bucket: string, object: string): string { return `/storage/v1/b/${encodeSegment(bucket)}/o/${encodeSegment(object)}` }

export function uploadPath (bucket: string): string { return `/upload/storage/v1/b/${encodeSegment(bucket)}/o` }

/** Query of what is not undefined, in the order given; '' for nothing. */
export function queryOf (parameters: Readonly<Record<string, string | number | undefined>>): string {
  let query = ''
  for (const name in parameters) {
    const value = parameters[name]
    if (value !== undefined) query += `${query === '' ? '' : '&'}${name}=${encodeURIComponent(value)}`
  }
  return query
}
