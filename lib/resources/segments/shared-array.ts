import { FsError } from '../../errors/index.js'
import { realm } from '../../owner/index.js'
import type { Descriptor, DescriptorBody } from '../../filesystem/descriptor.js'
import { currentCrossing } from './crossing.js'
import { mappingOf } from './mapping.js'
import { preparedPlaces } from './places.js'
import type { Places } from './places.js'
import type { Segment } from './segment.js'
import { segmentsIn } from './shared-copies.js'
import { checkShipped, isSharedMemory, isSharingMode, knownShared, notSupported, rememberBorn, shipped, unship } from './ship.js'
import type { Shipped, SharingMode } from './ship.js'
import { arrayName, arrayOver, bytesOf, elementBytes, isArrayName, privateCopy } from './views.js'
import type { NumericArray } from './views.js'

/**
 * What lies under the array here. `shared-memory`: a SharedArrayBuffer; `mmap`: a file in shared memory that is mapped; `file`: memory of
 * this process, read from such a file; `copy`: memory of this process.
 */
export type Carrier = 'shared-memory' | 'mmap' | 'file' | 'copy'

/** An array that other threads and processes see. Send it in any message: it arrives as a SharedArray of the receiver. */
export interface SharedArray<A extends NumericArray = NumericArray> extends AsyncDisposable {
  /** @throws FsError FORKFS_CLOSED after release() */
  readonly array: A
  /** What lies under it in this thread; another receiver may have another one. */
  readonly carrier: Carrier
  /**
   * For JSON and for messages to other processes. An array in a SharedArrayBuffer is written to a shared file then, synchronously, once for
   * as long as it does not change.
   * @throws FsError FORKFS_CLOSED, FORKFS_RESET, ENOSPC; FORKFS_NOT_SUPPORTED for mode 'r+' where processes can not share memory
   */
  toJSON (): Descriptor
  /**
   * Nobody finds it any more by what was sent before; who has it keeps it. Arrays in use stay good, and their memory goes with them. Idempotent.
   */
  release (): Promise<void>
  /** release(). */
  [Symbol.asyncDispose] (): Promise<void>
}

/** Where the bytes come from. */
export type Backing =
  /** Made here, in a segment of ours. */
  | { readonly kind: 'segment', readonly segment: Segment }
  /** Somebody's segment, as it was described to us. */
  | { readonly kind: 'received', readonly body: Shipped }
  | { readonly kind: 'memory', readonly folder: string | undefined }

let leaks: FinalizationRegistry<{ released: boolean, readonly epoch: number }> | undefined

/** Its segment stays open: somebody may have been told where it lies. */
function watch (array: object, state: { released: boolean, readonly epoch: number }): void {
  leaks ??= new FinalizationRegistry(({ released, epoch }) => {
    if (released || epoch !== realm.epoch) return
    process.emitWarning('a shared array was forgotten without release(): its memory stays until the process ends', 'ForkfsWarning')
  })
  leaks.register(array, state)
}

/** revive() leaves what has it as it is. */
const liveBrand = Symbol.for('forkfs.live.v1')

export class LiveSharedArray<A extends NumericArray> implements SharedArray<A> {
  readonly $forkfs!: DescriptorBody
  readonly #mode: SharingMode
  readonly #backing: Backing
  readonly #state = { released: false, epoch: realm.epoch }
  #array: A | undefined
  /** Segments made of it for other processes, the newest per place. */
  readonly #sent = new Map<Places, () => void>()

  constructor (array: A, mode: SharingMode, backing: Backing) {
    this.#array = array
    this.#mode = mode
    this.#backing = backing
    if (isSharedMemory(array.buffer)) knownShared(array.buffer)
    Object.defineProperty(this, '$forkfs', { enumerable: true, get: () => this.#describe(false) })
    if (backing.kind !== 'segment') return
    const { segment } = backing
    const state = this.#state
    if (mappingOf(array.buffer) === 'shared') rememberBorn(array.buffer, segment, mode, () => !state.released && state.epoch === realm.epoch)
    watch(this, state)
  }

  get array (): A {
    if (this.#array === undefined) throw new FsError('FORKFS_CLOSED', 'the shared array was released', { operation: 'array' })
    return this.#array
  }

  get carrier (): Carrier {
    const { array } = this
    if (isSharedMemory(array.buffer)) return 'shared-memory'
    if (mappingOf(array.buffer) !== undefined) return 'mmap'
    return this.#backing.kind === 'received' ? 'file' : 'copy'
  }

  toJSON (): Descriptor { return { $forkfs: this.#describe(true) } }

  release (): Promise<void> {
    const ours = !this.#state.released && this.#state.epoch === realm.epoch
    this.#state.released = true
    this.#array = undefined
    if (!ours) return Promise.resolve()
    for (const release of this.#sent.values()) release()
    this.#sent.clear()
    if (this.#backing.kind === 'segment') this.#backing.segment.close()
    return Promise.resolve()
  }

  async [Symbol.asyncDispose] (): Promise<void> { await this.release() }

  static { Object.defineProperty(this.prototype, liveBrand, { value: true }) }

  #describe (json: boolean): DescriptorBody {
    const { array } = this
    if (this.#state.epoch !== realm.epoch) throw new FsError('FORKFS_RESET', 'the array was shared before resetForFork(): share it again here', { operation: 'share' })
    const crossing = currentCrossing()
    const head = { v: 1, type: 'shared-array', array: arrayName(array)!, mode: this.#mode } as const
    if (isSharedMemory(array.buffer) && !json && crossing === undefined) return { ...head, byteOffset: array.byteOffset, length: array.length, buffer: array.buffer }
    const body = this.#locate(crossing === undefined ? this.#places() : crossing.places, crossing?.named === true)
    if (body !== undefined) return { ...head, ...body }
    if (this.#mode === 'r+') throw notSupported('this memory is one that threads alone see, or nobody else')
    const bytes = bytesOf(array)
    return { ...head, byteOffset: 0, length: array.length, data: json ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64') : bytes.slice() }
  }

  #places (): Places { return preparedPlaces(this.#backing.kind === 'memory' ? this.#backing.folder : undefined) }

  /** Where another process finds it; undefined where it has to go along. */
  #locate (places: Places | undefined, named: boolean): Shipped | undefined {
    const backing = this.#backing
    const { array } = this
    if (backing.kind === 'segment' && !named) return shipped(array, backing.segment.ref, array.byteOffset, this.#mode)
    if (backing.kind === 'received' && !named) return backing.body
    if (!isSharedMemory(array.buffer) && backing.kind === 'memory') return undefined // small, or it was meant to stay
    if (this.#mode === 'r+') throw notSupported('the memory of threads is not seen by processes: install koffi')
    if (places === undefined) return undefined
    if (places.candidates.length === 0) throw places.failure
    const { copy, offset, release } = segmentsIn(places).use(array)
    this.#sent.get(places)?.()
    this.#sent.set(places, release)
    return shipped(array, copy.ref, offset, this.#mode)
  }
}

function malformed (): FsError { return new FsError('FORKFS_DESCRIPTOR', 'a descriptor of a shared array is damaged', { operation: 'revive' }) }

/**
 * What a descriptor of type 'shared-array' stands for, as an array of this owner.
 * @throws FsError FORKFS_DESCRIPTOR, FORKFS_STALE_SEGMENT, FORKFS_NOT_SUPPORTED (mode 'r+' in a process that can not map files)
 */
export function reviveSharedArray (body: Readonly<Record<string, unknown>>): SharedArray {
  const { array, mode, byteOffset, length, buffer, data } = body
  if (!isArrayName(array) || !isSharingMode(mode)) throw malformed()
  if (body['segment'] !== undefined) {
    const known = checkShipped({ array, mode, byteOffset, length, segment: body['segment'] })
    return new LiveSharedArray(unship(known), mode, { kind: 'received', body: known })
  }
  try {
    if (isSharedMemory(buffer)) {
      const shared = arrayOver(array, buffer, byteOffset as number, length as number)
      // Threads have no pages of their own: what must stay private is copied as it comes.
      return new LiveSharedArray(mode === 'c' ? arrayOver(array, privateCopy(shared), 0, shared.length) : shared, mode, { kind: 'memory', folder: undefined })
    }
    const bytes = typeof data === 'string' ? new Uint8Array(Buffer.from(data, 'base64')) : data
    if (arrayName(bytes) !== 'Uint8Array' || (bytes as Uint8Array).byteLength !== (length as number) * elementBytes(array)) throw malformed()
    return new LiveSharedArray(arrayOver(array, privateCopy(bytesOf(bytes as Uint8Array)), 0, length as number), mode, { kind: 'memory', folder: undefined })
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) throw malformed()
    throw error
  }
}
