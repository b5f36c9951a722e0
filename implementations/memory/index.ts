import { FsError } from '../../lib/errors/index.js'
import { FileSystem } from '../../lib/filesystem/filesystem.js'
import type { ListOptions } from '../../lib/filesystem/core.js'
import { kinds } from '../../lib/filesystem/options.js'
import { directoryInfo } from '../../lib/filesystem/paths.js'
import type { OptionTable } from '../../lib/filesystem/options.js'
import type { Bytes, Capabilities, FileInfo, RangeOptions, RangeRead, StagedWriter, Verb, WriteOptions } from '../../lib/filesystem/types.js'

export interface MemoryOptions {
  /** Instances of one name share one tree within a thread; a worker has its own (memory does not travel). @defaultValue 'default' */
  readonly name?: string | undefined
}

interface Entry { readonly data: Bytes, readonly modified: Date, readonly version: number }
interface Tree { readonly files: Map<string, Entry>, readonly directories: Set<string> }

/** Named trees survive resetForFork(): they hold data, not clients. */
const trees = new Map<string, Tree>()
let lastVersion = 0
const pageSize = 1000

function joined (chunks: readonly Bytes[]): Bytes {
  if (chunks.length === 1) return chunks[0]!
  const whole = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}

function treeOf (name: string): Tree {
  let tree = trees.get(name)
  if (tree === undefined) {
    tree = { files: new Map(), directories: new Set() }
    trees.set(name, tree)
  }
  return tree
}

/**
 * Files in the memory of one thread: the reference for implementers, and a place for tests. Directories come with the files
 * below them and stay when made by mkdir().
 */
export class MemoryFileSystem extends FileSystem {
  static override readonly protocols: readonly string[] = ['memory']
  static override readonly options: OptionTable = Object.freeze({ name: { ...kinds.text, default: 'default' } })
  readonly #tree: Tree

  constructor (options: MemoryOptions & Record<string, unknown> = {}) {
    super(options)
    this.#tree = treeOf(this._options['name'] as string)
  }

  get capabilities (): Capabilities {
    return { read: true, write: true, append: false, exclusiveCreate: true, rename: true, emptyDirectories: true, sign: false, ranges: true }
  }

  #fileInfo (name: string, { data, modified, version }: Entry): FileInfo {
    return { name, size: data.length, type: 'file', modified, etag: `"${version}"` }
  }

  #file (path: string): Entry {
    const entry = this.#tree.files.get(path)
    if (entry !== undefined) return entry
    throw this.#isDirectory(path) ? new FsError('EISDIR', 'it is a directory', { path }) : new FsError('ENOENT', 'no such file', { path })
  }

  #isDirectory (path: string): boolean {
    if (path === '' || this.#tree.directories.has(path)) return true
    const prefix = `${path}/`
    for (const name of this.#tree.files.keys()) if (name.startsWith(prefix)) return true
    for (const name of this.#tree.directories) if (name.startsWith(prefix)) return true
    return false
  }

  #isEmpty (path: string): boolean {
    const prefix = `${path}/`
    for (const name of this.#tree.files.keys()) if (name.startsWith(prefix)) return false
    for (const name of this.#tree.directories) if (name.startsWith(prefix)) return false
    return true
  }

  protected override async _info (path: string, _options: Verb): Promise<FileInfo> {
    const entry = this.#tree.files.get(path)
    if (entry !== undefined) return Promise.resolve(this.#fileInfo(path, entry))
    if (this.#isDirectory(path)) return directoryInfo(path)
    throw new FsError('ENOENT', 'no such file or directory', { path })
  }

  protected override async *_list (path: string, { recursive, prefix = '' }: Verb & ListOptions): AsyncGenerator<FileInfo[], void, undefined> {
    const base = path === '' ? '' : `${path}/`
    const found = new Map<string, FileInfo>()
    const directory = (name: string): void => { if (!found.has(name)) found.set(name, directoryInfo(name)) }
    const visit = (name: string, entry: Entry | undefined): void => {
      if (!name.startsWith(base + prefix)) return
      for (let slash = name.indexOf('/', base.length); slash !== -1; slash = name.indexOf('/', slash + 1)) {
        directory(name.slice(0, slash))
        if (!recursive) return
      }
      if (entry === undefined) directory(name)
      else found.set(name, this.#fileInfo(name, entry))
    }
    for (const [name, entry] of this.#tree.files) visit(name, entry)
    for (const name of this.#tree.directories) visit(name, undefined)
    const entries = [...found.values()].sort((a, b) => a.name < b.name ? -1 : 1)
    for (let at = 0; at < entries.length; at += pageSize) yield await Promise.resolve(entries.slice(at, at + pageSize))
  }

  protected override async _readRange (path: string, start: number, end: number | undefined, { ifMatch, into }: RangeOptions): Promise<RangeRead> {
    const { data, version } = this.#file(path)
    const etag = `"${version}"`
    if (ifMatch !== undefined && ifMatch !== etag) throw new FsError('FORKFS_CHANGED', `it is not the version ${ifMatch} any more`, { path })
    const part = data.subarray(start, end)
    if (into === undefined) return Promise.resolve({ data: part.slice() as Bytes, etag, size: data.length })
    into.set(part)
    return { data: into.subarray(0, part.length) as Bytes, etag, size: data.length }
  }

  /** The parts of a path above its name must not be files. */
  #checkParents (path: string): void {
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      if (this.#tree.files.has(path.slice(0, slash))) throw new FsError('ENOTDIR', 'a part of the path is a file', { path })
    }
  }

  #publish (path: string, data: Bytes, { flag, ifMatch }: WriteOptions): FileInfo {
    this.#checkWrite(path, { flag, ifMatch })
    const entry: Entry = { data, modified: new Date(), version: ++lastVersion }
    this.#tree.files.set(path, entry)
    return this.#fileInfo(path, entry)
  }

  #checkWrite (path: string, { flag, ifMatch }: WriteOptions): void {
    if (path === '' || (!this.#tree.files.has(path) && this.#isDirectory(path))) throw new FsError('EISDIR', 'it is a directory', { path })
    this.#checkParents(path)
    const existing = this.#tree.files.get(path)
    if (flag === 'wx' && existing !== undefined) throw new FsError('EEXIST', 'it exists already', { path })
    if (ifMatch !== undefined && (existing === undefined || `"${existing.version}"` !== ifMatch)) throw new FsError('FORKFS_CHANGED', `it is not the version ${ifMatch} any more`, { path })
  }

  protected override async _openWriter (path: string, options: Verb & WriteOptions): Promise<StagedWriter> {
    this.#checkWrite(path, options)
    const chunks: Bytes[] = []
    return Promise.resolve<StagedWriter>({
      write: async chunk => { await Promise.resolve(chunks.push(chunk.slice() as Bytes)) },
      commit: async () => {
        const data = joined(chunks.splice(0))
        return Promise.resolve(this.#publish(path, data, options))
      },
      abort: async () => { await Promise.resolve(chunks.splice(0)) }
    })
  }

  protected override async _delete (paths: readonly string[], _options: Verb): Promise<void> {
    for (const path of paths) this.#file(path)
    for (const path of paths) {
      this.#tree.files.delete(path)
      this.#keepDirectory(path)
    }
    await Promise.resolve()
  }

  /** A directory does not vanish with its last file. */
  #keepDirectory (path: string): void {
    const slash = path.lastIndexOf('/')
    if (slash > 0) this.#tree.directories.add(path.slice(0, slash))
  }

  protected override async _copy (source: string, target: string, _options: Verb): Promise<void> {
    await Promise.resolve(this.#publish(target, this.#file(source).data.slice() as Bytes, {}))
  }

  protected override async _rename (source: string, target: string, _options: Verb): Promise<void> {
    const entry = this.#tree.files.get(source)
    if (entry === undefined) { await this.#renameDirectory(source, target); return }
    this.#publish(target, entry.data, {})
    this.#tree.files.delete(source)
    this.#keepDirectory(source)
  }

  async #renameDirectory (source: string, target: string): Promise<void> {
    if (!this.#isDirectory(source)) throw new FsError('ENOENT', 'no such file or directory', { path: source })
    if (this.#tree.files.has(target) || !this.#isEmpty(target)) throw new FsError('ENOTEMPTY', 'the directory is not empty', { path: target })
    this.#checkParents(target)
    const prefix = `${source}/`
    for (const [name, entry] of [...this.#tree.files]) {
      if (!name.startsWith(prefix)) continue
      this.#tree.files.delete(name)
      this.#tree.files.set(`${target}/${name.slice(prefix.length)}`, entry)
    }
    for (const name of [...this.#tree.directories]) {
      if (name !== source && !name.startsWith(prefix)) continue
      this.#tree.directories.delete(name)
      this.#tree.directories.add(target + name.slice(source.length))
    }
    this.#tree.directories.add(target)
    await Promise.resolve()
  }

  protected override async _mkdir (path: string, _options: Verb): Promise<void> {
    if (this.#tree.files.has(path) || this.#isDirectory(path)) throw new FsError('EEXIST', 'it exists already', { path })
    const slash = path.lastIndexOf('/')
    if (slash > 0 && !this.#isDirectory(path.slice(0, slash))) throw new FsError('ENOENT', 'the parent is missing', { path })
    await this._makedirs(path)
  }

  protected override async _makedirs (path: string): Promise<void> {
    this.#checkParents(`${path}/`)
    if (path !== '') this.#tree.directories.add(path)
    await Promise.resolve()
  }

  protected override async _rmdir (path: string, _options: Verb): Promise<void> {
    if (this.#tree.files.has(path)) throw new FsError('ENOTDIR', 'it is a file', { path })
    if (!this.#isDirectory(path)) throw new FsError('ENOENT', 'no such directory', { path })
    if (!this.#isEmpty(path) || path === '') throw new FsError('ENOTEMPTY', 'the directory is not empty', { path })
    this.#tree.directories.delete(path)
    this.#keepDirectory(path)
    await Promise.resolve()
  }

  protected override async _touch (path: string, _options: Verb): Promise<void> {
    const entry = this.#file(path)
    this.#tree.files.set(path, { ...entry, modified: new Date() })
    await Promise.resolve()
  }
}
