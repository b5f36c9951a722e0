/**
 * Where keys come from, for one owner: resolved once for all who ask at the same time, again five minutes before they expire
 * (as the AWS SDK does), and once more after the store has refused them. No timer runs in the background; a failure is told to
 * those who wait and forgotten. Create a new source for each epoch.
 */
import { FsError, isFsError } from '../../lib/errors/fs-error.js'
import { environmentCredentials } from './options.js'
import type { CredentialPlan, Environment } from './options.js'
import { SdkConfig } from './sdk.js'
import type { Credentials } from './sign.js'

/** Keys are renewed when this much of their life is left, as the AWS SDK does. */
export const RENEW_BEFORE_MS = 300_000

/** After an attempt that brought nothing newer, as long as the keys at hand still work. */
const PAUSE_MS = 10_000

export interface CredentialSourceOptions {
  /** Keys that are known already, for example from a parent. */
  readonly initial?: Credentials | undefined
  /** Longest wait for one attempt, in milliseconds. @defaultValue 60_000 */
  readonly timeoutMs?: number | undefined
  /** @defaultValue Date.now */
  readonly now?: (() => number) | undefined
}

/** Gives keys, or undefined for requests without any. `force` is set after the store refused the ones given before. */
export type CredentialProvider = (force: boolean) => Promise<Credentials | undefined> | Credentials | undefined

export class CredentialSource {
  readonly #provide: CredentialProvider
  readonly #timeoutMs: number
  readonly #now: () => number
  #known: { readonly credentials: Credentials | undefined } | undefined
  #asking: Promise<Credentials | undefined> | undefined
  #pausedUntil = Number.NEGATIVE_INFINITY

  constructor (provide: CredentialProvider, options: CredentialSourceOptions = {}) {
    this.#provide = provide
    this.#timeoutMs = options.timeoutMs ?? 60_000
    this.#now = options.now ?? Date.now
    if (options.initial !== undefined) this.#known = { credentials: check(options.initial) }
  }

  /** What is at hand and fresh, without waiting; undefined also where nothing is. For the hot path in front of `get()`. */
  peek (): Credentials | undefined {
    const credentials = this.#known?.credentials
    return credentials !== undefined && this.#isFresh(credentials) ? credentials : undefined
  }

  /**
   * Keys for the next request, undefined for an unsigned one. While old keys still work, a failed renewal goes unnoticed.
   * @throws FsError FORKFS_CREDENTIALS where no keys are found (the provider's error is the cause), FORKFS_MISSING_PEER
   */
  async get (): Promise<Credentials | undefined> {
    const known = this.#known
    if (known === undefined) return this.#ask(false)
    const { credentials } = known
    if (credentials === undefined || this.#isFresh(credentials)) return credentials
    const usable = credentials.expiration!.getTime() > this.#now()
    if (!usable) return this.#ask(false)
    if (this.#now() < this.#pausedUntil) return credentials
    try {
      return await this.#ask(false)
    } catch {
      this.#pausedUntil = this.#now() + PAUSE_MS
      return credentials
    }
  }

  /**
   * The store refused these keys. Resolves to whether `get()` gives others now: then the request is worth another try.
   * All who were refused together share one attempt.
   */
  async refresh (rejected: Credentials | undefined): Promise<boolean> {
    const known = this.#known
    if (known !== undefined && !same(known.credentials, rejected)) return true
    if (known !== undefined && this.#asking === undefined && this.#now() < this.#pausedUntil) return false
    const renewed = await this.#ask(true)
    return !same(renewed, rejected)
  }

  /** Take keys that somebody else resolved (a parent for its workers). */
  accept (credentials: Credentials): void { this.#known = { credentials: check(credentials) } }

  #isFresh (credentials: Credentials): boolean {
    return credentials.expiration === undefined || credentials.expiration.getTime() - this.#now() > RENEW_BEFORE_MS
  }

  #ask (force: boolean): Promise<Credentials | undefined> {
    if (this.#asking === undefined) {
      const asking = this.#attempt(force).finally(() => { if (this.#asking === asking) this.#asking = undefined })
      this.#asking = asking
    }
    return this.#asking
  }

  async #attempt (force: boolean): Promise<Credentials | undefined> {
    const before = this.#known?.credentials
    const found = await bounded(async () => this.#provide(force), this.#timeoutMs).catch((error: unknown) => { throw asFailure(error) })
    const credentials = found === undefined ? undefined : check(found)
    this.#known = { credentials }
    // The provider has nothing newer: do not ask it again for every single request.
    this.#pausedUntil = same(before, credentials) ? this.#now() + PAUSE_MS : Number.NEGATIVE_INFINITY
    return credentials
  }
}

export interface SourceContext extends CredentialSourceOptions {
  /** @defaultValue process.env */
  readonly env?: Environment | undefined
  /** What the plan 'sdk' asks; the same one gives region and endpoint. */
  readonly sdk?: SdkConfig | undefined
}

/** The source for a plan of `resolveS3`. Does nothing before its first `get()`. */
export function credentialSource (plan: CredentialPlan, context: SourceContext = {}): CredentialSource {
  const { env = process.env, sdk, ...options } = context
  switch (plan.kind) {
    case 'anonymous': return new CredentialSource(() => undefined, options)
    case 'static': return new CredentialSource(() => plan.credentials, options)
    case 'environment': return new CredentialSource(() => fromEnvironment(env), options)
    case 'module': return new CredentialSource(fromModule(plan.module), options)
    case 'sdk': return new CredentialSource(async force => {
      if (sdk !== undefined) return sdk.credentials(force)
      const own = new SdkConfig({ profile: plan.profile })
      try {
        return await own.credentials(force)
      } finally {
        own.close()
      }
    }, options)
  }
}

/** Keys that a parent pushes, and a way to ask it for newer ones. */
export function givenCredentials (initial: Credentials, renew: () => Promise<Credentials>, options: CredentialSourceOptions = {}): CredentialSource {
  return new CredentialSource(renew, { ...options, initial })
}

function fromEnvironment (env: Environment): Credentials {
  const credentials = environmentCredentials(env)
  if (credentials !== undefined) return credentials
  throw new FsError('FORKFS_CREDENTIALS', 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are no longer set', { protocol: 's3' })
}

function fromModule (url: string): CredentialProvider {
  return async () => {
    let loaded: { readonly default?: unknown }
    try {
      loaded = await import(/* webpackIgnore: true */ url) as { readonly default?: unknown }
    } catch (error) {
      throw new FsError('FORKFS_CONFIG', `the credentials module ${url} cannot be loaded`, { protocol: 's3', cause: error })
    }
    if (typeof loaded.default !== 'function') {
      throw new FsError('FORKFS_CONFIG', `the credentials module ${url} has no function as its default export`, { protocol: 's3' })
    }
    return (loaded.default as () => Promise<Credentials>)()
  }
}

/** What a provider gave, reduced to what is needed. @throws FsError FORKFS_CREDENTIALS where it is no pair of keys */
function check (value: Credentials): Credentials {
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = (typeof value === 'object' && value !== null ? value : {}) as Partial<Credentials>
  if (typeof accessKeyId !== 'string' || accessKeyId === '' || typeof secretAccessKey !== 'string' || secretAccessKey === '') {
    throw new FsError('FORKFS_CREDENTIALS', 'the credential provider did not give accessKeyId and secretAccessKey', { protocol: 's3' })
  }
  const expires = expiration === undefined || expiration === null ? undefined : new Date(expiration)
  if (expires !== undefined && Number.isNaN(expires.getTime())) {
    throw new FsError('FORKFS_CREDENTIALS', 'the credential provider gave an expiration that is no date', { protocol: 's3' })
  }
  return Object.freeze({
    accessKeyId,
    secretAccessKey,
    ...(typeof sessionToken === 'string' && sessionToken !== '' ? { sessionToken } : {}),
    ...(expires === undefined ? {} : { expiration: expires })
  })
}

function same (a: Credentials | undefined, b: Credentials | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return a.accessKeyId === b.accessKeyId && a.secretAccessKey === b.secretAccessKey && a.sessionToken === b.sessionToken &&
    a.expiration?.getTime() === b.expiration?.getTime()
}

function asFailure (error: unknown): FsError {
  if (isFsError(error)) return error
  return new FsError('FORKFS_CREDENTIALS', 'no credentials were found; give `credentials` or configure the AWS SDK\'s chain', { protocol: 's3', retry: 'may', cause: error })
}

/** A provider that never answers must not hold up everybody for ever. */
async function bounded<T> (work: () => Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise<T>((resolve, reject) => {
      timer = setTimeout(() => {
        reject(new FsError('ETIMEDOUT', `the credential provider did not answer within ${timeoutMs} ms`, { protocol: 's3', retry: 'may' }))
      }, timeoutMs)
      work().then(resolve, reject)
    })
  } finally {
    clearTimeout(timer)
  }
}
