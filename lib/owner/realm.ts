/**
 * The realm: one small object per thread (per `globalThis`), shared by every copy of the package that is loaded there. It
 * holds what makes an owner: the epoch, the random id, the hooks that a reset runs, and the implementations that users
 * registered. Its shape is a contract between versions of the package: fields may be added under v1, never changed.
 */

/** Who owns an instance: one thread of one process, in one epoch of its life. */
export interface OwnerTag {
  readonly pid: number
  readonly threadId: number
  /** Random per realm and per epoch: a recycled pid or a startup snapshot can not repeat it. */
  readonly realm: string
  /** Grows by one with each resetForFork(). */
  readonly epoch: number
}

/** What one copy of the package let go of in a reset. */
export interface DropCounts { instances: number, clients: number, pending: number, finalizers: number }

/** Called by a reset, after the epoch has grown. `forget`: the heap woke in another process, nothing may be destroyed. */
export type ResetHook = (mode: 'drop' | 'forget') => DropCounts

export interface Realm {
  epoch: number
  /** Made when it is first asked for: nothing random happens at import, a startup snapshot would repeat it. */
  id: string | undefined
  /** A key for digests that must not be comparable between realms. */
  secret: Uint8Array | undefined
  owner: OwnerTag | undefined
  readonly hooks: Set<ResetHook>
  /** protocol -> class or loader, as registerImplementation() got it. */
  readonly implementations: Map<string, unknown>
  /** What is done for an owner that has died, by every copy of the package. */
  readonly releases: Set<(owner: OwnerTag) => Promise<void> | void>
  /** What this thread answers its workers. */
  readonly services: Map<string, ReadonlyArray<(payload: unknown, from: OwnerTag) => unknown>>
  /** In a worker of ours: asks its parent. */
  askParent: ((question: { readonly service: string, readonly payload: unknown, readonly from: OwnerTag }) => Promise<unknown>) | undefined
  /** In a worker of ours: how many there are of its kind. */
  share: number
  wakes: boolean
}

const key = Symbol.for('forkfs.realm.v1')

function createRealm (): Realm {
  return {
    epoch: 1, id: undefined, secret: undefined, owner: undefined, hooks: new Set(), implementations: new Map(), releases: new Set(),
    services: new Map(), askParent: undefined, share: 1, wakes: false
  }
}

function findRealm (): Realm {
  const holder = globalThis as unknown as Record<symbol, Realm | undefined>
  const found = holder[key]
  if (found !== undefined) return found
  const made = createRealm()
  try {
    Object.defineProperty(globalThis, key, { value: made })
  } catch {
    // A frozen global: this copy of the package keeps a realm of its own.
  }
  return made
}

/** The one realm of this thread. Code in front of every verb reads `realm.epoch`: one integer compare. */
export const realm: Realm = findRealm()

/** Builtins that cost milliseconds are loaded where they are used: importing forkfs must stay cheap. */
export function randomHex (bytes: number): string {
  return process.getBuiltinModule('node:crypto').randomBytes(bytes).toString('hex')
}

/** Key of the digests of this realm and epoch; never leaves the thread. */
export function realmSecret (): Uint8Array {
  realm.secret ??= process.getBuiltinModule('node:crypto').randomBytes(32)
  return realm.secret
}

/** The owner of what is created now, in this thread and epoch. */
export function currentOwner (): OwnerTag {
  if (realm.owner === undefined) {
    realm.id ??= randomHex(8)
    const { threadId } = process.getBuiltinModule('node:worker_threads')
    realm.owner = Object.freeze({ pid: process.pid, threadId, realm: realm.id, epoch: realm.epoch })
  }
  return realm.owner
}

/** `pid.threadId.realm.epoch`, for names of temporary files and for logs. */
export function ownerName (owner: OwnerTag = currentOwner()): string {
  return `${owner.pid}.${owner.threadId}.${owner.realm}.${owner.epoch}`
}

export function sameOwner (a: OwnerTag, b: OwnerTag): boolean {
  return a.realm === b.realm && a.epoch === b.epoch && a.pid === b.pid && a.threadId === b.threadId
}
