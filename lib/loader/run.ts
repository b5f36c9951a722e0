import type { FileSystem } from '../filesystem/filesystem.js'
import type { Progress } from '../filesystem/types.js'
import { Unpacker } from './readers/index.js'
import type { PackedBlock, ReaderName, ReadSample } from './readers/index.js'
import type { ShardStart } from './progress.js'
import { ValueUnpacker } from './values.js'
import type { BlockDecoder } from './values.js'
import type { WorkerRow } from './worker-row.js'

/** One shard to read, or the rest of one. */
export interface Job {
  /** Place in the plan. */
  readonly ordinal: number
  /** Place in the list that the loader was given. */
  readonly index: number
  /** As the loader was given it. */
  readonly shard: string
  readonly fs: FileSystem
  readonly path: string
  readonly start: ShardStart
  /** Only these records, ascending; nothing after the last of them is read. */
  readonly wanted?: readonly number[] | undefined
}

/** What lies here until the consumer asks: a block, or (of a worker that died) the samples of one. */
export interface Parked {
  readonly bytes: number
  readonly block: PackedBlock | undefined
  readonly samples: ReadSample[] | undefined
  /** Whom the bytes are counted for. */
  readonly slot: Creditor
  readonly row: WorkerRow
  readonly at: number
  readonly skipped: number
}

/** The place of a worker, whoever fills it. */
export interface Creditor { giveBack (bytes: number, block: PackedBlock | undefined): void }

const maxDeaths = 3

/** One job on the consumer's side: what has come of it, in order. */
export class Run {
  readonly number: number
  readonly job: Job
  readonly parked: Parked[] = []
  /** Set when nothing more comes. */
  ended: { readonly failure: unknown, readonly row: WorkerRow | undefined, readonly skipped: number } | undefined
  /** Of the version that the first worker opened. */
  etag: string | undefined
  /** Broken samples that the worker at hand has told of. */
  skippedSeen = 0
  readonly #reader: ReaderName | undefined
  readonly #progress: Progress | undefined
  readonly #wanted: Set<number> | undefined
  #decoder: BlockDecoder
  /** From where reading would have to go on. */
  #reached: ShardStart
  #deaths = 0
  /** How far reading had come when the last worker died. */
  #diedAt = -1
  #countedAt: number
  #size: number | undefined

  /** @param reader undefined for custom readers */
  constructor (number: number, job: Job, reader: ReaderName | undefined, progress: Progress | undefined) {
    this.number = number
    this.job = job
    this.#reader = reader
    this.#progress = progress
    this.#reached = job.start
    this.#wanted = job.wanted === undefined ? undefined : new Set(job.wanted)
    this.#countedAt = job.start.anchor?.offset ?? 0
    this.#decoder = this.#newDecoder()
  }

  get reached (): ShardStart { return this.#reached }

  opened (size: number | undefined, etag: string | undefined): void {
    this.etag = etag
    if (this.#size !== undefined || size === undefined) return
    this.#size = size
    this.#progress?.setSize(size - this.#countedAt)
  }

  /** Samples that are complete with this block, broken lines among them; only wanted ones. */
  unpack (parked: Parked): ReadSample[] {
    const samples = parked.samples ?? this.#decode(parked.block!)
    this.#count(parked.at)
    return samples
  }

  /** Wanted samples were all found: what else comes is not used. */
  get satisfied (): boolean { return this.#wanted?.size === 0 }

  get missing (): number { return this.#wanted?.size ?? 0 }

  /**
   * Its worker died. What has arrived stays; the sample that was cut off is forgotten.
   * @param reading whether it had room for more: otherwise the shard had no part in it
   * @returns whether another worker should go on; false where three died without one sample between them
   */
  died (reading: boolean): boolean {
    for (const [at, { block, ...rest }] of this.parked.entries()) {
      if (block !== undefined) this.parked[at] = { ...rest, block: undefined, samples: this.#decode(block) }
    }
    this.#decoder.discard()
    this.#decoder = this.#newDecoder()
    this.skippedSeen = 0
    if (this.#reached.skip > this.#diedAt) this.#deaths = 0
    this.#diedAt = this.#reached.skip
    if (reading) this.#deaths++
    return this.#deaths < maxDeaths
  }

  /** The consumer has all of it. */
  finish (): void {
    if (this.#size !== undefined && this.ended !== undefined && this.ended.failure === undefined) this.#count(this.#size)
    this.#progress?.close?.()
  }

  #newDecoder (): BlockDecoder {
    return this.#reader === undefined ? new ValueUnpacker(this.#reached.skip) : new Unpacker(this.#reader, this.job.shard)
  }

  #decode (block: PackedBlock): ReadSample[] {
    const samples = this.#decoder.unpack(block)
    const last = samples.at(-1)
    if (last === undefined) return samples
    const anchor = last.offset === undefined ? undefined : { index: last.index, offset: last.offset }
    this.#reached = { skip: last.index + 1, anchor }
    return this.#wanted === undefined ? samples : samples.filter(sample => this.#wanted!.delete(sample.index))
  }

  #count (at: number): void {
    if (at <= this.#countedAt) return
    this.#progress?.advance(at - this.#countedAt)
    this.#countedAt = at
  }
}
