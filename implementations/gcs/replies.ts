/** JSON replies: checked before they are believed. */
import { isUtf8 } from 'node:buffer'
import { FsError } from '../../lib/errors/fs-error.js'
import type { FileInfo } from '../../lib/filesystem/types.js'
import type { NetReply } from '../../lib/net/index.js'
import { isoTime } from '../../lib/net/iso-time.js'

/** What is asked of an object: everything that FileInfo tells. */
export const objectFields = 'name,size,updated,timeCreated,generation,metageneration,crc32c,md5Hash,contentType,contentEncoding,storageClass,metadata'
/** What is asked of each object of a listing: what FileInfo names, and what other stores' listings tell. The rest is what info() is for. */
export const listFields = 'name,size,updated,timeCreated,generation,storageClass'

/** An object resource, as far as it was asked for. All numbers come as texts. */
export interface ObjectResource {
  readonly name?: string | undefined
  readonly size?: string | undefined
  readonly updated?: string | undefined
  readonly timeCreated?: string | undefined
  readonly generation?: string | undefined
  readonly metageneration?: string
  readonly crc32c?: string
  readonly md5Hash?: string
  readonly contentType?: string
  readonly contentEncoding?: string
  readonly storageClass?: string | undefined
  readonly metadata?: Readonly<Record<string, string>>
}

/** Under this name a conditional write carries a mark of its own: after a lost answer it tells whose object is there. */
export const markName = 'forkfs-write'

/** A body as JSON. @throws FsError FORKFS_PROTOCOL, worth another try, for anything else */
export function parseJson<T> ({ headers, body }: NetReply): T {
  const refuse = (what: string, cause?: unknown): never => { throw new FsError('FORKFS_PROTOCOL', `the store's reply is not the JSON that belongs here: ${what}`, { retry: 'may', cause }) }
  if (!/^application\/json\b/i.test(headers['content-type'] ?? '')) refuse(`its type is ${headers['content-type'] === undefined ? 'not told' : 'another one'}`)
  if (!isUtf8(body)) refuse('it is not UTF-8') // a name with replacement characters would be another name
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString())
  } catch (error) {
    refuse('it can not be parsed', error instanceof Error ? error.name : undefined)
  }
  if (typeof parsed !== 'object' || parsed === null) refuse('it is no object')
  if ('error' in (parsed as object)) refuse('a success with an error inside')
  return parsed as T
}

export function parseObject (reply: NetReply): ObjectResource {
  const resource = parseJson<ObjectResource>(reply)
  if (typeof resource.name !== 'string' || typeof resource.generation !== 'string') throw new FsError('FORKFS_PROTOCOL', 'the store describes an object without its name or generation', { retry: 'may' })
  return resource
}

/** As FileInfo; fields that the reply does not hold are left out. */
export function infoOf (path: string, resource: ObjectResource): FileInfo {
  const { size, updated, timeCreated, generation, metageneration, crc32c, md5Hash, contentType, contentEncoding, storageClass, metadata } = resource
  const info: Record<string, unknown> & { name: string, size: number | undefined, type: 'file' } = { name: path, size: isTold(size) ? bytesOf(size) : undefined, type: 'file' }
  if (isTold(updated)) info['modified'] = timeOf(updated)
  if (isTold(timeCreated)) info['created'] = timeOf(timeCreated)
  if (generation !== undefined) info['etag'] = info['generation'] = generation
  if (metageneration !== undefined) info['metageneration'] = metageneration
  if (crc32c !== undefined) info['crc32c'] = crc32c
  if (md5Hash !== undefined) info['md5'] = md5Hash
  if (contentType !== undefined) info['contentType'] = contentType
  if (contentEncoding !== undefined) info['contentEncoding'] = contentEncoding
  if (storageClass !== undefined) info['storageClass'] = storageClass
  if (metadata !== undefined) {
    const { [markName]: _mark, ...own } = metadata
    info['metadata'] = own
  }
  return info
}

/** As an entry of a listing: the fields of {@link listFields} only, whatever the store sends. */
export function entryOf (path: string, { size, updated, timeCreated, generation, storageClass }: ObjectResource): FileInfo {
  if (!isTold(size) || !isTold(updated) || !isTold(timeCreated) || generation === undefined || storageClass === undefined) {
    return infoOf(path, { size, updated, timeCreated, generation, storageClass })
  }
  // One shape, made at once: half the time and memory of an object that grows.
  const modified = timeOf(updated)
  const created = timeCreated === updated ? new Date(modified.getTime()) : timeOf(timeCreated)
  return { name: path, size: bytesOf(size), type: 'file', modified, created, etag: generation, generation, storageClass }
}

/** Emulators write an empty text for what they do not know. */
function isTold (text: string | undefined): text is string { return text !== undefined && text !== '' }

function bytesOf (text: string): number {
  const bytes = Number(text)
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw new FsError('FORKFS_PROTOCOL', 'the store tells a size that is none', { retry: 'may' })
  return bytes
}

/** @throws FsError FORKFS_PROTOCOL for what is no date */
export function timeOf (text: string): Date {
  const time = isoTime(text)
  if (time === undefined) throw new FsError('FORKFS_PROTOCOL', 'the store tells a time that is none', { retry: 'may' })
  return time
}

/** The CRC32C in `x-goog-hash`, in base64; the header may hold several hashes in any order. */
export function hashOf (header: string | undefined): string | undefined {
  return header === undefined ? undefined : /(?:^|,)\s*crc32c=([A-Za-z0-9+/]{6}==)/.exec(header)?.[1]
}
