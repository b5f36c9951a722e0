import { FsError, isFsError } from '../../lib/errors/index.js'
import type { FileInfo, StagedWriter, WriteOptions } from '../../lib/filesystem/types.js'
import type { UploadNote } from '../../lib/filesystem/upload-journal.js'
import { crc32c, crc32cText, PartBuffer } from '../../lib/net/index.js'
import { randomHex } from '../../lib/owner/index.js'
import { objectPath, queryOf, uploadPath } from './address.js'
import type { GcsClient } from './client.js'
import { infoOf, markName, objectFields, parseObject } from './replies.js'
import type { ObjectResource } from './replies.js'
import { markOf, QUANTUM, Session } from './uploads.js'
import type { UploadTarget } from './uploads.js'

const MiB = 1024 * 1024
/** Bytes that are at hand go in one request up to here; above it a session can go on behind a lost connection. */
const SINGLE_LIMIT = 8 * MiB
/** One request of a session. Bytes of unknown number are collected up to here: what is shorter costs one request. */
export const DEFAULT_CHUNK = 16 * MiB

export interface WriteContext {
  readonly client: GcsClient
  readonly bucket: string
  readonly object: string
  readonly signal: AbortSignal
  readonly options: WriteOptions
  /** Write an upload's session down before its first bytes, so that it can be ended when this process dies. */
  readonly note: (session: string) => Promise<UploadNote | undefined>
}

/** A generation, as conditions take it. @throws FsError FORKFS_CHANGED: no object is of any other version */
export function generationOf (ifMatch: string | undefined, path: string): string | undefined {
  if (ifMatch === undefined || /^[1-9]\d{0,18}$/.test(ifMatch)) return ifMatch
  throw new FsError('FORKFS_CHANGED', 'the version that was asked for is no generation of an object', { path })
}

function targetOf ({ client, bucket, object, signal, options, note }: WriteContext): UploadTarget {
  const { flag, ifMatch, contentType, metadata } = options
  const exclusive = flag === 'wx'
  const condition = exclusive ? '0' : generationOf(ifMatch, `${bucket}/${object}`)
  const mark = condition === undefined ? undefined : randomHex(12)
  for (const [name, value] of Object.entries(metadata ?? {})) {
    if (typeof value !== 'string') throw new TypeError(`Expected the metadata entry \`${name}\` to be a string, got (${typeof value})`)
  }
  const own = mark === undefined ? metadata : { ...metadata, [markName]: mark }
  return {
    client,
    bucket,
    object,
    query: queryOf({ name: object, ifGenerationMatch: condition, kmsKeyName: client.settings.kmsKeyName, fields: objectFields }),
    resource: { name: object, contentType: contentType ?? 'application/octet-stream', ...(own === undefined ? {} : { metadata: own }) },
    exclusive,
    mark,
    checksums: client.settings.checksums,
    signal,
    note
  }
}

function written ({ bucket, object }: UploadTarget, resource: ObjectResource, size: number): FileInfo {
  return { ...infoOf(`${bucket}/${object}`, resource), size }
}

/** One multipart/related request: the object's properties and its bytes. The store compares the CRC32C before anything is visible. */
export async function insertObject (context: WriteContext, data: Uint8Array): Promise<FileInfo> {
  const target = targetOf(context)
  const { client, bucket, object, exclusive, mark, checksums, signal } = target
  const resource = checksums ? { ...target.resource, crc32c: crc32cText(crc32c(data)) } : target.resource
  const boundary = crypto.randomUUID()
  const { contentType } = target.resource as { readonly contentType: string }
  if (/[\r\n]/.test(contentType)) throw new TypeError('Expected `contentType` to hold no line ends')
  const head = `--${boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n${JSON.stringify(resource)}\r\n--${boundary}\r\nContent-Type: ${contentType}\r\n\r\n`
  const body = [Buffer.from(head), data, Buffer.from(`\r\n--${boundary}--\r\n`)]
  let attempts = 0
  try {
    return await client.call({
      operation: 'objects.insert', method: 'POST', path: `${bucket}/${object}`, target: uploadPath(bucket), query: `uploadType=multipart&${target.query}`,
      headers: ['content-type', `multipart/related; boundary=${boundary}`], body, exclusive, attempted: attempt => { attempts = attempt }
    }, signal, reply => written(target, parseObject(reply), data.length))
  } catch (error) {
    if (mark === undefined || attempts < 2 || !isFsError(error, 'EEXIST', 'FORKFS_CHANGED')) throw error
    return settleConflict(target, error, data.length)
  }
}

/**
 * A conditional write whose earlier attempt got no answer: was the object that is in the way now made by that attempt? The
 * mark on it says so; where nothing can say, neither do we.
 */
async function settleConflict (target: UploadTarget, error: FsError, size: number): Promise<FileInfo> {
  const { client, bucket, object, mark, signal } = target
  const path = `${bucket}/${object}`
  const request = { operation: 'objects.get', method: 'GET', path, target: objectPath(bucket, object), query: `fields=${objectFields}` } as const
  const found = await client.call(request, signal, parseObject).catch((cause: unknown) => {
    if (signal.aborted) throw signal.reason
    throw new FsError('FORKFS_OUTCOME_UNKNOWN', 'the answer of a conditional write was lost, and the store does not tell whose object is there', { path, cause })
  })
  if (markOf(found) === mark) return written(target, found, size)
  throw error
}

function chunkBytes (partBytes = DEFAULT_CHUNK): number {
  return Math.max(QUANTUM, Math.ceil(partBytes / QUANTUM) * QUANTUM)
}

/** Bytes in memory, sent straight from where they are; whatever the store loses on the way is sent again. */
export async function writeWhole (context: WriteContext, data: Uint8Array): Promise<FileInfo> {
  const { partBytes } = context.options
  if (data.length <= Math.max(SINGLE_LIMIT, partBytes ?? 0)) return insertObject(context, data)
  const target = targetOf(context)
  const session = await Session.begin(target, data.length)
  try {
    const object = await session.deliver(data, 0, data.length, chunkBytes(partBytes))
    return written(target, object!, data.length)
  } catch (error) {
    await session.cancel(error).catch(() => {}) // the first error is the one to tell; a session that stays is invisible and dies by itself
    throw error
  }
}

/**
 * A staged write of unknown length: one request if it stays below a chunk, else a session with one chunk under way while the next
 * one fills. A full chunk waits for the byte behind it, because the last request must be known as such.
 */
export class UploadWriter implements StagedWriter {
  readonly #context: WriteContext
  readonly #target: UploadTarget
  readonly #chunkBytes: number
  readonly #buffer = new PartBuffer()
  #sent = 0
  #session: Promise<Session> | undefined
  #sending: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined
  #ended = false

  constructor (context: WriteContext) {
    this.#context = context
    this.#target = targetOf(context)
    this.#chunkBytes = chunkBytes(context.options.partBytes)
  }

  async write (chunk: Uint8Array): Promise<void> {
    let at = 0
    while (at < chunk.length) {
      this.#check()
      if (this.#buffer.filled === this.#chunkBytes) await this.#flush()
      at += this.#buffer.take(chunk, at, this.#chunkBytes)
    }
  }

  #check (): void {
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#ended) throw new FsError('FORKFS_CLOSED', 'the write has ended', { path: `${this.#context.bucket}/${this.#context.object}` })
  }

  async #flush (): Promise<void> {
    await this.#sending
    this.#check()
    const data = this.#buffer.drain()
    const start = this.#sent
    this.#sent += data.length
    this.#session ??= Session.begin(this.#target, undefined)
    const session = await this.#session
    this.#check()
    this.#sending = session.deliver(data, start, undefined).then(() => { this.#buffer.giveBack(data) }, (error: unknown) => { this.#failure ??= { error } })
  }

  async commit (): Promise<FileInfo> {
    this.#check()
    if (this.#session === undefined) {
      this.#ended = true
      return insertObject(this.#context, this.#buffer.drain())
    }
    await this.#sending
    this.#check()
    this.#ended = true
    const session = await this.#session
    const total = this.#sent + this.#buffer.filled
    try {
      const last = this.#buffer.drain()
      const object = await session.deliver(last, this.#sent, total)
      this.#buffer.giveBack(last)
      this.#buffer.end()
      return written(this.#target, object!, total)
    } catch (error) {
      await session.cancel(error).catch(() => {}) // told by the first error
      throw error
    }
  }

  async abort (reason: unknown): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    this.#failure ??= { error: reason }
    this.#buffer.end()
    const session = await this.#session?.catch(() => undefined)
    if (session === undefined) return
    await session.cancel(reason)
    await this.#sending
  }
}
