/**
 * Where an object is: from `bucket/key` and an endpoint to origin, Host header and request path. Keys are opaque: they are
 * percent-encoded byte by byte, and nothing in them is ever normalised.
 */
import { parseEndpoint } from './endpoint.js'
import { encodeStrict } from './sign.js'

export interface Address {
  /** Scheme, host and port, without a trailing slash. */
  readonly origin: string
  /** The Host header: as in `origin`, without a scheme, without a default port. */
  readonly host: string
  /** Percent-encoded, beginning with a slash, without a query. */
  readonly path: string
}

export interface S3Path {
  /** Empty for the list of buckets. */
  readonly bucket: string
  /** Empty for the bucket itself. */
  readonly key: string
  readonly versionId?: string | undefined
}

export interface AddressOptions {
  /** A custom endpoint; undefined: the regional one of AWS. */
  readonly endpoint?: string | undefined
  readonly region: string
  /** Undefined: path style for custom endpoints, virtual-host style for AWS. */
  readonly forcePathStyle?: boolean | undefined
}

const arn = /^(arn:[^:/]*:s3[a-z-]*:[^:/]*:[^:/]*:(?:outpost[:/][^:/]+[:/](?:accesspoint|bucket)|accesspoint)[:/][^:/]+)(?:\/(.*))?$/s

/** Split at the first slash (in an ARN: behind its resource). `versionAware` takes a trailing `?versionId=` off. */
export function parsePath (path: string, versionAware = false): S3Path {
  let bucket = path
  let key = ''
  const match = path.startsWith('arn:') ? arn.exec(path) : null
  if (match !== null) {
    bucket = match[1]!
    key = match[2] ?? ''
  } else {
    const slash = path.indexOf('/')
    if (slash >= 0) {
      bucket = path.slice(0, slash)
      key = path.slice(slash + 1)
    }
  }
  if (versionAware) {
    const at = key.lastIndexOf('?versionId=')
    if (at > 0) return { bucket, key: key.slice(0, at), versionId: key.slice(at + '?versionId='.length) }
  }
  return { bucket, key }
}

/**
 * Whether only the SDK knows how to address and sign for it: directory buckets (sessions), ARNs of access points and
 * outposts, multi-region access points (SigV4A), object-lambda aliases. Ordinary access point aliases are bucket names.
 * With a custom endpoint the reserved name endings mean nothing.
 */
export function needsSdk (bucket: string, customEndpoint = false): boolean {
  if (bucket.startsWith('arn:')) return true
  return !customEndpoint && /--(?:x|xa|ol|op)-s3$|\.mrap$/.test(bucket)
}

/** Names of buckets, the oldest rules included ("General purpose bucket naming rules" of the S3 guide: until 2018 us-east-1 took capitals and underscores). */
export function isBucket (name: string): boolean {
  return /^[A-Za-z0-9._-]{1,255}$/.test(name)
}

/** A name that can be a DNS label in front of the endpoint; dots are excluded because of wildcard certificates. */
export function isHostable (bucket: string): boolean {
  return /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(bucket)
}

/**
 * Percent-encode a key for the request path; slashes stay. A key of unreserved characters comes back as it is.
 * @throws TypeError for half of a surrogate pair
 */
export function encodeKey (key: string): string {
  if (/^[\w.~/-]*$/.test(key)) return key
  return encodeStrict(key).replaceAll('%2F', '/')
}

/** The value of `x-amz-copy-source`: `bucket/key`, encoded, with its version. */
export function copySource (bucket: string, key: string, versionId?: string): string {
  return `${encodeKey(bucket)}/${encodeKey(key)}${versionId === undefined ? '' : `?versionId=${encodeStrict(versionId)}`}`
}

/** The domain of a region's partition, from the table of regions in the AWS documentation. */
export function domainOf (region: string): string {
  if (region.startsWith('cn-')) return 'amazonaws.com.cn'
  if (region.startsWith('eusc-')) return 'amazonaws.eu'
  if (region.startsWith('us-iso-')) return 'c2s.ic.gov'
  if (region.startsWith('us-isob-')) return 'sc2s.sgov.gov'
  if (region.startsWith('eu-isoe-')) return 'cloud.adc-e.uk'
  if (region.startsWith('us-isof-')) return 'csp.hci.ic.gov'
  return 'amazonaws.com'
}

/** Addresses of one endpoint and region. Remembers the last bucket: one string concatenation per object of it. */
export class Addresses {
  readonly region: string
  readonly #scheme: string
  readonly #host: string
  readonly #base: string
  readonly #pathStyle: boolean
  #bucket: string | undefined
  #origin = ''
  #bucketHost = ''
  #bucketPath = ''
  #prefix = ''

  /** @throws TypeError for a malformed endpoint */
  constructor (options: AddressOptions) {
    const { region, endpoint, forcePathStyle } = options
    const custom = endpoint === undefined ? undefined : new URL(parseEndpoint(endpoint))
    this.region = region === 'aws-global' ? 'us-east-1' : region
    this.#scheme = custom === undefined ? 'https:' : custom.protocol
    this.#host = custom === undefined ? region === 'aws-global' ? 's3.amazonaws.com' : `s3.${region}.${domainOf(region)}` : custom.host
    this.#base = custom === undefined || custom.pathname === '/' ? '' : custom.pathname
    const byPath = forcePathStyle ?? (custom !== undefined)
    this.#pathStyle = byPath || isAddress(this.#host)
  }

  /**
   * An empty bucket is the service itself, an empty key the bucket.
   * @throws TypeError for a name that no request could carry ('.', '..', half of a surrogate pair)
   */
  at (bucket: string, key = ''): Address {
    if (bucket !== this.#bucket) this.#turnTo(bucket)
    return { origin: this.#origin, host: this.#bucketHost, path: key === '' ? this.#bucketPath : this.#prefix + encodeKey(key) }
  }

  #turnTo (bucket: string): void {
    if (bucket === '.' || bucket === '..') throw new TypeError(`Expected a bucket name, got \`${bucket}\``)
    const name = encodeStrict(bucket)
    const virtual = !this.#pathStyle && isHostable(bucket)
    this.#bucketHost = virtual ? `${bucket}.${this.#host}` : this.#host
    this.#origin = `${this.#scheme}//${this.#bucketHost}`
    const whole = virtual || bucket === ''
    this.#bucketPath = whole ? `${this.#base}/` : `${this.#base}/${name}`
    this.#prefix = whole ? `${this.#base}/` : `${this.#base}/${name}/`
    this.#bucket = bucket
  }
}

// An IPv4 or bracketed IPv6 address cannot have a bucket in front of it.
function isAddress (host: string): boolean {
  return host.startsWith('[') || /^\d+\.\d+\.\d+\.\d+(?::\d+)?$/.test(host)
}
