/** Where tokens come from: a plan of `resolveGcs` as a source that renews them. */
import { FsError, isFsError } from '../../lib/errors/fs-error.js'
import { CredentialSource, moduleProvider } from '../../lib/net/credential-source.js'
import type { CredentialKind, CredentialProvider, CredentialSourceOptions } from '../../lib/net/credential-source.js'
import type { CredentialPlan, ResolvedGcsOptions } from './options.js'
import { loadAuth } from './peer.js'
import type { AuthClient, GoogleAuth } from './peer.js'

/** An OAuth 2 access token, or a self-signed JWT that is worth one. */
export interface AccessToken {
  readonly token: string
  readonly expiration?: Date | undefined
  /** The account, where it is known: of service accounts their address. */
  readonly identity?: string | undefined
}

/** Google's metadata server gives the same token until four minutes before it expires. */
export const RENEW_BEFORE_MS = 240_000

/** Reading and writing, without the right to change who may. */
const scope = 'https://www.googleapis.com/auth/devstorage.read_write'

const kind: CredentialKind<AccessToken> = {
  protocol: 'gs',
  renewBeforeMs: RENEW_BEFORE_MS,
  advice: 'looked for GOOGLE_APPLICATION_CREDENTIALS, the file of `gcloud auth application-default login`, and a metadata server: give `credentials` or `keyFilename`, ' +
    'or read public data with `credentials: \'anonymous\'`',
  check,
  same: (a, b) => a.token === b.token
}

export class GcsCredentialSource extends CredentialSource<AccessToken> {
  constructor (provide: CredentialProvider<AccessToken>, options: CredentialSourceOptions<AccessToken> = {}) { super(kind, provide, options) }
}

/** The library's client for one plan; remade when a new token is wanted at all costs, because it keeps tokens itself. */
export class GoogleCredentials {
  readonly #plan: CredentialPlan
  readonly #universeDomain: string
  readonly #endpoint: string
  #auth: GoogleAuth | undefined

  constructor ({ credentials, universeDomain, endpoint }: ResolvedGcsOptions) {
    this.#plan = credentials
    this.#universeDomain = universeDomain
    this.#endpoint = endpoint
  }

  async token (force: boolean): Promise<AccessToken> {
    if (force) this.#auth = undefined
    const client = await this.#open().getClient()
    if ('useJWTAccessWithScope' in client || client.email !== undefined) client.useJWTAccessWithScope = true // a service account signs for itself: no request
    const headers = await client.getRequestHeaders(`${this.#endpoint}/`)
    const header = headers['Authorization'] ?? headers['authorization'] ?? ''
    const token = header.replace(/^Bearer /i, '')
    return { token, expiration: expirationOf(client, token), identity: client.email }
  }

  projectId (): Promise<string> { return this.#open().getProjectId() }

  /** How the SDK is told of them. */
  get options (): { credentials?: object, keyFilename?: string, universeDomain: string } {
    const shared = { universeDomain: this.#universeDomain }
    if (this.#plan.kind === 'key') return { ...shared, credentials: this.#plan.key }
    return this.#plan.kind === 'file' ? { ...shared, keyFilename: this.#plan.keyFilename } : shared
  }

  #open (): GoogleAuth {
    this.#auth ??= new (loadAuth())({ scopes: [scope], ...this.options })
    return this.#auth
  }
}

/** The source for a plan. Does nothing before its first `get()`. */
export function credentialSource (settings: ResolvedGcsOptions, google: GoogleCredentials, options: CredentialSourceOptions<AccessToken> = {}): GcsCredentialSource {
  const { credentials: plan, authorized } = settings
  if (!authorized) return new GcsCredentialSource(() => undefined, options)
  if (plan.kind === 'module') return new GcsCredentialSource(moduleProvider('gs', plan.module), options)
  return new GcsCredentialSource(async force => {
    try {
      return await google.token(force)
    } catch (error) {
      if (isFsError(error)) throw error
      // Parsers of keys and files quote what they could not read.
      const cause = withoutSecrets(error)
      const file = plan.kind === 'file' ? plan.keyFilename : process.env['GOOGLE_APPLICATION_CREDENTIALS']
      if (plan.kind === 'key') throw new FsError('FORKFS_CREDENTIALS', 'the key in `credentials` gives no token', { protocol: 'gs', cause })
      if (file === undefined || file === '') throw cause
      throw new FsError('FORKFS_CREDENTIALS', `the file of ${plan.kind === 'file' ? '`keyFilename`' : 'GOOGLE_APPLICATION_CREDENTIALS'} gives no token`, { protocol: 'gs', path: file, cause, retry: isPassing(error) ? 'may' : 'never' })
    }
  }, options)
}

/** The time in the token itself, where it is a JWT, else what the client was told with it. */
function expirationOf ({ credentials }: AuthClient, token: string): Date | undefined {
  const told = credentials?.expiry_date
  const parts = token.split('.')
  if (parts.length === 3) {
    try {
      const { exp } = JSON.parse(Buffer.from(parts[1]!, 'base64url').toString()) as { readonly exp?: unknown }
      if (typeof exp === 'number') return new Date(exp * 1000)
    } catch { /* an opaque token */ }
  }
  return typeof told === 'number' ? new Date(told) : undefined
}

/** Whoever gives tokens could not be reached, or failed: the same file may give one the next time. */
function isPassing (error: unknown): boolean {
  const { code, status } = (typeof error === 'object' && error !== null ? error : {}) as { readonly code?: unknown, readonly status?: unknown }
  return /^E(?:CONN|NOTFOUND|AI_AGAIN|TIMEDOUT|PIPE|HOST|NET)|^(?:408|429|5\d\d)$/.test(String(code)) || (typeof status === 'number' && (status >= 500 || status === 429))
}

function withoutSecrets (error: unknown): Error {
  if (!(error instanceof Error)) return new Error('no token')
  const { code } = error as { code?: unknown }
  return new Error(typeof code === 'string' ? code : error.name)
}

/** What a provider gave, reduced to what is needed. @throws FsError FORKFS_CREDENTIALS where it is no token */
function check (value: AccessToken): AccessToken {
  const { token, expiration, identity } = (typeof value === 'object' && value !== null ? value : {}) as Partial<AccessToken>
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) throw new FsError('FORKFS_CREDENTIALS', 'the credential provider did not give a token', { protocol: 'gs' })
  const expires = expiration === undefined || expiration === null ? undefined : new Date(expiration)
  if (expires !== undefined && Number.isNaN(expires.getTime())) throw new FsError('FORKFS_CREDENTIALS', 'the credential provider gave an expiration that is no date', { protocol: 'gs' })
  return Object.freeze({ token, ...(expires === undefined ? {} : { expiration: expires }), ...(typeof identity === 'string' ? { identity } : {}) })
}
