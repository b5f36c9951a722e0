import { FsError, isFsError } from '../../lib/errors/index.js'
import type { ListOptions } from '../../lib/filesystem/core.js'
import { ObjectEngine } from '../../lib/filesystem/object-engine.js'
import type { BucketPage, ObjectPlace, SignOptions } from '../../lib/filesystem/object-engine.js'
import { PART_BYTES } from '../../lib/filesystem/object-store.js'
import { directoryInfo } from '../../lib/filesystem/paths.js'
import { readWhole } from '../../lib/filesystem/read-span.js'
import { noteUpload } from '../../lib/filesystem/upload-journal.js'
import type { Descriptor } from '../../lib/filesystem/descriptor.js'
import type { FileInfo, RangeOptions, RangeRead, StagedWriter, Verb, WriteOptions } from '../../lib/filesystem/types.js'
import { pagesAhead, parseNothing } from '../../lib/net/index.js'
import type { ReplyHeaders } from '../../lib/net/index.js'
import { bucketPath, checkObject, isBucket, objectPath, parsePath, queryOf } from './address.js'
import type { GcsPath } from './address.js'
import { GcsClient } from './client.js'
import type { GcsClientOptions } from './client.js'
import { copyObject, moveObject } from './copy.js'
import { PageReader, parseBuckets, parseList } from './lists.js'
import type { ListPage } from './lists.js'
import type { ResolvedGcsOptions } from './options.js'
import { loadStorage } from './peer.js'
import { PartsCheck, readBeginning, readRange } from './read.js'
import type { ReadContext } from './read.js'
import { removeObjects } from './remove.js'
import { hashOf, infoOf, listFields, objectFields, parseJson, parseObject, timeOf } from './replies.js'
import { endUpload } from './uploads.js'
import { generationOf, UploadWriter, writeWhole } from './writer.js'
import type { WriteContext } from './writer.js'

/** The verbs of GCS on the wire. */
export class GcsEngine extends ObjectEngine<GcsClient> {
  readonly #settings: ResolvedGcsOptions
  readonly #concurrency: number
  readonly #describe: () => Descriptor | undefined

  constructor (options: GcsClientOptions & { readonly describe: () => Descriptor | undefined }) {
    super(new GcsClient(options), options.settings.versionAware)
    this.#settings = options.settings
    this.#concurrency = options.maxConcurrency
    this.#describe = options.describe
  }

  // ------------------------------------------------------------------------------------------------ paths

  #at (path: string): GcsPath {
    const at = parsePath(path, this.#settings.versionAware)
    if (at.bucket !== '' && !isBucket(at.bucket)) throw new FsError('ENOENT', 'no bucket can have such a name', { path })
    checkObject(at.object, path)
    return at
  }

  /** A path that must name an object. */
  #object (path: string): GcsPath {
    const at = this.#at(path)
    if (at.object === '') throw new FsError('EISDIR', at.bucket === '' ? 'it is the list of buckets' : 'it is a bucket', { path })
    return at
  }

  protected override _split (path: string): ObjectPlace {
    const { bucket, object } = parsePath(path)
    return { bucket, key: object }
  }

  protected override _place (path: string): ObjectPlace {
    const { bucket, object } = this.#at(path)
    return { bucket, key: object }
  }

  #generation (path: string, { generation }: GcsPath): string | undefined { return generation ?? this._seen(path) }

  // ------------------------------------------------------------------------------------------------ reading

  override async info (path: string, { signal }: Verb): Promise<FileInfo> {
    const at = this.#at(path)
    if (at.bucket === '') return directoryInfo('')
    if (at.object === '') return this.#bucketInfo(at.bucket, signal!)
    const generation = this.#generation(path, at)
    try {
      const request = {
        operation: 'objects.get', method: 'GET', path, target: objectPath(at.bucket, at.object), query: queryOf({ generation, fields: objectFields }), pinned: generation !== undefined
      } as const
      const info = infoOf(path, { metadata: {}, ...await this.client.call(request, signal!, parseObject) })
      this._see(path, info.etag)
      return info
    } catch (error) {
      if (!isFsError(error, 'ENOENT', 'EACCES') || generation !== undefined) throw error
      return this.#listedInfo(path, at, error, signal!)
    }
  }

  /** What a listing tells of a path: a directory, or a file that may be listed but not looked at. */
  async #listedInfo (path: string, { bucket, object }: GcsPath, error: FsError, signal: AbortSignal): Promise<FileInfo> {
    if (error.code === 'ENOENT') {
      if ((await this._firstKeys(bucket, `${object}/`, 1, signal)).length > 0) return directoryInfo(path)
      throw error
    }
    const page = await this.#page(bucket, object, { maxResults: 2, delimiter: '/' }, signal, objectFields)
    const item = page.items.find(({ name }) => name === object)
    if (item !== undefined) return infoOf(path, { metadata: {}, ...item })
    if (page.prefixes.includes(`${object}/`)) return directoryInfo(path)
    throw error
  }

  /** Pages may be empty and have others behind them. */
  protected override async _firstKeys (bucket: string, prefix: string, count: number, signal: AbortSignal): Promise<readonly string[]> {
    const keys: string[] = []
    const ask = (pageToken: string | undefined, inner: AbortSignal): Promise<ListPage> => this.#page(bucket, prefix, { maxResults: count, pageToken }, inner, 'name')
    for await (const { items } of pagesAhead(bucket, signal, ask)) {
      for (const { name } of items) keys.push(name!)
      if (keys.length >= count) break
    }
    return keys
  }

  async #bucketInfo (bucket: string, signal: AbortSignal): Promise<FileInfo> {
    try {
      return await this.client.call({
        operation: 'buckets.get', method: 'GET', path: bucket, target: bucketPath(bucket), query: 'fields=name,timeCreated,location,storageClass'
      }, signal, reply => {
        const { timeCreated, location, storageClass } = parseJson<{ readonly timeCreated?: string, readonly location?: string, readonly storageClass?: string }>(reply)
        const more: Record<string, unknown> = {}
        if (timeCreated !== undefined) more['created'] = timeOf(timeCreated)
        if (location !== undefined) more['location'] = location
        if (storageClass !== undefined) more['storageClass'] = storageClass
        return { ...directoryInfo(bucket), ...more }
      })
    } catch (error) {
      // Whoever may use objects need not be allowed to see the bucket itself.
      if (!isFsError(error, 'EACCES', 'FORKFS_CREDENTIALS')) throw error
      await this.#page(bucket, '', { maxResults: 1 }, signal).catch(() => { throw error })
      return directoryInfo(bucket)
    }
  }

  protected override async *_listObjects (path: string, { recursive, prefix = '', temporary = false, signal }: Verb & ListOptions): AsyncGenerator<readonly FileInfo[], void, undefined> {
    const at = this.#at(path)
    const base = at.object === '' ? '' : `${at.object}/`
    const reader = new PageReader(at.bucket, base, temporary)
    const ask = (pageToken: string | undefined, inner: AbortSignal): Promise<ListPage> =>
      this.#page(at.bucket, base + prefix, { delimiter: recursive ? undefined : '/', pageToken }, inner)
    for await (const page of pagesAhead(path, signal!, ask)) yield reader.entries(page)
  }

  #page (bucket: string, prefix: string, query: Readonly<Record<string, string | number | undefined>>, signal: AbortSignal, fields = listFields): Promise<ListPage> {
    const whole = queryOf({ prefix: prefix === '' ? undefined : prefix, maxResults: 1000, ...query, fields: `nextPageToken,prefixes,items(${fields})`, prettyPrint: 'false' })
    return this.client.call({ operation: 'objects.list', method: 'GET', path: bucket, target: `${bucketPath(bucket)}/o`, query: whole }, signal, parseList)
  }

  protected override async _bucketPage (pageToken: string | undefined, signal: AbortSignal): Promise<BucketPage> {
    const query = queryOf({ project: await this.client.projectId(), pageToken, fields: 'nextPageToken,items(name,timeCreated)' })
    return this.client.call({ operation: 'buckets.list', method: 'GET', path: '', target: '/storage/v1/b', query }, signal, parseBuckets)
  }

  #reading (path: string, { ifMatch, into, held, signal }: RangeOptions): ReadContext {
    const at = this.#object(path)
    const generation = generationOf(ifMatch, path) ?? this.#generation(path, at)
    const seen = (headers: ReplyHeaders): void => { this._see(path, headers['x-goog-generation']) }
    return { client: this.client, bucket: at.bucket, object: at.object, generation, checksums: this.#settings.checksums, signal: signal!, into, held, seen }
  }

  override async readRange (path: string, start: number, end: number | undefined, options: RangeOptions): Promise<RangeRead> {
    return readRange(this.#reading(path, options), start, end)
  }

  /** The whole object, in parallel parts where it is long; its CRC32C is that of the parts in a row. */
  override async readAll (path: string, options: RangeOptions): Promise<RangeRead> {
    const check = this.#settings.checksums ? new PartsCheck() : undefined
    const read = await readWhole({
      _concurrency: this.#concurrency,
      _partBytes: PART_BYTES,
      _readRange: async (name, start, end, inner) => {
        const context = this.#reading(name, inner)
        if (start > 0 || inner.into !== undefined) {
          const part = await readRange(context, start, end)
          check?.add(start, part.data)
          return part
        }
        let hash: string | undefined
        const first = await readBeginning({ ...context, seen: headers => { context.seen(headers); hash = hashOf(headers['x-goog-hash']) } }, PART_BYTES)
        const isWhole = first.data.length === first.size // then it was checked when it came
        check?.begin(isWhole ? undefined : hash)
        check?.add(0, first.data)
        return first
      }
    }, path, options as RangeOptions & { readonly signal: AbortSignal })
    check?.end(read.data.length)
    return read
  }

  // ------------------------------------------------------------------------------------------------ writing

  #writable (path: string, options: Verb & WriteOptions): WriteContext {
    const { bucket, object } = this.#object(path)
    const note: WriteContext['note'] = session => noteUpload('gs', this.#describe(), `${bucket}/${object}`, session)
    return { client: this.client, bucket, object, signal: options.signal!, options, note }
  }

  protected override async _put (path: string, data: Uint8Array, options: Verb & WriteOptions): Promise<FileInfo> {
    return writeWhole(this.#writable(path, options), data)
  }

  protected override _writer (path: string, options: Verb & WriteOptions): StagedWriter { return new UploadWriter(this.#writable(path, options)) }

  protected override async _exists (path: string, { signal }: Verb): Promise<boolean> {
    const { bucket, object } = this.#object(path)
    const request = { operation: 'objects.get', method: 'GET', path, target: objectPath(bucket, object), query: 'fields=name,generation' } as const
    return this.client.call({ ...request, pardon: ({ status }) => status === 404 }, signal!, reply => {
      if (reply.status === 404) return false
      parseObject(reply)
      return true
    })
  }

  protected override async _remove (paths: readonly string[], signal: AbortSignal): Promise<void> {
    await removeObjects(this.client, paths.map(path => this.#object(path)), signal)
  }

  /** `id`: the address of the upload's session. */
  async abortUpload (path: string, id: string, { signal }: Verb): Promise<void> { await endUpload(this.client, path, id, signal!) }

  override async copy (source: string, target: string, { signal }: Verb): Promise<void> {
    const context = { client: this.client, from: this.#object(source), to: this.#object(target), signal: signal! }
    await this._writing(target, () => copyObject(context))
  }

  /** One object. @throws FsError FORKFS_NOT_SUPPORTED for a directory: there is nothing that moves all of it at once */
  async rename (source: string, target: string, { signal }: Verb): Promise<void> {
    const context = { client: this.client, from: this.#object(source), to: this.#object(target), signal: signal! }
    try {
      await this._writing(target, () => moveObject(context))
    } catch (error) {
      if (!isFsError(error, 'ENOENT') || (await this.info(source, { signal }).catch(() => undefined))?.type !== 'directory') throw error
      throw new FsError('FORKFS_NOT_SUPPORTED', 'a directory is moved object by object', { path: source, protocol: 'gs' })
    } finally {
      this.forget(source)
    }
  }

  // ------------------------------------------------------------------------------------------------ buckets

  protected override async _makeBucket (bucket: string, signal: AbortSignal): Promise<void> {
    if (!isBucket(bucket)) throw new FsError('EINVAL', 'no bucket can have such a name: 3 to 222 letters of a-z, 0-9, dot, dash and underscore', { path: bucket })
    const query = queryOf({ project: await this.client.projectId(), fields: 'name' })
    let attempts = 0
    try {
      await this.client.call({
        operation: 'buckets.insert', method: 'POST', path: bucket, target: '/storage/v1/b', query, headers: ['content-type', 'application/json'],
        body: Buffer.from(JSON.stringify({ name: bucket })), exclusive: true, attempted: attempt => { attempts = attempt }
      }, signal, parseJson)
    } catch (error) {
      // An earlier attempt whose answer was lost may have made it: then it is ours to look at.
      if (attempts < 2 || !isFsError(error, 'EEXIST')) throw error
      await this.#bucketInfo(bucket, signal).catch(() => { throw error })
    }
  }

  protected override async _removeBucket (bucket: string, signal: AbortSignal): Promise<void> {
    let attempts = 0
    await this.client.call({
      operation: 'buckets.delete', method: 'DELETE', path: bucket, target: bucketPath(bucket), removesBucket: true,
      attempted: attempt => { attempts = attempt }, pardon: ({ status }) => status === 404 && attempts > 1
    }, signal, parseNothing)
  }

  protected override _removeKey ({ bucket, key }: ObjectPlace, signal: AbortSignal): Promise<void> { return removeObjects(this.client, [{ bucket, object: key }], signal) }

  /** By the SDK, which knows how each kind of account signs. */
  override async sign (path: string, { expiresSeconds, method }: SignOptions): Promise<string> {
    const at = this.#object(path)
    const { endpoint, projectId } = this.#settings
    const Storage = loadStorage()
    const storage = new Storage({ ...await this.client.signer(), apiEndpoint: endpoint, ...(projectId === undefined ? {} : { projectId }) })
    const generation = this.#generation(path, at)
    const [url] = await storage.bucket(at.bucket).file(at.object).getSignedUrl({
      version: 'v4', action: method === 'GET' ? 'read' : 'write', expires: Date.now() + expiresSeconds * 1000, host: endpoint,
      ...(generation === undefined ? {} : { queryParams: { generation } })
    })
    return url
  }
}
