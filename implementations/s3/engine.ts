import { FsError, isFsError } from '../../lib/errors/index.js'
import type { ListOptions } from '../../lib/filesystem/core.js'
import { entriesOf, ObjectEngine } from '../../lib/filesystem/object-engine.js'
import type { BucketPage, Listing, ObjectPlace, SignOptions } from '../../lib/filesystem/object-engine.js'
import { PART_BYTES } from '../../lib/filesystem/object-store.js'
import { directoryInfo } from '../../lib/filesystem/paths.js'
import { readWhole } from '../../lib/filesystem/read-span.js'
import type { FileInfo, RangeOptions, RangeRead, StagedWriter, UnfinishedUpload, Verb, WriteOptions } from '../../lib/filesystem/types.js'
import { noteUpload } from '../../lib/filesystem/upload-journal.js'
import type { Descriptor } from '../../lib/filesystem/descriptor.js'
import { pagesAhead, parseNothing } from '../../lib/net/index.js'
import type { NetReply, ReplyHeaders } from '../../lib/net/index.js'
import { isBucket, needsSdk, parsePath } from './address.js'
import type { S3Path } from './address.js'
import { S3Client } from './client.js'
import type { S3ClientOptions } from './client.js'
import { copyLimits, copyObject } from './copy.js'
import { parseList } from './lists.js'
import type { ListEntry, ListPage } from './lists.js'
import type { ResolvedS3Options } from './options.js'
import { readBeginning, readRange } from './read.js'
import type { ReadContext } from './read.js'
import { removeObjects } from './remove.js'
import { createBucketBody, parseBuckets } from './replies.js'
import { canonicalQuery } from './sign.js'
import { endUpload, listUploads, markHeader } from './uploads.js'
import { putObject, uploadWhole, UploadWriter } from './writer.js'
import type { UploadContext } from './writer.js'

/** Above it a PUT is cut into parts: they go in parallel, and a failure costs one part. */
const PUT_LIMIT = 16 * 1024 * 1024

/** The verbs of S3 on the wire. */
export class S3Engine extends ObjectEngine<S3Client> {
  readonly #settings: ResolvedS3Options
  readonly #concurrency: number
  readonly #describe: () => Descriptor | undefined
  /** From which size on, and how, objects are copied in parts. */
  copyLimits = copyLimits

  constructor (options: S3ClientOptions & { readonly describe: () => Descriptor | undefined }) {
    super(new S3Client(options), options.settings.versionAware)
    this.#settings = options.settings
    this.#describe = options.describe
    this.#concurrency = options.maxConcurrency
  }

  // ------------------------------------------------------------------------------------------------ paths

  #at (path: string): S3Path {
    const at = parsePath(path, this.#settings.versionAware)
    if (needsSdk(at.bucket, this.#settings.endpoint !== undefined)) {
      throw new FsError('FORKFS_NOT_SUPPORTED', 'directory buckets and access point ARNs are not supported yet; use the bucket or an access point alias', { path })
    }
    if (at.bucket !== '' && !isBucket(at.bucket)) throw new FsError('ENOENT', 'no bucket can have such a name', { path })
    if (at.key.length > 1024 / 4 && Buffer.byteLength(at.key) > 1024) throw new FsError('EINVAL', 'a key has at most 1,024 bytes of UTF-8', { path: `${path.slice(0, 100)}…` })
    return at
  }

  /** A path that must name an object. */
  #object (path: string): S3Path {
    const at = this.#at(path)
    if (at.key === '') throw new FsError('EISDIR', at.bucket === '' ? 'it is the list of buckets' : 'it is a bucket', { path })
    return at
  }

  protected override _split (path: string): ObjectPlace { return parsePath(path) }
  protected override _place (path: string): ObjectPlace { return this.#at(path) }

  #versionQuery (path: string, { versionId }: S3Path): string {
    const id = versionId ?? this._seen(path)
    return id === undefined ? '' : canonicalQuery({ versionId: id })
  }

  // ------------------------------------------------------------------------------------------------ reading

  override async info (path: string, { signal }: Verb): Promise<FileInfo> {
    const at = this.#at(path)
    if (at.bucket === '') return directoryInfo('')
    if (at.key === '') {
      await this.client.call({ operation: 'HeadBucket', method: 'HEAD', bucket: at.bucket }, signal!, () => undefined)
      return directoryInfo(at.bucket)
    }
    try {
      const request = { operation: 'HeadObject', method: 'HEAD', bucket: at.bucket, key: at.key, query: this.#versionQuery(path, at) } as const
      return await this.client.call(request, signal!, reply => this.#infoOf(path, reply))
    } catch (error) {
      if (!isFsError(error, 'ENOENT') || at.versionId !== undefined) throw error
      if ((await this._firstKeys(at.bucket, `${at.key}/`, 1, signal!)).length === 0) throw error
      return directoryInfo(path)
    }
  }

  #infoOf (path: string, { headers }: NetReply): FileInfo {
    this._see(path, headers['x-amz-version-id'])
    const metadata: Record<string, string> = {}
    for (const [name, value] of Object.entries(headers)) if (name.startsWith('x-amz-meta-') && name !== markHeader && value !== undefined) metadata[name.slice('x-amz-meta-'.length)] = value
    const info: Record<string, unknown> & FileInfo = {
      name: path,
      size: headers['content-length'] === undefined ? undefined : Number(headers['content-length']),
      type: 'file',
      modified: headers['last-modified'] === undefined ? undefined : new Date(headers['last-modified']),
      etag: headers['etag'],
      contentType: headers['content-type'],
      versionId: headers['x-amz-version-id'],
      storageClass: headers['x-amz-storage-class'],
      metadata
    }
    for (const name of Object.keys(info)) if (info[name] === undefined && name !== 'size') delete info[name]
    return info
  }

  protected override async *_listObjects (path: string, { recursive, prefix = '', temporary = false, signal }: Verb & ListOptions): AsyncGenerator<readonly FileInfo[], void, undefined> {
    const at = this.#at(path)
    const base = at.key === '' ? '' : `${at.key}/`
    const asked = base + this.#accepted(prefix)
    const ask = (token: string | undefined, inner: AbortSignal): Promise<ListPage> =>
      this.#page(at.bucket, asked, { delimiter: recursive ? undefined : '/', 'continuation-token': token }, inner)
    const listing: Listing<ListEntry> = { bucket: at.bucket, base, markers: temporary, keyOf: ({ key }) => key, infoOf: entry => entry.toInfo(at.bucket) }
    for await (const { entries, prefixes } of pagesAhead(path, signal!, ask)) yield entriesOf(entries, prefixes, listing)
  }

  /** As much of a prefix as the store takes: servers that keep files (MinIO) refuse one that ends in a segment of dots. It is a hint. */
  #accepted (prefix: string): string {
    return this.#settings.endpoint === undefined ? prefix : prefix.replace(/(?<=^|\/)\.\.?$/, '')
  }

  #page (bucket: string, prefix: string, query: Readonly<Record<string, string | number | undefined>>, signal: AbortSignal): Promise<ListPage> {
    const full = canonicalQuery({ 'list-type': 2, 'encoding-type': 'url', prefix: prefix === '' ? undefined : prefix, ...query })
    return this.client.call({ operation: 'ListObjectsV2', method: 'GET', bucket, query: full }, signal, reply => parseList(reply.body))
  }

  protected override async _firstKeys (bucket: string, prefix: string, count: number, signal: AbortSignal): Promise<readonly string[]> {
    const { entries } = await this.#page(bucket, prefix, { 'max-keys': count }, signal)
    return entries.map(({ key }) => key)
  }

  protected override _bucketPage (token: string | undefined, signal: AbortSignal): Promise<BucketPage> {
    const query = canonicalQuery({ 'continuation-token': token })
    return this.client.call({ operation: 'ListBuckets', method: 'GET', bucket: '', query }, signal, ({ body }) => {
      const { buckets, nextToken } = parseBuckets(body)
      return { buckets: buckets.map(({ name, created }): FileInfo => ({ ...directoryInfo(name), created })), nextToken }
    })
  }

  #reading (path: string, { ifMatch, into, held, signal }: RangeOptions): ReadContext {
    const at = this.#object(path)
    const seen = (headers: ReplyHeaders): void => { this._see(path, headers['x-amz-version-id']) }
    const query = this.#versionQuery(path, at)
    return { client: this.client, bucket: at.bucket, key: at.key, query, checksums: this.#settings.checksums, signal: signal!, ifMatch, into, held, seen }
  }

  override async readRange (path: string, start: number, end: number | undefined, options: RangeOptions): Promise<RangeRead> {
    return readRange(this.#reading(path, options), start, end)
  }

  override readAll (path: string, options: RangeOptions): Promise<RangeRead> {
    return readWhole({
      _concurrency: this.#concurrency,
      _partBytes: PART_BYTES,
      _readRange: async (name, start, end, inner) => {
        const context = this.#reading(name, inner)
        return start === 0 && inner.into === undefined ? readBeginning(context, PART_BYTES) : readRange(context, start, end)
      }
    }, path, options as RangeOptions & { readonly signal: AbortSignal })
  }

  // ------------------------------------------------------------------------------------------------ writing

  get #storeHeaders (): string[] {
    const { serverSideEncryption, kmsKeyId } = this.#settings
    const headers = serverSideEncryption === undefined ? [] : ['x-amz-server-side-encryption', serverSideEncryption]
    if (kmsKeyId !== undefined) headers.push('x-amz-server-side-encryption-aws-kms-key-id', kmsKeyId)
    return headers
  }

  #upload (path: string, options: Verb & WriteOptions): UploadContext {
    const { bucket, key } = this.#object(path)
    const note: UploadContext['note'] = id => noteUpload('s3', this.#describe(), `${bucket}/${key}`, id)
    return { client: this.client, bucket, key, storeHeaders: this.#storeHeaders, checksums: this.#settings.checksums, signal: options.signal!, options, note }
  }

  protected override async _put (path: string, data: Uint8Array, options: Verb & WriteOptions): Promise<FileInfo> {
    const context = this.#upload(path, options)
    const single = data.length <= Math.max(PUT_LIMIT, options.partBytes ?? 0)
    return single ? putObject(context, data) : uploadWhole(context, data, options.partBytes ?? PART_BYTES)
  }

  protected override _writer (path: string, options: Verb & WriteOptions): StagedWriter { return new UploadWriter(this.#upload(path, options)) }

  protected override async _exists (path: string, { signal }: Verb): Promise<boolean> {
    const { bucket, key } = this.#object(path)
    return this.client.call({ operation: 'HeadObject', method: 'HEAD', bucket, key, pardon: ({ status }) => status === 404 }, signal!, ({ status }) => status !== 404)
  }

  protected override async _remove (paths: readonly string[], signal: AbortSignal): Promise<void> {
    await removeObjects(this.client, paths.map(path => this.#object(path)), signal)
  }

  uploads (prefix: string, { signal }: Verb): AsyncIterable<readonly UnfinishedUpload[]> {
    const slash = prefix.indexOf('/')
    const bucket = slash === -1 ? prefix : prefix.slice(0, slash)
    this.#at(bucket)
    if (bucket === '') throw new FsError('EINVAL', 'uploads are listed bucket by bucket', { path: prefix })
    return listUploads(this.client, bucket, slash === -1 ? '' : prefix.slice(slash + 1), signal!)
  }

  async abortUpload (path: string, id: string, { signal }: Verb): Promise<void> {
    const { bucket, key } = this.#object(path)
    await endUpload({ client: this.client, bucket, key }, id, signal!)
  }

  override async copy (source: string, target: string, { signal }: Verb): Promise<void> {
    const context = { client: this.client, from: this.#object(source), to: this.#object(target), storeHeaders: this.#storeHeaders, signal: signal! }
    await this._writing(target, () => copyObject(context, this.copyLimits))
  }

  // ------------------------------------------------------------------------------------------------ buckets

  protected override async _makeBucket (bucket: string, signal: AbortSignal): Promise<void> {
    if (!isBucket(bucket)) throw new FsError('EINVAL', 'no bucket can have such a name: 3 to 63 of a-z, 0-9, dot and dash', { path: bucket })
    this.#at(bucket)
    const region = await this.client.region(bucket)
    const body = Buffer.from(createBucketBody(region))
    await this.client.call({ operation: 'CreateBucket', method: 'PUT', bucket, body, idempotent: false }, signal, parseNothing)
  }

  protected override async _removeBucket (bucket: string, signal: AbortSignal): Promise<void> {
    await this.client.call({ operation: 'DeleteBucket', method: 'DELETE', bucket, idempotent: false }, signal, parseNothing)
  }

  protected override _removeKey (place: ObjectPlace, signal: AbortSignal): Promise<void> { return removeObjects(this.client, [place], signal) }

  override async sign (path: string, { expiresSeconds, method, signal }: SignOptions): Promise<string> {
    const at = this.#object(path)
    return this.client.presign({ method, bucket: at.bucket, key: at.key, expiresSeconds, query: this.#versionQuery(path, at) }, signal!)
  }
}
