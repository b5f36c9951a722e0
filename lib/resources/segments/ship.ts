import { FsError } from '../../errors/index.js'
import { canMap, mapFile, mappingOf } from './mapping.js'
import type { Places } from './places.js'
import { checkRef, closeFile, openSegment, readAll } from './segment.js'
import type { Segment, SegmentRef } from './segment.js'
import { segmentsIn } from './shared-copies.js'
import { arrayName, arrayOver, elementBytes, isArrayName } from './views.js'
import type { NumericArray } from './views.js'

/** `r`: read it, do not write it; `c`: writes stay private; `r+`: writes are everybody's. */
export type SharingMode = 'r' | 'r+' | 'c'
const modes: readonly unknown[] = ['r', 'r+', 'c'] satisfies SharingMode[]
export function isSharingMode (value: unknown): value is SharingMode { return modes.includes(value) }

/** An array on its way to another process: where it lies, and how it is to be seen. Plain JSON. */
export interface Shipped {
  readonly array: string
  readonly mode: SharingMode
  readonly segment: SegmentRef
  readonly byteOffset: number
  readonly length: number
}

/** Memory over a segment of our own that others see: arrays over it need no copy. */
const born = new WeakMap<ArrayBufferLike, { readonly segment: Segment, readonly mode: SharingMode, readonly isOpen: () => boolean }>()

export function rememberBorn (memory: ArrayBufferLike, segment: Segment, mode: SharingMode, isOpen: () => boolean): void { born.set(memory, { segment, mode, isOpen }) }

/** Whether arrays over it are sent by reference. */
export function isBornShared (memory: ArrayBufferLike): boolean { return born.get(memory)?.isOpen() === true }

/** Shared memory of threads that came by us, not by the user: a worker gives back copies of it. */
const known = new WeakSet<SharedArrayBuffer>()
export function knownShared (memory: SharedArrayBuffer): void { known.add(memory) }
export function isKnownShared (memory: SharedArrayBuffer): boolean { return known.has(memory) }

export function shipped (view: NumericArray, segment: SegmentRef, byteOffset: number, mode: SharingMode): Shipped {
  return { array: arrayName(view)!, mode, segment, byteOffset, length: view.length }
}

export interface ShipOptions {
  readonly places: Places
  readonly mode: SharingMode
  /** Whether memory that is shared already goes as it is; what a worker gives back is always a copy. */
  readonly byReference: boolean
}

/**
 * Put an array where another process finds it. `release` when that has taken it.
 * @throws FsError ENOSPC and the like
 */
export function ship (view: NumericArray, { places, mode, byReference }: ShipOptions): { readonly body: Shipped, readonly release: () => void } {
  const origin = byReference ? born.get(view.buffer) : undefined
  if (origin?.isOpen() === true) return { body: shipped(view, origin.segment.ref, view.byteOffset, origin.mode), release () {} }
  const { copy, offset, release } = segmentsIn(places).use(view)
  return { body: shipped(view, copy.ref, offset, mode), release }
}

/** @throws FsError FORKFS_DESCRIPTOR */
export function checkShipped (body: Readonly<Record<string, unknown>>): Shipped {
  const { array, mode, byteOffset, length } = body
  const segment = checkRef(body.segment)
  const counts = Number.isSafeInteger(byteOffset) && (byteOffset as number) >= 0 && Number.isSafeInteger(length) && (length as number) >= 0
  if (isArrayName(array) && isSharingMode(mode) && counts) {
    const size = elementBytes(array)
    if ((byteOffset as number) % size === 0 && (byteOffset as number) + (length as number) * size <= segment.bytes) return body as unknown as Shipped
  }
  throw new FsError('FORKFS_DESCRIPTOR', 'a descriptor of a shared array does not fit its segment', { operation: 'revive' })
}

const pageBytes = 4096

/** Memory for an array that is on its way, with its pages there already: getting them takes longer than filling them. Undefined where it will be mapped. */
export function expectBytes (bytes: number): Uint8Array | undefined {
  if (canMap()) return undefined
  const memory = new Uint8Array(bytes)
  for (let at = 0; at < bytes; at += pageBytes) memory[at] = 0
  return memory
}

/**
 * The array: over the segment where that can be mapped, in memory of its own elsewhere.
 * @param take memory of this size that was got ready, if there is any
 * @throws FsError FORKFS_STALE_SEGMENT, FORKFS_NOT_SUPPORTED
 */
export function unship ({ array, mode, segment, byteOffset, length }: Shipped, take: (bytes: number) => Uint8Array | undefined = () => undefined): NumericArray {
  const file = openSegment(segment, mode === 'r+')
  try {
    const memory = mapFile(file.fd, segment.bytes, mode === 'r+')
    if (memory !== undefined) return arrayOver(array, memory, byteOffset, length)
    if (mode === 'r+') throw notSupported('this process can not map files: install koffi')
    const size = length * elementBytes(array)
    const bytes = take(size) ?? new Uint8Array(size)
    readAll(file.fd, bytes, byteOffset)
    return arrayOver(array, bytes.buffer, 0, length)
  } finally {
    closeFile(file)
  }
}

export function notSupported (why: string): FsError {
  return new FsError('FORKFS_NOT_SUPPORTED', `mode 'r+' needs memory that both sides see, and ${why}`, { operation: 'share' })
}

/** Whether its memory is one that others can see: a SharedArrayBuffer, or a mapped file. */
export function hasShareableMemory (array: NumericArray): boolean {
  if (arrayName(array) === undefined) throw new TypeError(`Expected \`array\` to be a typed array, got \`${String(array).slice(0, 100)}\` (${typeof array})`)
  return isSharedMemory(array.buffer) || mappingOf(array.buffer) !== undefined
}

export function isSharedMemory (memory: unknown): memory is SharedArrayBuffer { return Object.prototype.toString.call(memory) === '[object SharedArrayBuffer]' }
