import { digest } from '../s3/checksums.js'
import { md5 } from '../s3/store.js'
import { SortedKeys } from '../listing.js'
import type { Bytes } from '../bytes.js'
import type { GcsBucketOptions } from './options.js'

/** The bytes of an object with their checksums, which are computed when somebody asks. Shared by an object and its copies. */
export class Content {
  readonly body: Bytes
  /** How many components it was composed of; undefined for an uploaded one. */
  readonly componentCount: number | undefined
  #crc32c: string | undefined
  #md5: string | undefined

  constructor (body: Bytes, componentCount?: number) {
    this.body = body
    this.componentCount = componentCount
  }

  /** Base64 of the four bytes, big endian. */
  get crc32c (): string { return this.#crc32c ??= digest('crc32c', this.body)!.toString('base64') }

  /** Base64; composite objects have none. */
  get md5 (): string | undefined {
    return this.componentCount === undefined ? this.#md5 ??= md5(this.body).toString('base64') : undefined
  }
}

/** What the client may set, by the names of the JSON API. */
export interface ObjectFields {
  readonly contentType?: string | undefined
  readonly contentEncoding?: string | undefined
  readonly contentDisposition?: string | undefined
  readonly contentLanguage?: string | undefined
  readonly cacheControl?: string | undefined
  readonly customTime?: string | undefined
  readonly storageClass?: string | undefined
  readonly kmsKeyName?: string | undefined
  readonly temporaryHold?: boolean | undefined
  readonly eventBasedHold?: boolean | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

/** One generation of an object. Times in milliseconds since 1970. */
export interface GcsObject {
  readonly name: string
  readonly generation: number
  readonly metageneration: number
  readonly content: Content
  readonly fields: ObjectFields
  readonly created: number
  readonly updated: number
  /** When it was replaced or deleted, in a bucket with versions. */
  readonly deleted: number | undefined
}

/** An upload that was begun and not finished. */
export interface Session {
  readonly id: string
  readonly bucket: string
  readonly name: string
  readonly fields: ObjectFields
  /** What the object must hash to, as the first request said. */
  readonly hashes: GivenHashes
  /** The first request's query: it holds the preconditions. */
  readonly query: URLSearchParams
  /** The size, once it is known. */
  total: number | undefined
  persisted: Bytes
  state: 'open' | 'cancelled' | 'gone'
  /** What later requests of a lost session get. */
  goneStatus: number
  /** The object it made, when it is done. */
  object: GcsObject | undefined
}

export interface GivenHashes {
  readonly crc32c?: string | undefined
  readonly md5Hash?: string | undefined
}

export class GcsBucket {
  readonly name: string
  readonly created: number
  readonly location: string
  readonly storageClass: string
  readonly publicRead: boolean
  readonly hierarchical: boolean
  versioning: boolean
  requesterPays: boolean
  labels: Readonly<Record<string, string>> | undefined
  metageneration = 1
  updated: number
  /** Names of live objects. */
  readonly names = new SortedKeys()
  #versionNames: SortedKeys | undefined
  readonly #live = new Map<string, GcsObject>()
  /** Oldest first. */
  readonly #past = new Map<string, readonly GcsObject[]>()

  constructor (options: GcsBucketOptions, created: number) {
    this.name = options.name
    this.created = this.updated = created
    this.location = options.location ?? 'US'
    this.storageClass = options.storageClass ?? 'STANDARD'
    this.publicRead = options.publicRead ?? false
    this.hierarchical = options.hierarchical ?? false
    this.versioning = options.versioning ?? false
    this.requesterPays = options.requesterPays ?? false
  }

  get isEmpty (): boolean { return this.#live.size === 0 && this.#past.size === 0 }

  /** `name NUL generation` of all objects, for listings with versions; kept from the first one on. */
  get versionNames (): SortedKeys {
    if (this.#versionNames !== undefined) return this.#versionNames
    const names = this.#versionNames = new SortedKeys()
    for (const object of this.#live.values()) names.add(versionName(object))
    for (const object of [...this.#past.values()].flat()) names.add(versionName(object))
    return names
  }

  live (name: string): GcsObject | undefined { return this.#live.get(name) }

  /** That generation, live or past. */
  generation (name: string, generation: number): GcsObject | undefined {
    const live = this.#live.get(name)
    return live?.generation === generation ? live : this.#past.get(name)?.find(one => one.generation === generation)
  }

  /** Make this the live object; what was there becomes a past generation, or is gone. */
  put (object: GcsObject): void {
    this.#retire(object.name, object.updated)
    this.#live.set(object.name, object)
    this.names.add(object.name)
    this.#versionNames?.add(versionName(object))
  }

  /** Replace a generation by one with other metadata. */
  amend (object: GcsObject): void {
    if (this.#live.get(object.name)?.generation === object.generation) this.#live.set(object.name, object)
    else this.#past.set(object.name, this.#past.get(object.name)!.map(one => one.generation === object.generation ? object : one))
  }

  /** End the live object's life. */
  delete (name: string, now: number): void {
    this.#retire(name, now)
    this.#live.delete(name)
    this.names.delete(name)
  }

  /** Remove one generation for good. */
  erase (object: GcsObject): void {
    const { name } = object
    this.#versionNames?.delete(versionName(object))
    if (this.#live.get(name)?.generation === object.generation) {
      this.#live.delete(name)
      this.names.delete(name)
      return
    }
    const rest = this.#past.get(name)!.filter(one => one.generation !== object.generation)
    if (rest.length === 0) this.#past.delete(name)
    else this.#past.set(name, rest)
  }

  #retire (name: string, now: number): void {
    const live = this.#live.get(name)
    if (live === undefined) return
    if (this.versioning) this.#past.set(name, [...this.#past.get(name) ?? [], { ...live, deleted: now }])
    else this.#versionNames?.delete(versionName(live))
  }
}

const generationDigits = 17

function versionName ({ name, generation }: GcsObject): string { return `${name}\0${String(generation).padStart(generationDigits, '0')}` }

/** Name and generation out of what {@link GcsBucket.versionNames} holds. */
export function splitVersionName (text: string): [name: string, generation: number] {
  return [text.slice(0, -generationDigits - 1), Number(text.slice(-generationDigits))]
}
