/** Numbers that a seed repeats, and objects whose name says what is in them. */

export class Random {
  #state: number
  constructor (seed: number) { this.#state = seed >>> 0 }

  /** In [0, 1). */
  next (): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ this.#state >>> 15, 1 | this.#state)
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32
  }

  below (limit: number): number { return Math.floor(this.next() * limit) }
  of<T> (items: readonly T[]): T { return items[this.below(items.length)]! }
}

export function mixSeed (...parts: readonly number[]): number {
  return parts.reduce((seed, part) => Math.imul(seed ^ part, 0x9e3779b1) + part >>> 0, 0x2545f491)
}

/** 'k7-5300000': the seventh object, of so many bytes. The same name has the same content in every directory. */
export function nameOf (id: number, size: number): string { return `k${id}-${size}` }

export function contentOf (path: string): Uint8Array {
  const [, id = '0', size = '0'] = /k(\d+)-(\d+)$/.exec(path) ?? []
  const words = new Uint32Array(Math.ceil(Number(size) / 4))
  let state = mixSeed(Number(id), Number(size)) | 1
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[at] = state
  }
  return new Uint8Array(words.buffer, 0, Number(size))
}
