/** What a loader and its workers say to each other over their data channel. Plain data; blocks of bytes travel beside the message. */
import type { Anchor, ReaderName } from './readers/types.js'

const KiB = 1024
const MiB = 1024 * KiB

/** Under this name a bundled entry brings along what the workers of a loader run; elsewhere it is looked up as a package. */
export const workerSideName = 'forkfs/loader/bootstrap'

/** The first message to a worker. */
export interface SetupMessage {
  readonly kind: 'setup'
  /** A built-in reader, or the URL of a module. */
  readonly reader: { readonly name: ReaderName } | { readonly module: string }
  readonly onError: 'raise' | 'skip'
  readonly epoch: number
  readonly seed: number | undefined
  readonly rank: number
  readonly worldSize: number
  /** Bytes of blocks that may be on their way or parked with the consumer; one block always may. */
  readonly prefetchBytes: number
  /** Of {@link prefetchBytes}, what blocks of this worker's predecessor hold. */
  readonly owed: number
}

/** A filesystem that later messages name by its number; it arrives as its descriptor. */
export interface FileSystemMessage { readonly kind: 'fs', readonly number: number, readonly fs: unknown }

/** Read one shard. A worker has one at a time; of those that it will probably read next it asks for the first bytes before. */
export interface ReadMessage {
  readonly kind: 'read' | 'soon'
  readonly run: number
  readonly fs: number
  readonly path: string
  /** The shard as the loader was given it. */
  readonly shard: string
  /** Its place in the list that the loader was given. */
  readonly index: number
  readonly skip: number
  readonly anchor: Anchor | undefined
  /** Read this version only: another worker has begun with it. */
  readonly etag: string | undefined
}

export type ToWorker = SetupMessage | FileSystemMessage | ReadMessage
  /** Nothing more of this run is wanted, or nothing yet of what was to come soon. */
  | { readonly kind: 'stop', readonly run: number }
  /** The consumer is through with blocks of so many bytes; those that come along can be filled again. */
  | { readonly kind: 'back', readonly bytes: number }
  | { readonly kind: 'end' }

export type FromWorker =
  | { readonly kind: 'opened', readonly run: number, readonly size: number | undefined, readonly etag: string | undefined }
  /**
   * A packed block comes along: its table, and the buffer that it refers to where there is one. `at`: stored bytes of the shard used so far; `skipped`: broken samples left
   * out so far in this run.
   */
  | { readonly kind: 'block', readonly run: number, readonly at: number, readonly skipped: number }
  /** The run is over, by its end or by an error (encoded). `resets`: of the worker's realm. */
  | { readonly kind: 'done', readonly run: number, readonly skipped: number, readonly resets: number, readonly failed: boolean, readonly error?: unknown }

export interface BlockSizes {
  /** Of a table. */
  readonly table: number
  /** Of one read of a shard. */
  readonly read: number
  /** Whether buffers that were read into travel with the tables: where three blocks are within what a worker may park. */
  readonly lends: boolean
  /** Most bytes of a packed block but for samples with very long names. */
  readonly most: number
}

/** Sizes that go with what a worker may park. */
export function blockSizesFor (prefetchBytes: number): BlockSizes {
  const table = Math.min(MiB, Math.max(4096, Math.floor(prefetchBytes / 16) * 4))
  const read = Math.min(4 * MiB, Math.max(64 * KiB, Math.floor(prefetchBytes / 16)))
  const lends = 3 * (read + table) <= prefetchBytes
  return { table, read, lends, most: lends ? read + table : table }
}

const mostAhead = 4

/** How many shards of this size a worker may begin before their turn: one, or a few that a read has room for, within a quarter of what it may park. */
export function shardsAhead (size: number | undefined, prefetchBytes: number): number {
  const { read } = blockSizesFor(prefetchBytes)
  const begun = Math.max(1, Math.min(size ?? read, read))
  return Math.min(begun < read ? mostAhead : 1, Math.floor(prefetchBytes / 4 / begun))
}
