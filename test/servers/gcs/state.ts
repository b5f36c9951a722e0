import { GcsError } from './errors.js'
import { GcsBucket } from './store.js'
import { Tokens } from './tokens.js'
import type { GcsServerOptions } from './options.js'
import type { Content, GcsObject, ObjectFields, Session } from './store.js'

/** All that a GCS server knows: buckets, sessions, tokens, the clock. */
export class GcsState {
  readonly projectId: string
  readonly anonymous: boolean
  readonly rewriteBytes: number
  readonly buckets = new Map<string, GcsBucket>()
  readonly sessions = new Map<string, Session>()
  readonly tokens: Tokens
  skewMs = 0
  readonly #writesPerSecond: number
  readonly #writes = new Map<string, number[]>()
  #generation = 0

  constructor (options: GcsServerOptions) {
    this.projectId = options.projectId ?? 'test-project'
    this.anonymous = options.anonymous ?? true
    this.rewriteBytes = options.rewriteBytes ?? Infinity
    this.#writesPerSecond = options.objectWritesPerSecond ?? Infinity
    this.tokens = new Tokens(() => this.now(), options)
    for (const bucket of options.buckets ?? ['test']) {
      const own = typeof bucket === 'string' ? { name: bucket } : bucket
      this.buckets.set(own.name, new GcsBucket(own, this.now()))
    }
  }

  now (): number { return Date.now() + this.skewMs }

  /** @throws GcsError 404 */
  bucket (name: string): GcsBucket {
    const bucket = this.buckets.get(name)
    if (bucket === undefined) throw new GcsError(404, { message: 'The specified bucket does not exist.' })
    return bucket
  }

  /** Make a new live object. Generations are microseconds since 1970, and always grow. */
  store (bucket: GcsBucket, name: string, content: Content, fields: ObjectFields): GcsObject {
    const now = this.now()
    this.#generation = Math.max(this.#generation + 1, now * 1000)
    const object: GcsObject = { name, generation: this.#generation, metageneration: 1, content, fields, created: now, updated: now, deleted: undefined }
    bucket.put(object)
    return object
  }

  /** Count a write of that object. @throws GcsError 429 when there were too many in the last second */
  countWrite (bucket: string, name: string): void {
    if (this.#writesPerSecond === Infinity) return
    const key = `${bucket}/${name}`
    const recent = (this.#writes.get(key) ?? []).filter(at => this.now() - at < 1000)
    this.#writes.set(key, recent)
    if (recent.length >= this.#writesPerSecond) {
      throw new GcsError(429, { message: `The object ${key} exceeded the rate limit for object mutation operations (create, update, and delete).` })
    }
    recent.push(this.now())
  }
}
