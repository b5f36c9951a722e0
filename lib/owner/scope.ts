import { getMaxListeners, setMaxListeners } from 'node:events'
import { FsError } from '../errors/index.js'
import { realm } from './realm.js'
import { onReset } from './reset.js'

/** One signal over many calls at once is how signals are used, and no leak: listeners leave with their calls. */
export function allowListeners (signal: AbortSignal): void {
  if (getMaxListeners(signal) < 10_000) setMaxListeners(10_000, signal)
}

/** Calls under way in this realm's epoch, of all instances. */
const pending = new Set<Scope>()

function resetError (scope: Scope): FsError {
  return new FsError('FORKFS_RESET', 'resetForFork() was called while this was under way; call it again here', { operation: scope.operation, path: scope.path })
}

/**
 * One public call: bound to the epoch it began in, to the caller's signal and to the instance it belongs to. It settles as
 * its work does, unless a reset comes first: then it rejects at once and the work's own end is ignored.
 */
export class Scope {
  readonly epoch: number = realm.epoch
  readonly operation: string
  readonly path: string | undefined
  /** What close() waits for: calls are grouped by the instance. */
  readonly group: object
  readonly #outer: AbortSignal | undefined
  #controller: AbortController | undefined
  #unlink: (() => void) | undefined
  #reject: ((reason: unknown) => void) | undefined
  #waiting: Array<() => void> | undefined
  #ended = false

  constructor (group: object, operation: string, path: string | undefined, outer: AbortSignal | undefined) {
    this.group = group
    this.operation = operation
    this.path = path
    this.#outer = outer
    pending.add(this)
  }

  /** Aborts with the caller's signal and at a reset. Made when first asked for: many calls never look. */
  get signal (): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController()
      allowListeners(controller.signal)
      this.#controller = controller
      const outer = this.#outer
      if (outer?.aborted === true) controller.abort(outer.reason)
      else if (outer !== undefined) {
        allowListeners(outer)
        const forward = (): void => { controller.abort(outer.reason) }
        outer.addEventListener('abort', forward, { once: true })
        this.#unlink = () => { outer.removeEventListener('abort', forward) }
      }
    }
    return this.#controller.signal
  }

  /** Throws what ended this call early: a reset, or the caller's abort. */
  check (): void {
    if (this.epoch !== realm.epoch) throw resetError(this)
    if (this.#outer?.aborted === true) throw this.#outer.reason
  }

  /** Settle as `work` does; a failure after the caller's abort is the caller's reason. */
  run<T> (work: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#reject = reject
      this.#settle(work, resolve, reject)
    })
  }

  #settle<T> (work: () => Promise<T>, resolve: (value: T) => void, reject: (reason: unknown) => void): void {
    const fail = (error: unknown): void => {
      this.end()
      reject(this.#outer?.aborted === true ? this.#outer.reason : error)
    }
    let promise: Promise<T>
    try { promise = work() } catch (error) { fail(error); return }
    promise.then(value => {
      this.end()
      resolve(value)
    }, fail)
  }

  /** The call is over. Idempotent. */
  end (): void {
    if (this.#ended) return
    this.#ended = true
    pending.delete(this)
    this.#unlink?.()
    if (this.#waiting !== undefined) for (const wake of this.#waiting) wake()
  }

  /** Tell the work to stop, with this reason. */
  stop (reason: unknown): void {
    void this.signal
    this.#controller?.abort(reason)
  }

  /** Reject now with FORKFS_RESET; the work is told by its signal and otherwise left alone. */
  abandon (): void {
    const error = resetError(this)
    this.end()
    this.#reject?.(error)
    this.#controller?.abort(error)
  }

  whenEnded (): Promise<void> {
    if (this.#ended) return Promise.resolve()
    return new Promise(resolve => { (this.#waiting ??= []).push(resolve) })
  }
}

/** The calls of one instance that are under way now. */
export function pendingOf (group: object): Scope[] {
  const found: Scope[] = []
  for (const scope of pending) if (scope.group === group) found.push(scope)
  return found
}

/** Abandon the calls of one instance, as a reset does for all. */
export function abandonAll (scopes: Iterable<Scope>): number {
  let count = 0
  for (const scope of [...scopes]) {
    scope.abandon()
    count++
  }
  return count
}

onReset(() => ({ pending: abandonAll(pending) }))
