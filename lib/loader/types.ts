/** The public shapes of forkfs/loader. */
import type { FileSystem } from '../filesystem/filesystem.js'
import type { Bytes, Progress } from '../filesystem/types.js'
import type { OwnerTag } from '../owner/index.js'
import type { UrlOptions } from '../registry/builtin-types.js'
import type { WorkerKind } from '../workers/types.js'

/**
 * What a DataLoader reads, and how. All of it is checked by the constructor, before anything is read: a wrong type or an unknown name (the
 * nearest known one is named) is a TypeError, a number out of its range a RangeError.
 */
export interface LoaderOptions {
  /**
   * Shard URLs, one glob URL, or paths (or a glob) of an instance of yours, which travels to the workers. At least one; where a glob finds
   * none the first next() rejects.
   */
  readonly shards: string | readonly string[] | { readonly fs: FileSystem, readonly paths: string | readonly string[] }
  /** Built-in, or a module whose default export is a {@link CustomReader}. */
  readonly reader: 'tar' | 'jsonl' | 'lines' | 'bytes' | URL
  /** Constructor options by protocol, as urlToFs takes them. */
  readonly options?: UrlOptions | undefined
  /** Integer >= 0; 0: in this thread. @defaultValue min(4, available parallelism, number of shards) */
  readonly workers?: number | undefined
  /** Where the workers run. 'in-process': in this thread, for tests and debuggers. @defaultValue 'thread' */
  readonly kind?: WorkerKind | undefined
  /** Where the workers' entry file is, for bundled applications: a module that imports `forkfs/loader/bootstrap`. @defaultValue ours */
  readonly workerUrl?: string | URL | undefined
  /** Workers read ahead of the consumer up to this many bytes each, integer >= 1. @defaultValue 64 MiB */
  readonly prefetchBytes?: number | undefined
  /** Shards in their order and samples in theirs; false gives them as they come. @defaultValue true */
  readonly ordered?: boolean | undefined
  /** `seed`: integer >= 0, the order of the shards; `buffer`: samples held to mix them, too, integer >= 1. @defaultValue false */
  readonly shuffle?: false | { readonly seed: number, readonly buffer?: number | undefined } | undefined
  /**
   * This node's share of the shards: a number with worldSize, or 'env' (RANK and WORLD_SIZE, SLURM_PROCID and SLURM_NTASKS). Where such
   * variables name several ranks and `rank` is not set, a TypeError names both choices: nobody reads 1/N by accident. @defaultValue 'all'
   */
  readonly rank?: number | 'env' | 'all' | undefined
  /** How many ranks share the shards, integer > `rank`. Needed beside a `rank` that is a number, a TypeError beside any other. @defaultValue none */
  readonly worldSize?: number | undefined
  /** Shards that do not divide: drop the rest, repeat some, or refuse (the plan is a RangeError). @defaultValue the ranks may differ by one shard */
  readonly even?: 'drop' | 'pad' | 'error' | undefined
  /** Integer >= 0; another epoch, another shuffle. @defaultValue 0 */
  readonly epoch?: number | undefined
  /**
   * 'skip': a broken shard or sample is counted (`stats.skipped`) and left out. 'raise': FORKFS_SAMPLE at its place, and the loader is closed.
   * @defaultValue 'raise'
   */
  readonly onError?: 'raise' | 'skip' | undefined
  /**
   * What state() gave: the rest of that epoch follows. The number of workers, prefetch and order may be others; other shards, reader, shuffle,
   * rank, `even` or epoch are a TypeError. @defaultValue none
   */
  readonly resume?: LoaderState | undefined
  /** Shards of this rank that the consumer has finished; bytes in the branches. @defaultValue none */
  readonly progress?: Progress | undefined
  /** Closes the loader: whoever waits for a sample gets `signal.reason`. @defaultValue none */
  readonly signal?: AbortSignal | undefined
}

/**
 * WebDataset: the files of one key, by what follows the first dot of their last name, in lower case. A file without a dot is `''`
 * of its whole name. The bytes are yours for good. `data.buffer` of a small file may hold its neighbours, as with a Buffer: transfer a
 * `slice()`.
 */
export interface TarSample { readonly key: string, readonly shard: string, readonly files: Readonly<Record<string, Bytes>> }
/** A whole shard as it is stored. `data.buffer` of a small one may hold others, as with a Buffer: transfer a `slice()`. */
export interface BytesSample { readonly shard: string, readonly data: Bytes }

/** JSON. Counts what the consumer has taken, not what workers produced; survives another number of workers. */
export interface LoaderState { readonly v: 1, readonly [field: string]: unknown }

/** One worker, or one that took the place of another: its samples as far as the consumer has taken them. */
export interface WorkerStats {
  /** The worker's own tag. */
  readonly owner: OwnerTag
  /** Shards that the consumer has finished and this worker read to their end. */
  readonly shards: number
  /** Of this worker, taken by the consumer. */
  readonly samples: number
  /** Payload of those samples, in bytes, as in LoaderStats. */
  readonly bytes: number
  /** How often resetForFork() had run in the worker when it last finished a shard: 1 for a thread or process, whose first act it is. */
  readonly resets: number
}

/** What the consumer has taken from this loader; what a resumed state counts is not in it. */
export interface LoaderStats {
  /** Given out by next() and batches(). */
  readonly samples: number
  /** Payload bytes of those samples, without names and padding; of a custom reader, as they travelled. */
  readonly bytes: number
  /** With onError 'skip': broken samples left out and shards given up. One that a dying worker had met may count twice. */
  readonly skipped: number
  /** Workers started in the place of one that died. */
  readonly restarts: number
  /** In the order in which they were started, those that took another's place behind. */
  readonly perWorker: readonly WorkerStats[]
}

/** What a custom reader is told. Plain data but for the signal. */
export interface ReaderContext {
  /** The shard as the loader was given it; `path` is the same within `fs`. */
  readonly shard: string
  /** Its place in the list that the loader was given. */
  readonly index: number
  /** That of the loader's options. */
  readonly epoch: number
  /** Of `shuffle`; undefined without. A reader that makes random choices derives them from it, the epoch and the index. */
  readonly seed: number | undefined
  /** This node's place, 0 where there is one. */
  readonly rank: number
  /** Nodes that share the shards, 1 where there is one. */
  readonly worldSize: number
  /** Aborted when the loader is closed or no longer wants the shard. */
  readonly signal: AbortSignal
}

/**
 * The default export of a reader module. It runs in a worker and yields the samples of one shard. It must be deterministic: the same
 * shard and context, the same values in the same order, because a resumed loader (and one whose worker died) runs it again and leaves
 * out as many as were taken. Values travel by structured clone: plain data, Map, Set, Date, typed arrays; class instances arrive as plain objects and
 * functions are refused with FORKFS_UNCLONEABLE.
 */
export type CustomReader = (fs: FileSystem, path: string, context: ReaderContext) => AsyncGenerator<unknown, void, undefined>
