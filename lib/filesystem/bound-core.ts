import type { ListingCache } from '../cache/listings.js'
import { FsError } from '../errors/index.js'
import type { Core, ListOptions } from './core.js'
import { checkWriteOptions } from './write-options.js'
import { readSpan } from './read-span.js'
import type { Transaction } from './transaction.js'
import type { Bytes, Capabilities, Chunk, FileInfo, RangeOptions, RangeRead, StagedWriter, Verb, WriteOptions } from './types.js'

/** The protected hooks of a FileSystem, as the core calls them. */
export interface Hooks {
  readonly protocol: string
  readonly capabilities: Capabilities
  readonly _root: string
  readonly _concurrency: number
  readonly _partBytes: number
  /** Where relative paths begin now, for stores that have such; read once, when a call begins. */
  readonly _here: string | undefined
  _normalize (path: string, from?: string): string
  isPattern (path: string): boolean
  _info (path: string, options: Verb): Promise<FileInfo>
  _list (path: string, options: Verb & ListOptions): AsyncIterable<readonly FileInfo[]>
  _readRange (path: string, start: number, end: number | undefined, options: RangeOptions): Promise<RangeRead>
  _readAll (path: string, options: RangeOptions): Promise<RangeRead>
  _readChunks (path: string, options: RangeOptions): AsyncIterable<Chunk>
  _write (path: string, data: Uint8Array, options: Verb & WriteOptions): Promise<FileInfo>
  _openWriter (path: string, options: Verb & WriteOptions): Promise<StagedWriter>
  _delete (paths: readonly string[], options: Verb): Promise<void>
  _copy (source: string, target: string, options: Verb): Promise<void>
  _rename (source: string, target: string, options: Verb): Promise<void>
  _mkdir (path: string, options: Verb): Promise<void>
  _makedirs (path: string, options: Verb): Promise<void>
  _rmdir (path: string, options: Verb): Promise<void>
  _touch (path: string, options: Verb): Promise<void>
}

/** The hooks of one filesystem, bound to one public call. */
export class BoundCore implements Core {
  readonly #hooks: Hooks
  readonly #call: { readonly signal: AbortSignal }
  readonly #transaction: Transaction | undefined
  readonly #listings: ListingCache | undefined
  readonly #from: string | undefined

  /** `call` makes its signal when it is first asked for: many hooks never look. */
  constructor (hooks: Hooks, call: { readonly signal: AbortSignal }, transaction: Transaction | undefined, listings: ListingCache | undefined, from = hooks._here) {
    this.#hooks = hooks
    this.#from = from
    this.#call = call
    this.#transaction = transaction
    this.#listings = listings
  }

  get protocol (): string { return this.#hooks.protocol }
  get capabilities (): Capabilities { return this.#hooks.capabilities }
  get root (): string { return this.#hooks._root }
  get concurrency (): number { return this.#hooks._concurrency }
  get signal (): AbortSignal { return this.#call.signal }

  withSignal (signal: AbortSignal): BoundCore { return new BoundCore(this.#hooks, { signal }, this.#transaction, this.#listings, this.#from) }

  isPattern (path: string): boolean { return this.#hooks.isPattern(path) }
  /** Relative paths begin where they did when the call began: a later chdir changes nothing. */
  normalize (path: string): string { return this.#hooks._normalize(path, this.#from) }

  info (path: string): Promise<FileInfo> { return this.#hooks._info(path, this) }

  /** info() that a kept listing may answer: for questions, not for reading or copying what is there. */
  entry (path: string): Promise<FileInfo> {
    const kept = this.#listings?.find(path)
    return kept === undefined ? this.#hooks._info(path, this) : Promise.resolve(kept)
  }

  list (path: string, options: ListOptions): AsyncIterable<readonly FileInfo[]> {
    const { recursive, prefix = '', temporary = false } = options
    const listings = recursive || temporary ? undefined : this.#listings
    const kept = listings?.get(path)
    if (kept !== undefined) return once(kept)
    const pages = this.#hooks._list(path, { ...options, signal: this.signal })
    return listings === undefined || prefix !== '' ? pages : listings.remember(path, pages)
  }

  /** Do something that changes what listings say of these paths. They are forgotten when it has ended, however it did. */
  async #changing<T> (paths: readonly string[], work: () => Promise<T>): Promise<T> {
    if (this.#listings === undefined) return work()
    try {
      return await work()
    } finally {
      for (const path of paths) this.#listings.invalidate(path)
    }
  }

  readRange (path: string, start: number, end: number | undefined, options: Omit<RangeOptions, 'signal'> = {}): Promise<RangeRead> {
    return readSpan(this.#hooks, path, start, end, { ...options, signal: this.signal })
  }

  async readAll (path: string, options: Omit<RangeOptions, 'signal'> = {}): Promise<Bytes> {
    return (await this.#hooks._readAll(path, { ...options, signal: this.signal })).data
  }

  readChunks (path: string, options: Omit<RangeOptions, 'signal' | 'into'> = {}): AsyncIterable<Chunk> {
    return this.#hooks._readChunks(path, { ...options, signal: this.signal })
  }

  async write (path: string, data: Uint8Array, options: WriteOptions = {}): Promise<FileInfo> {
    this.refuse('write', 'writing')
    this.#checkFlag(options)
    if (this.#transaction === undefined) return this.#changing([path], () => this.#hooks._write(path, data, { ...options, signal: this.signal }))
    const writer = await this.openWriter(path, options)
    try {
      await writer.write(data)
      return await writer.commit()
    } catch (error) {
      await writer.abort(error)
      throw error
    }
  }

  async openWriter (path: string, options: WriteOptions = {}): Promise<StagedWriter> {
    this.refuse('write', 'writing')
    this.#checkFlag(options)
    // In a transaction the writer outlives the call that began it.
    const staged = await this.#hooks._openWriter(path, { ...options, signal: this.signal })
    const writer: StagedWriter = this.#listings === undefined ? staged : {
      write: chunk => staged.write(chunk),
      commit: () => this.#changing([path], () => staged.commit()),
      abort: reason => staged.abort(reason)
    }
    return this.#transaction === undefined ? writer : this.#transaction.stage(path, writer)
  }

  delete (paths: readonly string[]): Promise<void> {
    this.refuse('write', 'deleting')
    return this.#changing(paths, () => this.#hooks._delete(paths, this))
  }

  copy (source: string, target: string): Promise<void> {
    this.refuse('write', 'copying')
    return this.#changing([target], () => this.#hooks._copy(source, target, this))
  }

  rename (source: string, target: string): Promise<void> {
    this.refuse('rename', 'renaming')
    return this.#changing([source, target], () => this.#hooks._rename(source, target, this))
  }

  async makeDirectories (path: string): Promise<void> {
    this.refuse('write', 'making directories')
    await this.#changing([path], () => this.#hooks._makedirs(path, this))
  }

  /** One directory below one that is there. */
  async makeDirectory (path: string): Promise<void> { await this.#changing([path], () => this.#hooks._mkdir(path, this)) }

  async removeDirectory (path: string): Promise<void> {
    this.refuse('write', 'removing directories')
    await this.#changing([path], () => this.#hooks._rmdir(path, this))
  }

  #checkFlag (options: WriteOptions): void {
    checkWriteOptions(options)
    if (options.flag === 'wx') this.refuse('exclusiveCreate', 'writing only where nothing is yet')
  }

  /** Set the modification time of an existing file. */
  async touch (path: string): Promise<void> { await this.#changing([path], () => this.#hooks._touch(path, this)) }

  /** @throws FsError FORKFS_NOT_SUPPORTED before any I/O, where the capability is not declared */
  refuse (capability: keyof Capabilities, what: string): void {
    if (!this.#hooks.capabilities[capability]) throw notSupported(this.#hooks.protocol, what)
  }
}

async function * once (page: readonly FileInfo[]): AsyncGenerator<readonly FileInfo[], void, undefined> { yield await Promise.resolve(page) }

export function notSupported (protocol: string, what: string): FsError {
  return new FsError('FORKFS_NOT_SUPPORTED', `${protocol} does not support ${what}`, { protocol })
}
