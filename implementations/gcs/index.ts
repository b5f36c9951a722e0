import { FsError } from '../../lib/errors/index.js'
import type { ListOptions } from '../../lib/filesystem/core.js'
import type { Travel, Withheld } from '../../lib/filesystem/descriptor.js'
import { FileSystem } from '../../lib/filesystem/filesystem.js'
import { isLoopback } from '../../lib/filesystem/option-values.js'
import { canonical } from '../../lib/filesystem/options.js'
import type { Stats } from '../../lib/filesystem/stats.js'
import type { Capabilities, FileInfo, RangeOptions, RangeRead, StagedWriter, Verb, WriteOptions } from '../../lib/filesystem/types.js'
import type { CredentialOffer } from '../../lib/net/credential-offers.js'
import type { AccessToken } from './credentials.js'
import type { GcsEngine } from './engine.js'
import { gcsOptions } from './option-table.js'
import { identityOf, resolveGcs } from './options.js'
import type { GcsOptions, ResolvedGcsOptions } from './options.js'
import { gcsOffers } from './share.js'

export type { GcsOptions } from './options.js'

/** Bytes of a part that is read. */
const DEFAULT_PART = 8 * 1024 * 1024

/**
 * Google Cloud Storage and servers that speak its JSON API, over our own transport. Paths are 'bucket/object'; names are opaque
 * and reach the store byte for byte. The SDK is imported only for what it alone knows: credentials and signed URLs.
 */
export class GcsFileSystem extends FileSystem {
  static override readonly protocols: readonly string[] = ['gs', 'gcs']
  static override readonly options = gcsOptions
  readonly #settings: ResolvedGcsOptions
  /** What talks to the store: loaded with the first call. */
  #engine: GcsEngine | undefined
  #loading: Promise<GcsEngine> | undefined
  readonly #offer: CredentialOffer<AccessToken> = {
    credentials: async () => (await this.#load()).client.credentials(),
    otherCredentials: async refused => (await this.#load()).client.otherCredentials(refused)
  }

  constructor (options: GcsOptions & Record<string, unknown> = {}) {
    super(options)
    const given = this._options as unknown as GcsOptions
    if (given.transport === 'direct') throw new FsError('FORKFS_NOT_SUPPORTED', 'the direct transport does not exist yet; leave `transport` at \'auto\'', { protocol: 'gs' })
    // What a sender settled is not asked of this owner's environment again.
    const settled = this._withheld?.['settled'] === true
    this.#settings = resolveGcs(given, settled ? { GOOGLE_CLOUD_PROJECT: process.env['GOOGLE_CLOUD_PROJECT'] } : process.env)
  }

  #load (): Promise<GcsEngine> {
    this.#loading ??= import('./engine.js').then(({ GcsEngine }) => {
      const { ca, dispatcher } = this._options as unknown as GcsOptions
      this.#engine = new GcsEngine({
        ...this._options,
        ca,
        dispatcher,
        settings: this.#settings,
        expectedIdentity: this._withheld?.['account'] as string | undefined,
        parentKey: () => canonical(this._describe(false).options)
      })
      return this.#engine
    })
    return this.#loading
  }

  /** Without a detour once it is loaded: this is the hot path. */
  #with<T> (work: (engine: GcsEngine) => Promise<T>): Promise<T> {
    return this.#engine === undefined ? this.#load().then(work) : work(this.#engine)
  }

  get capabilities (): Capabilities {
    const sign = this.#settings.credentials.kind !== 'anonymous' && this.#settings.credentials.kind !== 'module'
    return { read: true, write: true, append: false, exclusiveCreate: true, rename: true, emptyDirectories: false, sign, ranges: true }
  }

  override get stats (): Stats { return this.#engine?.client.net.stats ?? super.stats }

  /** Resolved options travel, so that the receiver's environment changes nothing; keys and tokens stay at home, the account is named. */
  protected override _describe (credentials: boolean): Travel {
    const given = this._options as unknown as GcsOptions & Record<string, unknown>
    const { credentials: _key, shareCredentials, dispatcher, credentialsModule: _module, ca, transport, ...rest } = given
    if (dispatcher !== undefined) throw new FsError('FORKFS_UNCLONEABLE', 'its `dispatcher` belongs to this thread and can not travel; build the filesystem there', { protocol: 'gs' })
    const { endpoint, custom, universeDomain, projectId, credentials: plan } = this.#settings
    const apiEndpoint = custom || rest['apiEndpoint'] !== undefined ? endpoint : undefined
    const options: Record<string, unknown> = { ...rest, apiEndpoint, universeDomain, projectId, ca, transport }
    if (plan.kind === 'module') options['credentialsModule'] = plan.module
    if (plan.kind === 'file') options['keyFilename'] = plan.keyFilename
    if (plan.kind === 'anonymous' && given.credentials !== undefined) options['credentials'] = 'anonymous'
    const shared = credentials || shareCredentials === true
    if (shared && plan.kind === 'key') options['credentials'] = { ...plan.key }
    if (shareCredentials === true) options['shareCredentials'] = true
    for (const name of Object.keys(options)) if (options[name] === undefined) delete options[name]
    const kept: Record<string, unknown> = { settled: true }
    const account = this._withheld?.['account'] ?? identityOf(plan)
    if (account !== undefined && !(shared && plan.kind === 'key')) kept['account'] = account
    // Whoever got its identity from a sender passes questions on, it does not answer them.
    if (this._withheld?.['account'] === undefined) gcsOffers.offer(canonical(options), this.#offer)
    return { options, withheld: kept as Withheld }
  }

  protected override get _partBytes (): number { return DEFAULT_PART }
  protected override get _maxGap (): number { return isLoopback(this.#settings.endpoint) ? 64 * 1024 : 128 * 1024 }

  /** The CRC32C of the contents, in base64: the same for the same bytes, wherever and whenever they were written. */
  override checksum (path: string, options?: Verb): Promise<string> {
    return this._call('checksum', path, options, async core => {
      const { crc32c, etag } = await core.info(core.normalize(path))
      return typeof crc32c === 'string' ? crc32c : etag ?? ''
    })
  }

  override invalidateCache (path?: string): void { this.#engine?.forget(path === undefined ? undefined : this._normalize(path)) }

  protected override _info (path: string, options: Verb): Promise<FileInfo> { return this.#with(engine => engine.info(path, options)) }

  protected override async *_list (path: string, options: Verb & ListOptions): AsyncGenerator<readonly FileInfo[], void, undefined> {
    yield* (this.#engine ?? await this.#load()).list(path, options)
  }

  protected override _readRange (path: string, start: number, end: number | undefined, options: RangeOptions): Promise<RangeRead> {
    return this.#with(engine => engine.readRange(path, start, end, options))
  }

  protected override _readAll (path: string, options: RangeOptions): Promise<RangeRead> { return this.#with(engine => engine.readAll(path, options)) }

  protected override _write (path: string, data: Uint8Array, options: Verb & WriteOptions): Promise<FileInfo> {
    return this.#with(engine => engine.write(path, data, options))
  }

  protected override _openWriter (path: string, options: Verb & WriteOptions): Promise<StagedWriter> { return this.#with(engine => engine.openWriter(path, options)) }
  protected override _delete (paths: readonly string[], options: Verb): Promise<void> { return this.#with(engine => engine.delete(paths, options)) }
  protected override _copy (source: string, target: string, options: Verb): Promise<void> { return this.#with(engine => engine.copy(source, target, options)) }
  protected override _rename (source: string, target: string, options: Verb): Promise<void> { return this.#with(engine => engine.rename(source, target, options)) }
  protected override _mkdir (path: string, options: Verb): Promise<void> { return this.#with(engine => engine.mkdir(path, options)) }
  protected override _makedirs (path: string, options: Verb): Promise<void> { return this.#with(engine => engine.makedirs(path, options)) }
  protected override _rmdir (path: string, options: Verb): Promise<void> { return this.#with(engine => engine.rmdir(path, options)) }

  protected override _sign (path: string, options: Verb & { readonly expiresSeconds: number, readonly method: 'GET' | 'PUT' }): Promise<string> {
    return this.#with(engine => engine.sign(path, options))
  }

  protected override async _close (): Promise<void> { await this.#engine?.close() }
  protected override _drop (): void { this.#engine?.drop() }
}
