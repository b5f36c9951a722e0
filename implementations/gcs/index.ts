import { FsError } from '../../lib/errors/index.js'
import type { Travel, Withheld } from '../../lib/filesystem/descriptor.js'
import { checkNetwork } from '../../lib/filesystem/network-options.js'
import type { NetworkOptions } from '../../lib/filesystem/network-options.js'
import { ObjectStore } from '../../lib/filesystem/object-store.js'
import { isLoopback } from '../../lib/filesystem/option-values.js'
import { canonical } from '../../lib/filesystem/options.js'
import type { ResolvedCommonOptions } from '../../lib/filesystem/options.js'
import type { Capabilities, Verb } from '../../lib/filesystem/types.js'
import { described } from '../../lib/filesystem/upload-journal.js'
import type { CredentialOffer } from '../../lib/net/credential-offers.js'
import type { AccessToken } from './credentials.js'
import type { GcsEngine } from './engine.js'
import { gcsOptions } from './option-table.js'
import { accountOf } from './identity.js'
import { resolveGcs } from './options.js'
import type { GcsOptions, ResolvedGcsOptions } from './options.js'
import { gcsOffers } from './share.js'

export type { GcsOptions } from './options.js'

/**
 * Google Cloud Storage and servers that speak its JSON API, over our own transport. Paths are 'bucket/object'; names are opaque
 * and reach the store byte for byte. The SDK is imported only for what it alone knows: credentials and signed URLs.
 */
export class GcsFileSystem extends ObjectStore<GcsEngine> {
  static override readonly protocols: readonly string[] = ['gs', 'gcs']
  static override readonly options = gcsOptions
  readonly #settings: ResolvedGcsOptions
  /** Of its key or its file, which is read once: a descriptor stays what it was. */
  #account: string | undefined
  readonly #offer: CredentialOffer<AccessToken> = {
    credentials: async () => (await this._engine()).client.credentials(),
    otherCredentials: async refused => (await this._engine()).client.otherCredentials(refused)
  }

  constructor (options: GcsOptions & Record<string, unknown> = {}) {
    super(options)
    const given = this._options as unknown as GcsOptions
    checkNetwork(given)
    // What a sender settled is not asked of this owner's environment again.
    const settled = this._withheld?.['settled'] === true
    this.#settings = resolveGcs(given, settled ? { GOOGLE_CLOUD_PROJECT: process.env['GOOGLE_CLOUD_PROJECT'] } : process.env)
  }

  protected override async _loadEngine (): Promise<GcsEngine> {
    const { GcsEngine } = await import('./engine.js')
    return new GcsEngine({
      ...this._options as ResolvedCommonOptions & NetworkOptions,
      settings: this.#settings,
      expectedIdentity: this._withheld?.['account'] as string | undefined,
      parentKey: () => offerKey(this._describe(false)),
      describe: () => described(() => this.toJSON(), gcsOptions)
    })
  }

  protected override get _isNear (): boolean { return isLoopback(this.#settings.endpoint) }

  get capabilities (): Capabilities {
    const sign = this.#settings.credentials.kind !== 'anonymous' && this.#settings.credentials.kind !== 'module'
    return { read: true, write: true, append: false, exclusiveCreate: true, rename: true, emptyDirectories: false, sign, ranges: true }
  }

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
    const sent = this._withheld?.['account']
    const account = sent ?? (shared && plan.kind === 'key' ? undefined : this.#account ??= accountOf(plan))
    if (account !== undefined) kept['account'] = account
    const travel: Travel = { options, withheld: kept as Withheld }
    // Whoever got its identity from a sender passes questions on, it does not answer them.
    if (sent === undefined) gcsOffers.offer(offerKey(travel), this.#offer)
    return travel
  }

  /** The CRC32C of the contents, in base64: the same for the same bytes, wherever and whenever they were written. */
  override checksum (path: string, options?: Verb): Promise<string> {
    return this._call('checksum', path, options, async core => {
      const { crc32c, etag } = await core.info(core.normalize(path))
      return typeof crc32c === 'string' ? crc32c : etag ?? ''
    })
  }

  protected override _abortUpload (path: string, id: string, options: Verb): Promise<void> { return this._with(engine => engine.abortUpload(path, id, options)) }
  protected override _rename (source: string, target: string, options: Verb): Promise<void> { return this._with(engine => engine.rename(source, target, options)) }
}

/** By what an instance is found again that was sent to a worker of ours: others of the same store may have other accounts. */
function offerKey ({ options, withheld }: Travel): string {
  return canonical({ options, account: withheld?.['account'] })
}
