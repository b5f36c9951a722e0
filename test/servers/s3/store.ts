import { createHash, randomBytes } from 'node:crypto'
import { Bytes } from '../bytes.js'
import { SortedKeys } from '../listing.js'
import type { Checksum } from './checksums.js'

/** One version of an object. A delete marker has no body. */
export interface StoredObject {
  readonly key: string
  readonly versionId: string
  readonly deleteMarker: boolean
  readonly body: Bytes
  /** With its quotes. */
  readonly etag: string
  /** Milliseconds since 1970, whole seconds: HTTP dates know no more. */
  readonly modified: number
  /** Headers that belong to the object and come back with it: content-type, cache-control, x-amz-meta-*, and so on, lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly checksum: Checksum | undefined
  /** Sizes of the parts of a multipart upload, in order. */
  readonly parts: readonly number[] | undefined
}

export interface StoredPart {
  readonly number: number
  readonly body: Bytes
  readonly etag: string
  readonly md5: Buffer
  readonly modified: number
  readonly checksum: Checksum | undefined
}

export interface Upload {
  readonly key: string
  readonly uploadId: string
  readonly initiated: number
  readonly headers: Readonly<Record<string, string>>
  /** Name of the algorithm that parts must bring, lower case; undefined: none asked for. */
  readonly algorithm: string | undefined
  readonly checksumType: 'COMPOSITE' | 'FULL_OBJECT'
  readonly parts: Map<number, StoredPart>
}

export type Versioning = 'Enabled' | 'Suspended' | undefined

export interface BucketOptions {
  readonly region: string
  readonly created: number
  readonly publicRead: boolean
  versioning: Versioning
}

export class Bucket {
  readonly name: string
  readonly region: string
  readonly created: number
  /** Anybody may read and list. */
  readonly publicRead: boolean
  versioning: Versioning
  readonly uploads = new Map<string, Upload>()
  /** Keys whose newest version is an object. */
  readonly keys = new SortedKeys()
  /** Newest first. Without versioning a list of one. */
  readonly #versions = new Map<string, StoredObject[]>()

  constructor (name: string, options: BucketOptions) {
    this.name = name
    this.region = options.region
    this.created = options.created
    this.publicRead = options.publicRead
    this.versioning = options.versioning
  }

  get isEmpty (): boolean { return this.#versions.size === 0 }

  /** The newest version, delete markers included. */
  newest (key: string): StoredObject | undefined { return this.#versions.get(key)?.[0] }

  /** The object that a plain GET sees. */
  current (key: string): StoredObject | undefined {
    const newest = this.newest(key)
    return newest?.deleteMarker === true ? undefined : newest
  }

  version (key: string, versionId: string): StoredObject | undefined {
    return this.#versions.get(key)?.find(version => version.versionId === versionId)
  }

  versionsOf (key: string): readonly StoredObject[] { return this.#versions.get(key) ?? [] }

  /** All keys that have a version or a delete marker, unordered. */
  everyKey (): string[] { return [...this.#versions.keys()] }

  /** Add a version on top; without versioning, or in place of the null version, it replaces. */
  put (object: Omit<StoredObject, 'versionId'>): StoredObject {
    const version: StoredObject = { ...object, versionId: this.versioning === 'Enabled' ? randomBytes(16).toString('base64url') : 'null' }
    const others = this.#versions.get(object.key)?.filter(other => other.versionId !== version.versionId) ?? []
    this.#versions.set(object.key, [version, ...others])
    if (version.deleteMarker) this.keys.delete(object.key)
    else this.keys.add(object.key)
    return version
  }

  /** Delete as a request without a version does: a marker where versioning is known, for good elsewhere. */
  delete (key: string, modified: number): StoredObject | undefined {
    if (this.versioning === undefined) {
      this.#versions.delete(key)
      this.keys.delete(key)
      return undefined
    }
    return this.put({ key, deleteMarker: true, body: Bytes.empty, etag: '', modified, headers: {}, checksum: undefined, parts: undefined })
  }

  /** Remove one version for good. */
  deleteVersion (key: string, versionId: string): StoredObject | undefined {
    const versions = this.#versions.get(key) ?? []
    const removed = versions.find(version => version.versionId === versionId)
    const rest = versions.filter(version => version !== removed)
    if (rest.length === 0) this.#versions.delete(key)
    else this.#versions.set(key, rest)
    if (this.current(key) === undefined) this.keys.delete(key)
    else this.keys.add(key)
    return removed
  }
}

export function md5 (body: Bytes): Buffer {
  const hash = createHash('md5')
  for (const chunk of body.chunks) hash.update(chunk)
  return hash.digest()
}

export function wholeSeconds (ms: number): number { return Math.floor(ms / 1000) * 1000 }
