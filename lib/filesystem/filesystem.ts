import { FsError, fromNodeError, isFsError, kindOf, withContext } from '../errors/index.js'
import type { Stats } from './stats.js'
import { CallGroup, currentOwner, Lease, pendingOf, realm, realmSecret, Scope } from '../owner/index.js'
import type { OwnerTag } from '../owner/index.js'
import { ListingCache } from '../cache/listings.js'
import { BoundCore, notSupported } from './bound-core.js'
import type { Hooks } from './bound-core.js'
import type { ListOptions } from './core.js'
import { isSecretName, keptOptions, missingSecrets, withheld, withoutSecrets } from './descriptor.js'
import type { Descriptor, DescriptorBody, Travel, Withheld } from './descriptor.js'
import { iterate } from './iterate.js'
import { canonical, resolveOptions } from './options.js'
import type { OptionTable, ResolvedCommonOptions } from './options.js'
import { hasMagic } from './paths.js'
import { readWhole } from './read-span.js'
import { inTransaction, transactionOf } from './transaction.js'
import { checkVerbOptions } from './verb-options.js'
import { Verbs } from './verbs.js'
import type { BulkVerb, Capabilities, Chunk, FileInfo, RangeOptions, RangeRead, ReadStrategyName, StagedWriter, UnfinishedUpload, Verb, WriteOptions } from './types.js'

/** Marks instances of every copy of the package: recognition goes by it, never by instanceof. */
const brand = Symbol.for('forkfs.FileSystem.v1')

/** Works across copies of the package and threads; a descriptor that nobody has revived is none. */
export function isFileSystem (value: unknown): value is FileSystem {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[brand] === true
}

/**
 * One store as an async file system. Built by filesystem() or directly; construction never does I/O. An instance belongs to
 * whoever uses it: after resetForFork(), and in another thread (where it arrives through its descriptor), its next use builds
 * fresh clients. Everything but `$forkfs` is private, so that every channel carries the descriptor and nothing else.
 */
export abstract class FileSystem extends Verbs implements AsyncDisposable {
  /** Protocols of the class; the first is the one that URLs and descriptors use. */
  static readonly protocols: readonly string[] = []
  /** The options it takes beside the common ones. Undefined: any are taken (and checked by the class). */
  static readonly options: OptionTable | undefined = undefined
  /** Names of options that its verbs take beside the usual ones: its write hooks get them as they are. Other names are refused. */
  static readonly verbOptions: readonly string[] = []

  /** The one own enumerable property: what crosses a channel. Everything else is #private. */
  declare readonly $forkfs: DescriptorBody
  readonly #options: Readonly<Record<string, unknown>>
  readonly #withheld: Withheld | undefined
  readonly #missing: readonly string[] | undefined
  readonly #fresh: boolean
  readonly #group = new CallGroup()
  #epoch = realm.epoch
  #tokenEpoch = 0
  #token = ''
  #listings: ListingCache | undefined

  constructor (options: object = {}) {
    super()
    const type = new.target as unknown as typeof FileSystem
    const { fresh, ...resolved } = resolveOptions(type.protocols[0] ?? type.name, options as Record<string, unknown>, type.options)
    this.#fresh = fresh === true
    this.#options = Object.freeze(resolved)
    this.#withheld = (options as { [withheld]?: Withheld })[withheld]
    this.#missing = missingSecrets(this.#withheld, type.options)
    this.#listings = this.#newListings()
    Object.defineProperty(this, '$forkfs', { enumerable: true, configurable: true, get: () => this.toJSON().$forkfs })
  }

  static {
    Object.defineProperty(this.prototype, brand, { value: true })
  }

  /** Options with their defaults. Frozen; nested values as they were given. */
  protected get _options (): Readonly<Record<string, unknown>> & ResolvedCommonOptions {
    return this.#options as Readonly<Record<string, unknown>> & ResolvedCommonOptions
  }

  /** What the sender of this instance kept to itself; undefined where nothing was withheld. */
  protected get _withheld (): Withheld | undefined { return this.#withheld }

  get protocol (): string { return (this.constructor as typeof FileSystem).protocols[0] ?? 'unknown' }

  /** Canonical digest of class and options, keyed per realm: equal tokens are the same instance within one owner and epoch. No secret can be read from it. */
  get token (): string {
    if (this.#tokenEpoch !== realm.epoch) {
      const text = `${this.protocol}\n${canonical(this.#options)}\n${canonical(this.#withheld)}\n${this.#fresh ? canonical(this) : ''}`
      this.#token = process.getBuiltinModule('node:crypto').createHmac('sha256', realmSecret()).update(text).digest('hex').slice(0, 32)
      this.#tokenEpoch = realm.epoch
    }
    return this.#token
  }

  /** The owner of the next use. */
  get owner (): OwnerTag { return currentOwner() }

  /** What this store can do: constant for an instance. */
  abstract get capabilities (): Capabilities

  /** Counts of this instance in this owner since it was made. */
  get stats (): Stats { return { requests: 0, retries: 0, bytesIn: 0, bytesOut: 0, sockets: 0 } }

  /** JSON.stringify(fs) calls this too: a string argument is the property's key and is ignored. */
  toJSON (options?: string | { readonly credentials?: boolean | undefined }): Descriptor {
    const { options: travelling, withheld: kept } = this._describe(typeof options === 'object' && options.credentials === true)
    const body: DescriptorBody = kept === undefined ? { v: 1, type: this.protocol, options: travelling } : { v: 1, type: this.protocol, options: travelling, withheld: kept }
    return { $forkfs: body }
  }

  /**
   * What travels: by default every option that is neither secret nor opaque; an opaque one makes the instance stay at home. What the table does not
   * declare, and what lies inside of an option that it does not call `secret: false`, is secret by its name.
   */
  protected _describe (credentials: boolean): Travel {
    const table = (this.constructor as typeof FileSystem).options
    const options: Record<string, unknown> = {}
    const kept: string[] = []
    for (const [name, value] of Object.entries(this.#options)) {
      const spec = table?.[name]
      if (spec?.opaque === true) throw new FsError('FORKFS_UNCLONEABLE', `its \`${name}\` belongs to this thread and can not travel; send the path and build the filesystem there`, { protocol: this.protocol })
      const secret = spec === undefined ? isSecretName(name) : spec.secret === true
      if (secret && !credentials) kept.push(name)
      else if (value instanceof URL) options[name] = value.href
      else options[name] = credentials || spec?.secret === false ? value : withoutSecrets(value, name, kept)
    }
    if (kept.length === 0) return { options, withheld: this.#withheld }
    return { options, withheld: { ...this.#withheld, options: [...new Set([...keptOptions(this.#withheld), ...kept])].sort() } }
  }

  /** A path as this filesystem names it: without protocol and closing slash, absolute where paths are local. No I/O. */
  normalize (path: string): string { return this._normalize(path) }

  /** Whether verbs that take patterns take this path for one: `*`, `?` or `[` is in it, escaped (see escapeGlob) or not. No I/O. */
  isPattern (path: string): boolean { return hasMagic(path) }

  /** The URL of a path: 's3://bucket/key'. */
  url (path: string): string { return `${this.protocol}://${this._normalize(path)}` }

  // ------------------------------------------------------------------------------------------------ one call

  /**
   * Every public verb goes through here: owner, abort, then the work under a scope of its own; operation and path are added
   * to what goes wrong.
   */
  protected override _call<T> (operation: string, path: string | undefined, options: Verb | undefined, work: (core: BoundCore) => Promise<T>, lease?: Lease): Promise<T> {
    if (this.#epoch !== realm.epoch) {
      const refused = this.#adopt(operation, path)
      if (refused !== undefined) return Promise.reject(refused)
    }
    if (this.#missing !== undefined) {
      const what = `the sender of this filesystem kept its ${this.#missing.join(', ')}: build it here with its own, or send toJSON({ credentials: true })`
      return Promise.reject(new FsError('FORKFS_CREDENTIALS', what, { operation, path, protocol: this.protocol }))
    }
    if (options !== undefined) {
      try { this._checkOptions(operation, options) } catch (error) { return Promise.reject(error as Error) }
    }
    const outer = options?.signal
    if (outer !== undefined && typeof (outer as Partial<AbortSignal> | null)?.aborted !== 'boolean') return Promise.reject(new TypeError(`Expected \`signal\` to be an AbortSignal, got (${kindOf(outer)})`))
    if (outer?.aborted === true) return Promise.reject(outer.reason as Error)
    try { lease?.check() } catch (error) { return Promise.reject(error as Error) }
    const scope = new Scope(this.#group, operation, path, outer)
    return scope.run(async () => {
      try {
        const result = await work(new BoundCore(this as unknown as Hooks, scope, transactionOf(this), this.#listings))
        if ((options as BulkVerb | undefined)?.onError === 'return') this.#explainReturned(result, operation)
        return result
      } catch (error) {
        throw this.#explained(error, operation, path)
      }
    })
  }

  protected override _checkOptions (verb: string, options: object): void {
    checkVerbOptions(verb, options, (this.constructor as typeof FileSystem).verbOptions)
  }

  #adopt (operation: string, path: string | undefined): FsError | undefined {
    if (this.#options['onForeignOwner'] === 'throw') {
      return new FsError('FORKFS_FOREIGN_OWNER', 'the instance was made by another owner (resetForFork() came since); call filesystem() again here, or leave onForeignOwner at \'reset\'', { operation, path, protocol: this.protocol })
    }
    this.#epoch = realm.epoch
    this.#listings = this.#newListings()
    return undefined
  }

  #newListings (): ListingCache | undefined {
    const { listings } = this.#options as unknown as ResolvedCommonOptions
    return listings === false ? undefined : new ListingCache(listings)
  }

  #explained (error: unknown, operation: string, path: string | undefined): unknown {
    const known = fromNodeError(error)
    if (known instanceof AggregateError) known.errors = known.errors.map(part => this.#explained(part, operation, undefined))
    if (!isFsError(known)) return known
    const scheme = known.code === 'ENOENT' ? /^([a-z][a-z0-9+.-]*):\/\//i.exec(path ?? '')?.[1] : undefined
    const isForeign = scheme !== undefined && !(this.constructor as typeof FileSystem).protocols.includes(scheme)
    const explained = isForeign ? new FsError('ENOENT', `${known.condition}; the path is a URL: open(), copy() and urlToFs() take those, this is a filesystem of ${this.protocol}`, { ...known, cause: known.cause }) : known
    return withContext(explained, { operation, path, protocol: this.protocol })
  }

  /** Errors among results say as much as those that are thrown. */
  #explainReturned (result: unknown, operation: string): void {
    if (!Array.isArray(result) && !(result instanceof Map)) return
    const results = result as { set (key: unknown, value: unknown): void } | unknown[]
    for (const [key, value] of result.entries() as Iterable<[unknown, unknown]>) {
      if (!(value instanceof Error)) continue
      const explained = this.#explained(value, operation, typeof key === 'string' ? key : undefined)
      if (Array.isArray(results)) results[key as number] = explained
      else results.set(key, explained)
    }
  }

  /** An iterator of which each step is a call. */
  protected override _iterate<T> (operation: string, path: string, options: Verb | undefined, begin: (core: BoundCore) => AsyncIterable<readonly T[]>): AsyncIterableIterator<T> {
    const lease = new Lease(this.#group, path)
    const scope = new Scope(this.#group, operation, path, undefined)
    scope.end() // it only lends its signal: steps are the calls that count
    const outer = options?.signal
    const core = new BoundCore(this as unknown as Hooks, scope, undefined, this.#listings)
    return iterate<T>({
      begin: () => begin(core)[Symbol.asyncIterator](),
      step: work => this._call(operation, path, options, async () => {
        const stop = (): void => { scope.stop(outer?.reason) }
        outer?.addEventListener('abort', stop, { once: true })
        try { return await work() } finally { outer?.removeEventListener('abort', stop) }
      }, lease),
      check: () => {
        lease.check()
        outer?.throwIfAborted()
      },
      end: () => { lease.release() }
    })
  }

  protected override _lease (path: string): Lease { return new Lease(this.#group, path) }

  // ------------------------------------------------------------------------------------------------ life

  /** Writes started by fn (in its own async context; other users of this instance are not affected) are published when it returns and dropped when it throws. */
  transaction<T> (fn: () => Promise<T>): Promise<T> { return inTransaction(this, fn) }

  /**
   * Multipart uploads to paths that begin with `prefix` ('bucket/a'), begun by anybody and not ended: what crashed writers left, and what
   * writers are at now. @throws FsError FORKFS_NOT_SUPPORTED where the store has none, or does not list them
   */
  uploads (prefix: string, options: Verb = {}): AsyncIterableIterator<UnfinishedUpload> {
    return this._iterate('uploads', prefix, options, core => this._uploads(prefix.replace(/^\/+/, ''), core))
  }

  /** End such an upload; one that is gone is no error. Whoever is still writing it fails. */
  abortUpload (path: string, id: string, options: Verb = {}): Promise<void> {
    return this._call('abortUpload', path, options, core => this._abortUpload(this._normalize(path), id, core))
  }

  /** Forget what is kept about a path, what lies above it and below it; without a path, about everything. */
  invalidateCache (path?: string): void {
    const normalized = path === undefined ? undefined : this._normalize(path)
    this.#listings?.invalidate(normalized)
    this._forget(normalized)
  }

  /** resetForFork() for this instance alone: its client, listings and blocks are dropped, its pending work rejects with FORKFS_RESET, the next use starts afresh. */
  reset (): void {
    this.#group.reset()
    this.#listings = this.#newListings()
    this._drop()
  }

  /** Wait for work begun before this call, then release clients. Idempotent. A later use opens them again. */
  async close (): Promise<void> {
    this.#listings?.invalidate() // now for what begins after this call, and below for what that work lists until its end
    await Promise.all(pendingOf(this.#group).map(scope => scope.whenEnded()))
    this.#listings?.invalidate()
    await this._close()
  }

  /** A `fresh` instance closes; a cached one belongs to its cache and stays. */
  async [Symbol.asyncDispose] (): Promise<void> {
    if (this.#fresh) await this.close()
  }

  [Symbol.for('nodejs.util.inspect.custom')] (): string {
    return `${this.constructor.name} { protocol: '${this.protocol}', token: '${this.token.slice(0, 8)}' }`
  }

  // ------------------------------------------------------------------------------------------------ for implementers

  /** The topmost path. */
  protected get _root (): string { return '' }
  protected get _concurrency (): number { return this._options.maxConcurrency }
  /** Reads longer than this are cut into parts and read in parallel, each pinned to one version. 0: one read whatever its length. */
  protected get _partBytes (): number { return 0 }

  /** Unwanted bytes between two ranges that are worth one request less (catRanges). 64 KiB near, 128 KiB for stores far away. */
  protected override get _maxGap (): number { return 64 * 1024 }
  /** How open() caches where the caller does not say. */
  protected override get _readStrategy (): ReadStrategyName { return 'readahead' }

  /** Where relative paths begin now; undefined where there are none. A call asks once, when it begins, and gives it to `_normalize`. */
  protected get _here (): string | undefined { return undefined }

  /** Strip protocol and slashes at the ends. Keys are opaque otherwise. */
  protected override _normalize (path: string, _from?: string): string {
    if (typeof path !== 'string') throw new TypeError(`Expected a path to be a string, got (${kindOf(path)})`)
    for (const protocol of (this.constructor as typeof FileSystem).protocols) {
      if (path.startsWith(`${protocol}://`)) { path = path.slice(protocol.length + 3); break }
    }
    return path.replace(/^\/+|\/+$/g, '')
  }

  protected abstract _info (path: string, options: Verb): Promise<FileInfo>
  /** Pages of one directory, or of a whole tree (see Core for the contract). */
  protected abstract _list (path: string, options: Verb & ListOptions): AsyncIterable<readonly FileInfo[]>
  /** Bytes that exist of [start, end); a negative start comes without an end and counts from the end of the file. */
  protected abstract _readRange (path: string, start: number, end: number | undefined, options: RangeOptions): Promise<RangeRead>

  protected _readAll (path: string, options: RangeOptions): Promise<RangeRead> {
    return readWhole(this as unknown as Hooks, path, options as RangeOptions & { signal: AbortSignal })
  }

  /** The whole file from front to back. Worth an override where files have no sizes or no ranges: get() then holds no file in memory. */
  protected async *_readChunks (path: string, options: RangeOptions): AsyncIterable<Chunk> {
    yield { at: 0, data: (await this._readAll(path, options)).data }
  }

  /** Small files in one go; by default through the staged writer. */
  protected async _write (path: string, data: Uint8Array, options: Verb & WriteOptions): Promise<FileInfo> {
    const writer = await this._openWriter(path, options)
    try {
      options.signal?.throwIfAborted()
      await writer.write(data)
      options.signal?.throwIfAborted() // the last moment at which nothing is published yet
      return await writer.commit()
    } catch (error) {
      await writer.abort(error)
      throw error
    }
  }

  protected _openWriter (_path: string, _options: Verb & WriteOptions): Promise<StagedWriter> { return this.#refuse('writing') }
  protected _delete (_paths: readonly string[], _options: Verb): Promise<void> { return this.#refuse('deleting') }
  protected _copy (_source: string, _target: string, _options: Verb): Promise<void> { return this.#refuse('copying') }
  protected _rename (_source: string, _target: string, _options: Verb): Promise<void> { return this.#refuse('renaming') }
  /** One directory. The parent must be there, where directories are kept; EEXIST where it exists. */
  protected _mkdir (_path: string, _options: Verb): Promise<void> { return this.#refuse('making directories') }
  /** A directory with its parents; no error where it exists. */
  protected _makedirs (_path: string, _options: Verb): Promise<void> { return Promise.resolve() }
  protected _rmdir (_path: string, _options: Verb): Promise<void> { return this.#refuse('removing directories') }
  protected override _sign (_path: string, _options: Verb & { readonly expiresSeconds: number, readonly method: 'GET' | 'PUT' }): Promise<string> { return this.#refuse('signing') }
  /** Pages; the prefix is that of a path, its closing slash included. */
  protected async *_uploads (_prefix: string, _options: Verb): AsyncIterable<readonly UnfinishedUpload[]> { await this.#refuse('listing unfinished uploads') }
  protected _abortUpload (_path: string, _id: string, _options: Verb): Promise<void> { return this.#refuse('aborting uploads') }
  /** Forget what the implementation itself keeps about a path, or about all. */
  protected _forget (_path: string | undefined): void {}
  /** Release clients in good order; a later use opens them again. */
  protected _close (): Promise<void> { return Promise.resolve() }
  /** Destroy clients now: synchronous. */
  protected _drop (): void {}

  #refuse (what: string): Promise<never> { return Promise.reject(notSupported(this.protocol, what)) }
}
