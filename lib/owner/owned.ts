import { realm } from './realm.js'
import { onReset } from './reset.js'

/** How one kind of event-loop-bound thing comes and goes. */
export interface Lifecycle<T> {
  open (): Promise<T>
  /** End it in good order; may wait for what it still does. */
  close (value: T): Promise<void>
  /** Destroy it now: synchronous, sends nothing, must not throw. Called by a reset, and when its holder was garbage. */
  drop (value: T): void
}

/** A thing that is open. Held strongly (a reset must find it), without a way back to its holder (which may be garbage first). */
interface Resource { drop: () => void }

const open = new Set<Resource>()
let graves: FinalizationRegistry<Resource> | undefined

function bury (resource: Resource): void {
  if (!open.delete(resource)) return
  try { resource.drop() } catch { /* what can not be destroyed is forgotten */ }
}

onReset(mode => {
  const clients = open.size
  const all = [...open]
  open.clear()
  if (mode === 'drop') for (const resource of all) try { resource.drop() } catch { /* forgotten all the same */ }
  return { clients }
})

/**
 * The one holder for everything that belongs to an event loop: client, dispatcher, pool. Built on first use under
 * single-flight, forgets a failed build, knows its epoch. After a reset the old value is dropped (never closed) and the next
 * use builds a fresh one. A holder that became garbage lets its value go: instances of many tenants do not pile up sockets.
 */
export class Owned<T> {
  readonly #life: Lifecycle<T>
  #epoch = 0
  #value: T | undefined
  #resource: Resource | undefined
  #opening: Promise<T> | undefined
  /** close() calls under way: who closes at the same time waits for the same. */
  readonly #endings = new Set<Promise<void>>()
  /** Grows with each build and each drop: a build that comes too late finds that it is not wanted any more. */
  #generation = 0

  constructor (life: Lifecycle<T>) { this.#life = life }

  /** The value if it is open in this epoch: the hot path, without a promise. */
  get current (): T | undefined { return this.#epoch === realm.epoch ? this.#value : undefined }

  /** The value, opened if need be. Callers at the same time share one build; a failed one is forgotten. */
  get (): Promise<T> {
    if (this.#epoch === realm.epoch) {
      if (this.#value !== undefined) return Promise.resolve(this.#value)
      if (this.#opening !== undefined) return this.#opening
    }
    this.#epoch = realm.epoch
    this.#value = undefined
    this.#resource = undefined
    const opening = this.#build(++this.#generation)
    this.#opening = opening
    return opening
  }

  async #build (generation: number): Promise<T> {
    const epoch = realm.epoch
    const own = await Promise.resolve() // the promise must be stored before a synchronous failure forgets it
      .then(() => this.#life.open())
      .catch((error: unknown) => {
        if (this.#generation === generation) this.#opening = undefined
        throw error
      })
    // Built for an owner that is gone, or dropped meanwhile; whoever waited for it has been rejected.
    if (epoch !== realm.epoch || this.#generation !== generation) this.#life.drop(own)
    else this.#keep(own)
    return own
  }

  #keep (value: T): void {
    const { drop } = this.#life
    const resource: Resource = { drop: () => { drop(value) } }
    open.add(resource)
    graves ??= new FinalizationRegistry<Resource>(bury)
    graves.register(this, resource, resource)
    this.#resource = resource
    this.#value = value
    this.#opening = undefined
  }

  /** Let go of the value in good order, and wait until every value that is on its way out is gone. A use from now on opens a new one. Idempotent. */
  async close (): Promise<void> {
    const ending = this.#epoch === realm.epoch ? this.#end() : undefined
    if (ending !== undefined) this.#endings.add(ending)
    try {
      await Promise.all(this.#endings)
    } finally {
      if (ending !== undefined) this.#endings.delete(ending)
    }
  }

  async #end (): Promise<void> {
    const opening = this.#opening
    const value = this.#value ?? (opening === undefined ? undefined : await opening.catch(() => undefined))
    const resource = this.#detach(value)
    if (value === undefined || resource === undefined) return
    try {
      await this.#life.close(value)
    } finally {
      if (open.delete(resource)) graves?.unregister(resource)
    }
  }

  /** Destroy the value now, as a reset does. @returns whether there was one */
  drop (): boolean {
    const value = this.current
    const resource = this.#detach(value)
    this.#generation++
    this.#opening = undefined
    if (resource === undefined) return false
    graves?.unregister(resource)
    bury(resource)
    return true
  }

  /** Take the value out of the holder; only one caller gets its resource. */
  #detach (value: T | undefined): Resource | undefined {
    if (value === undefined || value !== this.#value) return undefined
    const resource = this.#resource
    this.#value = undefined
    this.#resource = undefined
    this.#opening = undefined
    return resource
  }
}
