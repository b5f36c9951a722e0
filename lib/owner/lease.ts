import { FsError } from '../errors/index.js'
import { realm } from './realm.js'
import { onReset } from './reset.js'
import { abandonAll, allowListeners, pendingOf } from './scope.js'

/** The calls and handles of one instance: what its own reset() ends. */
export class CallGroup {
  /** Grows with each reset() of the instance. */
  generation = 0

  /** resetForFork() for this group alone. @returns how many calls were abandoned */
  reset (): number {
    this.generation++
    const reason = new FsError('FORKFS_RESET', 'reset() was called on the filesystem; open it again')
    for (const lease of live) if (lease.group === this) lease.end(reason)
    return abandonAll(pendingOf(this))
  }
}

const live = new Set<Lease>()

/**
 * What outlives the call that made it: an open handle, an iterator. It is good for the epoch and the generation it began in,
 * and is over for ever afterwards.
 */
export class Lease {
  readonly group: CallGroup
  readonly #epoch = realm.epoch
  readonly #generation: number
  readonly #path: string | undefined
  #controller: AbortController | undefined

  constructor (group: CallGroup, path: string | undefined) {
    this.group = group
    this.#generation = group.generation
    this.#path = path
  }

  /** @throws FsError FORKFS_RESET when the owner is gone */
  check (): void {
    if (this.#epoch === realm.epoch && this.#generation === this.group.generation) return
    throw new FsError('FORKFS_RESET', 'it was opened before a reset, by an owner that is gone; open it again here', { path: this.#path })
  }

  /** Aborts when the owner goes. Held by the realm until release(). */
  get signal (): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      allowListeners(this.#controller.signal)
      live.add(this)
    }
    return this.#controller.signal
  }

  end (reason: unknown): void {
    live.delete(this)
    this.#controller?.abort(reason)
  }

  release (): void { live.delete(this) }
}

onReset(() => {
  const reason = new FsError('FORKFS_RESET', 'resetForFork() was called; open it again here')
  for (const lease of [...live]) lease.end(reason)
  return {}
})
