/**
 * Where credentials come from, for one owner: resolved once for all who ask at the same time, again some minutes before they
 * expire, and once more after the store has refused them. No timer runs in the background; a failure is told to those who wait
 * and forgotten. Create a new source for each epoch.
 *
 * A call waits as long as its `signal` lets it, and keeps the process alive meanwhile. One without a signal keeps nothing alive:
 * somebody else waits behind it (another source, a worker of ours).
 */
import { FsError, isFsError } from '../errors/index.js'
import { orAborted } from './or-aborted.js'

/** After an attempt that brought nothing newer, as long as the credentials at hand still work. */
const PAUSE_MS = 10_000

/** What one protocol's credentials are. */
export interface CredentialKind<C extends { readonly expiration?: Date | undefined }> {
  readonly protocol: string
  /** They are renewed when this much of their life is left. */
  readonly renewBeforeMs: number
  /** What to do where none are found. */
  readonly advice: string
  /** What a provider gave, reduced to what is needed. @throws FsError FORKFS_CREDENTIALS for what is none */
  check (value: C): C
  same (a: C, b: C): boolean
}

export interface CredentialSourceOptions<C> {
  /** Credentials that are known already, for example from a parent. */
  readonly initial?: C | undefined
  /** Longest wait for one attempt, in milliseconds. @defaultValue 60_000 */
  readonly timeoutMs?: number | undefined
  /** @defaultValue Date.now */
  readonly now?: (() => number) | undefined
}

/** Gives credentials, or undefined for requests without any. `force` is set after the store refused the ones given before. */
export type CredentialProvider<C> = (force: boolean) => Promise<C | undefined> | C | undefined

export class CredentialSource<C extends { readonly expiration?: Date | undefined }> {
  readonly #kind: CredentialKind<C>
  readonly #provide: CredentialProvider<C>
  readonly #timeoutMs: number
  readonly #now: () => number
  #known: { readonly credentials: C | undefined } | undefined
  #asking: Promise<C | undefined> | undefined
  /** Of the attempt under way. */
  #timer: NodeJS.Timeout | undefined
  /** Calls with a signal that wait for it. */
  #waiting = 0
  #pausedUntil = Number.NEGATIVE_INFINITY
  /** Until then the provider is not asked for others than those that were refused: it had none. */
  #sameUntil = Number.NEGATIVE_INFINITY

  constructor (kind: CredentialKind<C>, provide: CredentialProvider<C>, options: CredentialSourceOptions<C> = {}) {
    this.#kind = kind
    this.#provide = provide
    this.#timeoutMs = options.timeoutMs ?? 60_000
    this.#now = options.now ?? Date.now
    if (options.initial !== undefined) this.#known = { credentials: kind.check(options.initial) }
  }

  /** What is at hand and fresh, without waiting; undefined also where nothing is. For the hot path in front of `get()`. */
  peek (): C | undefined {
    const credentials = this.#known?.credentials
    return credentials !== undefined && this.#isFresh(credentials) ? credentials : undefined
  }

  /**
   * Credentials for the next request, undefined for one without. While old ones still work, a failed renewal goes unnoticed.
   * @throws FsError FORKFS_CREDENTIALS where none are found (the provider's error is the cause), FORKFS_MISSING_PEER; `signal.reason`
   */
  async get (signal?: AbortSignal): Promise<C | undefined> {
    const known = this.#known
    if (known === undefined) return this.#ask(false, signal)
    const { credentials } = known
    if (credentials === undefined || this.#isFresh(credentials)) return credentials
    const usable = credentials.expiration!.getTime() > this.#now()
    if (!usable) return this.#ask(false, signal)
    if (this.#now() < this.#pausedUntil) return credentials
    try {
      return await this.#ask(false, signal)
    } catch {
      signal?.throwIfAborted()
      this.#pausedUntil = this.#now() + PAUSE_MS
      return credentials
    }
  }

  /**
   * The store refused these. Resolves to whether `get()` gives others now: then the request is worth another try. All who were
   * refused together share one attempt.
   */
  async refresh (rejected: C | undefined, signal?: AbortSignal): Promise<boolean> {
    const known = this.#known
    if (known !== undefined && !this.#same(known.credentials, rejected)) return true
    if (known !== undefined && this.#asking === undefined && this.#now() < this.#sameUntil) return false
    const renewed = await this.#ask(true, signal)
    return !this.#same(renewed, rejected)
  }

  /** Take credentials that somebody else resolved (a parent for its workers). */
  accept (credentials: C): void { this.#known = { credentials: this.#kind.check(credentials) } }

  #same (a: C | undefined, b: C | undefined): boolean {
    return a === undefined || b === undefined ? a === b : this.#kind.same(a, b)
  }

  #isFresh ({ expiration }: C): boolean {
    return expiration === undefined || expiration.getTime() - this.#now() > this.#kind.renewBeforeMs
  }

  #ask (force: boolean, signal: AbortSignal | undefined): Promise<C | undefined> {
    if (this.#asking === undefined) {
      const asking = this.#attempt(force).finally(() => { if (this.#asking === asking) this.#asking = undefined })
      this.#asking = asking
    }
    return signal === undefined ? this.#asking : this.#wait(this.#asking, signal)
  }

  async #wait<T> (asking: Promise<T>, signal: AbortSignal): Promise<T> {
    this.#waiting++
    this.#timer?.ref()
    try {
      return await orAborted(asking, signal)
    } finally {
      if (--this.#waiting === 0) this.#timer?.unref()
    }
  }

  async #attempt (force: boolean): Promise<C | undefined> {
    const before = this.#known?.credentials
    const found = await this.#bounded(async () => this.#provide(force)).catch((error: unknown) => { throw this.#asFailure(error) })
    const credentials = found === undefined ? undefined : this.#kind.check(found)
    this.#known = { credentials }
    // The provider has nothing newer: do not ask it again for every single request.
    this.#sameUntil = this.#same(before, credentials) ? this.#now() + PAUSE_MS : Number.NEGATIVE_INFINITY
    this.#pausedUntil = this.#sameUntil
    return credentials
  }

  #asFailure (error: unknown): FsError {
    if (isFsError(error)) return error
    return new FsError('FORKFS_CREDENTIALS', `no credentials were found; ${this.#kind.advice}`, { protocol: this.#kind.protocol, retry: 'may', cause: error })
  }

  /** A provider that never answers must not hold up everybody for ever, nor the end of a process in which nobody waits for it. */
  async #bounded<T> (work: () => Promise<T>): Promise<T> {
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#timer = setTimeout(() => {
          reject(new FsError('ETIMEDOUT', `the credential provider did not answer within ${this.#timeoutMs} ms`, { protocol: this.#kind.protocol, retry: 'may' }))
        }, this.#timeoutMs).unref()
        work().then(resolve, reject)
      })
    } finally {
      clearTimeout(this.#timer)
      this.#timer = undefined
    }
  }
}

/** The parent's credentials; where it has none to give, our own chain. Told which ones the store refused, a parent looks for others. */
export function parentProvider<C> (
  ask: (refused: string | undefined) => Promise<C | undefined>, nameOf: (credentials: C) => string, own: { get (): Promise<C | undefined> }
): CredentialProvider<C> {
  let last: C | undefined
  return async force => {
    last = await ask(force && last !== undefined ? nameOf(last) : undefined) ?? await own.get()
    return last
  }
}

/** The default export of a credentials module, called anew for each renewal. */
export function moduleProvider<C> (protocol: string, url: string): CredentialProvider<C> {
  return async () => {
    let loaded: { readonly default?: unknown }
    try {
      loaded = await import(/* webpackIgnore: true */ url) as { readonly default?: unknown }
    } catch (error) {
      throw new FsError('FORKFS_CONFIG', `the credentials module ${url} cannot be loaded`, { protocol, cause: error })
    }
    if (typeof loaded.default !== 'function') {
      throw new FsError('FORKFS_CONFIG', `the credentials module ${url} has no function as its default export`, { protocol })
    }
    return (loaded.default as () => Promise<C>)()
  }
}
