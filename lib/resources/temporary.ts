import { rmSync } from 'node:fs'
import { mkdir, open, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FsError, fromNodeError } from '../errors/index.js'
import { addFinalizer, onReset, ownerName, randomHex, realm } from '../owner/index.js'
import { ownerRecord } from '../owner/liveness.js'
import { forkfsDirectory, temporaryParent } from '../owner/private-directory.js'
import { keepTouched } from '../owner/touch.js'
import { deletePath } from './delete.js'
import { isKept } from './journal.js'
import { ownerFile, rooms, unfinished } from './layout.js'
import { checkSpace } from './space.js'
import { sweepOnce } from './sweep.js'

export interface TemporaryOptions {
  /**
   * Folders in which the root may lie, the best first (absolute); the first that works, and has room for `bytes`, is taken.
   * @defaultValue FORKFS_TMPDIR, or the system's folder for temporary files
   */
  readonly parents?: readonly string[] | undefined
  /** How much will be written, as far as known. @defaultValue 0 */
  readonly bytes?: number | undefined
}

/** Files and folders that go together. Contexts never share a folder. */
export interface TemporaryContext extends AsyncDisposable {
  /** Its folder, mode 0700. */
  readonly path: string
  /** A new empty file, mode 0600, with a name that is not used twice. @returns its absolute path */
  file (suffix?: string): Promise<string>
  /** A new empty folder, mode 0700. @returns its absolute path */
  folder (suffix?: string): Promise<string>
  /** Run this first when the context is closed: the last one deferred runs first. Not run at exit, nor after a reset. */
  defer (dispose: () => Promise<void> | void): void
  /**
   * Run what was deferred, then delete the folder. Idempotent. What could not be deleted is left to the sweep, with one warning.
   * After a reset it does nothing. @throws what was deferred threw; several: AggregateError
   */
  close (): Promise<void>
  [Symbol.asyncDispose] (): Promise<void>
}

/** One per owner and parent. */
interface Root { readonly path: string, readonly contexts: Set<Context>, readonly untouch: () => void, readonly disarm: () => void }

const roots = new Map<string, Promise<Root>>()
let warned = false

/**
 * A context of its own in this owner's private root. The first one of a process also begins a sweep of what dead owners left, which nobody
 * waits for. Everything goes at the end of the process, except what the journal keeps; after a kill, by parent or sweep.
 * @throws FsError ENOSPC (no parent has room), EACCES (not private: see FORKFS_TMPDIR), EROFS, FORKFS_CONFIG; RangeError
 */
export async function temporaryContext (options: TemporaryOptions = {}): Promise<TemporaryContext> {
  const { bytes = 0 } = options
  if (typeof bytes !== 'number') throw new TypeError(`Expected \`bytes\` to be a number >= 0, got \`${String(bytes)}\` (${typeof bytes})`)
  if (!(bytes >= 0)) throw new RangeError(`Expected \`bytes\` to be a number >= 0, got \`${bytes}\` (number)`)
  const { epoch } = realm
  let failure: unknown
  for (const parent of options.parents ?? [temporaryParent()]) {
    try {
      await checkSpace(parent, bytes)
      const root = await rootIn(parent)
      const path = join(root.path, randomHex(8))
      await mkdir(path, { mode: 0o700 })
      if (epoch !== realm.epoch) throw resetError(path)
      const context = new Context(root, path)
      root.contexts.add(context)
      return context
    } catch (error) {
      const translated = fromNodeError(error, { operation: 'temporaryContext', path: parent })
      if (epoch !== realm.epoch) throw translated
      failure ??= translated
    }
  }
  throw failure ?? new RangeError('Expected `parents` to hold at least one folder')
}

function resetError (path: string): FsError { return new FsError('FORKFS_RESET', 'resetForFork() was called: make another here', { operation: 'temporary', path }) }

function rootIn (parent: string): Promise<Root> {
  const found = roots.get(parent)
  if (found !== undefined) return found
  const made: Promise<Root> = makeRoot(parent).catch((error: unknown) => {
    if (roots.get(parent) === made) roots.delete(parent) // the next call may retry
    throw error
  })
  roots.set(parent, made)
  sweepOnce()
  return made
}

async function makeRoot (parent: string): Promise<Root> {
  const { epoch } = realm
  const folder = await forkfsDirectory(rooms.roots, parent)
  const name = `${ownerName()}-${randomHex(4)}`
  const first = join(folder, `${unfinished}${name}`)
  const path = join(folder, name)
  await mkdir(first, { mode: 0o700 })
  await writeFile(join(first, ownerFile), JSON.stringify({ owner: ownerRecord() }), { mode: 0o600, flag: 'wx' })
  await rename(first, path) // a root is never seen without its owner
  if (epoch !== realm.epoch) throw resetError(path)
  const contexts = new Set<Context>()
  const untouch = keepTouched(join(path, ownerFile))
  const disarm = addFinalizer({
    async drain () {
      roots.delete(parent)
      untouch()
      for (const context of [...contexts].reverse()) await context.close()
      if (!isKept(path)) await deletePath(path)
    },
    exit () { removeSync(path, contexts) }
  })
  return { path, contexts, untouch, disarm }
}

/** At exit: short, and what the journal keeps stays. */
function removeSync (path: string, contexts: ReadonlySet<Context>): void {
  const options = { recursive: true, force: true, maxRetries: 2, retryDelay: 50 } as const
  if (!isKept(path)) { rmSync(path, options); return }
  for (const context of contexts) if (!isKept(context.path)) rmSync(context.path, options)
}

class Context implements TemporaryContext {
  readonly path: string
  readonly #root: Root
  readonly #epoch = realm.epoch
  readonly #deferred: Array<() => Promise<void> | void> = []
  #closing: Promise<void> | undefined

  constructor (root: Root, path: string) {
    this.#root = root
    this.path = path
  }

  async file (suffix = ''): Promise<string> {
    const path = this.#name(suffix)
    try {
      const handle = await open(path, 'wx', 0o600)
      await handle.close()
    } catch (error) {
      throw fromNodeError(error, { operation: 'temporary', path })
    }
    return path
  }

  async folder (suffix = ''): Promise<string> {
    const path = this.#name(suffix)
    try { await mkdir(path, { mode: 0o700 }) } catch (error) { throw fromNodeError(error, { operation: 'temporary', path }) }
    return path
  }

  defer (dispose: () => Promise<void> | void): void {
    this.#check()
    this.#deferred.push(dispose)
  }

  close (): Promise<void> {
    this.#closing ??= this.#epoch === realm.epoch ? this.#close() : Promise.resolve()
    return this.#closing
  }

  async [Symbol.asyncDispose] (): Promise<void> { await this.close() }

  #name (suffix: string): string {
    this.#check()
    if (typeof suffix !== 'string' || /[/\\\0]/.test(suffix)) throw new TypeError(`Expected \`suffix\` to be a string without separators, got \`${String(suffix)}\` (${typeof suffix})`)
    return join(this.path, `${randomHex(8)}${suffix}`)
  }

  #check (): void {
    if (this.#epoch !== realm.epoch) throw resetError(this.path)
    if (this.#closing !== undefined) throw new FsError('FORKFS_CLOSED', 'the temporary folder is closed', { operation: 'temporary', path: this.path })
  }

  async #close (): Promise<void> {
    const errors: unknown[] = []
    for (const dispose of this.#deferred.reverse()) {
      try { await dispose() } catch (error) { errors.push(error) }
    }
    if (this.#epoch !== realm.epoch) return
    if (!isKept(this.path)) {
      try {
        await deletePath(this.path)
        this.#root.contexts.delete(this)
      } catch (error) { warn(error) }
    }
    if (errors.length === 1) throw errors[0]
    if (errors.length > 1) throw new AggregateError(errors, 'several parts of a temporary context could not be disposed of')
  }
}

function warn (error: unknown): void {
  if (warned) return
  warned = true
  process.emitWarning(`a temporary folder could not be deleted now, a later sweep will try: ${String(error)}`, 'ForkfsWarning')
}

onReset(() => {
  roots.clear() // the finalizers are forgotten by their own room
  return {}
})
