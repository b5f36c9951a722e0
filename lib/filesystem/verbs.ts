import type { Readable, Writable } from 'node:stream'
import { FsError, isFsError, kindOf } from '../errors/index.js'
import type { Lease } from '../owner/index.js'
import type { BoundCore } from './bound-core.js'
import type { CatOptions } from './cat.js'
import type * as Derived from './derived.js'
import type { ExpandOptions } from './expand.js'
import { listTree } from './list-tree.js'
import type { FindOptions } from './find.js'
import type { GlobOptions } from './glob.js'
import type { Opener } from './opening.js'
import { workingDirectory } from './paths.js'
import { readSlice } from './read-slice.js'
import { opening, readStream, settled, webReadStream, webWriteStream, writeStream } from './streaming.js'
import type { CatRangesOptions } from './ranges.js'
import type { WalkOptions, WalkStep } from './walk.js'
import type {
  BulkVerb, ByteRange, Bytes, CopyOptions, FileHandle, FileInfo, OpenFlags, OpenOptions, Progress, ReadStrategyName, ReadVerb, TreeVerb, Verb, WriteOptions
} from './types.js'

type Paths = string | readonly string[]
type RemoveOptions = Verb & { readonly recursive?: boolean | undefined, readonly maxDepth?: number | undefined, readonly progress?: Progress | undefined }
type StreamRange = Verb & { readonly start?: number | undefined, readonly end?: number | undefined, readonly highWaterMark?: number | undefined }

function toBytes (data: Uint8Array | string): Uint8Array {
  if (typeof data === 'string') return new TextEncoder().encode(data)
  if (ArrayBuffer.isView(data) && Object.prototype.toString.call(data) === '[object Uint8Array]') return data
  throw new TypeError(`Expected the data to be a string or a Uint8Array, got (${kindOf(data)})`)
}

let loading: Promise<typeof Derived> | undefined

function derived (): Promise<typeof Derived> { return loading ??= import('./derived.js') }

async function * walkLater (core: BoundCore, path: string, options: WalkOptions): AsyncGenerator<[WalkStep], void, undefined> {
  const { walk } = await derived()
  for await (const step of walk(core, path, options)) yield [step]
}

/** ENOENT (a part of the path that is no directory, too) is an answer; everything else is an error. */
function isMissing (error: unknown): boolean { return isFsError(error, 'ENOENT', 'ENOTDIR') }

/** The public verbs, once for all implementations: each is one call (see FileSystem), done by the hooks and the rooms beside this file. */
export abstract class Verbs {
  protected abstract _call<T> (operation: string, path: string | undefined, options: Verb | undefined, work: (core: BoundCore) => Promise<T>, lease?: Lease): Promise<T>
  /** `begin` gives pages; the iterator hands out their items. */
  protected abstract _iterate<T> (operation: string, path: string, options: Verb | undefined, begin: (core: BoundCore) => AsyncIterable<readonly T[]>): AsyncIterableIterator<T>
  /** _call() does it for verbs that are calls. @throws TypeError for an option that the verb does not know */
  protected abstract _checkOptions (verb: string, options: object): void
  protected abstract _lease (path: string): Lease
  protected abstract _normalize (path: string): string
  protected abstract get _maxGap (): number
  protected abstract get _readStrategy (): ReadStrategyName
  protected abstract _sign (path: string, options: Verb & { readonly expiresSeconds: number, readonly method: 'GET' | 'PUT' }): Promise<string>
  protected abstract _mkdir (path: string, options: Verb): Promise<void>
  abstract invalidateCache (path?: string): void

  /** What lies directly in a directory; a file gives itself. @throws FsError ENOENT */
  ls (path: string, options: Verb & { readonly refresh?: boolean | undefined } = {}): Promise<FileInfo[]> {
    return this._call('ls', path, options, async core => {
      if (options.refresh === true) this.invalidateCache(path)
      const entries: FileInfo[] = []
      for await (const page of listTree(core, path)) for (const entry of page) entries.push(entry)
      return entries
    })
  }

  /** Entry by entry, in listing order; memory stays flat whatever the size of the tree. */
  list (path: string, options: Verb & { readonly recursive?: boolean | undefined } = {}): AsyncIterableIterator<FileInfo> {
    return this._iterate('list', path, options, core => listTree(core, path, options))
  }

  /** What is at a path, a directory too: one request for a file, one more for a directory of an object store. @throws FsError ENOENT */
  info (path: string, options?: Verb): Promise<FileInfo> {
    return this._call('info', path, options, core => core.entry(core.normalize(path)))
  }

  /** False only for what is not there: an unreachable or forbidding store rejects. */
  exists (path: string, options?: Verb): Promise<boolean> {
    return this._call('exists', path, options, core => this.#type(core, path).then(type => type !== undefined))
  }

  /** False for what is not there, and for a directory. Other errors reject, as in exists(). */
  isFile (path: string, options?: Verb): Promise<boolean> {
    return this._call('isFile', path, options, core => this.#type(core, path).then(type => type === 'file'))
  }

  /** False for what is not there, and for a file. Other errors reject, as in exists(). */
  isDirectory (path: string, options?: Verb): Promise<boolean> {
    return this._call('isDirectory', path, options, core => this.#type(core, path).then(type => type === 'directory'))
  }

  async #type (core: BoundCore, path: string): Promise<FileInfo['type'] | undefined> {
    try {
      return (await core.entry(core.normalize(path))).type
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  /** Bytes of a file; undefined where the store does not say. @throws FsError ENOENT */
  size (path: string, options?: Verb): Promise<number | undefined> {
    return this._call('size', path, options, async core => (await core.entry(core.normalize(path))).size)
  }

  /**
   * Every directory of a tree with what lies directly in it, depth first, one listing at a time. Top down, directories that the caller takes out of
   * a step are not entered. What is not there yields nothing. @throws RangeError for a maxDepth below 1
   */
  walk (path: string, options: Verb & WalkOptions = {}): AsyncIterableIterator<WalkStep> {
    return this._iterate('walk', path, options, core => walkLater(core, path, options))
  }

  /** Sorted names of files (and directories on request); with `detail` the same keys mapped to their info. */
  find (path: string, options?: TreeVerb & { readonly detail?: false | undefined }): Promise<string[]>
  find (path: string, options: TreeVerb & { readonly detail: true }): Promise<Map<string, FileInfo>>
  find (path: string, options: TreeVerb & FindOptions = {}): Promise<string[] | Map<string, FileInfo>> {
    return this._call('find', path, options, core => derived().then(verbs => verbs.find(core, path, options)))
  }

  /**
   * Sorted names that match: `*`, `?`, `[a-z]`, `[!…]` within a component, `**` over any number of them; with `detail` mapped to their info.
   * Nothing found is an empty result. Lists below the part without magic only. A literal `*` is written `[*]`: see escapeGlob(). @throws TypeError for a misplaced `**`
   */
  glob (pattern: string, options?: TreeVerb & { readonly detail?: false | undefined }): Promise<string[]>
  glob (pattern: string, options: TreeVerb & { readonly detail: true }): Promise<Map<string, FileInfo>>
  glob (pattern: string, options: TreeVerb & GlobOptions = {}): Promise<string[] | Map<string, FileInfo>> {
    return this._call('glob', pattern, options, core => derived().then(verbs => verbs.glob(core, pattern, options)))
  }

  /** Bytes of all files below a path, or of the file there; 0 where nothing is. Costs one recursive listing. */
  du (path: string, options: TreeVerb = {}): Promise<number> {
    return this._call('du', path, options, core => derived().then(verbs => verbs.du(core, path, options)))
  }

  /** The sorted paths that patterns, and with `recursive` directories, stand for; what has no pattern is not looked up. @throws FsError ENOENT where nothing was found */
  expandPath (path: Paths, options: Verb & ExpandOptions = {}): Promise<string[]> {
    return this._call('expandPath', first(path), options, core => derived().then(verbs => verbs.expandPath(core, path, options)))
  }

  // ------------------------------------------------------------------------------------------------ reading

  /** A file or a part of it, in parallel parts where it is long. Ranges as in Array.prototype.slice: what lies past the end is left out. */
  catFile (path: string, options: ReadVerb = {}): Promise<Bytes> {
    return this._call('catFile', path, options, core => readSlice(core, core.normalize(path), options))
  }

  /**
   * Whole files: one plain path gives its bytes; a list, a pattern, or a directory with `recursive` a Map from path to bytes, sorted by path.
   * Memory: all of it. @throws FsError ENOENT · EISDIR for a directory that was named; `onError` decides about single files
   */
  cat (path: string, options?: BulkVerb & { readonly recursive?: false | undefined }): Promise<Bytes>
  cat (path: Paths, options?: BulkVerb & { readonly recursive?: boolean | undefined }): Promise<Bytes | Map<string, Bytes | Error>>
  cat (path: Paths, options: CatOptions = {}): Promise<Bytes | Map<string, Bytes | Error>> {
    return this._call('cat', first(path), options, core => derived().then(verbs => verbs.cat(core, path, options)))
  }

  /** Many ranges of many files at once: near ranges share a request, results come in input order, exact lengths. */
  catRanges (ranges: readonly ByteRange[], options: CatRangesOptions = {}): Promise<Array<Bytes | Error>> {
    return this._call('catRanges', ranges[0]?.path, options, core => derived().then(verbs => verbs.catRanges(core, ranges, { ...options, maxGap: options.maxGap ?? this._maxGap })))
  }

  /** A whole file as text; a byte order mark stays. @defaultValue encoding 'utf8'. @throws FsError ENOENT · EISDIR */
  readText (path: string, options: Verb & { readonly encoding?: BufferEncoding | undefined } = {}): Promise<string> {
    return this._call('readText', path, options, core => derived().then(verbs => verbs.readText(core, path, options.encoding)))
  }

  /** The first bytes, fewer where the file is shorter. @defaultValue bytes 1,024. @throws FsError ENOENT · EISDIR */
  head (path: string, bytes?: number, options?: Verb): Promise<Bytes> {
    return this._call('head', path, options, core => derived().then(verbs => verbs.head(core, path, bytes)))
  }

  /** The last bytes, fewer where the file is shorter; an info and a read of one version. @defaultValue bytes 1,024. @throws FsError ENOENT · EISDIR */
  tail (path: string, bytes?: number, options?: Verb): Promise<Bytes> {
    return this._call('tail', path, options, core => derived().then(verbs => verbs.tail(core, path, bytes)))
  }

  /**
   * `length` bytes from `offset`; with a `delimiter` the records that begin in that span, whole: blocks of neighbouring offsets hold each record once.
   * @throws FsError ENOENT · EISDIR
   */
  readBlock (path: string, offset: number, length: number, options: Verb & { readonly delimiter?: Uint8Array | undefined } = {}): Promise<Bytes> {
    return this._call('readBlock', path, options, core => derived().then(verbs => verbs.readBlock(core, path, offset, length, options)))
  }

  // ------------------------------------------------------------------------------------------------ writing

  /**
   * Write a whole file; the old one stays until the new one is whole.
   * @throws FsError EEXIST with flag 'wx' · FORKFS_CHANGED where `ifMatch` does not hold · ENOENT for a missing bucket or folder
   */
  pipeFile (path: string, data: Uint8Array | string, options: Verb & WriteOptions = {}): Promise<FileInfo> {
    return this._call('pipeFile', path, options, core => core.write(core.normalize(path), toBytes(data), options))
  }

  /** pipeFile() for many, `maxConcurrency` at once. The first error stops the rest, unless `onError` says otherwise; what was written stands. */
  pipe (files: ReadonlyMap<string, Uint8Array | string> | Readonly<Record<string, Uint8Array | string>>, options: BulkVerb = {}): Promise<void> {
    if (typeof files !== 'object' || files === null || Array.isArray(files)) {
      return Promise.reject(new TypeError(`Expected \`files\` to be a Map or an object of paths and their data (one file is written by pipeFile()), got (${kindOf(files)})`))
    }
    return this._call('pipe', undefined, options, async core => {
      core.refuse('write', 'writing')
      const entries = (files instanceof Map ? [...files] : Object.entries(files)) as Array<[string, Uint8Array | string]>
      const ready = entries.map(([path, data]) => [core.normalize(path), toBytes(data)] as const)
      const concurrency = options.maxConcurrency ?? core.concurrency
      const { runBulk } = await derived()
      await runBulk(ready, ([path, data], _index, signal) => core.withSignal(signal).write(path, data), { ...options, concurrency, signal: core.signal })
    })
  }

  /** pipeFile() of text, as UTF-8. */
  writeText (path: string, text: string, options: Verb & WriteOptions = {}): Promise<FileInfo> {
    return this._call('writeText', path, options, core => core.write(core.normalize(path), toBytes(text), options))
  }

  /** Make the file if it is missing; empty it unless `truncate` is false. */
  touch (path: string, options: Verb & { readonly truncate?: boolean | undefined } = {}): Promise<void> {
    return this._call('touch', path, options, async core => {
      core.refuse('write', 'writing')
      const name = core.normalize(path)
      if (options.truncate === false && await this.#type(core, path) !== undefined) { await core.touch(name); return }
      await core.write(name, new Uint8Array(0))
    })
  }

  /** Set the modification time of an existing file. */
  protected _touch (path: string, _options: Verb): Promise<void> {
    return Promise.reject(new FsError('FORKFS_NOT_SUPPORTED', 'the time of an existing file can not be set here', { path }))
  }

  // ------------------------------------------------------------------------------------------------ trees

  /** A derived verb that writes: refused before any I/O where nothing can be written. */
  #writing (core: BoundCore, what: string, work: (verbs: typeof Derived) => Promise<void>): Promise<void> {
    core.refuse('write', what)
    return derived().then(work)
  }

  /**
   * Download. Names as docs/copying.md says; missing local folders are made. Each file is there whole or not at all, from one version of its source.
   * @throws FsError ENOENT where nothing is found · FORKFS_CHANGED · EINVAL for a name that would leave the target, and for two sources of one target
   */
  get (remote: Paths, local: Paths, options: CopyOptions = {}): Promise<void> {
    const from = workingDirectory()
    return this._call('get', first(remote), options, core => derived().then(verbs => verbs.get(core, remote, local, options, from)))
  }

  /**
   * Upload; names as docs/copying.md says. Each file is published whole or not at all.
   * @throws FsError ENOENT where nothing is found · FORKFS_CHANGED for a file that changes meanwhile
   */
  put (local: Paths, remote: Paths, options: CopyOptions = {}): Promise<void> {
    const from = workingDirectory()
    return this._call('put', first(remote), options, core => this.#writing(core, 'uploading', verbs => verbs.put(core, local, remote, options, from)))
  }

  /** Copy within this store, by the store itself where it can; names as docs/copying.md says. Only files, unless `recursive`. @throws FsError ENOENT where nothing is found */
  cp (source: Paths, target: Paths, options: CopyOptions = {}): Promise<void> {
    return this._call('cp', first(source), options, core => this.#writing(core, 'copying', verbs => verbs.cp(core, source, target, options)))
  }

  /**
   * Move within this store: renamed where it can be, else copied and deleted when every copy has succeeded.
   * @throws FsError ENOENT · EISDIR for a directory without `recursive` where it is not renamed in one step
   */
  mv (source: Paths, target: Paths, options: CopyOptions = {}): Promise<void> {
    return this._call('mv', first(source), options, core => this.#writing(core, 'moving', verbs => verbs.mv(core, source, target, options)))
  }

  /**
   * Remove files, with `recursive` directories; patterns are expanded. Memory stays flat. @throws FsError ENOENT for what is missing (a plain list on an object
   * store goes straight to its bulk delete, which does not tell) · EISDIR without `recursive`
   */
  rm (path: Paths, options: RemoveOptions = {}): Promise<void> {
    return this._call('rm', first(path), options, core => this.#writing(core, 'deleting', verbs => verbs.rm(core, path, options)))
  }

  /** Make a directory, with its parents unless `createParents` is false. @throws FsError EEXIST; ENOENT without parents */
  mkdir (path: string, options: Verb & { readonly createParents?: boolean | undefined } = {}): Promise<void> {
    return this._call('mkdir', path, options, async core => {
      core.refuse('write', 'making directories')
      const name = core.normalize(path)
      if (options.createParents !== false && core.capabilities.emptyDirectories) await core.makeDirectories(name.slice(0, Math.max(name.lastIndexOf('/'), core.root.length)))
      await core.makeDirectory(name)
    })
  }

  /** Make a directory with its parents. @throws FsError EEXIST where it is there, unless `existOk` */
  makedirs (path: string, options: Verb & { readonly existOk?: boolean | undefined } = {}): Promise<void> {
    return this._call('makedirs', path, options, async core => {
      core.refuse('write', 'making directories')
      if (options.existOk !== true && core.capabilities.emptyDirectories && await this.#type(core, path) !== undefined) throw new FsError('EEXIST', 'it exists already')
      await core.makeDirectories(core.normalize(path))
    })
  }

  /** Remove an empty directory or bucket. @throws FsError ENOTEMPTY · ENOENT */
  rmdir (path: string, options?: Verb): Promise<void> {
    return this._call('rmdir', path, options, core => core.removeDirectory(core.normalize(path)))
  }

  // ------------------------------------------------------------------------------------------------ the rest

  /** A text that changes when the contents may have changed: the version where the store has one, else size and time. */
  checksum (path: string, options?: Verb): Promise<string> {
    return this._call('checksum', path, options, async core => {
      const { etag, size, modified } = await core.info(core.normalize(path))
      return etag ?? `${size ?? ''}-${modified?.getTime() ?? ''}`
    })
  }

  /** A URL that works without credentials for a while. @defaultValue expiresSeconds 100, method 'GET' */
  sign (path: string, options: Verb & { readonly expiresSeconds?: number | undefined, readonly method?: 'GET' | 'PUT' | undefined } = {}): Promise<string> {
    return this._call('sign', path, options, async core => {
      core.refuse('sign', 'signed URLs')
      const { expiresSeconds = 100, method = 'GET' } = options
      if (!Number.isInteger(expiresSeconds) || expiresSeconds < 1) throw new RangeError(`Expected \`expiresSeconds\` to be an integer >= 1, got \`${expiresSeconds}\``)
      if (method !== 'GET' && method !== 'PUT') throw new TypeError(`Expected \`method\` to be 'GET' or 'PUT', got \`${String(method)}\` (${typeof method})`)
      return this._sign(core.normalize(path), { expiresSeconds, method, signal: core.signal })
    })
  }

  #opener (): Opener {
    return {
      call: (operation, path, options, work, lease) => this._call(operation, path, options, work, lease),
      lease: path => this._lease(path),
      normalize: path => this._normalize(path),
      strategy: this._readStrategy
    }
  }

  /**
   * A handle, which the caller closes: `await using`, or withFile(). Reading costs an info now; writing publishes at close(), and nothing before.
   * @throws FsError ENOENT · EISDIR · EEXIST with 'wx' · FORKFS_NOT_SUPPORTED for flags that the store cannot do
   */
  open (path: string, flags: OpenFlags = 'r', options: OpenOptions = {}): Promise<FileHandle> {
    try { this._checkOptions('open', options) } catch (error) { return Promise.reject(error as Error) }
    const opener = this.#opener()
    const name = settled(opener, path)
    const lease = this._lease(name) // taken now: a reset while the code is loaded ends it
    return opening().then(({ openFile }) => openFile(opener, name, lease, flags, options))
  }

  /** open, fn, close; what fn throws aborts a write. */
  async withFile<T> (path: string, flags: OpenFlags, fn: (file: FileHandle) => Promise<T>, options: OpenOptions = {}): Promise<T> {
    if (typeof fn !== 'function') throw new TypeError(`Expected \`fn\` to be a function, got (${typeof fn})`)
    const file = await this.open(path, flags, options)
    let result: T
    try {
      result = await fn(file)
    } catch (error) {
      // The error of fn is the one that counts.
      await file.abort(error).catch(() => {})
      await file.close().catch(() => {})
      throw error
    }
    await file.close()
    return result
  }

  /** node:fs semantics: `end` is inclusive. */
  createReadStream (path: string, options: StreamRange = {}): Readable {
    this._checkOptions('createReadStream', options)
    return readStream(this.#opener(), path, options)
  }

  /** A Node stream: published when it finishes, dropped when it is destroyed or fails. */
  createWriteStream (path: string, options: Verb & WriteOptions = {}): Writable {
    this._checkOptions('createWriteStream', options)
    return writeStream(this.#opener(), path, options)
  }

  /** A web stream of [start, end); cancelling it ends the read. */
  readable (path: string, options: ReadVerb = {}): ReadableStream<Bytes> {
    this._checkOptions('readable', options)
    return webReadStream(this.#opener(), path, options)
  }

  /** A web stream: published by close(), dropped by abort(). */
  writable (path: string, options: Verb & WriteOptions = {}): WritableStream<Uint8Array> {
    this._checkOptions('writable', options)
    return webWriteStream(this.#opener(), path, options)
  }
}

function first (paths: Paths): string | undefined { return typeof paths === 'string' ? paths : paths[0] }
