import type { FileHandle, Verb } from '../filesystem/types.js'
import type { UrlOptions } from '../registry/builtin-types.js'
import type { RedisOptions } from './redis.js'

export type StreamFlags = 'r' | 'w' | 'wx'

export type StreamOptions = UrlOptions & Verb & {
  /** First byte to read, integer >= 0. Offsets of readRange, read and createReadStream stay offsets of the source, clipped to [begin, end). @defaultValue 0 */
  readonly begin?: number | undefined
  /** Byte behind the last one to read, integer > begin; what lies past the end of the source is left out. @defaultValue the end of the source */
  readonly end?: number | undefined
  /** What becomes of the staged bytes when their upload fails: kept for retryCommit() and recover(), or deleted. @defaultValue 'keep' */
  readonly onUploadError?: 'keep' | 'discard' | undefined
  /**
   * What `await using` and the end of the process do with an open write. At the latter withStream() always aborts, and so does each stream that was
   * open when an error came that nobody caught. @defaultValue 'commit'
   */
  readonly onDispose?: 'commit' | 'abort' | undefined
  readonly contentType?: string | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
  /** Bytes of one part of an upload, where the store takes parts. @defaultValue the store's */
  readonly partBytes?: number | undefined
  /**
   * The file of s3cmd, for s3: of its section [default] host_base, access_key, secret_key, use_https. Options of the call and of configure()
   * come first, then a file that is named here, then the environment, then `~/.s3cfg` where it exists. `false`: none is read.
   */
  readonly s3cfg?: string | false | undefined
  /** For redis:// and rediss://. */
  readonly redis?: RedisOptions | undefined
}

/**
 * A binary stream: random access and a position in 'r', an append-only staged write in 'w' and 'wx'. Its dispose commits a write (see
 * `onDispose`), unless a write failed, `signal` aborted or abort() came first.
 */
export interface ObjectStream extends FileHandle {
  /** An independent reader of the same source, by default of the same range. @throws FsError FORKFS_NOT_SUPPORTED for a write */
  reopen (range?: { readonly begin?: number | undefined, readonly end?: number | undefined }): Promise<ObjectStream>
  /** What this stream took or gave, in bytes, and what that cost in requests to a store. */
  readonly stats: StreamStats
}

export interface StreamStats { readonly bytes: number, readonly requests: number, readonly retries: number }

export interface StreamRange { readonly begin: number, readonly end: number | undefined }
