import { link, readFile, unlink, writeFile } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { FsError, fromNodeError, isNodeError } from '../errors/index.js'
import { addFinalizer, onReset, randomHex, realm } from '../owner/index.js'
import { removeEmptyFolder, unfinished } from '../owner/owner-files.js'
import { forkfsDirectory, privateDirectory } from '../owner/private-directory.js'
import { keepTouched } from '../owner/touch.js'
import { bounded } from '../owner/wait.js'
import { agree, checkDriver, usableDrivers } from './agreement.js'
import type { Agreement, LockDriverName } from './agreement.js'
import type { LockPlace, Token } from './drivers/driver.js'
import { KeyedMutex } from './keyed-mutex.js'
import { digestOf } from './digest.js'
import { boundsOf, checkName, lockTimeout } from './wait-options.js'
import type { WaitOptions } from './wait-options.js'

export type { LockDriverName }

export interface LockOptions extends WaitOptions {
  /**
   * Where the lock lives: all who share it name the same directory (absolute; made with mode 0700 in a parent that exists).
   * @defaultValue lockDirectory(): all processes of this user on this machine
   */
  readonly directory?: string | undefined
  /** @defaultValue FORKFS_LOCK_DRIVER, or the surest that works here; what live users of the lock use is followed */
  readonly driver?: LockDriverName | undefined
}

export interface HeldLock extends AsyncDisposable {
  readonly name: string
  readonly driver: LockDriverName
  /** False after release() and after a reset. */
  readonly held: boolean
  /** Idempotent. After a reset it does nothing. */
  release (): Promise<void>
  [Symbol.asyncDispose] (): Promise<void>
}

const keyBytes = 32
const keyName = '.key'
/** In front of the locks among processes: who waits in this thread waits in order. */
const queue = new KeyedMutex()
const held = new Set<Held>()

/** The default directory, made and checked. @throws FsError EACCES, EROFS, ENOSPC, FORKFS_CONFIG */
export function lockDirectory (): Promise<string> { return forkfsDirectory('locks') }

/**
 * Hold the lock of this name alone, among all threads and processes that use the directory. The kernel, or the next who comes, lets go of
 * it when this process or thread dies. It keeps no process alive.
 * @throws FsError FORKFS_LOCK_TIMEOUT, FORKFS_LOCK_REENTRY (inside withLock() of the same lock), FORKFS_RESET, FORKFS_NOT_SUPPORTED (others
 *   use another driver), EACCES; `signal.reason`; TypeError, RangeError
 */
export async function acquireLock (name: string, options: LockOptions = {}): Promise<HeldLock> {
  const bounds = check(name, options)
  return bounded(queue, bounds, signal => take(name, options, signal, bounds.once))
}

/** acquireLock() without waiting. @returns undefined where another holds it */
export async function tryLock (name: string, options: Omit<LockOptions, 'timeoutMs'> = {}): Promise<HeldLock | undefined> {
  try {
    return await acquireLock(name, { ...options, timeoutMs: 0 })
  } catch (error) {
    if (error instanceof FsError && error.code === 'FORKFS_LOCK_TIMEOUT') return undefined
    throw error
  }
}

/** Hold the lock while `fn` runs. Waiting for it again inside is refused (FORKFS_LOCK_REENTRY), not a deadlock. */
export async function withLock<T> (name: string, fn: (lock: HeldLock) => Promise<T>, options: LockOptions = {}): Promise<T> {
  const lock = await acquireLock(name, options)
  try {
    return await queue.inside((lock as Held).id, () => fn(lock))
  } finally {
    await lock.release()
  }
}

function check (name: string, options: LockOptions): ReturnType<typeof boundsOf> {
  checkName('name', name)
  checkDriver(options.driver)
  const { directory } = options
  if (directory !== undefined && (typeof directory !== 'string' || !isAbsolute(directory))) {
    throw new TypeError(`Expected \`directory\` to be an absolute path, got \`${String(directory)}\` (${typeof directory})`)
  }
  return boundsOf('lock', name, options)
}

async function take (name: string, options: LockOptions, signal: AbortSignal, once: boolean): Promise<HeldLock> {
  const { epoch } = realm
  try {
    const directory = options.directory === undefined ? await lockDirectory() : await privateDirectory(options.directory)
    const id = `${directory}\0${name}`
    const next = await queue.acquire(id, { signal, timeoutMs: once ? 0 : Infinity })
    try {
      const place = { folder: join(directory, digestOf(name)), secret: await secretOf(directory), name }
      return await hold(id, place, next, keepTouched(join(directory, keyName)), { ...options, signal, once, epoch })
    } catch (error) {
      next()
      throw error
    }
  } catch (error) {
    if (error instanceof FsError && error.code === 'FORKFS_LOCK_TIMEOUT') throw lockTimeout('lock', name) // with the name, not our id
    if (error instanceof FsError && error.code === 'FORKFS_LOCK_REENTRY') throw new FsError(error.code, error.condition, { operation: 'lock', path: name })
    throw fromNodeError(error, { operation: 'lock', path: name })
  }
}

interface Taking { readonly driver?: LockDriverName | undefined, readonly signal: AbortSignal, readonly once: boolean, readonly epoch: number }

async function hold (id: string, place: LockPlace, next: () => void, untouch: () => void, { driver, signal, once, epoch }: Taking): Promise<HeldLock> {
  let agreement: Agreement | undefined
  let token: Token | undefined
  const undo = async (): Promise<void> => {
    untouch()
    if (epoch !== realm.epoch) { token?.drop(); return } // what lies there belongs to the owner that was
    await token?.release()
    await agreement?.file?.remove()
    await removeEmptyFolder(place.folder)
  }
  try {
    agreement = await agree(await usableDrivers(driver), place, signal)
    token = await agreement.driver.take(place, signal, once)
    if (token === undefined) throw lockTimeout('lock', place.name)
    signal.throwIfAborted()
    return new Held(id, place, agreement, token, () => { untouch(); next() })
  } catch (error) {
    await undo()
    throw error
  }
}

/** The key of the directory: whoever can read it may lock here. Made once; it appears whole. */
async function secretOf (directory: string): Promise<Uint8Array> {
  const path = join(directory, keyName)
  const found = await readFile(path).catch((error: unknown) => {
    if (isNodeError(error) && error.code === 'ENOENT') return undefined
    throw error
  })
  if (found?.length === keyBytes) return found
  if (found !== undefined) throw new FsError('FORKFS_CONFIG', 'the key of a lock directory is damaged: remove it when nobody uses the directory', { path })
  const own = join(directory, `${unfinished}${randomHex(8)}`)
  try {
    await writeFile(own, process.getBuiltinModule('node:crypto').randomBytes(keyBytes), { mode: 0o600, flag: 'wx' })
    await link(own, path).catch((error: unknown) => {
      if (!isNodeError(error) || error.code !== 'EEXIST') throw error
    })
  } finally {
    await unlink(own).catch(() => {})
  }
  return readFile(path)
}

class Held implements HeldLock {
  readonly name: string
  readonly driver: LockDriverName
  readonly id: string
  readonly #place: LockPlace
  readonly #agreement: Agreement
  readonly #token: Token
  readonly #next: () => void
  readonly #disarm: () => void
  #releasing: Promise<void> | undefined

  constructor (id: string, place: LockPlace, agreement: Agreement, token: Token, next: () => void) {
    this.id = id
    this.name = place.name
    this.driver = agreement.driver.name
    this.#place = place
    this.#agreement = agreement
    this.#token = token
    this.#next = next
    const file = token.file ?? agreement.file
    this.#disarm = addFinalizer({ drain: () => this.release(), exit: () => { file?.removeSync() } })
    held.add(this)
  }

  get held (): boolean { return held.has(this) && this.#releasing === undefined }

  release (): Promise<void> {
    if (!held.has(this) && this.#releasing === undefined) return Promise.resolve() // another epoch's
    this.#releasing ??= this.#release()
    return this.#releasing
  }

  async [Symbol.asyncDispose] (): Promise<void> { await this.release() }

  drop (): void { this.#token.drop() }

  async #release (): Promise<void> {
    this.#disarm()
    held.delete(this)
    try {
      await this.#token.release()
      await this.#agreement.file?.remove()
      await removeEmptyFolder(this.#place.folder)
    } finally {
      this.#next()
    }
  }
}

onReset(mode => {
  const dropped = [...held]
  held.clear()
  // What the kernel holds goes with the owner that was; a snapshot's descriptors are another process's numbers.
  if (mode === 'drop') for (const lock of dropped) try { lock.drop() } catch { /* forgotten all the same */ }
  return { clients: dropped.length }
})
