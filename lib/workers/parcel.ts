import type { Transferable } from 'node:worker_threads'
import { arrayName, arrayOver, isKnownShared, isSharedMemory, keepCopies, knownShared, privateCopy, sharedBuffers } from '../resources/segments/index.js'
import type { NumericArray, SharingMode } from '../resources/segments/index.js'
import { answerKind, requestKind } from './envelope.js'
import type { Envelope } from './envelope.js'
import { isPlain } from './plain.js'

/** How large arrays leave by a channel within one process. */
export interface BufferSharing {
  readonly maxBytes: number
  readonly mode: SharingMode
  /** What goes back to a parent is its own. */
  readonly back: boolean
}

/** Not imported: see plain.ts. */
const { types } = process.getBuiltinModule('node:util')

interface Parcel { readonly message: Envelope, readonly transfer: readonly Transferable[] | undefined }

type Swap = (view: NumericArray) => NumericArray | undefined

/** The large arrays of one channel between threads: as shared memory on the way there, moved on the way back. */
export class BufferLink {
  #sharing: BufferSharing | undefined
  #unkeep: (() => void) | undefined

  share (sharing: BufferSharing): void {
    this.#sharing = sharing
    this.#unkeep ??= keepCopies()
  }

  pack (message: Envelope, transfer?: readonly Transferable[]): Parcel {
    const sharing = this.#sharing
    if (sharing === undefined || (message[0] !== requestKind && message[0] !== answerKind)) return { message, transfer }
    const value = message[0] === requestKind ? message[3] : message[2]
    if (isPlain(value)) return { message, transfer }
    const moved: ArrayBuffer[] = []
    const lent = new Set<SharedArrayBuffer>()
    const replaced = replaceArrays(value, swapFor(sharing, moved, lent))
    if (replaced === value && lent.size === 0) return { message, transfer }
    return {
      message: message[0] === requestKind ? [requestKind, message[1], message[2], replaced, [...lent]] : [answerKind, message[1], replaced],
      transfer: [...transfer ?? [], ...moved]
    }
  }

  unpack (message: Envelope): Envelope {
    if (message[0] === requestKind) message[4]?.forEach(knownShared)
    return message
  }

  close (): void {
    this.#sharing = undefined
    this.#unkeep?.()
  }
}

/** What goes in the place of an array. Undefined: itself, which is cloned; what lies in shared memory already is seen by both sides. */
function swapFor ({ maxBytes, mode, back }: BufferSharing, moved: ArrayBuffer[], lent: Set<SharedArrayBuffer>): Swap {
  const move = (view: NumericArray): NumericArray => {
    const copy = privateCopy(view)
    moved.push(copy)
    return arrayOver(arrayName(view)!, copy, 0, view.length)
  }
  return view => {
    if (isSharedMemory(view.buffer)) {
      if (!isKnownShared(view.buffer)) return undefined // the user's own: it goes as it is
      if (back) return move(view)
      lent.add(view.buffer)
      return undefined
    }
    if (view.byteLength < maxBytes || view.byteLength === 0) return undefined
    if (back || mode === 'c') return move(view)
    const { copy, offset, release } = sharedBuffers.use(view)
    release() // the memory itself is held by who has an array over it
    lent.add(copy)
    return arrayOver(arrayName(view)!, copy, offset, view.length)
  }
}

function isContainer (value: object): boolean {
  if (types.isProxy(value)) return false
  if (Array.isArray(value) || types.isMap(value) || types.isSet(value)) return true
  return Object.prototype.toString.call(value) === '[object Object]' && !Object.hasOwn(value, '$forkfs')
}

/** Getters run here and once more in the clone: what they give is cloned, whatever it is. */
function parts (value: object): Iterable<unknown> {
  if (Array.isArray(value)) return value
  if (types.isMap(value)) return [...value.keys(), ...value.values()]
  return types.isSet(value) ? value : Object.values(value)
}

/**
 * The same data with other arrays in it: containers on the way to one are made anew, all else is as it was. The arrays are found without
 * recursion, so that no depth of data can end the stack. @returns `value` itself where nothing is replaced
 */
function replaceArrays (value: unknown, swap: Swap): unknown {
  const swaps = new Map<object, NumericArray>()
  const parents = new Map<object, object[]>()
  const visit = (part: object, parent: object | undefined): void => {
    const known = parents.get(part)
    if (known !== undefined) {
      if (parent !== undefined) known.push(parent)
      return
    }
    if (ArrayBuffer.isView(part)) {
      const other = arrayName(part) === undefined ? undefined : swap(part as NumericArray)
      if (other !== undefined) swaps.set(part, other)
    } else if (!isContainer(part)) {
      return
    }
    parents.set(part, parent === undefined ? [] : [parent])
  }
  if (typeof value !== 'object' || value === null) return value
  visit(value, undefined)
  for (const item of parents.keys()) { // a map that grows while it is walked
    if (ArrayBuffer.isView(item)) continue
    for (const part of parts(item)) if (typeof part === 'object' && part !== null) visit(part, item)
  }
  return swaps.size === 0 ? value : rebuild(value, swaps, ancestors([...swaps.keys()], parents))
}

function ancestors (found: readonly object[], parents: ReadonlyMap<object, readonly object[]>): ReadonlySet<object> {
  const marked = new Set<object>(found)
  for (const item of marked) for (const parent of parents.get(item)!) marked.add(parent)
  return marked
}

/** Empty twins first, then their contents: cycles stay what they are. */
function rebuild (value: unknown, swaps: ReadonlyMap<unknown, unknown>, marked: ReadonlySet<object>): unknown {
  const twins = new Map<unknown, unknown>()
  for (const item of marked) {
    twins.set(item, swaps.get(item) ?? (Array.isArray(item) ? new Array(item.length) : types.isMap(item) ? new Map() : types.isSet(item) ? new Set() : {}))
  }
  const twin = (part: unknown): unknown => twins.get(part) ?? part
  for (const item of marked) {
    const made = twins.get(item)
    if (types.isMap(item)) for (const [key, part] of item) (made as Map<unknown, unknown>).set(twin(key), twin(part))
    else if (types.isSet(item)) for (const part of item) (made as Set<unknown>).add(twin(part))
    else if (!ArrayBuffer.isView(item)) copyProperties(item, made as object, twin)
  }
  return twin(value)
}

/** Getters are run by the clone, as ever. */
function copyProperties (from: object, to: object, twin: (part: unknown) => unknown): void {
  for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(from))) {
    if (property.enumerable !== true) continue
    Object.defineProperty(to, key, 'value' in property ? { ...property, value: twin(property.value) } : property)
  }
}
