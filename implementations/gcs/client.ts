import type { NetworkOptions } from '../../lib/filesystem/network-options.js'
import { FsError } from '../../lib/errors/index.js'
import type { ResolvedCommonOptions } from '../../lib/filesystem/options.js'
import { checkIdentity, withoutIdentity } from '../../lib/net/credential-offers.js'
import { NetClient, onlyIfSafe, parentProvider } from '../../lib/net/index.js'
import type { Destination, Failure, NetReply, NetRequest, ReplyHead, RequestBody, RetryPolicy } from '../../lib/net/index.js'
import { hasParent, realm } from '../../lib/owner/index.js'
import { userAgent, version } from '../../lib/owner/version.js'
import { credentialSource, GcsCredentialSource, GoogleCredentials } from './credentials.js'
import type { AccessToken } from './credentials.js'
import { failureOf } from './errors.js'
import type { FailureContext } from './errors.js'
import type { ResolvedGcsOptions } from './options.js'
import { gcsOffers } from './share.js'

/** One operation on the wire. */
export interface GcsRequest extends Pick<FailureContext, 'exclusive' | 'pinned' | 'removesBucket'> {
  /** As the JSON API calls it: objects.get. */
  readonly operation: string
  readonly method: NetRequest['method']
  /** For errors and traces: bucket/object. */
  readonly path: string
  /** Path of the request, encoded. */
  readonly target: string
  /** Encoded, without the question mark. */
  readonly query?: string | undefined
  /** Another origin than the endpoint's: of an upload session. */
  readonly origin?: string | undefined
  /** Names and values in turn. */
  readonly headers?: readonly string[] | undefined
  readonly body?: RequestBody | undefined
  /** Sending it twice does no harm. @defaultValue true */
  readonly idempotent?: boolean | undefined
  /** What a reply that is no success is worth nevertheless (a 416 tells the size). undefined: it is a failure. */
  readonly pardon?: ((reply: NetReply) => boolean) | undefined
  readonly destination?: ((head: ReplyHead) => Destination) | undefined
  /** Told before each attempt. */
  readonly attempted?: ((attempt: number) => void) | undefined
}

export interface GcsClientOptions extends ResolvedCommonOptions, NetworkOptions {
  readonly settings: ResolvedGcsOptions
  /** The account of whoever sent this instance here; another one is refused. */
  readonly expectedIdentity?: string | undefined
  /** How a worker of ours names this instance to its parent. */
  readonly parentKey: () => string
}

/** What one attempt was sent with. `signal`: the call's. */
interface Sent { readonly signal: AbortSignal, token?: AccessToken | undefined }

/** What belongs to one owner. */
interface State {
  readonly epoch: number
  readonly source: GcsCredentialSource
  readonly google: GoogleCredentials
  /** What this store turned out not to have. */
  readonly lacks: Set<'moveTo' | 'batch'>
  /** The token whose account was looked at last. */
  approved: AccessToken | undefined
  projectId: Promise<string> | undefined
}

/** A write of one object that is refused for its rate is worth waiting for: a store takes one of an object each second. */
const objectRateMs = 1000

/** Operations of the JSON API over our own transport: authorized, repaired (expired tokens), translated. */
export class GcsClient {
  readonly net: NetClient
  readonly settings: ResolvedGcsOptions
  readonly retry: RetryPolicy
  readonly #options: GcsClientOptions
  readonly #userProject: string
  #state: State | undefined

  constructor (options: GcsClientOptions) {
    this.#options = options
    this.settings = options.settings
    this.retry = options.retry
    const { userProject } = options.settings
    this.#userProject = userProject === undefined ? '' : `userProject=${encodeURIComponent(userProject)}`
    this.net = new NetClient({ ...options, protocol: 'gs' })
  }

  /** Send a request; `read` turns the reply into what the caller wants. */
  async call<T> (request: GcsRequest, signal: AbortSignal, read: (reply: NetReply) => T): Promise<T> {
    let result: { readonly value: T } | undefined
    const { operation, path, idempotent = true } = request
    const invocation = request.method === 'GET' ? undefined : crypto.randomUUID()
    const sent: Sent = { signal }
    await this.net.send({
      operation,
      path,
      idempotent,
      build: attempt => {
        request.attempted?.(attempt)
        return this.#build(request, sent, invocation)
      },
      judge: reply => {
        const { status } = reply
        if ((status < 200 || status > 299) && request.pardon?.(reply) !== true) return this.#failure(request, sent, reply)
        try {
          result = { value: read(reply) }
          return undefined
        } catch (error) {
          if (error instanceof FsError) return { error: onlyIfSafe(error, idempotent) }
          throw error
        }
      },
      destination: request.destination
    }, signal)
    return result!.value
  }

  /** The query that goes with every request. */
  withProject (query: string): string {
    return this.#userProject === '' ? query : query === '' ? this.#userProject : `${query}&${this.#userProject}`
  }

  /** A token for our own workers; undefined for anonymous access. */
  credentials (): Promise<AccessToken | undefined> { return this.#token(this.#current()) }

  /** Another token than this one, which the store refused; the same where there is no other. */
  async otherCredentials (refused: string): Promise<AccessToken | undefined> {
    const { source } = this.#current()
    const known = await source.get()
    if (known?.token === refused) await source.refresh(known)
    return source.get()
  }

  /** How the SDK is told of the credentials that sign URLs. @throws FsError FORKFS_CREDENTIALS where the sender of this instance is somebody else */
  async signer (): Promise<GoogleCredentials['options']> {
    const { google } = this.#current()
    const { expectedIdentity } = this.#options
    if (expectedIdentity !== undefined) checkIdentity('gs', expectedIdentity, (await google.token(false)).identity ?? 'of an unnamed account')
    return google.options
  }

  /** What the store turned out not to have: asked once per owner. */
  get lacks (): Set<'moveTo' | 'batch'> { return this.#current().lacks }

  /** The project of bucket administration; undefined where an emulator may do without. @throws FsError FORKFS_CONFIG where nobody names one */
  async projectId (): Promise<string | undefined> {
    const { projectId, authorized, credentials, custom } = this.settings
    if (projectId !== undefined) return projectId
    const state = this.#current()
    if (authorized && credentials.kind !== 'module') {
      state.projectId ??= state.google.projectId()
      const found = await state.projectId.catch(() => undefined)
      if (found !== undefined) return found
      state.projectId = undefined
    }
    if (custom) return undefined
    throw new FsError('FORKFS_CONFIG', 'buckets are listed and made for a project: set `projectId` or GOOGLE_CLOUD_PROJECT', { protocol: 'gs' })
  }

  async close (): Promise<void> {
    this.#state = undefined
    await this.net.close()
  }

  drop (): void {
    this.#state = undefined
    this.net.drop()
  }

  #current (): State {
    if (this.#state === undefined || this.#state.epoch !== realm.epoch) {
      const google = new GoogleCredentials(this.settings)
      this.#state = { epoch: realm.epoch, source: this.#source(google), google, lacks: new Set(), approved: undefined, projectId: undefined }
    }
    return this.#state
  }

  /** What was sent here asks its sender first, where that is this thread or a parent of ours: one resolver for all workers of a node. */
  #source (google: GoogleCredentials): GcsCredentialSource {
    const own = credentialSource(this.settings, google)
    const mayAsk = hasParent() || this.#options.expectedIdentity !== undefined
    if (!mayAsk || !this.settings.authorized || this.settings.credentials.kind === 'key') return own
    return new GcsCredentialSource(parentProvider(refused => gcsOffers.ask(this.#options.parentKey(), refused), ({ token }) => token, own))
  }

  async #token (state: State, signal?: AbortSignal): Promise<AccessToken | undefined> {
    const { expectedIdentity } = this.#options
    const token = state.source.peek() ?? await state.source.get(signal).catch((error: unknown) => { throw withoutIdentity('gs', expectedIdentity, error) })
    // A renewed token may come from elsewhere than the one before it.
    if (this.settings.authorized && (token === undefined || token !== state.approved)) checkIdentity('gs', expectedIdentity, token?.identity ?? 'of an unnamed account')
    state.approved = token
    return token
  }

  /** Synchronous where everything is at hand: the hot path waits for nothing. */
  #build (request: GcsRequest, sent: Sent, invocation: string | undefined): NetRequest | Promise<NetRequest> {
    if (!this.settings.authorized) return this.#write(request, undefined, invocation)
    const state = this.#current()
    const token = state.source.peek()
    if (token === undefined || token !== state.approved) return this.#token(state, sent.signal).then(found => this.#write(request, sent.token = found, invocation))
    return this.#write(request, sent.token = token, invocation)
  }

  #write (request: GcsRequest, token: AccessToken | undefined, invocation: string | undefined): NetRequest {
    const { method, target, query = '', body, origin = this.settings.endpoint } = request
    const headers = request.headers === undefined ? [] : [...request.headers]
    if (token !== undefined) headers.push('authorization', `Bearer ${token.token}`)
    headers.push('user-agent', userAgent, 'x-goog-api-client', invocation === undefined ? apiClient : `${apiClient} gccl-invocation-id/${invocation}`)
    if (invocation !== undefined) headers.push('x-goog-gcs-idempotency-token', invocation)
    const whole = request.origin === undefined ? this.withProject(query) : query
    return { method, origin, path: whole === '' ? target : `${target}?${whole}`, headers, body }
  }

  #failure (request: GcsRequest, { token, signal }: Sent, { status, headers, body }: NetReply): Failure {
    const { exclusive, pinned, removesBucket, path, method, idempotent = true } = request
    const { error, refresh } = failureOf(status, headers, body, { path, exclusive, pinned, removesBucket, unauthorized: token === undefined })
    const decided = onlyIfSafe(error, idempotent)
    if (refresh && token !== undefined) {
      const { source } = this.#current()
      return { error: decided, repair: () => source.refresh(token, signal).catch(() => false) }
    }
    const crowded = error.code === 'FORKFS_RATE_LIMITED' && method !== 'GET' && headers['retry-after'] === undefined
    return crowded ? { error: decided, retryAfterMs: objectRateMs * (0.5 + Math.random()) } : { error: decided }
  }
}

const apiClient = `gl-node/${process.versions.node} gccl/${version}`
