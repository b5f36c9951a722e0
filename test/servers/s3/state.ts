import { Authenticator } from './auth.js'
import { S3Error } from './errors.js'
import { Bucket, wholeSeconds } from './store.js'
import type { S3Credential } from './auth.js'
import type { S3BucketOptions, S3ServerOptions } from './options.js'

/** All that an S3 server knows: buckets, who may ask, the clock. */
export class S3State {
  readonly region: string
  readonly anonymous: boolean
  readonly minPartBytes: number
  readonly domains: readonly string[]
  readonly opaqueEtags: boolean
  readonly buckets = new Map<string, Bucket>()
  readonly authenticator: Authenticator
  skewMs = 0

  constructor (options: S3ServerOptions, credentials: readonly S3Credential[]) {
    this.region = options.region ?? 'us-east-1'
    this.anonymous = options.anonymous ?? false
    this.minPartBytes = options.minPartBytes ?? 5 << 20
    this.domains = options.domains ?? ['s3.localhost', 'localhost']
    this.opaqueEtags = options.opaqueEtags ?? false
    this.authenticator = new Authenticator(credentials)
    const versioned = new Set(options.versioning ?? [])
    for (const bucket of options.buckets ?? ['test']) this.#seedBucket(bucket, versioned)
    for (const name of versioned) if (!this.buckets.has(name)) this.#seedBucket(name, versioned)
  }

  now (): number { return Date.now() + this.skewMs }

  /** Now in whole seconds: what Last-Modified can say. */
  stamp (): number { return wholeSeconds(this.now()) }

  /** @throws S3Error NoSuchBucket */
  bucket (name: string): Bucket {
    const bucket = this.buckets.get(name)
    if (bucket === undefined) throw new S3Error('NoSuchBucket', { detail: { BucketName: name } })
    return bucket
  }

  #seedBucket (options: string | S3BucketOptions, versioned: ReadonlySet<string>): void {
    const { name, region = this.region, publicRead = false } = typeof options === 'string' ? { name: options } : options
    this.buckets.set(name, new Bucket(name, { region, publicRead, created: this.stamp(), versioning: versioned.has(name) ? 'Enabled' : undefined }))
  }
}
