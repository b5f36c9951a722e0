import { Random } from './random.js'
import type { RandomState } from './random.js'

/** Where a sample stands: the shard by its place in the plan, the record in it, and where to begin reading (undefined: at the start). */
export interface SamplePlace { readonly ordinal: number, readonly index: number, readonly offset: number | undefined }

/** What a shuffle buffer needs to go on: its random numbers, and the samples in it by their places, in the order of its slots. */
export interface ShuffleBufferState { readonly random: RandomState, readonly held: readonly SamplePlace[] }

interface Seeded { readonly seed: number, readonly epoch: number }
interface Restored<T> { readonly state: ShuffleBufferState, readonly restored: readonly T[] }

const stream = 2

/**
 * Holds `size` samples; each one that comes takes the slot of a random one, which leaves. The order that results depends on
 * seed, epoch and the order of the samples that come, on nothing else.
 */
export class ShuffleBuffer<T> {
  readonly #size: number
  readonly #held: T[]
  readonly #random: Random

  /**
   * @param size samples held, integer >= 1
   * @param restored the samples of `state.held`, read again, in that order
   */
  constructor (size: number, from: Seeded | Restored<T>) {
    if (!Number.isInteger(size) || size < 1) throw new RangeError(`Expected \`size\` to be an integer >= 1, got \`${String(size)}\` (${typeof size})`)
    this.#size = size
    if ('seed' in from) {
      this.#random = Random.from(from.seed, from.epoch, stream)
      this.#held = []
      return
    }
    const { state, restored } = from
    if (restored.length !== state.held.length) {
      throw new RangeError(`Expected \`restored\` to have ${state.held.length} samples, got \`${restored.length}\``)
    }
    this.#random = new Random(state.random)
    this.#held = [...restored]
  }

  get length (): number { return this.#held.length }

  /** @returns the sample that leaves; undefined while the buffer fills */
  push (item: T): T | undefined {
    const held = this.#held
    if (held.length < this.#size) {
      held.push(item)
      return undefined
    }
    const slot = this.#random.below(held.length)
    const leaving = held[slot]!
    held[slot] = item
    return leaving
  }

  /** After the last sample: one of those left, undefined when there is none. */
  drain (): T | undefined {
    const held = this.#held
    if (held.length === 0) return undefined
    const slot = this.#random.below(held.length)
    const leaving = held[slot]!
    const last = held.pop()!
    if (slot < held.length) held[slot] = last
    return leaving
  }

  state (placeOf: (item: T) => SamplePlace): ShuffleBufferState {
    return { random: this.#random.state, held: this.#held.map(placeOf) }
  }
}
