/**
 * How one shard becomes samples. A parser is synchronous and takes the shard block by block; what it finds goes to a sink:
 * the packer (a block that travels to another thread) or the collector (the public shapes, in this thread). So the bytes of
 * a sample are copied once by whoever keeps them, and never by the parser.
 */
import type { PackedBlock } from './block-layout.js'
import type { SampleError } from './sample-error.js'

export type ReaderName = 'tar' | 'jsonl' | 'lines' | 'bytes'

/** One shard to read. */
export interface ShardInput {
  /** Its name in errors and samples. */
  readonly shard: string
  /** Bytes as stored; undefined where the store does not say. */
  readonly size: number | undefined
  /**
   * The stored bytes from byte `start` to the end of the shard, in order. A block belongs to the source and is valid until the
   * next one is asked for; leaving the loop early ends the request.
   */
  blocks (start: number): AsyncIterable<Uint8Array>
  /** Set where blocks lie in memory that can be had whole. */
  readonly lender?: Lender | undefined
}

/** A source that gives away the buffers it reads into: packed samples refer to their bytes there instead of having a copy. */
export interface Lender {
  /** Where the block at hand lies; it stays as it is until the block after the `last` one is asked for. Undefined: it has to be copied. */
  readonly buffer: ArrayBuffer | undefined
  /** No more blocks lie in that buffer. */
  readonly last: boolean
  /** The buffer belongs to the caller from now on. */
  take (): void
}

/** What was met on the way; the reader adds to the object it is given. */
export interface ReaderCounters {
  /** Samples handed on. */
  samples: number
  /** Bytes of those samples, without names and padding. */
  bytes: number
  /** Broken samples left out, and shards given up; only with onError 'skip'. */
  skipped: number
  /** Hard and symbolic links of tar shards, left out. */
  links: number
  /** Directories of tar shards, left out. */
  directories: number
  /** Devices, pipes, unknown types, dot files and `__meta__` files of tar shards, left out. */
  others: number
}

/** A sample from which a shard can be read again without its beginning: its number and `offset` of {@link ReadSample}. */
export interface Anchor { readonly index: number, readonly offset: number }

export interface ReadOptions {
  /** Records to leave out: one more than the `index` of the last sample taken. Nothing of them is copied. @defaultValue 0 */
  readonly skip?: number | undefined
  /** Begin here instead of at the first byte; `index` must not be above `skip`. @defaultValue the first byte */
  readonly anchor?: Anchor | undefined
  /**
   * 'skip': a broken sample is counted and left out; where the structure of the shard itself is broken, so is the rest of it.
   * Errors of the source (network, a changed shard) always reject. @defaultValue 'raise'
   */
  readonly onError?: 'raise' | 'skip' | undefined
  /** Looked at between blocks: a block under way ends by the signal of its source. */
  readonly signal?: AbortSignal | undefined
  readonly counters?: ReaderCounters | undefined
  /** Largest sample in bytes, names included, integer in 1..4,294,967,295. @defaultValue 2 GiB - 1; 256 MiB for one line */
  readonly maxSampleBytes?: number | undefined
}

export interface PackOptions extends ReadOptions {
  /**
   * A free table of at least `minBytes`: one that came back, or a new one. Called synchronously; hold back by asking for the
   * next packed block later. @defaultValue a new ArrayBuffer each time
   */
  readonly acquire?: ((minBytes: number) => ArrayBuffer) | undefined
  /** Size of a table in bytes, integer >= 1,024. @defaultValue 1 MiB */
  readonly blockBytes?: number | undefined
  /** Hand a table on, after a block of the source, once it holds this many bytes; with its buffer, if any, at the end of that. @defaultValue a quarter of blockBytes */
  readonly flushBytes?: number | undefined
}

/** One sample with its place. */
export interface ReadSample {
  /** 0-based number of the record in the shard. Broken and empty records have one too: it does not depend on `onError`. */
  readonly index: number
  /** Byte offset in the uncompressed shard. */
  readonly position: number
  /** Byte offset in the stored shard from which this sample can be read again; undefined in compressed shards. */
  readonly offset: number | undefined
  /** Payload bytes. */
  readonly bytes: number
  /** TarSample, BytesSample, string or parsed JSON; valid for ever. */
  readonly value: unknown
  /** Set where the value could not be made (broken JSON); `value` is then undefined. */
  readonly error: SampleError | undefined
}

export interface ShardReader {
  readonly name: ReaderName
  /** One sample after the other; blocks are asked for when the samples before are used up. */
  read (input: ShardInput, options?: ReadOptions): AsyncGenerator<ReadSample, void, undefined>
  /** The same in arrays, one for each block of the source that completed a sample: the cheap way. */
  batches (input: ShardInput, options?: ReadOptions): AsyncGenerator<readonly ReadSample[], void, undefined>
  /** The same as packed blocks for an Unpacker; nothing is read while the caller does not ask for the next one. */
  pack (input: ShardInput, options?: PackOptions): AsyncGenerator<PackedBlock, void, undefined>
}

/** Takes samples apart as they are parsed. After `part` exactly `size` bytes follow through `data`, unless `drop` comes first. */
export interface SampleSink {
  /** Samples of this shard can not be read again by their position. */
  compressed: boolean
  begin (index: number, position: number, key: string): void
  part (name: string, size: number): void
  data (block: Uint8Array, start: number, end: number): void
  end (): void
  /** Forget the sample that was begun. */
  drop (): void
  /** A sample of one part without key and name, all of it. */
  whole (index: number, position: number, block: Uint8Array, start: number, end: number): void
}

/** What a parser is made of. */
export interface ParserSetup {
  readonly shard: string
  /** Bytes of the uncompressed shard, where known before it is read. */
  size: number | undefined
  readonly skip: number
  readonly first: number
  readonly position: number
  readonly maxSampleBytes: number | undefined
  readonly sink: SampleSink
  readonly counters: ReaderCounters
  /** Throws with onError 'raise', counts with 'skip'. */
  readonly fail: (problem: string, position: number, line?: number) => void
}

/** Synchronous: `write` each block, then `end` once. `done`: nothing that follows matters. */
export interface ShardParser {
  readonly done: boolean
  /** Done because the structure is lost. */
  readonly broken: boolean
  write (block: Uint8Array): void
  end (): void
  /** Let go of a sample that was begun: the source failed. */
  abandon (): void
}

export function newCounters (): ReaderCounters {
  return { samples: 0, bytes: 0, skipped: 0, links: 0, directories: 0, others: 0 }
}
