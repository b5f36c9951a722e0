import { FsError } from '../../../lib/errors/index.js'
import type { Core, ListOptions } from '../../../lib/filesystem/core.js'
import { isBelow, parent } from '../../../lib/filesystem/paths.js'
import type { Bytes, Capabilities, FileInfo, Progress, RangeOptions, RangeRead, StagedWriter } from '../../../lib/filesystem/types.js'

export interface StoreOptions {
  /** Keep directories of their own, refuse writes without a parent. @defaultValue false */
  readonly emptyDirectories?: boolean
  /** @defaultValue false */
  readonly rename?: boolean
  /** @defaultValue true */
  readonly ranges?: boolean
  /** Name versions. @defaultValue true */
  readonly etags?: boolean
  /** Name versions in infos and listings too. @defaultValue as `etags` */
  readonly listedEtags?: boolean
  /** Say sizes. @defaultValue true */
  readonly sizes?: boolean
  /** @defaultValue 1000 */
  readonly pageSize?: number
  /** @defaultValue 4 */
  readonly concurrency?: number
}

interface Entry { readonly data: Bytes, readonly version: number }

/** Files in memory, and what was asked for. `fault` is called before each operation: what it throws or rejects with is the operation's error. */
export class Store {
  readonly options: StoreOptions
  readonly files = new Map<string, Entry>()
  readonly directories = new Set<string>()
  /** 'operation path' in order. */
  readonly calls: string[] = []
  readonly open = new Set<StagedWriter>()
  inFlight = 0
  mostInFlight = 0
  fault: ((operation: string, path: string, signal: AbortSignal) => unknown) | undefined
  #version = 0

  constructor (options: StoreOptions = {}, files: Readonly<Record<string, string | Uint8Array>> = {}) {
    this.options = options
    for (const [name, data] of Object.entries(files)) this.put(name, data)
  }

  put (name: string, data: string | Uint8Array = ''): void {
    for (let above = parent(name); above !== ''; above = parent(above)) this.directories.add(above)
    this.files.set(name, { data: new Uint8Array(typeof data === 'string' ? Buffer.from(data) : data), version: ++this.#version })
  }

  text (name: string): string | undefined {
    const data = this.files.get(name)?.data
    return data && Buffer.from(data).toString()
  }

  /** Names of files below a directory, relative to it, sorted. */
  below (directory: string): string[] {
    return [...this.files.keys()].filter(name => isBelow(name, directory)).map(name => name.slice(directory.length + 1)).sort()
  }

  count (operation: string): number {
    return this.calls.filter(call => call.startsWith(`${operation} `)).length
  }

  core (signal: AbortSignal = new AbortController().signal): MemoryCore { return new MemoryCore(this, signal) }
}

export class MemoryCore implements Core {
  readonly protocol = 'memory'
  readonly root = ''
  readonly store: Store
  readonly signal: AbortSignal

  constructor (store: Store, signal: AbortSignal) {
    this.store = store
    this.signal = signal
  }

  get concurrency (): number { return this.store.options.concurrency ?? 4 }
  get capabilities (): Capabilities {
    const { emptyDirectories = false, rename = false, ranges = true } = this.store.options
    return { read: true, write: true, append: false, exclusiveCreate: true, rename, emptyDirectories, sign: false, ranges }
  }

  withSignal (signal: AbortSignal): MemoryCore { return new MemoryCore(this.store, signal) }
  normalize (path: string): string { return path.replace(/^memory:\/\//, '').replace(/\/+$/, '') }

  info (path: string): Promise<FileInfo> {
    return this.#call('info', path, () => {
      const found = this.#info(path)
      if (found === undefined) throw new FsError('ENOENT', 'nothing there', { path })
      return found
    })
  }

  async *list (path: string, { recursive }: ListOptions): AsyncGenerator<readonly FileInfo[], void, undefined> {
    const { emptyDirectories = false, pageSize = 1000 } = this.store.options
    const names = [...this.store.files.keys(), ...this.#directories()].filter(name => isBelow(name, path) &&
      (recursive ? emptyDirectories || this.store.files.has(name) : parent(name) === path)).sort()
    for (let at = 0; at < Math.max(1, names.length); at += pageSize) {
      yield await this.#call('list', path, () => names.slice(at, at + pageSize).map(name => this.#info(name)).filter(info => info !== undefined))
    }
  }

  readRange (path: string, start: number, end: number | undefined, { ifMatch, into }: Omit<RangeOptions, 'signal'> = {}): Promise<RangeRead> {
    return this.#call('readRange', `${path} ${start}-${end ?? ''}`, () => {
      const { data, etag } = this.#get(path, ifMatch)
      const part = data.slice(start, end)
      if (into === undefined) return { data: part, etag }
      into.set(part)
      return { data: into.subarray(0, part.length) as Bytes, etag }
    })
  }

  readAll (path: string, { ifMatch }: Omit<RangeOptions, 'signal'> = {}): Promise<Bytes> {
    return this.#call('readAll', path, () => this.#get(path, ifMatch).data.slice())
  }

  write (path: string, data: Uint8Array): Promise<FileInfo> {
    const copy = new Uint8Array(data)
    return this.#call('write', path, () => this.#publish(path, copy))
  }

  async openWriter (path: string): Promise<StagedWriter> {
    const chunks: Uint8Array[] = []
    await this.#call('openWriter', path, () => this.#checkParent(path))
    const writer: StagedWriter = {
      write: chunk => this.#call('part', path, () => { chunks.push(new Uint8Array(chunk)) }),
      commit: () => this.#call('commit', path, () => {
        this.store.open.delete(writer)
        return this.#publish(path, Buffer.concat(chunks))
      }),
      abort: () => { this.store.open.delete(writer); return Promise.resolve() }
    }
    this.store.open.add(writer)
    return writer
  }

  async delete (paths: readonly string[]): Promise<void> {
    await this.#call('delete', paths.join(','), () => {
      for (const path of paths) {
        if (this.store.options.emptyDirectories === true && !this.store.files.has(path)) {
          throw new FsError(this.store.directories.has(path) ? 'EISDIR' : 'ENOENT', 'not a file', { path })
        }
        this.store.files.delete(path)
      }
    })
  }

  copy (source: string, target: string): Promise<void> {
    return this.#call('copy', `${source} ${target}`, () => { this.#publish(target, this.#get(source, undefined).data) })
  }

  rename (source: string, target: string): Promise<void> {
    return this.#call('rename', `${source} ${target}`, () => {
      this.#checkParent(target)
      const moved = (name: string): string => target + name.slice(source.length)
      const within = (name: string): boolean => name === source || isBelow(name, source)
      for (const [name, entry] of [...this.store.files]) if (within(name)) { this.store.files.delete(name); this.store.files.set(moved(name), entry) }
      for (const name of [...this.store.directories]) if (within(name)) { this.store.directories.delete(name); this.store.directories.add(moved(name)) }
    })
  }

  makeDirectories (path: string): Promise<void> {
    return this.#call('makeDirectories', path, () => {
      for (let at = path; at !== ''; at = parent(at)) this.store.directories.add(at)
    })
  }

  removeDirectory (path: string): Promise<void> {
    return this.#call('removeDirectory', path, () => {
      if ([...this.store.files.keys(), ...this.store.directories].some(name => isBelow(name, path))) throw new FsError('ENOTEMPTY', 'not empty', { path })
      if (!this.store.directories.delete(path)) throw new FsError('ENOENT', 'nothing there', { path })
    })
  }

  async #call<T> (operation: string, path: string, work: () => T): Promise<T> {
    this.signal.throwIfAborted()
    this.store.calls.push(`${operation} ${path}`)
    this.store.mostInFlight = Math.max(this.store.mostInFlight, ++this.store.inFlight)
    try {
      await new Promise(resolve => setImmediate(resolve))
      await this.store.fault?.(operation, path, this.signal)
      this.signal.throwIfAborted()
      return work()
    } finally {
      this.store.inFlight--
    }
  }

  #directories (): Set<string> {
    if (this.store.options.emptyDirectories === true) return this.store.directories
    const all = new Set<string>()
    for (const name of this.store.files.keys()) for (let above = parent(name); above !== ''; above = parent(above)) all.add(above)
    return all
  }

  #info (name: string): FileInfo | undefined {
    const { etags = true, listedEtags = etags, sizes = true } = this.store.options
    const entry = this.store.files.get(name)
    if (entry === undefined) return name === '' || this.#directories().has(name) ? { name, size: undefined, type: 'directory' } : undefined
    return { name, size: sizes ? entry.data.length : undefined, type: 'file', etag: listedEtags ? `"${entry.version}"` : undefined }
  }

  #get (path: string, ifMatch: string | undefined): { readonly data: Bytes, readonly etag: string | undefined } {
    const entry = this.store.files.get(path)
    if (entry === undefined) throw new FsError(this.#directories().has(path) && this.store.options.emptyDirectories ? 'EISDIR' : 'ENOENT', 'no file', { path })
    const etag = this.store.options.etags === false ? undefined : `"${entry.version}"`
    if (ifMatch !== undefined && ifMatch !== etag) throw new FsError('FORKFS_CHANGED', 'another version', { path })
    return { data: entry.data, etag }
  }

  #checkParent (path: string): void {
    if (this.store.options.emptyDirectories === true && parent(path) !== '' && !this.store.directories.has(parent(path))) {
      throw new FsError('ENOENT', 'no such parent', { path })
    }
    if (this.store.options.emptyDirectories === true && this.store.directories.has(path)) throw new FsError('EISDIR', 'it is a directory', { path })
  }

  #publish (path: string, data: Uint8Array): FileInfo {
    this.#checkParent(path)
    this.store.put(path, data)
    return this.#info(path)!
  }
}

/** Records what it is told; `closed` counts. */
export class Recorder implements Progress {
  size = 0
  done = 0
  closed = 0
  readonly children = new Map<string, Recorder>()

  setSize (size: number): void { this.size = size }
  advance (by: number): void { this.done += by }
  close (): void { this.closed++ }
  branch (source: string, target: string): Recorder {
    const child = new Recorder()
    this.children.set(`${source} -> ${target}`, child)
    return child
  }
}
