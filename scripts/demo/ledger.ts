/** Which samples there are, by the hash of every file in them, and what a reader has seen of them. */
import { createHash } from 'node:crypto'

/** Hash by the part of the name that follows its first dot. */
export type Hashes = Readonly<Record<string, string>>

export function sha256 (data: Uint8Array): string {
  return createHash('sha256').update(data).digest('base64')
}

export class Ledger {
  readonly #expected = new Map<string, Map<string, Hashes>>()
  #samples = 0
  #bytes = 0

  get samples (): number { return this.#samples }

  /** Bytes of the files, without headers. */
  get bytes (): number { return this.#bytes }

  expect (shard: string, key: string, hashes: Hashes, bytes: number): void {
    let samples = this.#expected.get(shard)
    if (samples === undefined) this.#expected.set(shard, samples = new Map())
    if (samples.has(key)) throw new Error(`${shard} has two samples of the key ${key}`)
    samples.set(key, hashes)
    this.#samples++
    this.#bytes += bytes
  }

  hashesOf (shard: string, key: string): Hashes | undefined {
    return this.#expected.get(shard)?.get(key)
  }

  check (): EpochCheck { return new EpochCheck(this) }
}

/** One reading of everything, compared with the ledger. */
export class EpochCheck {
  readonly #ledger: Ledger
  readonly #seen = new Set<string>()
  #duplicates = 0
  #wrong = 0

  constructor (ledger: Ledger) {
    this.#ledger = ledger
  }

  get expected (): number { return this.#ledger.samples }

  /** Different samples that came with the right bytes. */
  get seen (): number { return this.#seen.size }

  get duplicates (): number { return this.#duplicates }

  /** Samples that nobody wrote, or with other bytes or files than were written. */
  get wrong (): number { return this.#wrong }

  get complete (): boolean { return this.seen === this.expected && this.duplicates === 0 && this.wrong === 0 }

  take (shard: string, key: string, hashes: Hashes): void {
    const id = `${shard}\n${key}`
    if (!equal(this.#ledger.hashesOf(shard, key), hashes)) this.#wrong++
    else if (this.#seen.has(id)) this.#duplicates++
    else this.#seen.add(id)
  }
}

function equal (expected: Hashes | undefined, actual: Hashes): boolean {
  if (expected === undefined) return false
  const parts = Object.keys(expected)
  return parts.length === Object.keys(actual).length && parts.every(part => expected[part] === actual[part])
}
