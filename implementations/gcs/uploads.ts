/**
 * Resumable uploads ("Resumable uploads" of the GCS documentation) as a state machine: what the store says it has decides what is
 * sent next, never what we think we have sent. So a lost answer costs a question, and no byte is ever stored twice.
 */
import { FsError, isFsError } from '../../lib/errors/index.js'
import type { ErrorCode } from '../../lib/errors/index.js'
import type { UploadNote } from '../../lib/filesystem/upload-journal.js'
import { backoffMs, crc32c, crc32cText, isReset, parseNothing, retryAfterMs, sleep, unlessReset } from '../../lib/net/index.js'
import type { NetReply } from '../../lib/net/index.js'
import { addFinalizer, allowListeners } from '../../lib/owner/index.js'
import { objectPath, uploadPath } from './address.js'
import type { GcsClient } from './client.js'
import { failureOf } from './errors.js'
import type { ResolvedGcsOptions } from './options.js'
import { objectFields, parseObject } from './replies.js'
import type { ObjectResource } from './replies.js'

/** Chunks that are not the last one are multiples of this. */
export const QUANTUM = 256 * 1024

/** What the store says to a request of a session. */
export type Answer =
  | { readonly kind: 'done', readonly object: ObjectResource }
  /** So many bytes of the object are there. */
  | { readonly kind: 'stored', readonly bytes: number }
  /** The store knows no such session (any more). */
  | { readonly kind: 'gone' }
  | { readonly kind: 'failed', readonly error: FsError, readonly afterMs?: number | undefined }

/** Bytes that a 308 confirms: `bytes=0-x`, sometimes without the unit; without the header none. @throws FsError FORKFS_PROTOCOL */
export function storedBytes (range: string | undefined): number {
  if (range === undefined) return 0
  const match = /^(?:bytes=)?0-(\d{1,16})$/.exec(range.trim())
  if (match === null) throw new FsError('FORKFS_PROTOCOL', 'the store confirms bytes of an upload in a form that is none')
  return Number(match[1]) + 1
}

/** What a reply says. A 308 is no redirect here; one that says where to go comes from something in between. */
export function answerOf (reply: NetReply, context: { readonly path: string, readonly exclusive?: boolean | undefined }): Answer {
  const { status, headers, body } = reply
  try {
    if (status === 200 || status === 201) return { kind: 'done', object: parseObject(reply) }
    if (status === 308 && headers['location'] === undefined) return { kind: 'stored', bytes: storedBytes(headers['range']) }
  } catch (error) {
    if (isFsError(error)) return { kind: 'failed', error }
    throw error
  }
  if (status === 404 || status === 410) return { kind: 'gone' }
  if (status === 499) return { kind: 'failed', error: new FsError('FORKFS_UPLOAD_FAILED', 'the upload was cancelled', { path: context.path, protocol: 'gs', status }) }
  return { kind: 'failed', error: failureOf(status, headers, body, context).error, afterMs: retryAfterMs(headers['retry-after']) }
}

/** `Content-Range` of a chunk of `length` bytes at `from`; without bytes it asks what is there. */
export function contentRange (from: number, length: number, total: number | undefined): string {
  return length === 0 ? `bytes */${total ?? '*'}` : `bytes ${from}-${from + length - 1}/${total ?? '*'}`
}

/** What an upload makes. */
export interface UploadTarget {
  readonly client: GcsClient
  readonly bucket: string
  readonly object: string
  /** Of the request that begins it: name and conditions. */
  readonly query: string
  /** The object's own properties. */
  readonly resource: object
  readonly exclusive: boolean
  /** A mark in the metadata, of conditional writes: whose object is there. */
  readonly mark: string | undefined
  readonly checksums: boolean
  readonly signal: AbortSignal
  /** Writes down where a session lives, before its first bytes go: whatever becomes of this process, somebody can end it. */
  readonly note: (session: string) => Promise<UploadNote | undefined>
}

/** Where a session lives. The query is as good as a key. */
interface Place { readonly origin: string, readonly target: string, readonly query: string }

/** Failures that a question to the session can mend. */
function isRecoverable (error: unknown): error is FsError {
  return isFsError(error, 'FORKFS_NETWORK', 'FORKFS_TRUNCATED', 'ETIMEDOUT', 'FORKFS_BACKEND', 'FORKFS_RATE_LIMITED', 'FORKFS_PROTOCOL')
}

/** Longest wait for the end of a session that is given up. */
const CANCEL_MS = 5000

export class Session {
  readonly #context: UploadTarget
  readonly #path: string
  readonly #controller = new AbortController()
  readonly #forward: () => void
  readonly #disarm: () => void
  #place: Place
  #note: UploadNote | undefined
  /** Of the bytes up to `#summed`. */
  #crc = 0
  #summed = 0
  /** The last bytes were sent: the object may be there. */
  #mayBeDone = false

  private constructor (context: UploadTarget, place: Place, note: UploadNote | undefined) {
    this.#context = context
    this.#path = `${context.bucket}/${context.object}`
    this.#place = place
    this.#note = note
    this.#disarm = addFinalizer({ drain: () => this.cancel(new Error('the process ends')) })
    this.#forward = () => { this.#controller.abort(context.signal.reason) }
    allowListeners(this.#controller.signal)
    context.signal.addEventListener('abort', this.#forward, { once: true })
  }

  static async begin (context: UploadTarget, size: number | undefined): Promise<Session> {
    const place = await begin(context, size)
    const session = new Session(context, place, await context.note(urlOf(place)))
    const { signal } = context
    if (!signal.aborted) return session
    await session.cancel(signal.reason)
    throw signal.reason
  }

  /**
   * Bring bytes to the store: `data` begins at offset `start` of the object. With `total` they are the last ones and the object
   * appears; at most `limit` bytes go with one request (a multiple of 256 KiB).
   * @throws FsError FORKFS_UPLOAD_FAILED where the store lost what is not at hand any more
   */
  async deliver (data: Uint8Array, start: number, total: number | undefined, limit = Infinity): Promise<ObjectResource | undefined> {
    const end = start + data.length
    let at = start
    let fruitless = 0
    for (;;) {
      const piece = data.subarray(at - start, Math.min(at - start + limit, data.length))
      const answer = await this.#exchange(at, piece, total)
      if (answer.kind === 'done') {
        if (total !== end) throw this.#failure('FORKFS_PROTOCOL', 'the store ended an upload that goes on')
        return this.#finish(answer.object, total)
      }
      const made = answer.kind === 'gone' ? await this.#madeMeanwhile(total) : undefined
      if (made !== undefined) return this.#finish(made, total!)
      const reached = await this.#reached(answer, { start, at, sent: at + piece.length }, total)
      if (reached === end && total === undefined) return undefined
      fruitless = reached > at ? 0 : fruitless + 1
      if (fruitless > 0) await this.#again(fruitless, answer)
      at = reached
    }
  }

  /** Where to go on after an answer: behind what the store has. */
  async #reached (answer: Exclude<Answer, { kind: 'done' }>, { start, at, sent }: { readonly start: number, readonly at: number, readonly sent: number }, total: number | undefined): Promise<number> {
    if (answer.kind === 'failed') {
      if (!isRecoverable(answer.error)) throw answer.error
      return at
    }
    if (answer.kind === 'gone') {
      if (start > 0) throw this.#failure('FORKFS_UPLOAD_FAILED', 'the store forgot the upload')
      await this.#restart(total)
      return 0
    }
    if (answer.bytes > sent) throw this.#failure('FORKFS_PROTOCOL', 'the store confirms more bytes than were sent')
    if (answer.bytes < start) throw this.#failure('FORKFS_UPLOAD_FAILED', 'the store lost bytes that it had confirmed')
    return answer.bytes
  }

  /** Wait before another attempt that may bring a byte more. @throws what went wrong, when there were enough of them */
  async #again (fruitless: number, answer: Answer): Promise<void> {
    if (fruitless < this.#context.client.retry.attempts) { await this.#pause(fruitless, answer.kind === 'failed' ? answer.afterMs : undefined); return }
    const error = answer.kind === 'failed' ? answer.error : this.#failure('FORKFS_PROTOCOL', answer.kind === 'gone' ? 'the store forgets the upload each time' : 'the store takes no more bytes')
    const { code, condition, path = this.#path, status, requestId, cause } = error
    throw new FsError(code, `${condition} (${fruitless} attempts without a byte more)`, { path, protocol: 'gs', retry: 'exhausted', status, requestId, cause })
  }

  /** Send, and where the answer is lost, or is a failure that may pass, ask. */
  async #exchange (from: number, piece: Uint8Array, total: number | undefined): Promise<Answer> {
    this.#sum(from, piece)
    if (total !== undefined && from + piece.length === total) this.#mayBeDone = true
    const sent = await this.#put(piece, contentRange(from, piece.length, total), false)
    if (sent.kind !== 'failed' || !isRecoverable(sent.error)) return sent
    await this.#pause(1, sent.afterMs)
    const asked = await this.#put(new Uint8Array(0), contentRange(0, 0, total), true)
    // Nothing new: what went wrong counts as an attempt.
    return asked.kind === 'stored' && asked.bytes === from ? sent : asked
  }

  async #put (body: Uint8Array, range: string, question: boolean): Promise<Answer> {
    const { client, exclusive } = this.#context
    const { origin, target, query } = this.#place
    try {
      return await client.call({
        operation: question ? 'uploads.query' : 'uploads.put', method: 'PUT', path: this.#path, origin, target, query, headers: ['content-range', range],
        body, idempotent: question, pardon: ({ status }) => status !== 401 && (!question || status < 500)
      }, this.#controller.signal, reply => answerOf(reply, { path: this.#path, exclusive }))
    } catch (error) {
      if (this.#controller.signal.aborted) throw this.#controller.signal.reason
      if (isRecoverable(error)) return { kind: 'failed', error }
      throw error
    }
  }

  /** Bytes that are sent again are not summed again. */
  #sum (from: number, piece: Uint8Array): void {
    if (!this.#context.checksums || from + piece.length <= this.#summed) return
    this.#crc = crc32c(piece.subarray(this.#summed - from), this.#crc)
    this.#summed = from + piece.length
  }

  async #pause (failures: number, afterMs: number | undefined): Promise<void> {
    const { retry } = this.#context.client
    await sleep(Math.max(backoffMs(retry, failures), Math.min(afterMs ?? 0, retry.maxMs)), this.#controller.signal)
  }

  async #restart (total: number | undefined): Promise<void> {
    this.#mayBeDone = false
    this.#place = await begin({ ...this.#context, signal: this.#controller.signal }, total)
    const old = this.#note
    this.#note = await this.#context.note(urlOf(this.#place))
    await old?.done().catch(() => {}) // the store has lost that one
  }

  /** Some stores forget a session with its end: what is there now tells whether it was this one. */
  async #madeMeanwhile (total: number | undefined): Promise<ObjectResource | undefined> {
    if (!this.#mayBeDone || total === undefined) return undefined
    const { client, bucket, object, mark, checksums } = this.#context
    const request = { operation: 'objects.get', method: 'GET', path: this.#path, target: objectPath(bucket, object), query: `fields=${objectFields}` } as const
    const found = await client.call(request, this.#controller.signal, parseObject).catch((error: unknown) => {
      if (isFsError(error, 'ENOENT')) return undefined
      throw error
    })
    if (found === undefined) return undefined
    if (mark !== undefined) return markOf(found) === mark ? found : undefined
    return found.size === String(total) && checksums && found.crc32c === crc32cText(this.#crc) ? found : undefined
  }

  /** The object that came of it must be what was sent; else it goes again. */
  async #finish (object: ObjectResource, total: number): Promise<ObjectResource> {
    this.#over()
    await this.#note?.done().catch(() => {})
    const { checksums, client, bucket, object: name, signal } = this.#context
    const fits = (object.size === undefined || object.size === String(total)) && (!checksums || object.crc32c === undefined || object.crc32c === crc32cText(this.#crc))
    if (fits) return object
    const request = {
      operation: 'objects.delete', method: 'DELETE', path: this.#path, target: objectPath(bucket, name), query: `ifGenerationMatch=${object.generation}`
    } as const
    await client.call(request, signal, () => undefined).catch(() => {}) // what is wrong is told below
    throw new FsError('FORKFS_CHECKSUM', 'the store keeps other bytes than were sent', { path: this.#path, protocol: 'gs' })
  }

  #failure (code: ErrorCode, what: string): FsError { return new FsError(code, what, { path: this.#path, protocol: 'gs' }) }

  /** End what is under way and tell the store to forget the session. Idempotent; after a reset nothing is sent. */
  async cancel (reason: unknown): Promise<void> {
    this.#controller.abort(reason)
    this.#over()
    const { client, signal } = this.#context
    if (isReset(signal)) return
    await unlessReset(signal, own => endSession(client, this.#path, this.#place, own))
    if (!isReset(signal)) await this.#note?.done().catch(() => {}) // a note that stays does no harm: a session that is gone is ended again
  }

  #over (): void {
    this.#disarm()
    this.#context.signal.removeEventListener('abort', this.#forward)
  }
}

/** End an upload by the address of its session, as it was written down. One that is gone is no error. @throws FsError EINVAL for what is no session of this store */
export async function endUpload (client: GcsClient, path: string, url: string, signal: AbortSignal): Promise<void> {
  await endSession(client, path, noted(client, path, url), signal)
}

/** DELETE goes to what it names: nothing but a session. */
function noted (client: GcsClient, path: string, url: string): Place {
  try {
    const place = sessionPlace(url, client.settings)
    if (place.target.includes('/upload/') && new URLSearchParams(place.query).has('upload_id')) return place
  } catch { /* said below */ }
  throw new FsError('EINVAL', 'the id is not the address of an upload session of this store', { path, protocol: 'gs' })
}

async function endSession (client: GcsClient, path: string, place: Place, signal: AbortSignal): Promise<void> {
  const controller = new AbortController()
  const stop = (): void => { controller.abort(signal.reason) }
  signal.addEventListener('abort', stop, { once: true })
  const timer = setTimeout(() => { controller.abort(new FsError('ETIMEDOUT', 'the upload was not cancelled in time', { path })) }, CANCEL_MS)
  try {
    const request = { operation: 'uploads.cancel', method: 'DELETE', path, ...place, pardon: ({ status }: { readonly status: number }) => status === 499 || status === 404 || status === 410 } as const
    await client.call(request, controller.signal, parseNothing)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}

function urlOf ({ origin, target, query }: Place): string { return `${origin}${target}?${query}` }

export function markOf ({ metadata }: ObjectResource): string | undefined { return metadata?.['forkfs-write'] }

/** Begin a session. When the caller aborts meanwhile the answer is waited for all the same, so that the session can be ended. */
async function begin (context: UploadTarget, size: number | undefined): Promise<Place> {
  const { client, bucket, object, query, resource, exclusive, signal } = context
  const body = Buffer.from(JSON.stringify(resource))
  const { contentType } = resource as { readonly contentType?: string }
  const headers = ['content-type', 'application/json; charset=UTF-8', 'x-upload-content-type', contentType ?? 'application/octet-stream']
  if (size !== undefined) headers.push('x-upload-content-length', String(size))
  signal.throwIfAborted()
  const request = {
    operation: 'uploads.start', method: 'POST', path: `${bucket}/${object}`, target: uploadPath(bucket), query: `uploadType=resumable&${query}`, headers, body, exclusive
  } as const
  try {
    const place = await unlessReset(signal, own => client.call(request, own, ({ headers }) => sessionPlace(headers['location'], client.settings)))
    if (!signal.aborted) return place
    await unlessReset(signal, own => client.call({ ...request, ...place, operation: 'uploads.cancel', method: 'DELETE', headers: [], body: undefined, pardon: () => true }, own, () => undefined))
    throw signal.reason
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  }
}

/** Where the Location of a new session leads: a custom endpoint may know itself under another name, Google's hosts are all its own. */
export function sessionPlace (location: string | undefined, { endpoint, custom, universeDomain }: Pick<ResolvedGcsOptions, 'endpoint' | 'custom' | 'universeDomain'>): Place {
  const match = /^(https?:\/\/[^/?#]+)(\/[^?#]*)\?([^#]+)$/.exec(location ?? '')
  if (match === null) throw new FsError('FORKFS_PROTOCOL', 'the store began an upload without telling where', { retry: 'may' })
  const [, origin, target, query] = match as unknown as [string, string, string, string]
  if (custom || origin === endpoint) return { origin: endpoint, target, query }
  if (new RegExp(`^https://[a-z0-9.-]+\\.${universeDomain.replaceAll('.', '\\.')}$`).test(origin)) return { origin, target, query }
  throw new FsError('FORKFS_PROTOCOL', 'the store sends an upload to a host that is not its own')
}
