import { onReset } from '../../owner/index.js'
import { bytesOf } from './views.js'

/** How one kind of shared copy of an array is made. */
export interface CopyKind<T> {
  make (bytes: Uint8Array): T
  /** Whether the copy still holds these bytes at `offset`. */
  holds (copy: T, offset: number, bytes: Uint8Array): boolean
  discard (copy: T): void
}

/** A copy in use. `offset`: where the array's bytes begin in it. */
export interface Use<T> { readonly copy: T, readonly offset: number, release (): void }

interface Entry<T> { readonly copy: T, readonly start: number, readonly end: number, readonly source: WeakRef<ArrayBufferLike>, uses: number, idleSince: number }

/** How long a copy that nobody uses waits for the next time its array is sent. */
const idleMs = 5000
/** A view of at least this part of its buffer has the whole buffer copied, for the sake of the other views. */
const wholeFrom = 1 / 4
/** Of the largest element. */
const alignment = 8

interface Expiring { expire (now: number): boolean }

const filled = new Set<Expiring>()
let timer: NodeJS.Timeout | undefined
/** Channels that share: with the last one go the copies that wait. */
let channels = 0

function tick (now: number): void {
  for (const copies of filled) if (!copies.expire(now)) filled.delete(copies)
  if (filled.size > 0) return
  clearInterval(timer)
  timer = undefined
}

onReset(() => {
  filled.clear()
  channels = 0
  clearInterval(timer)
  timer = undefined
  return {}
})

function discardExpired (): void { tick(performance.now()) }

/** Let go of all copies that are not in use. */
export function discardIdle (): void { tick(Infinity) }

/** @returns a function that takes it back (idempotent) */
export function keepCopies (): () => void {
  channels++
  let kept = true
  return () => {
    if (!kept) return
    kept = false
    if (--channels <= 0) discardIdle()
  }
}

/**
 * One copy of each array, however often it is sent: by the identity of its buffer, so that views of one buffer share a copy, and by what it
 * holds, so that a changed array is copied anew. Comparing costs about a third of copying.
 */
export class Copies<T> implements Expiring {
  readonly #kind: CopyKind<T>
  readonly #entries = new WeakMap<ArrayBufferLike, Set<Entry<T>>>()
  readonly #idle = new Set<Entry<T>>()

  constructor (kind: CopyKind<T>) { this.#kind = kind }

  /** @throws what making one throws; the copies that waited have made room then */
  use (view: ArrayBufferView): Use<T> {
    const { buffer, byteOffset } = view
    const entry = this.#find(buffer, bytesOf(view)) ?? this.#add(view)
    this.#idle.delete(entry)
    entry.uses++
    let used = true
    return {
      copy: entry.copy,
      offset: byteOffset - entry.start,
      release: () => {
        if (!used) return
        used = false
        this.#release(entry)
      }
    }
  }

  expire (now: number): boolean {
    for (const entry of this.#idle) if (now - entry.idleSince >= idleMs || entry.source.deref() === undefined) this.#drop(entry)
    return this.#idle.size > 0
  }

  #find (buffer: ArrayBufferLike, bytes: Uint8Array): Entry<T> | undefined {
    const start = bytes.byteOffset
    for (const entry of this.#entries.get(buffer) ?? []) {
      if (entry.start > start || entry.end < start + bytes.byteLength) continue
      if (this.#kind.holds(entry.copy, start - entry.start, bytes)) return entry
      this.#entries.get(buffer)!.delete(entry) // changed since: whoever has the copy keeps it
      if (entry.uses > 0) continue
      entry.idleSince = -Infinity
      setImmediate(discardExpired) // after the array is on its way, for it takes its time
    }
    return undefined
  }

  #add (view: ArrayBufferView): Entry<T> {
    const { buffer } = view
    const start = view.byteOffset - view.byteOffset % alignment // so that views of any type lie in it as they did in the buffer
    const whole = view.byteLength >= buffer.byteLength * wholeFrom
    const bytes = whole ? new Uint8Array(buffer) : new Uint8Array(buffer, start, view.byteOffset + view.byteLength - start)
    const { byteOffset } = bytes
    const entry: Entry<T> = { copy: this.#make(bytes), start: byteOffset, end: byteOffset + bytes.byteLength, source: new WeakRef(buffer), uses: 0, idleSince: 0 }
    const entries = this.#entries.get(buffer) ?? new Set()
    entries.add(entry)
    this.#entries.set(buffer, entries)
    return entry
  }

  #make (bytes: Uint8Array): T {
    try {
      return this.#kind.make(bytes)
    } catch (error) {
      if (this.#idle.size === 0) throw error
      discardIdle()
      return this.#kind.make(bytes)
    }
  }

  #release (entry: Entry<T>): void {
    if (--entry.uses > 0) return
    const source = entry.source.deref()
    if (channels <= 0 || source === undefined || this.#entries.get(source)?.has(entry) !== true) {
      this.#drop(entry)
      return
    }
    entry.idleSince = performance.now()
    this.#idle.add(entry)
    filled.add(this)
    timer ??= setInterval(discardExpired, idleMs / 4).unref()
  }

  #drop (entry: Entry<T>): void {
    this.#idle.delete(entry)
    const source = entry.source.deref()
    if (source !== undefined) this.#entries.get(source)?.delete(entry)
    this.#kind.discard(entry.copy)
  }
}
