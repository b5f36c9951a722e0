import { FsError, isFsError } from '../errors/index.js'
import type { ListOptions } from './core.js'
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
  abstract list (path: string, options: Verb & ListOptions): AsyncIterable<readonly FileInfo[]>
  abstract readRange (path: string, start: number, end: number | undefined, options: RangeOptions): Promise<RangeRead>
  abstract readAll (path: string, options: RangeOptions): Promise<RangeRead>
  abstract copy (source: string, target: string, options: Verb): Promise<void>
  abstract mkdir (path: string, options: Verb): Promise<void>
  abstract rmdir (path: string, options: Verb): Promise<void>
  abstract sign (path: string, options: SignOptions): Promise<string>

  /** Whether a path names a bucket, or all of them. @throws FsError for one that the store can not have */
  protected abstract _isAboveObjects (path: string): boolean
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

  /** A bucket, where it is not there; below one there are no directories to make. */
  async makedirs (path: string, options: Verb): Promise<void> {
    if (!this._isAboveObjects(path)) return
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
