import type { Bytes, FileInfo } from '../filesystem/types.js'

/** One version of one file, as a FileHandle reads it. The filesystem binds it to its owner, its deadlines and its retries. */
export interface RangeSource {
  readonly path: string
  /** What was known at open; `size` is set, `etag` pins every read. */
  readonly info: FileInfo & { readonly size: number }
  /**
   * Exactly the bytes of [start, end), which lies inside the file: short data rejects with FORKFS_TRUNCATED, another version
   * with FORKFS_CHANGED. With `into` the bytes are put there and the result is a view of it.
   */
  read (start: number, end: number, options: { readonly signal?: AbortSignal | undefined, readonly into?: Uint8Array | undefined }): Promise<Bytes>
  /** Throws FORKFS_RESET when the epoch that opened the file has ended. Called first by every public method of a handle. */
  check (): void
  /** Called once, when the handle is closed or dropped. */
  release (): void
}
