/**
 * The shapes of the public verbs. Conventions: paths inside a filesystem carry no protocol and no trailing slash; sizes and
 * offsets are bytes; ranges are half-open [start, end) with negative numbers counting from the end as in
 * `Array.prototype.slice`; times are Date; what is unknown is undefined; every optional option accepts an explicit undefined.
 */
import type { Readable } from 'node:stream'

/** What reads return: fits Response, Blob and crypto.subtle in TypeScript 5.4 to 7 alike. */
export type Bytes = ReturnType<typeof Uint8Array.of>

/** What a store tells about one path; further fields are the store's own. */
export interface FileInfo {
  /** Full path without protocol. */
  readonly name: string
  /** Bytes; undefined where the store does not say. */
  readonly size: number | undefined
  readonly type: 'file' | 'directory' | 'other'
  readonly modified?: Date | undefined
  readonly created?: Date | undefined
  /** The version of the contents, with its quotes where the store gives quotes: what `ifMatch` takes. */
  readonly etag?: string | undefined
  readonly [extra: string]: unknown
}

/** What every verb takes. An abort rejects with `signal.reason`; by then nothing of the call is under way any more. */
export interface Verb { readonly signal?: AbortSignal | undefined }

/** What verbs over many files take. */
export interface BulkVerb extends Verb {
  /** What an error of one item does: reject (default), leave the item out, or stand in its place. */
  readonly onError?: 'raise' | 'omit' | 'return' | undefined
  /** Items under way at once, integer >= 1. @defaultValue the instance's maxConcurrency */
  readonly maxConcurrency?: number | undefined
  readonly progress?: Progress | undefined
}

/** What verbs over trees take. */
export interface TreeVerb extends Verb {
  /** Levels below the starting directory, integer >= 1. @defaultValue no limit */
  readonly maxDepth?: number | undefined
  /** Directories in the result too. @defaultValue false */
  readonly withDirectories?: boolean | undefined
}

/** Files for bulk verbs, bytes for one file; branch() gives the per-file child. */
export interface Progress {
  /** The total is known now: files, or bytes of one file. */
  setSize (size: number): void
  /** So many more are done. */
  advance (by: number): void
  /** The child that counts one file's bytes; undefined where nobody wants to know. */
  branch? (source: string, target: string): Progress | undefined
  /** Once, at the end, whatever it was. */
  close? (): void
}

/** Which part of which version is read: half-open, in bytes. */
export interface ReadVerb extends Verb {
  /** First byte; negative counts from the end. @defaultValue 0 */
  readonly start?: number | undefined
  /** Byte after the last one; negative counts from the end. @defaultValue the end of the file */
  readonly end?: number | undefined
  /** Only this version; else FORKFS_CHANGED. */
  readonly ifMatch?: string | undefined
}

/** Half-open, in bytes; negative numbers count from the end, and an `end` past it means the end: `Number.MAX_SAFE_INTEGER` is "all that follows". */
export interface ByteRange { readonly path: string, readonly start: number, readonly end: number }
/** `recursive`: directories with all below them (default false); `maxDepth`: levels of them, integer >= 1 (default no limit). */
export interface CopyOptions extends BulkVerb { readonly recursive?: boolean | undefined, readonly maxDepth?: number | undefined }

/** What an implementation can do. A false capability is refused with FORKFS_NOT_SUPPORTED before any I/O. */
export interface Capabilities {
  readonly read: boolean
  /** Files can be written and deleted. */
  readonly write: boolean
  /** open() with 'a' and 'r+'. */
  readonly append: boolean
  /** Flag 'wx' is decided by the store, without a gap. */
  readonly exclusiveCreate: boolean
  /** mv() is one step; without it a copy and a delete. */
  readonly rename: boolean
  /** A directory can be there without a file in it. */
  readonly emptyDirectories: boolean
  /** sign() */
  readonly sign: boolean
  /** Byte ranges can be asked for; without it a range read fetches the whole file. */
  readonly ranges: boolean
}

/** As in node:fs: read, read and write, write anew, write only where nothing is ('wx'), append. What a store cannot do is FORKFS_NOT_SUPPORTED. */
export type OpenFlags = 'r' | 'r+' | 'w' | 'wx' | 'a'

/** How something is written. */
export interface WriteOptions {
  /** 'wx': only if nothing is there yet (EEXIST). @defaultValue 'w' */
  readonly flag?: 'w' | 'wx' | undefined
  /** Only over this version, else FORKFS_CHANGED. */
  readonly ifMatch?: string | undefined
  readonly contentType?: string | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
  /** Bytes per part of a multipart upload, integer >= 1. @defaultValue 8 MiB */
  readonly partBytes?: number | undefined
}

/** How an open file keeps what it read: see OpenOptions.cache. */
export type ReadStrategyName = 'none' | 'readahead' | 'bytes' | 'block' | 'first' | 'all' | 'parts' | 'shared'
/** zstd needs Node.js 22.15. */
export type CompressionName = 'gzip' | 'deflate' | 'brotli' | 'zstd'

/** What open() takes beside flags. */
export interface OpenOptions extends Verb, WriteOptions {
  /** How reads are cached. @defaultValue 'readahead' */
  readonly cache?: ReadStrategyName | undefined
  /** Bytes per block of the read strategy. @defaultValue 1 MiB */
  readonly blockBytes?: number | undefined
  /**
   * Fetch so many bytes from the front with the opening itself, in place of a look at the file: a request less for what is read from its beginning.
   * stat() then tells size and version only. Integer >= 0. @defaultValue 0
   */
  readonly firstBytes?: number | undefined
  /** Decompress what is read, compress what is written. 'infer' goes by the suffix. @defaultValue null (bytes as stored) */
  readonly compression?: 'infer' | CompressionName | null | undefined
}

/** A write in progress: nothing is visible before commit(); abort() leaves nothing behind. */
export interface StagedWriter {
  /** Takes the bytes before it resolves: the caller may reuse the chunk afterwards. */
  write (chunk: Uint8Array): Promise<void>
  commit (): Promise<FileInfo>
  abort (reason: unknown): Promise<void>
}

/** Shaped like node:fs/promises FileHandle, so that code written for it works; random access in read modes. */
export interface FileHandle extends AsyncDisposable {
  readonly path: string
  /** Bytes of the version that was opened; for a write, bytes taken so far; undefined where the store does not say. */
  readonly size: number | undefined
  /** As in node:fs: into `buffer`, from `position` (null: where the last read ended). `bytesRead` 0 at the end of the file. */
  read (buffer: Uint8Array, offset?: number, length?: number, position?: number | null): Promise<{ bytesRead: number, buffer: Uint8Array }>
  /** Exactly [start, end), shorter only at the end of the file, never padded. */
  readRange (start: number, end: number, options?: Verb): Promise<Bytes>
  /** The whole file from its beginning, whatever the position. @throws FsError FORKFS_CHANGED where the file was changed after it was opened */
  readFile (options?: null | undefined): Promise<Bytes>
  readFile (encoding: BufferEncoding): Promise<string>
  /** Lines without their ends. Ending the iteration early ends the reading. */
  readLines (): AsyncIterable<string>
  /** Append. Resolves when the bytes are taken; calls at once are taken in their order. */
  write (data: Uint8Array | string): Promise<{ bytesWritten: number }>
  /** What open() saw; of a write its path and size so far. */
  stat (): Promise<FileInfo>
  /** node:fs semantics: `end` is inclusive. */
  createReadStream (options?: { readonly start?: number | undefined, readonly end?: number | undefined }): Readable
  /** Make what was written visible at the path, once. close() does it too, unless a write failed or abort() came first. */
  commit (): Promise<void>
  /** Drop what was written: the old file stays. A read knows none. */
  abort (reason?: unknown): Promise<void>
  /** Publish what was written, and let go. Idempotent. @throws the error of a write that failed; nothing is published then */
  close (): Promise<void>
  /** Without a close() before it a write is aborted (an exception must not publish half a file), with a process warning when bytes are lost by it. */
  [Symbol.asyncDispose] (): Promise<void>
}

/** What one hook call answers to a range: the bytes that exist of [start, end), and the version they belong to. */
export interface RangeRead {
  readonly data: Bytes
  readonly etag?: string | undefined
  /** Size of the whole file, where the answer tells it. */
  readonly size?: number | undefined
}
/** A piece of a file that is read from front to back; valid until the next one is asked for. `at` 0 after others: it was begun again. */
export interface Chunk {
  readonly data: Uint8Array
  readonly at: number
}
/** What a hook is told about one range. */
export interface RangeOptions extends Verb {
  /** Only this version; another one is FORKFS_CHANGED. */
  readonly ifMatch?: string | undefined
  /** Where the bytes belong; `data` is then a view of it. At least end - start bytes long. */
  readonly into?: Uint8Array | undefined
  /** Nobody can transfer or detach `into` before the read has ended: the system may write there by itself. @defaultValue false */
  readonly held?: boolean | undefined
}

/** An upload that was begun and neither completed nor aborted: no listing shows it, its parts are stored and paid for. */
export interface UnfinishedUpload {
  /** Of the object that it would become. */
  readonly path: string
  readonly id: string
  readonly begun?: Date | undefined
}
