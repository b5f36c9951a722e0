import type { AsyncLocalStorage } from 'node:async_hooks'
import { FsError } from '../errors/index.js'
import { onReset, realm } from '../owner/index.js'
import { bounded, until } from '../owner/wait.js'
import { boundsOf, checkName, lockTimeout } from './wait-options.js'
import type { WaitOptions } from './wait-options.js'

/** One hold of one key; those of an async context are found again by whoever is called from it. */
interface Hold { readonly mutex: KeyedMutex, readonly key: string, held: boolean }

let contexts: AsyncLocalStorage<readonly Hold[]> | undefined

/** Made with the first lock that a function holds: watching async contexts costs all promises of the thread a little. */
function holds (): AsyncLocalStorage<readonly Hold[]> {
  contexts ??= new (process.getBuiltinModule('node:async_hooks').AsyncLocalStorage)()
  return contexts
}

interface Queue { readonly waiting: Array<() => void> }

/** One holder at a time per key, in this thread; first come, first served. */
export class KeyedMutex {
  #queues = new Map<string, Queue>()
  #epoch = realm.epoch
  readonly #operation: string

  /** @param operation the verb that errors name */
  constructor (operation = 'lock') {
    this.#operation = operation
  }

  /** How many keys are held. */
  get size (): number { return this.#current().size }

  /**
   * Resolves with the function that lets go (idempotent) as soon as the key is free. Inside run() of the same key it rejects with
   * FORKFS_LOCK_REENTRY; a second acquire() outside run() waits for the first.
   * @throws FsError FORKFS_LOCK_TIMEOUT, FORKFS_LOCK_REENTRY, FORKFS_RESET; TypeError, RangeError
   */
  async acquire (key: string, options: WaitOptions = {}): Promise<() => void> {
    checkName('key', key)
    const bounds = boundsOf(this.#operation, key, options)
    this.#refuseReentry(key)
    options.signal?.throwIfAborted()
    const queues = this.#current()
    const queue = queues.get(key)
    if (queue === undefined) {
      queues.set(key, { waiting: [] })
      return this.#releaser(key)
    }
    if (bounds.once) throw lockTimeout(this.#operation, key)
    return bounded(this, bounds, signal => until<() => void>(signal, resolve => {
      const wake = (): void => { resolve(this.#releaser(key)) }
      queue.waiting.push(wake)
      return () => {
        const index = queue.waiting.indexOf(wake)
        if (index !== -1) queue.waiting.splice(index, 1)
      }
    }))
  }

  /** Hold the key while `fn` runs. What `fn` calls, and what it leaves running, knows the hold: to wait for it there is refused. */
  async run<T> (key: string, fn: () => Promise<T>, options: WaitOptions = {}): Promise<T> {
    const release = await this.acquire(key, options)
    try {
      return await this.inside(key, fn)
    } finally {
      release()
    }
  }

  /** Run `fn` as the holder of the key, which the caller is. */
  async inside<T> (key: string, fn: () => Promise<T>): Promise<T> {
    const hold: Hold = { mutex: this, key, held: true }
    const storage = holds()
    try {
      return await storage.run([...storage.getStore() ?? [], hold], fn)
    } finally {
      hold.held = false
    }
  }

  /** The holders of an epoch before are nobody's; who waited there was rejected by its scope. */
  #current (): Map<string, Queue> {
    if (this.#epoch !== realm.epoch) {
      this.#epoch = realm.epoch
      this.#queues = new Map()
    }
    return this.#queues
  }

  #refuseReentry (key: string): void {
    const held = contexts?.getStore()?.some(hold => hold.held && hold.mutex === this && hold.key === key) === true
    if (held) throw new FsError('FORKFS_LOCK_REENTRY', 'the caller holds this lock already and would wait for itself', { operation: this.#operation, path: key })
  }

  #releaser (key: string): () => void {
    const queues = this.#current()
    const queue = queues.get(key)
    let held = true
    return () => {
      if (!held) return
      held = false
      if (queues !== this.#current() || queue === undefined) return // another epoch's
      const next = queue.waiting.shift()
      if (next === undefined) queues.delete(key)
      else next()
    }
  }
}

onReset(() => {
  contexts?.disable()
  contexts = undefined
  return {}
})
