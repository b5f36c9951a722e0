import { FsError, isFsError } from '../../lib/errors/index.js'
import { PART_BYTES } from '../../lib/filesystem/object-store.js'
import type { FileInfo, StagedWriter, WriteOptions } from '../../lib/filesystem/types.js'
import type { UploadNote } from '../../lib/filesystem/upload-journal.js'
import { isReset, PartBuffer } from '../../lib/net/index.js'
import { addFinalizer, allowListeners, randomHex } from '../../lib/owner/index.js'
import type { S3Client, S3Request } from './client.js'
import { crc32Text } from './read.js'
import { MAX_PARTS } from './replies.js'
import type { UploadedPart } from './replies.js'
import { canonicalQuery } from './sign.js'
import { beginUpload, completeUpload, endUpload, markHeader } from './uploads.js'

const MiB = 1024 * 1024
/** S3 refuses smaller parts (but the last). */
export const MIN_PART = 5 * MiB
/** Parts of one upload under way at once: memory is this many parts and one that is filled. */
const LANES = 4
/** From this part on, parts double every 1,000: 10,000 parts reach S3's 5 TiB while small uploads keep small parts. */
const GROW_EVERY = 1000

export interface UploadContext {
  readonly client: S3Client
  readonly bucket: string
  readonly key: string
  /** Of every request that makes an object: encryption and the like. */
  readonly storeHeaders: readonly string[]
  readonly checksums: boolean
  readonly signal: AbortSignal
  readonly options: WriteOptions
  /** Write an upload down before its first part, so that it can be ended when this process dies. */
  readonly note: (uploadId: string) => Promise<UploadNote | undefined>
}

/** Names and values of what the caller wants kept with the object. */
function objectHeaders ({ contentType, metadata }: WriteOptions): string[] {
  const headers: string[] = ['content-type', contentType ?? 'application/octet-stream']
  for (const [name, value] of Object.entries(metadata ?? {})) {
    if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) throw new TypeError(`Expected the name of a metadata entry to be a token, got \`${name}\``)
    headers.push(`x-amz-meta-${name.toLowerCase()}`, value)
  }
  return headers
}

function conditions ({ flag, ifMatch }: WriteOptions): string[] {
  if (flag === 'wx') return ['if-none-match', '*']
  return ifMatch === undefined ? [] : ['if-match', ifMatch]
}

function infoOf ({ bucket, key }: UploadContext, size: number, etag: string | undefined): FileInfo {
  return { name: `${bucket}/${key}`, size, type: 'file', modified: new Date(), etag }
}

/**
 * A conditional write whose earlier attempt got no answer: was the object that is in the way now made by that attempt? The
 * mark on it says so; where nothing can say, neither do we.
 */
async function settleConflict (context: UploadContext, error: unknown, mark: string, size: number): Promise<FileInfo> {
  const { client, bucket, key, signal } = context
  const found = await client.call({ operation: 'HeadObject', method: 'HEAD', bucket, key }, signal, ({ headers }) => headers).catch((cause: unknown) => {
    throw new FsError('FORKFS_OUTCOME_UNKNOWN', 'the answer of a conditional write was lost, and the store does not tell whose object is there', { path: `${bucket}/${key}`, cause })
  })
  if (found[markHeader] === mark) return infoOf(context, size, found['etag'])
  throw error
}

/** One PUT. `If-None-Match: *` and `If-Match` make it conditional (S3, "Conditional writes"). */
export async function putObject (context: UploadContext, data: Uint8Array): Promise<FileInfo> {
  const { client, bucket, key, options, checksums, storeHeaders, signal } = context
  const conditional = conditions(options)
  const mark = conditional.length > 0 ? randomHex(12) : ''
  const headers = [...objectHeaders(options), ...storeHeaders, ...conditional]
  if (mark !== '') headers.push(markHeader, mark)
  if (checksums) headers.push('x-amz-checksum-crc32', crc32Text(data))
  let attempts = 0
  const request: S3Request = { operation: 'PutObject', method: 'PUT', bucket, key, headers, body: data, exclusive: options.flag === 'wx', attempted: attempt => { attempts = attempt } }
  try {
    return await client.call(request, signal, reply => {
      const etag = reply.headers['etag']
      if (etag === undefined) throw new FsError('FORKFS_PROTOCOL', 'the write was answered without an ETag: is the endpoint an S3 store?', { retry: 'may' })
      return infoOf(context, data.length, etag)
    })
  } catch (error) {
    if (mark === '' || attempts < 2 || !isFsError(error, 'EEXIST', 'FORKFS_CHANGED')) throw error
    return settleConflict(context, error, mark, data.length)
  }
}

/** One multipart upload: begun, fed, and either completed or aborted. */
class Multipart {
  readonly #context: UploadContext
  readonly #id: string
  readonly #mark: string
  readonly #note: UploadNote | undefined
  readonly #parts: UploadedPart[] = []
  readonly #disarm: () => void
  readonly #controller = new AbortController()
  readonly #forward: () => void
  size = 0

  private constructor (context: UploadContext, id: string, mark: string, note: UploadNote | undefined) {
    this.#context = context
    this.#id = id
    this.#mark = mark
    this.#note = note
    this.#disarm = addFinalizer({ drain: () => this.abort(new Error('the process ends')) })
    this.#forward = () => { this.#controller.abort(context.signal.reason) }
    allowListeners(this.#controller.signal)
    context.signal.addEventListener('abort', this.#forward, { once: true })
  }

  static async begin (context: UploadContext): Promise<Multipart> {
    const { options, checksums, storeHeaders, signal } = context
    const mark = conditions(options).length > 0 ? randomHex(12) : ''
    const headers = [...objectHeaders(options), ...storeHeaders]
    if (mark !== '') headers.push(markHeader, mark)
    if (checksums) headers.push('x-amz-checksum-algorithm', 'CRC32')
    const id = await beginUpload(context, headers, signal)
    const upload = new Multipart(context, id, mark, await context.note(id))
    if (!signal.aborted) return upload
    await upload.abort(signal.reason)
    throw signal.reason
  }

  get signal (): AbortSignal { return this.#controller.signal }

  async part (number: number, data: Uint8Array): Promise<void> {
    const { client, bucket, key, checksums } = this.#context
    const crc = checksums ? crc32Text(data) : undefined
    const etag = await client.call({
      operation: 'UploadPart', method: 'PUT', bucket, key, body: data,
      query: canonicalQuery({ partNumber: number, uploadId: this.#id }),
      headers: crc === undefined ? [] : ['x-amz-checksum-crc32', crc]
    }, this.#controller.signal, reply => {
      const tag = reply.headers['etag']
      if (tag === undefined) throw new FsError('FORKFS_PROTOCOL', 'a part was answered without an ETag', { retry: 'may' })
      return tag
    })
    this.size += data.length
    this.#parts.push({ number, etag, crc32: crc })
  }

  async complete (): Promise<FileInfo> {
    const { options } = this.#context
    const etag = await completeUpload(this.#context, this.#id, this.#parts, this.#controller.signal, {
      mark: this.#mark, headers: conditions(options), exclusive: options.flag === 'wx'
    })
    await this.#ended()
    return infoOf(this.#context, this.size, etag)
  }

  /** End the parts under way. */
  stop (reason: unknown): void { this.#controller.abort(reason) }

  /** Leave nothing behind. Idempotent. */
  async abort (reason: unknown): Promise<void> {
    this.#controller.abort(reason)
    this.#over()
    const { signal } = this.#context
    await endUpload(this.#context, this.#id, signal)
    if (!isReset(signal)) await this.#ended()
  }

  /** Nothing is left of it at the store. A note that can not be struck out does no harm: an upload that is gone is aborted again. */
  async #ended (): Promise<void> {
    this.#over()
    await this.#note?.done().catch(() => {})
  }

  #over (): void {
    this.#disarm()
    this.#context.signal.removeEventListener('abort', this.#forward)
  }
}

/** Bytes in memory, sent in parallel parts straight from where they are. */
export async function uploadWhole (context: UploadContext, data: Uint8Array, partBytes: number): Promise<FileInfo> {
  const size = Math.max(partBytes, MIN_PART, Math.ceil(data.length / MAX_PARTS))
  const upload = await Multipart.begin(context)
  let next = 0
  const lane = async (): Promise<void> => {
    for (let number = next++; number * size < data.length; number = next++) {
      await upload.part(number + 1, data.subarray(number * size, (number + 1) * size))
    }
  }
  try {
    const lanes = Array.from({ length: LANES }, async () => {
      try {
        await lane()
      } catch (error) {
        next = Infinity
        throw error
      }
    })
    const failed = (await Promise.allSettled(lanes)).find(result => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    return await upload.complete()
  } catch (error) {
    await upload.abort(error).catch(() => {}) // the first error is the one to tell; what is left shows in recover()
    throw error
  }
}

/**
 * A staged write of unknown length: one PUT if it stays below a part, else a multipart upload with a few parts under way.
 * write() waits while all lanes are busy; memory is (lanes + 1) parts.
 */
export class UploadWriter implements StagedWriter {
  readonly #context: UploadContext
  readonly #partBytes: number
  readonly #buffer = new PartBuffer()
  #number = 0
  #upload: Promise<Multipart> | undefined
  readonly #sending = new Set<Promise<void>>()
  #failure: { readonly error: unknown } | undefined
  #ended = false

  constructor (context: UploadContext) {
    this.#context = context
    this.#partBytes = Math.max(context.options.partBytes ?? PART_BYTES, MIN_PART)
  }

  get #nextBytes (): number { return this.#partBytes * 2 ** Math.min(10, Math.floor(this.#number / GROW_EVERY)) }

  async write (chunk: Uint8Array): Promise<void> {
    let at = 0
    while (at < chunk.length) {
      this.#check()
      const capacity = this.#nextBytes
      at += this.#buffer.take(chunk, at, capacity)
      if (this.#buffer.filled === capacity) await this.#flush()
    }
  }

  #check (): void {
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#ended) throw new FsError('FORKFS_CLOSED', 'the write has ended', { path: `${this.#context.bucket}/${this.#context.key}` })
  }

  async #flush (): Promise<void> {
    const data = this.#buffer.drain()
    const number = ++this.#number
    this.#upload ??= Multipart.begin(this.#context)
    const upload = await this.#upload
    this.#check()
    const sending: Promise<void> = upload.part(number, data)
      .then(() => { this.#buffer.giveBack(data) })
      .catch((error: unknown) => { this.#failure ??= { error } })
      .finally(() => { this.#sending.delete(sending) })
    this.#sending.add(sending)
    if (this.#sending.size >= LANES) await oneOf(this.#sending)
    this.#check()
  }

  async commit (): Promise<FileInfo> {
    this.#check()
    if (this.#upload === undefined) {
      this.#ended = true
      return putObject(this.#context, this.#buffer.drain())
    }
    if (this.#buffer.filled > 0) await this.#flush()
    await Promise.all(this.#sending)
    this.#check()
    this.#ended = true
    this.#buffer.end()
    const upload = await this.#upload
    try {
      return await upload.complete()
    } catch (error) {
      await upload.abort(error).catch(() => {}) // told by the first error
      throw error
    }
  }

  async abort (reason: unknown): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    this.#failure ??= { error: reason }
    this.#buffer.end()
    const upload = await this.#upload?.catch(() => undefined)
    if (upload === undefined) return
    upload.stop(reason)
    await Promise.all(this.#sending) // a part that lands after the abort would stay
    await upload.abort(reason)
  }
}

/** When the first of a few promises that never reject is done. */
function oneOf (promises: Iterable<Promise<void>>): Promise<void> {
  return new Promise(resolve => { for (const promise of promises) void promise.then(resolve) })
}
