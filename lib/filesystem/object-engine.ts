import { FsError, isFsError } from '../errors/index.js'
import { pagesAhead } from '../net/index.js'
import type { TokenPage } from '../net/index.js'
import type { ListOptions } from './core.js'
import { directoryInfo } from './paths.js'
import type { Stats } from './stats.js'
import type { FileInfo, RangeOptions, RangeRead, StagedWriter, Verb, WriteOptions } from './types.js'
import { Versions } from './versions.js'

export type SignOptions = Verb & { readonly expiresSeconds: number, readonly method: 'GET' | 'PUT' }

/** What speaks a store's protocol, as far as an engine itself is concerned. */
export interface ObjectClient {
  readonly net: { readonly stats: Stats }
  close (): Promise<void>
  drop (): void
}

/** Where a path lies. An empty bucket is the list of all of them, an empty key a bucket. */
export interface ObjectPlace { readonly bucket: string, readonly key: string }

export interface BucketPage extends TokenPage { readonly buckets: readonly FileInfo[] }

/** The verbs of an object store on the wire: all that a program which only imports forkfs does not need. Paths are 'bucket/key', normalized. */
export abstract class ObjectEngine<Client extends ObjectClient = ObjectClient> {
  readonly client: Client
  readonly #versions = new Versions()
  readonly #versionAware: boolean

  constructor (client: Client, versionAware: boolean) {
    this.client = client
    this.#versionAware = versionAware
  }

  abstract info (path: string, options: Verb): Promise<FileInfo>
  abstract readRange (path: string, start: number, end: number | undefined, options: RangeOptions): Promise<RangeRead>
  abstract readAll (path: string, options: RangeOptions): Promise<RangeRead>
  abstract copy (source: string, target: string, options: Verb): Promise<void>
  abstract sign (path: string, options: SignOptions): Promise<string>

  /** Whatever it names. */
  protected abstract _split (path: string): ObjectPlace
  /** @throws FsError for a path that the store can not have */
  protected abstract _place (path: string): ObjectPlace
  protected abstract _bucketPage (token: string | undefined, signal: AbortSignal): Promise<BucketPage>
  /** Pages of what lies in a bucket or below one of its directories. */
  protected abstract _listObjects (path: string, options: Verb & ListOptions): AsyncIterable<readonly FileInfo[]>
  /** At least `count` keys that begin with `prefix`, where there are so many. */
  protected abstract _firstKeys (bucket: string, prefix: string, count: number, signal: AbortSignal): Promise<readonly string[]>
  /** @throws FsError EINVAL for a name that no bucket can have, EEXIST */
  protected abstract _makeBucket (bucket: string, signal: AbortSignal): Promise<void>
  protected abstract _removeBucket (bucket: string, signal: AbortSignal): Promise<void>
  protected abstract _removeKey (place: ObjectPlace, signal: AbortSignal): Promise<void>
  protected abstract _exists (path: string, options: Verb): Promise<boolean>
  protected abstract _put (path: string, data: Uint8Array, options: Verb & WriteOptions): Promise<FileInfo>
  protected abstract _writer (path: string, options: Verb & WriteOptions): StagedWriter
  protected abstract _remove (paths: readonly string[], signal: AbortSignal): Promise<void>

  async write (path: string, data: Uint8Array, options: Verb & WriteOptions): Promise<FileInfo> {
    checkPartBytes(options)
    return this._writing(path, () => this._put(path, data, options))
  }

  async openWriter (path: string, options: Verb & WriteOptions): Promise<StagedWriter> {
    checkPartBytes(options)
    const writer = this._writer(path, options)
    // Told at once where it can be: a long write should not fail at its end.
    if (options.flag === 'wx' && await this._exists(path, options)) throw new FsError('EEXIST', 'the object exists already', { path })
    return {
      write: chunk => writer.write(chunk),
      commit: () => this._writing(path, () => writer.commit()),
      abort: reason => writer.abort(reason)
    }
  }

  async delete (paths: readonly string[], { signal }: Verb): Promise<void> {
    try {
      await this._remove(paths, signal!)
    } finally {
      for (const path of paths) this.forget(path)
    }
  }

  // ------------------------------------------------------------------------------------------------ buckets and directories

  async *list (path: string, options: Verb & ListOptions): AsyncGenerator<readonly FileInfo[], void, undefined> {
    yield* this._place(path).bucket === '' ? this.#listBuckets(options) : this._listObjects(path, options)
  }

  async *#listBuckets ({ recursive, prefix = '', signal }: Verb & ListOptions): AsyncGenerator<readonly FileInfo[], void, undefined> {
    for await (const { buckets } of pagesAhead('', signal!, (token, inner) => this._bucketPage(token, inner))) {
      if (!recursive) yield buckets.filter(({ name }) => name.startsWith(prefix))
      else for (const { name } of buckets) yield* this.list(name, { recursive, signal })
    }
  }

  /** A bucket; below one there are no directories to make. */
  async mkdir (path: string, { signal }: Verb): Promise<void> {
    const { bucket, key } = this._split(path)
    if (bucket === '') throw new FsError('EEXIST', 'it is the list of buckets', { path })
    if (key === '') await this._makeBucket(bucket, signal!)
  }

  /** A bucket, or the object that marks a directory, where nothing lies below it. */
  async rmdir (path: string, { signal }: Verb): Promise<void> {
    const { bucket, key } = this._place(path)
    if (bucket === '') throw new FsError('EINVAL', 'the list of buckets can not be removed', { path })
    if (key === '') { await this._removeBucket(bucket, signal!); return }
    const marker = `${key}/`
    const keys = await this._firstKeys(bucket, marker, 2, signal!)
    if (keys.length === 0) throw new FsError('ENOENT', 'no such directory', { path })
    if (keys.some(each => each !== marker)) throw new FsError('ENOTEMPTY', 'objects lie below it', { path })
    await this._removeKey({ bucket, key: marker }, signal!)
  }

  /** A bucket, where it is not there; below one there are no directories to make. */
  async makedirs (path: string, options: Verb): Promise<void> {
    if (this._place(path).key !== '') return
    try {
      await this.mkdir(path, options)
    } catch (error) {
      if (!isFsError(error, 'EEXIST')) throw error
    }
  }

  // ------------------------------------------------------------------------------------------------ versions

  /** Forget which versions were seen, of one path or of all. */
  forget (path: string | undefined): void { this.#versions.forget(path) }

  protected _see (path: string, version: string | undefined): void {
    if (this.#versionAware) this.#versions.see(path, version)
  }

  /** The version of a path that was seen first, where the instance is `versionAware`. */
  protected _seen (path: string): string | undefined { return this.#versionAware ? this.#versions.get(path) : undefined }

  /** What was seen of a path before its write is not what is there afterwards, however the write ends. */
  protected async _writing<T> (path: string, write: () => Promise<T>): Promise<T> {
    try {
      return await write()
    } finally {
      this.forget(path)
    }
  }

  // ------------------------------------------------------------------------------------------------ life

  close (): Promise<void> { return this.client.close() }

  drop (): void {
    this.forget(undefined)
    this.client.drop()
  }
}

function checkPartBytes ({ partBytes }: WriteOptions): void {
  if (partBytes !== undefined && (!Number.isSafeInteger(partBytes) || partBytes < 1)) throw new RangeError(`Expected \`partBytes\` to be an integer >= 1, got \`${partBytes}\``)
}

/** How the pages of one listing become entries. */
export interface Listing<T> {
  readonly bucket: string
  /** The directory that is listed, with its slash; '' for a bucket. */
  readonly base: string
  /** Objects that only mark a directory are objects like others: what removes a tree needs their names. */
  readonly markers: boolean
  readonly keyOf: (object: T) => string
  readonly infoOf: (object: T) => FileInfo
}

/** The objects and common prefixes of a page. An object whose name ends in a slash is how consoles make an empty directory. */
export function entriesOf<T> (objects: readonly T[], prefixes: readonly string[], { bucket, base, markers, keyOf, infoOf }: Listing<T>): FileInfo[] {
  const found: FileInfo[] = []
  for (const object of objects) {
    const key = keyOf(object)
    if (markers || !key.endsWith('/')) found.push(infoOf(object))
    else if (key !== base) found.push(directoryInfo(`${bucket}/${key.replace(/\/+$/, '')}`)) // but for the marker of the directory itself
  }
  for (const prefix of prefixes) found.push(directoryInfo(`${bucket}/${prefix.slice(0, -1)}`))
  return found
}
