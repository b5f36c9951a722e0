import type { Places } from './places.js'

/** Where what is being serialised now goes, while a channel to another process does it. */
export interface Crossing {
  /** Where segments for it lie; undefined where it can open none. */
  readonly places: Places | undefined
  /** It opens files by their path alone. */
  readonly named: boolean
}

interface Holder { current: Crossing | undefined }

const key = Symbol.for('forkfs.crossing.v1')

/** One per thread: the array may come from another copy of the package than the channel. */
function holder (): Holder {
  const global = globalThis as unknown as Record<symbol, Holder | undefined>
  const found = global[key]
  if (found !== undefined) return found
  const made: Holder = { current: undefined }
  Object.defineProperty(globalThis, key, { value: made })
  return made
}

/** Serialising asks objects for what they are without saying for whom: this says it. */
export function across<T> (crossing: Crossing, serialise: () => T): T {
  const held = holder()
  const before = held.current
  held.current = crossing
  try {
    return serialise()
  } finally {
    held.current = before
  }
}

/** Undefined: a message port, which can pass shared memory, or nobody of ours. */
export function currentCrossing (): Crossing | undefined { return holder().current }
