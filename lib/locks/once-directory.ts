import { readdir } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { FsError, fromNodeError, isFsError, isNodeError } from '../errors/index.js'
import { allowListeners, onReset } from '../owner/index.js'
import { sweepOwnerFolders } from '../owner/owner-files.js'
import { privateDirectory } from '../owner/private-directory.js'
import { bounded, until } from '../owner/wait.js'
import { digestOf } from './digest.js'
import { takeLease } from './leases.js'
import type { HeldLease } from './leases.js'
import { homeName, OnceHome } from './once-home.js'
import { acquireLock, tryLock } from './process-lock.js'
import type { LockDriverName } from './process-lock.js'
import { boundsOf, checkName } from './wait-options.js'
import type { WaitOptions } from './wait-options.js'

/**
 * Fills an empty folder. It may do so more than once (another attempt after a failure or a kill), never twice at a time.
 * `signal` aborts when nobody waits for it any more.
 * @returns something that JSON can hold; all readers get it as `info`
 */
export type Maker = (folder: string, signal: AbortSignal) => Promise<unknown>

export interface OnceOptions extends WaitOptions {
  /** Where copies lie: absolute; made with mode 0700 in a parent that exists. */
  readonly directory: string
  /** What it is a copy of: equal keys are the same copy. No secrets: it is kept in the manifest. */
  readonly key: string
  readonly make: Maker
  /** The last reader removes it. @defaultValue false */
  readonly transient?: boolean | undefined
  /** @defaultValue as acquireLock() */
  readonly driver?: LockDriverName | undefined
}

export interface OnceCopy extends AsyncDisposable {
  /** The directory, whole. To be read only: it is shared. */
  readonly path: string
  /** Whether this call, or one that it was joined to, made it. */
  readonly made: boolean
  readonly info: unknown
  /** From now on it may vanish. Idempotent. After a reset it does nothing. */
  release (): Promise<void>
  [Symbol.asyncDispose] (): Promise<void>
}

/** How long the last reader waits for those who are just coming or going. */
const removeTimeoutMs = 10_000

const maxTimeoutMs = 2_147_483_647
const locks = '.locks'

/** Readers of this thread share one lease. */
interface Shared {
  readonly id: string
  readonly home: OnceHome
  readonly directory: string
  readonly lease: HeldLease
  readonly made: boolean
  readonly info: unknown
  readonly driver: LockDriverName | undefined
  readers: number
  transient: boolean
}

/** One try to get hold of it, for all who wait in this thread. */
interface Attempt {
  readonly controller: AbortController
  /** Whoever began it would not wait for others. */
  readonly once: boolean
  outcome: Promise<Shared>
  users: number
  /** It is ours to make: no clock runs. */
  making: boolean
  shared: Shared | undefined
}

const attempts = new Map<string, Attempt>()
const copies = new Map<string, Shared>()
const group = {}

/**
 * The directory that `make` fills: made by one, for all threads and processes that name the same directory and key. Callers in this
 * thread at the same time share its outcome, error included; others wait, and make it themselves when the maker failed or was killed.
 * Only a complete one is ever seen. Nobody removes it while it is held. `timeoutMs` bounds the waiting for others, not the making.
 * @throws what `make` throws; FsError FORKFS_LOCK_TIMEOUT, FORKFS_RESET, ENOSPC, EACCES; `signal.reason`; TypeError, RangeError
 */
export async function onceDirectory (options: OnceOptions): Promise<OnceCopy> {
  const bounds = check(options)
  const transient = options.transient === true
  const id = `${options.directory}\0${options.key}`
  const deadline = performance.now() + (bounds.once ? 0 : bounds.timeoutMs)
  for (;;) {
    options.signal?.throwIfAborted()
    const copy = copies.get(id)
    if (copy !== undefined) {
      copy.readers++
      return new Copy(copy, false, transient)
    }
    const running = attempts.get(id)
    const attempt = running ?? start(id, options, bounds.once)
    try {
      const shared = await bounded(group, { ...bounds, timeoutMs: Infinity }, signal => joinAttempt(id, attempt, deadline, bounds, signal))
      return new Copy(shared, shared.made, transient)
    } catch (error) {
      // Somebody else began it who would not wait.
      const impatient = running !== undefined && attempt.once && isFsError(error, 'FORKFS_LOCK_TIMEOUT') && performance.now() < deadline
      if (!impatient) throw error
    }
  }
}

type OnceBounds = ReturnType<typeof boundsOf>

function check (options: OnceOptions): OnceBounds {
  const { directory, key, make } = options
  if (typeof directory !== 'string' || !isAbsolute(directory)) throw new TypeError(`Expected \`directory\` to be an absolute path, got \`${String(directory)}\` (${typeof directory})`)
  checkName('key', key)
  if (typeof make !== 'function') throw new TypeError(`Expected \`make\` to be a function, got ${typeof make}`)
  return boundsOf('onceDirectory', key, options)
}

function lockName (digest: string): string { return `once ${digest}` }

function start (id: string, options: OnceOptions, once: boolean): Attempt {
  const controller = new AbortController()
  allowListeners(controller.signal)
  const attempt: Attempt = { controller, once, users: 0, making: false, outcome: undefined as unknown as Promise<Shared>, shared: undefined }
  attempts.set(id, attempt)
  attempt.outcome = run(id, attempt, options).finally(() => { forget(id, attempt) })
  attempt.outcome.catch(() => {}) // whoever waits hears of it
  return attempt
}

function forget (id: string, attempt: Attempt): void { if (attempts.get(id) === attempt) attempts.delete(id) }

async function run (id: string, attempt: Attempt, { directory, key, make, transient = false, driver }: OnceOptions): Promise<Shared> {
  const { signal } = attempt.controller
  try {
    await privateDirectory(directory)
    const home = OnceHome.of(directory, key)
    const lock = await acquireLock(lockName(digestOf(key)), { directory: join(directory, locks), signal, driver, timeoutMs: attempt.once ? 0 : Infinity })
    try {
      const found = await home.open()
      attempt.making = found === undefined
      const manifest = found ?? await home.make(make, signal, transient)
      signal.throwIfAborted()
      const lease = await takeLease(home.leases)
      const shared = { id, home, directory, lease, made: found === undefined, info: manifest.info, driver, readers: Math.max(1, attempt.users), transient: manifest.transient }
      attempt.shared = shared
      copies.set(id, shared)
      return shared
    } finally {
      await lock.release()
    }
  } catch (error) {
    throw fromNodeError(error, { operation: 'onceDirectory' })
  }
}

/** Wait for the attempt as one of its users. The last one that goes ends it, and sees it end. */
async function joinAttempt (id: string, attempt: Attempt, deadline: number, bounds: OnceBounds, signal: AbortSignal): Promise<Shared> {
  attempt.users++
  let timer: NodeJS.Timeout | undefined
  try {
    return await until<Shared>(signal, (resolve, reject) => {
      attempt.outcome.then(resolve, reject)
      const late = (): void => { if (!attempt.making) reject(bounds.late()) }
      if (!bounds.once && deadline !== Infinity) timer = setTimeout(late, Math.min(deadline - performance.now(), maxTimeoutMs))
      return () => { clearTimeout(timer) }
    })
  } catch (error) {
    attempt.users--
    if (attempt.shared !== undefined) await leave(attempt.shared, false)
    else if (attempt.users === 0) {
      forget(id, attempt)
      attempt.controller.abort(error)
      await attempt.outcome.then(shared => leave(shared, false), () => {})
    }
    throw error
  }
}

/** One reader less. The last one lets go of the lease, and of the directory if that is wanted. */
async function leave (shared: Shared, transient: boolean): Promise<void> {
  if (transient) shared.transient = true
  if (copies.get(shared.id) !== shared || --shared.readers > 0) return // another epoch's, or still in use
  copies.delete(shared.id)
  await shared.lease.release()
  if (shared.transient) await removeUnused(shared)
}

async function removeUnused ({ home, directory, driver }: Shared): Promise<void> {
  try {
    const lock = await acquireLock(lockName(digestOf(home.key!)), { directory: join(directory, locks), driver, timeoutMs: removeTimeoutMs })
    try { await home.removeUnused() } finally { await lock.release() }
  } catch (error) {
    // Others are at it: the last of them removes it, or the sweep.
    if (!isFsError(error, 'FORKFS_LOCK_TIMEOUT', 'FORKFS_RESET')) throw error
  }
}

class Copy implements OnceCopy {
  readonly path: string
  readonly made: boolean
  readonly info: unknown
  readonly #shared: Shared
  readonly #transient: boolean
  #leaving: Promise<void> | undefined

  constructor (shared: Shared, made: boolean, transient: boolean) {
    this.path = shared.home.data
    this.made = made
    this.info = shared.info
    this.#shared = shared
    this.#transient = transient
  }

  release (): Promise<void> {
    this.#leaving ??= leave(this.#shared, this.#transient)
    return this.#leaving
  }

  async [Symbol.asyncDispose] (): Promise<void> { await this.release() }
}

/**
 * Remove what dead owners left in a directory of once-directories: unfinished copies, leases, files of locks, and copies marked `transient`
 * that nobody reads. What is in use, or being made, is left alone. @returns how many copies were removed
 */
export async function sweepOnceDirectories (directory: string): Promise<number> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (isNodeError(error) && error.code === 'ENOENT') return []
    throw fromNodeError(error, { operation: 'sweep', path: directory })
  })
  let removed = 0
  for (const name of names.filter(each => homeName.test(each))) {
    const lock = await tryLock(lockName(name), { directory: join(directory, locks) })
    if (lock === undefined) continue
    try {
      const home = new OnceHome(join(directory, name))
      const manifest = await home.open()
      if ((manifest === undefined || manifest.transient) && await home.removeUnused() && manifest !== undefined) removed++
    } finally {
      await lock.release()
    }
  }
  await sweepOwnerFolders(join(directory, locks))
  return removed
}

onReset(() => {
  const reason = new FsError('FORKFS_RESET', 'resetForFork() was called while the directory was made')
  for (const { controller } of attempts.values()) controller.abort(reason)
  const clients = copies.size
  attempts.clear()
  copies.clear()
  return { clients }
})
