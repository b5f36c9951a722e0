import type { NetworkOptions } from '../../lib/filesystem/network-options.js'
import { FsError } from '../../lib/errors/index.js'
import type { ResolvedCommonOptions } from '../../lib/filesystem/options.js'
import { checkIdentity, withoutIdentity } from '../../lib/net/credential-offers.js'
import { NetClient, onlyIfSafe, parentProvider } from '../../lib/net/index.js'
import type { Destination, Failure, NetReply, NetRequest, ReplyHead } from '../../lib/net/index.js'
import { hasParent, realm } from '../../lib/owner/index.js'
import { userAgent } from '../../lib/owner/version.js'
import { Addresses } from './address.js'
import type { Address } from './address.js'
import { credentialSource, S3CredentialSource } from './credentials.js'
import { failureOf, failureOfFields } from './errors.js'
import type { FailureContext, S3Failure } from './errors.js'
import { checkOwnKeys } from './identity.js'
import type { SentIdentity } from './identity.js'
import type { ResolvedS3Options } from './options.js'
import { SdkConfig } from './sdk.js'
import { s3Offers } from './share.js'
import { Clock, Signer } from './sign.js'
import type { Credentials } from './sign.js'
import { ErrorReply } from './xml.js'

/** One S3 operation on the wire. */
export interface S3Request {
  /** As S3 calls it: GetObject. */
  readonly operation: string
  readonly method: NetRequest['method']
  readonly bucket: string
  readonly key?: string | undefined
  /** Canonical (see canonicalQuery). */
  readonly query?: string | undefined
  /** Names and values in turn, without host and what the signature adds. */
  readonly headers?: readonly string[] | undefined
  readonly body?: Uint8Array | undefined
  /** Sending it twice does no harm. @defaultValue true */
  readonly idempotent?: boolean | undefined
  /** 'bucket/key' that is copied from: where that is missing, the failure names it. */
  readonly source?: string | undefined
  /** A create that has to find nothing: a refused precondition is EEXIST. */
  readonly exclusive?: boolean | undefined
  /** What a reply that is no success is worth nevertheless (a 416 tells the size). undefined: it is a failure. */
  readonly pardon?: ((reply: NetReply) => boolean) | undefined
  readonly destination?: ((head: ReplyHead) => Destination) | undefined
  /** Told before each attempt. */
  readonly attempted?: ((attempt: number) => void) | undefined
}

export interface S3ClientOptions extends ResolvedCommonOptions, NetworkOptions {
  readonly settings: ResolvedS3Options
  /** Whose keys the sender of this instance uses; others are refused. */
  readonly sent?: SentIdentity | undefined
  /** How a worker of ours names this instance to its parent. */
  readonly parentKey: () => string
}

/** What one attempt was sent with: a complaint about it is a complaint about these, though others may be at hand by now. `signal`: the call's. */
interface Sent { readonly signal: AbortSignal, credentials?: Credentials | undefined, region?: string, offsetMs?: number }

/** Where the store is. */
interface Place { readonly endpoint: string | undefined, readonly region: string }

/** What belongs to one owner: who we are, where buckets are, what time the store has. */
interface State {
  readonly epoch: number
  readonly source: S3CredentialSource
  readonly sdk: SdkConfig | undefined
  readonly clock: Clock
  /** Buckets that are elsewhere than the options say. */
  readonly regions: Map<string, string>
  readonly addresses: Map<string, Addresses>
  settled: Place | undefined
  signer: { readonly credentials: Credentials, readonly signer: Signer } | undefined
  /** The keys whose identity was looked at last. */
  approved: Credentials | undefined
}

/** Operations of S3 over our own transport: addressed, signed, repaired (region, clock, expired keys), translated. */
export class S3Client {
  readonly net: NetClient
  readonly #options: S3ClientOptions
  #state: State | undefined

  constructor (options: S3ClientOptions) {
    this.#options = options
    this.net = new NetClient({ ...options, protocol: 's3' })
  }

  /** Send a request; `read` turns the reply into what the caller wants (and may find an error in a 200). */
  async call<T> (request: S3Request, signal: AbortSignal, read: (reply: NetReply) => T): Promise<T> {
    let result: { readonly value: T } | undefined
    const path = request.key === undefined || request.key === '' ? request.bucket : `${request.bucket}/${request.key}`
    const writes = request.method === 'PUT' || request.method === 'POST'
    const context: FailureContext = { path, source: request.source, exclusive: request.exclusive, conditional: writes && request.headers?.includes('if-match') === true }
    const sent: Sent = { signal }
    await this.net.send({
      operation: request.operation,
      path,
      idempotent: request.idempotent ?? true,
      build: attempt => {
        request.attempted?.(attempt)
        return this.#build(request, sent)
      },
      judge: reply => {
        const { status, headers, body } = reply
        const refused = (status < 200 || status > 299) && request.pardon?.(reply) !== true
        if (refused) return this.#failure(request, sent, failureOf(status, headers, body, this.#timed(context)))
        try {
          result = { value: read(reply) }
          return undefined
        } catch (error) {
          if (error instanceof ErrorReply) return this.#failure(request, sent, failureOfFields(error.fields, reply.headers, this.#timed(context)))
          if (error instanceof FsError) return { error: onlyIfSafe(error, request.idempotent ?? true) }
          throw error
        }
      },
      destination: request.destination
    }, signal)
    return result!.value
  }

  /** A URL that works without credentials. */
  async presign (request: { readonly method: 'GET' | 'PUT', readonly bucket: string, readonly key: string, readonly expiresSeconds: number, readonly query: string }, signal: AbortSignal): Promise<string> {
    const state = this.#current()
    const settled = state.settled ?? await this.#settle(state)
    const credentials = await this.#credentials(state, signal)
    const address = this.#address(state, settled, request.bucket, request.key)
    if (credentials === undefined) throw new FsError('FORKFS_CREDENTIALS', 'anonymous access has nothing to sign a URL with', { protocol: 's3' })
    const signer = this.#signer(state, credentials, this.#regionOf(state, settled, request.bucket))
    const query = signer.presign(request.method, address.host, address.path, request.query, { expiresIn: request.expiresSeconds })
    return `${address.origin}${address.path}?${query}`
  }

  /** Keys for our own workers; undefined for anonymous access. */
  credentials (): Promise<Credentials | undefined> { return this.#credentials(this.#current()) }

  /** Other keys than these, which the store refused; the same where there are no others. */
  async otherCredentials (refused: string): Promise<Credentials | undefined> {
    const { source } = this.#current()
    const known = await source.get()
    if (known?.accessKeyId === refused) await source.refresh(known)
    return source.get()
  }

  async region (bucket: string): Promise<string> {
    const state = this.#current()
    return this.#regionOf(state, state.settled ?? await this.#settle(state), bucket)
  }

  async close (): Promise<void> {
    this.#forget()
    await this.net.close()
  }

  drop (): void {
    this.#forget()
    this.net.drop()
  }

  #forget (): void {
    this.#state?.sdk?.close()
    this.#state = undefined
  }

  #current (): State {
    if (this.#state === undefined || this.#state.epoch !== realm.epoch) this.#state = this.#create()
    return this.#state
  }

  #create (): State {
    const { settings } = this.#options
    const asksSdk = settings.settings === 'sdk' || settings.credentials.kind === 'sdk'
    const sdk = asksSdk ? new SdkConfig({ profile: settings.profile }) : undefined
    return {
      epoch: realm.epoch,
      source: this.#source(sdk),
      sdk,
      clock: new Clock(),
      regions: new Map(),
      addresses: new Map(),
      settled: settings.settings === 'known' ? { endpoint: settings.endpoint, region: settings.region! } : undefined,
      signer: undefined,
      approved: undefined
    }
  }

  /**
   * What was sent here asks its sender first, where that is this thread or a parent of ours: one resolver for all workers of a
   * node, and keys that did not travel.
   */
  #source (sdk: SdkConfig | undefined): S3CredentialSource {
    const { settings, sent } = this.#options
    const own = credentialSource(settings.credentials, { sdk, approve: found => { checkOwnKeys(sent, settings.credentials, found) } })
    const mayAsk = hasParent() || sent?.accessKeyId !== undefined
    if (!mayAsk || settings.credentials.kind === 'anonymous' || settings.credentials.kind === 'static') return own
    return new S3CredentialSource(parentProvider(refused => s3Offers.ask(this.#options.parentKey(), refused), ({ accessKeyId }) => accessKeyId, own))
  }

  /** Region and endpoint that only the SDK's files tell; remembered for this owner, a failure is not. */
  async #settle (state: State): Promise<Place> {
    const { settings } = this.#options
    const found = await state.sdk!.settings()
    state.settled = { endpoint: settings.endpoint ?? found.endpoint, region: settings.region ?? found.region ?? 'us-east-1' }
    return state.settled
  }

  async #credentials (state: State, signal?: AbortSignal): Promise<Credentials | undefined> {
    const expected = this.#options.sent?.accessKeyId
    const credentials = state.source.peek() ?? await state.source.get(signal).catch((error: unknown) => { throw withoutIdentity('s3', expected, error) })
    // Renewed keys may come from elsewhere than those before them.
    if (credentials === undefined || credentials !== state.approved) checkIdentity('s3', expected, credentials?.accessKeyId ?? 'anonymous')
    state.approved = credentials
    return credentials
  }

  #regionOf (state: State, settled: { readonly region: string }, bucket: string): string {
    return state.regions.get(bucket) ?? settled.region
  }

  #address (state: State, settled: Place, bucket: string, key: string): Address {
    const region = this.#regionOf(state, settled, bucket)
    let addresses = state.addresses.get(region)
    if (addresses === undefined) {
      addresses = new Addresses({ endpoint: settled.endpoint, region, forcePathStyle: this.#options.settings.forcePathStyle })
      state.addresses.set(region, addresses)
    }
    return addresses.at(bucket, key)
  }

  #signer (state: State, credentials: Credentials, region: string): Signer {
    const known = state.signer
    if (known !== undefined && known.credentials === credentials && known.signer.region === region) return known.signer
    const signer = new Signer(credentials, region, state.clock)
    state.signer = { credentials, signer }
    return signer
  }

  /** Synchronous where everything is at hand: the hot path waits for nothing. */
  #build (request: S3Request, sent: Sent): NetRequest | Promise<NetRequest> {
    const state = this.#current()
    const { settled } = state
    const credentials = state.source.peek()
    const ready = settled !== undefined && credentials !== undefined && credentials === state.approved
    return ready ? this.#write(request, sent, state, settled, credentials) : this.#buildLater(request, sent, state)
  }

  async #buildLater (request: S3Request, sent: Sent, state: State): Promise<NetRequest> {
    const settled = state.settled ?? await this.#settle(state)
    return this.#write(request, sent, state, settled, await this.#credentials(state, sent.signal))
  }

  #write (request: S3Request, sent: Sent, state: State, settled: Place, credentials: Credentials | undefined): NetRequest {
    const { method, bucket, key = '', query = '', body } = request
    const region = this.#regionOf(state, settled, bucket)
    sent.credentials = credentials
    sent.region = region
    sent.offsetMs = state.clock.offsetMs
    const { origin, host, path } = this.#address(state, settled, bucket, key)
    const headers = request.headers === undefined ? [] : [...request.headers]
    if (this.#options.settings.requesterPays) headers.push('x-amz-request-payer', 'requester')
    if (credentials !== undefined) this.#signer(state, credentials, region).sign(method, host, path, query, headers)
    // Without it a proxy may compress, and nothing would tell: an object's own Content-Encoding looks the same.
    headers.push('host', host, 'user-agent', userAgent, 'accept-encoding', 'identity')
    return { method, origin, path: query === '' ? path : `${path}?${query}`, headers, body, keepAfterHead: true }
  }

  #timed (context: FailureContext): FailureContext { return { ...context, now: this.#state?.clock.now() } }

  #failure (request: S3Request, sent: Sent, failure: S3Failure): Failure {
    const { error, action } = failure
    const state = this.#state
    const decided = onlyIfSafe(error, request.idempotent ?? true)
    if (action === undefined || state === undefined) return { error: decided }
    const { credentials, region = '', offsetMs = 0, signal } = sent // the next attempt writes over them
    return { error: decided, repair: () => this.#repair(request.bucket, { credentials, region, offsetMs, signal }, failure, state) }
  }

  /** Many requests may be refused for one reason: the first puts it right, the others find that what they used is not used any more. */
  async #repair (bucket: string, sent: Required<Sent>, { action, region, serverTime }: S3Failure, state: State): Promise<boolean> {
    if (action === 'clock') return state.clock.offsetMs !== sent.offsetMs || (serverTime !== undefined && state.clock.adjust(serverTime))
    if (action === 'refresh-credentials') return state.source.refresh(sent.credentials, sent.signal).catch(() => false)
    if (region === undefined || region === sent.region) return false
    state.regions.set(bucket, region)
    return true
  }
}
