import { FsError } from '../../lib/errors/index.js'
import type { ListOptions } from '../../lib/filesystem/core.js'
import type { Travel, Withheld } from '../../lib/filesystem/descriptor.js'
import { FileSystem } from '../../lib/filesystem/filesystem.js'
import { canonical } from '../../lib/filesystem/options.js'
import { isLoopback } from '../../lib/filesystem/option-values.js'
import type { Stats } from '../../lib/filesystem/stats.js'
import type { Capabilities, FileInfo, RangeOptions, RangeRead, StagedWriter, UnfinishedUpload, Verb, WriteOptions } from '../../lib/filesystem/types.js'
import type { S3Engine } from './engine.js'
import { identityOf, resolveS3 } from './options.js'
import type { ResolvedS3Options, S3Options } from './options.js'
import { s3Options } from './option-table.js'
import { described } from '../../lib/filesystem/upload-journal.js'
import type { CredentialOffer } from '../../lib/net/credential-offers.js'
import { s3Offers } from './share.js'
import type { Credentials } from './sign.js'

export type { S3Options } from './options.js'

/** Bytes of a part, up and down. */
const DEFAULT_PART = 8 * 1024 * 1024

/**
 * Amazon S3 and stores that speak its protocol, over our own transport. Paths are 'bucket/key'; the key is opaque and reaches
 * the store byte for byte. The SDK is imported only for what it alone knows: profiles, SSO, roles, instance metadata.
 */
export class S3FileSystem extends FileSystem {
  static override readonly protocols: readonly string[] = ['s3']
  static override readonly options = s3Options
  readonly #settings: ResolvedS3Options
  /** What talks to the store: loaded with the first call. */
  #engine: S3Engine | undefined
  #loading: Promise<S3Engine> | undefined
  readonly #offer: CredentialOffer<Credentials> = {
    credentials: async () => (await this.#load()).client.credentials(),
    otherCredentials: async refused => (await this.#load()).client.otherCredentials(refused)
  }

  constructor (options: S3Options & Record<string, unknown> = {}) {
    super(options)
    const given = this._options as unknown as S3Options
    if (given.transport === 'direct') throw new FsError('FORKFS_NOT_SUPPORTED', 'the direct transport does not exist yet; leave `transport` at \'auto\'', { protocol: 's3' })
    // What a sender settled is not asked of this owner's environment again.
    const settled = this._withheld?.['settled'] === true
    this.#settings = resolveS3(given, settled ? credentialsOnly(process.env) : process.env)
  }

  #load (): Promise<S3Engine> {
    this.#loading ??= import('./engine.js').then(({ S3Engine }) => {
      const { ca, dispatcher } = this._options as unknown as S3Options
      this.#engine = new S3Engine({
        ...this._options,
        ca,
        dispatcher,
        settings: this.#settings,
        expectedIdentity: this._withheld?.['accessKeyId'] as string | undefined,
        parentKey: () => canonical(this._describe(false).options),
        describe: () => described(() => this.toJSON(), s3Options)
      })
      return this.#engine
    })
    return this.#loading
  }

  /** Without a detour once it is loaded: this is the hot path. */
  #with<T> (work: (engine: S3Engine) => Promise<T>): Promise<T> {
    return this.#engine === undefined ? this.#load().then(work) : work(this.#engine)
  }

  get capabilities (): Capabilities {
    return { read: true, write: true, append: false, exclusiveCreate: true, rename: false, emptyDirectories: false, sign: true, ranges: true }
  }

  override get stats (): Stats { return this.#engine?.client.net.stats ?? super.stats }

  /** Resolved options travel, so that the receiver's environment changes nothing; keys stay at home and are named. */
  protected override _describe (credentials: boolean): Travel {
    const { credentials: given, shareCredentials, dispatcher, credentialsModule: _module, ca, transport, ...rest } = this._options as unknown as S3Options & Record<string, unknown>
    if (dispatcher !== undefined) throw new FsError('FORKFS_UNCLONEABLE', 'its `dispatcher` belongs to this thread and can not travel; build the filesystem there', { protocol: 's3' })
    const { endpoint, region, forcePathStyle, profile, credentials: plan, settings } = this.#settings
    const options: Record<string, unknown> = { ...rest, endpoint, forcePathStyle, profile, ca, transport }
    options['region'] = this.#settings.regionAssumed ? undefined : region
    if (plan.kind === 'module') options['credentialsModule'] = plan.module
    if (plan.kind === 'anonymous') options['credentials'] = 'anonymous'
    const shared = credentials || shareCredentials === true
    if (shared && plan.kind === 'static') options['credentials'] = { ...plan.credentials }
    if (shareCredentials === true) options['shareCredentials'] = true
    for (const name of Object.keys(options)) if (options[name] === undefined) delete options[name]
    const kept: Record<string, unknown> = settings === 'known' ? { settled: true } : {}
    const identity = this._withheld?.['accessKeyId'] ?? (temporary(given) ? undefined : identityOf(plan))
    if (identity !== undefined && identity !== 'anonymous' && !(shared && plan.kind === 'static')) kept['accessKeyId'] = identity
    // Whoever got its identity from a sender passes questions on, it does not answer them.
    if (this._withheld?.['accessKeyId'] === undefined) s3Offers.offer(canonical(options), this.#offer)
    return { options, withheld: kept as Withheld }
  }

  protected override get _partBytes (): number { return DEFAULT_PART }
  protected override get _maxGap (): number { return isLoopback(this.#settings.endpoint) ? 64 * 1024 : 128 * 1024 }

  override invalidateCache (path?: string): void {
    super.invalidateCache(path)
    this.#engine?.forget(path === undefined ? undefined : this._normalize(path))
  }

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
  protected override async *_uploads (prefix: string, options: Verb): AsyncGenerator<readonly UnfinishedUpload[], void, undefined> {
    yield* (this.#engine ?? await this.#load()).uploads(prefix, options)
  }

  protected override _abortUpload (path: string, id: string, options: Verb): Promise<void> { return this.#with(engine => engine.abortUpload(path, id, options)) }
  protected override _delete (paths: readonly string[], options: Verb): Promise<void> { return this.#with(engine => engine.delete(paths, options)) }
  protected override _copy (source: string, target: string, options: Verb): Promise<void> { return this.#with(engine => engine.copy(source, target, options)) }
  protected override _mkdir (path: string, options: Verb): Promise<void> { return this.#with(engine => engine.mkdir(path, options)) }
  protected override _makedirs (path: string, options: Verb): Promise<void> { return this.#with(engine => engine.makedirs(path, options)) }
  protected override _rmdir (path: string, options: Verb): Promise<void> { return this.#with(engine => engine.rmdir(path, options)) }

  protected override _sign (path: string, options: Verb & { readonly expiresSeconds: number, readonly method: 'GET' | 'PUT' }): Promise<string> {
    return this.#with(engine => engine.sign(path, options))
  }

  protected override async _close (): Promise<void> { await this.#engine?.close() }
  protected override _drop (): void { this.#engine?.drop() }
}

/** Temporary keys change with every resolution: their name tells no identity. */
function temporary (credentials: S3Options['credentials']): boolean {
  if (typeof credentials === 'object') return credentials.sessionToken !== undefined
  return process.env['AWS_SESSION_TOKEN'] !== undefined && process.env['AWS_SESSION_TOKEN'] !== ''
}

/** The environment without what says where the store is. */
function credentialsOnly (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { AWS_ENDPOINT_URL: _e, AWS_ENDPOINT_URL_S3: _s, AWS_REGION: _r, AWS_DEFAULT_REGION: _d, ...rest } = env
  return rest
}
