import { isFsError } from '../errors/index.js'
import { across, arrayName, checkShipped, isBornShared, keepCopies, ship, unship } from '../resources/segments/index.js'
import type { NumericArray, Places, Shipped, SharingMode } from '../resources/segments/index.js'
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

/** The large arrays of one channel between processes: segments are held from send() until the other side says that it has them. */
export class SegmentLink {
  #sharing: SegmentSharing | undefined
  #unkeep: (() => void) | undefined
  /** By nonce: what the other side has not taken yet. */
  readonly #held = new Map<string, Array<() => void>>()

  share (sharing: SegmentSharing): void {
    this.#sharing = sharing
    this.#unkeep ??= keepCopies()
  }

  /** @throws what can not be cloned, FsError ENOSPC; nothing is held then */
  pack (value: unknown): Buffer {
    const sharing = this.#sharing
    const crossing = { places: sharing?.places, named: sharing?.named ?? false }
    if (sharing === undefined) return across(crossing, () => toBytes(value))
    const shipments: Array<ReturnType<typeof ship>> = []
    const swap = (view: ArrayBufferView): Shipped | undefined => {
      const { maxBytes, mode, back, places, named } = sharing
      const byReference = !back && !named && isBornShared(view.buffer)
      if ((view.byteLength < maxBytes && !byReference) || view.byteLength === 0 || arrayName(view) === undefined) return undefined
      const shipment = ship(view as NumericArray, { places, mode: back ? 'c' : mode, byReference })
      shipments.push(shipment)
      return shipment.body
    }
    try {
      const bytes = across(crossing, () => toBytes(value, swap))
      for (const { body: { segment: { nonce } }, release } of shipments) this.#held.set(nonce, [...this.#held.get(nonce) ?? [], release])
      return bytes
    } catch (error) {
      for (const { release } of shipments) release()
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
        return unship(known)
      } catch (error) {
        if (!isFsError(error) && !(error instanceof RangeError)) throw error // RangeError: no memory for it
        failure ??= error
        return new Uint8Array()
      }
    })
    return { value, taken, failure }
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
    this.#sharing = undefined
    this.#unkeep?.()
  }
}
