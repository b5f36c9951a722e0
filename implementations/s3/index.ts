import { FsError } from '../../lib/errors/index.js'
import type { Travel, Withheld } from '../../lib/filesystem/descriptor.js'
import { checkNetwork } from '../../lib/filesystem/network-options.js'
import type { NetworkOptions } from '../../lib/filesystem/network-options.js'
import { ObjectStore } from '../../lib/filesystem/object-store.js'
import { canonical } from '../../lib/filesystem/options.js'
import type { ResolvedCommonOptions } from '../../lib/filesystem/options.js'
import { isLoopback } from '../../lib/filesystem/option-values.js'
import type { Capabilities, UnfinishedUpload, Verb } from '../../lib/filesystem/types.js'
import type { S3Engine } from './engine.js'
import { receivedIdentity, sentIdentity } from './identity.js'
import type { SentIdentity } from './identity.js'
import { resolveS3 } from './options.js'
import type { ResolvedS3Options, S3Options } from './options.js'
import { s3Options } from './option-table.js'
import { described } from '../../lib/filesystem/upload-journal.js'
import type { CredentialOffer } from '../../lib/net/credential-offers.js'
import { s3Offers } from './share.js'
import type { Credentials } from './sign.js'

export type { S3Options } from './options.js'

/**
 * Amazon S3 and stores that speak its protocol, over our own transport. Paths are 'bucket/key'; the key is opaque and reaches
 * the store byte for byte. The SDK is imported only for what it alone knows: profiles, SSO, roles, instance metadata.
 */
export class S3FileSystem extends ObjectStore<S3Engine> {
  static override readonly protocols: readonly string[] = ['s3']
  static override readonly options = s3Options
  readonly #settings: ResolvedS3Options
  readonly #offer: CredentialOffer<Credentials> = {
    credentials: async () => (await this._engine()).client.credentials(),
    otherCredentials: async refused => (await this._engine()).client.otherCredentials(refused)
  }

  constructor (options: S3Options & Record<string, unknown> = {}) {
    super(options)
    const given = this._options as unknown as S3Options
    checkNetwork(given)
    // What a sender settled is not asked of this owner's environment again.
    const settled = this._withheld?.['settled'] === true
    this.#settings = resolveS3(given, settled ? credentialsOnly(process.env) : process.env)
  }

  protected override async _loadEngine (): Promise<S3Engine> {
    const { S3Engine } = await import('./engine.js')
    return new S3Engine({
      ...this._options as ResolvedCommonOptions & NetworkOptions,
      settings: this.#settings,
      sent: receivedIdentity(this._withheld),
      parentKey: () => offerKey(this._describe(false)),
      describe: () => described(() => this.toJSON(), s3Options)
    })
  }

  protected override get _isNear (): boolean { return isLoopback(this.#settings.endpoint) }

  get capabilities (): Capabilities {
    return { read: true, write: true, append: false, exclusiveCreate: true, rename: false, emptyDirectories: false, sign: true, ranges: true }
  }

  /** Resolved options travel, so that the receiver's environment changes nothing; keys stay at home and are named. */
  protected override _describe (credentials: boolean): Travel {
    const { credentials: _keys, shareCredentials, dispatcher, credentialsModule: _module, ca, transport, ...rest } = this._options as unknown as S3Options & Record<string, unknown>
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
    const sent = receivedIdentity(this._withheld)
    const identity = sent ?? (shared && plan.kind === 'static' ? {} : sentIdentity(plan))
    const kept: Record<string, unknown> = settings === 'known' ? { settled: true } : {}
    for (const [name, value] of Object.entries(identity)) if (value !== undefined) kept[name] = value
    const travel: Travel = { options, withheld: kept as Withheld }
    // Whoever got its identity from a sender passes questions on, it does not answer them.
    if (sent?.accessKeyId === undefined) s3Offers.offer(offerKey(travel), this.#offer)
    return travel
  }

  protected override async *_uploads (prefix: string, options: Verb): AsyncGenerator<readonly UnfinishedUpload[], void, undefined> {
    yield* (await this._engine()).uploads(prefix, options)
  }

  protected override _abortUpload (path: string, id: string, options: Verb): Promise<void> { return this._with(engine => engine.abortUpload(path, id, options)) }
}

/** By what an instance is found again that was sent to a worker of ours: others of the same store may have other keys. */
function offerKey ({ options, withheld }: Travel): string {
  const { accessKeyId, keys } = (withheld ?? {}) as SentIdentity
  return canonical({ options, accessKeyId, keys })
}

/** The environment without what says where the store is. */
function credentialsOnly (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { AWS_ENDPOINT_URL: _e, AWS_ENDPOINT_URL_S3: _s, AWS_REGION: _r, AWS_DEFAULT_REGION: _d, ...rest } = env
  return rest
}
