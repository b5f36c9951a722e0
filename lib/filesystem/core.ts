import type { Bytes, Capabilities, Chunk, FileInfo, RangeOptions, RangeRead, StagedWriter, WriteOptions } from './types.js'

/** What one listing hook is asked for. */
export interface ListOptions {
  readonly recursive: boolean
  /** A hint: entries whose last name (recursive: whose path below the listed one) does not begin with it may be left out. */
  readonly prefix?: string | undefined
  /** Staged files of writes that are under way (or were left by a crash) too, where the store shows them. @defaultValue false */
  readonly temporary?: boolean | undefined
}

/**
 * What the derived verbs (find, glob, walk, cp, get, …) stand on: the hooks of one filesystem, bound to the signal and the
 * owner of one public call. Paths are normalised: no protocol, no trailing slash. Nothing here counts as a call of its own.
 *
 * Listing contract: `list` yields pages. Not recursive: files and directories directly below. Recursive: every file below;
 * directories are included where the store knows them (`capabilities.emptyDirectories`), a caller derives the others from the
 * names. The path of a file, and a missing path, yield nothing or reject with ENOTDIR / ENOENT: ask `info` to know which.
 */
export interface Core {
  readonly protocol: string
  readonly capabilities: Capabilities
  /** The topmost path: '' for object stores, '/' for local files. */
  readonly root: string
  /** Work that may be under way at once. */
  readonly concurrency: number
  readonly signal: AbortSignal
  /** The same core under a narrower signal, so that one failure of a bulk call aborts its siblings. */
  withSignal? (signal: AbortSignal): Core
  /** Whether a path is a pattern for glob(), as the caller wrote it or normalised. Absent: `*`, `?` and `[` make it one. */
  isPattern? (path: string): boolean
  /** Strip protocol and trailing slashes; make local paths absolute. Throws TypeError for what is no path. */
  normalize (path: string): string
  info (path: string): Promise<FileInfo>
  list (path: string, options: ListOptions): AsyncIterable<readonly FileInfo[]>
  /** Bytes that exist of [start, end); `end` undefined: to the end of the file. */
  readRange (path: string, start: number, end: number | undefined, options?: Omit<RangeOptions, 'signal'>): Promise<RangeRead>
  /** The whole file, in parts where that is faster. */
  readAll (path: string, options?: Omit<RangeOptions, 'signal'> & { readonly size?: number | undefined }): Promise<Bytes>
  /** The whole file from front to back, without holding it; absent: readAll(). */
  readChunks? (path: string, options?: Omit<RangeOptions, 'signal' | 'into'>): AsyncIterable<Chunk>
  write (path: string, data: Uint8Array, options?: WriteOptions): Promise<FileInfo>
  openWriter (path: string, options?: WriteOptions): Promise<StagedWriter>
  delete (paths: readonly string[]): Promise<void>
  copy (source: string, target: string): Promise<void>
  rename (source: string, target: string): Promise<void>
  /** Create one directory and its missing parents; an existing one is no error. Does nothing where directories are not kept. */
  makeDirectories (path: string): Promise<void>
  removeDirectory (path: string): Promise<void>
}
