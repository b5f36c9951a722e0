import { isFsError } from '../errors/index.js'
import { across, arrayName, checkShipped, expectBytes, isBornShared, keepCopies, ship, unship } from '../resources/segments/index.js'
import type { NumericArray, Places, Shipped, SharingMode } from '../resources/segments/index.js'
import { frameStart } from './frames.js'
import { fromBytes, toBytes } from './serialize.js'

/** How large arrays leave by a channel to another process. */
export interface SegmentSharing {
  readonly maxBytes: number
  readonly mode: SharingMode
  /** What goes back to a parent is its own: views of what it shared are copied, too. */
  readonly back: boolean
  readonly places: Places
  readonly named: boolean
}

/** What arrived. `taken`: what its sender may let go of; `failure`: why something in it is missing. */
export interface Unpacked { readonly value: unknown, readonly taken: readonly string[], readonly failure: unknown }

/** From this size on the other side is told to get memory ready while this one writes. */
const announceBytes = 8 << 20

/** The large arrays of one channel between processes: segments are held from send() until the other side says that it has them. */
export class SegmentLink {
  #sharing: SegmentSharing | undefined
  #unkeep: (() => void) | undefined
  /** By nonce: what the other side has not taken yet. */
  readonly #held = new Map<string, Array<() => void>>()
  readonly #announce: (bytes: number) => void
  /** Memory for the arrays of the next message. */
  #ready: Uint8Array[] = []

  /** @param announce tells the other side to expect an array; 0: none any more */
  constructor (announce: (bytes: number) => void) { this.#announce = announce }

  share (sharing: SegmentSharing): void {
    this.#sharing = sharing
    this.#unkeep ??= keepCopies()
  }

  /** @returns a frame for writeReady() @throws what can not be cloned, FsError ENOSPC; nothing is held then */
  pack (value: unknown): Buffer {
    const sharing = this.#sharing
    const crossing = { places: sharing?.places, named: sharing?.named ?? false }
    if (sharing === undefined) return across(crossing, () => toBytes(value, undefined, frameStart))
    const shipments: Array<ReturnType<typeof ship>> = []
    let announced = false
    const swap = (view: ArrayBufferView): Shipped | undefined => {
      const { maxBytes, mode, back, places, named } = sharing
      const byReference = !back && !named && isBornShared(view.buffer)
      if ((view.byteLength < maxBytes && !byReference) || view.byteLength === 0 || arrayName(view) === undefined) return undefined
      if (!byReference && view.byteLength >= announceBytes) {
        announced = true
        this.#announce(view.byteLength)
      }
      const shipment = ship(view as NumericArray, { places, mode: back ? 'c' : mode, byReference })
      shipments.push(shipment)
      return shipment.body
    }
    try {
      const bytes = across(crossing, () => toBytes(value, swap, frameStart))
      for (const { body: { segment: { nonce } }, release } of shipments) this.#held.set(nonce, [...this.#held.get(nonce) ?? [], release])
      return bytes
    } catch (error) {
      for (const { release } of shipments) release()
      if (announced) this.#announce(0)
      throw error
    }
  }

  /** @throws what is no message at all */
  unpack (bytes: Buffer): Unpacked {
    const taken: string[] = []
    let failure: unknown
    const value = fromBytes(bytes, body => {
      try {
        const known = checkShipped(body as Readonly<Record<string, unknown>>)
        taken.push(known.segment.nonce)
        return unship(known, size => this.#take(size))
      } catch (error) {
        if (!isFsError(error) && !(error instanceof RangeError)) throw error // RangeError: no memory for it
        failure ??= error
        return new Uint8Array()
      }
    })
    if (taken.length > 0) this.#ready = [] // it was for this message
    return { value, taken, failure }
  }

  /** What its announcement asked for. */
  expect (bytes: number): void {
    if (bytes === 0) this.#ready = []
    try {
      const memory = bytes === 0 ? undefined : expectBytes(bytes)
      if (memory !== undefined) this.#ready.push(memory)
    } catch { /* no memory: the array itself will say so */ }
  }

  #take (size: number): Uint8Array | undefined {
    const index = this.#ready.findIndex(({ byteLength }) => byteLength === size)
    return index === -1 ? undefined : this.#ready.splice(index, 1)[0]
  }

  /** The other side has them. */
  taken (nonces: readonly string[]): void {
    for (const nonce of nonces) {
      const holds = this.#held.get(nonce)
      holds?.shift()?.()
      if (holds?.length === 0) this.#held.delete(nonce)
    }
  }

  /** The other side is gone. */
  close (): void {
    for (const holds of this.#held.values()) for (const release of holds) release()
    this.#held.clear()
    this.#ready = []
    this.#sharing = undefined
    this.#unkeep?.()
  }
}
