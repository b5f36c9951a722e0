/**
 * Numbers from a seed, the same on every platform and in every version: xoshiro128** (Blackman and Vigna, 2018), seeded
 * through the 32-bit finalizer of MurmurHash3. Not for secrets.
 */
export type RandomState = readonly [number, number, number, number]

export class Random {
  #a: number
  #b: number
  #c: number
  #d: number

  /** @param state four unsigned 32-bit integers, not all zero */
  constructor (state: RandomState) {
    [this.#a, this.#b, this.#c, this.#d] = state
  }

  /** Different streams of one seed and epoch are independent. */
  static from (seed: number, epoch: number, stream: number): Random {
    let hash = 0x9e3779b9
    const words: number[] = []
    for (const word of [low(seed), high(seed), low(epoch), high(epoch), stream]) hash = mix(hash ^ mix(word + 0x6a09e667))
    for (let i = 1; i <= 4; i++) words.push(mix(hash + Math.imul(i, 0x9e3779b9)))
    return new Random([words[0]!, words[1]!, words[2]!, (words[3]! | 1) >>> 0])
  }

  get state (): RandomState {
    return [this.#a >>> 0, this.#b >>> 0, this.#c >>> 0, this.#d >>> 0]
  }

  /** An unsigned 32-bit integer. */
  next (): number {
    const product = Math.imul(this.#b, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = (this.#d << 11) | (this.#d >>> 21)
    return result
  }

  /** An integer in [0, bound), each equally likely; bound in 1..2^32. */
  below (bound: number): number {
    const limit = 0x1_0000_0000 - 0x1_0000_0000 % bound
    let value = this.next()
    while (value >= limit) value = this.next()
    return value % bound
  }
}

/** In place, every order equally likely (Fisher and Yates). */
export function shuffleInPlace (items: unknown[], random: Random): void {
  for (let last = items.length - 1; last > 0; last--) {
    const other = random.below(last + 1)
    const kept = items[last]
    items[last] = items[other]
    items[other] = kept
  }
}

function mix (word: number): number {
  let value = word | 0
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}

function low (value: number): number {
  return value % 0x1_0000_0000 >>> 0
}

function high (value: number): number {
  return Math.floor(value / 0x1_0000_0000) >>> 0
}
