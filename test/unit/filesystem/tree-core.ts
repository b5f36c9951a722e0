import { FsError } from '../../../lib/errors/index.js'
import type { Core, ListOptions } from '../../../lib/filesystem/core.js'
import { basename, isBelow, join, parent, relative } from '../../../lib/filesystem/paths.js'
import type { FileInfo } from '../../../lib/filesystem/types.js'

export interface TreeOptions {
  /** Entries per page. @defaultValue 1000 */
  readonly pageSize?: number
  /** Keep directories of their own, as a local filesystem does; else they exist through the names below them. @defaultValue false */
  readonly emptyDirectories?: boolean
  /** List directories in recursive listings too. @defaultValue false */
  readonly directoriesInRecursive?: boolean
  /** Reject a listing of what is no directory; else it is empty. @defaultValue false */
  readonly strict?: boolean
  /** Leave out what `prefix` allows to leave out. @defaultValue true */
  readonly honoursPrefix?: boolean
  /** '' as object stores, '/' as local files. @defaultValue '' */
  readonly root?: '' | '/'
  /** Entries in reverse order. @defaultValue false */
  readonly reversed?: boolean
  readonly concurrency?: number
  readonly signal?: AbortSignal
  /** Called before each listing's page: what it throws or rejects with is the listing's error. */
  readonly onPage?: (path: string, page: number) => void | Promise<void>
}

const modified = new Date('2026-01-02T03:04:05Z')

/** A Core over names in memory that counts what is asked of it. Names that end in '/' are directories; a name may be both. */
export class TreeCore implements Core {
  readonly protocol = 'tree'
  readonly capabilities: Core['capabilities']
  readonly root: string
  readonly concurrency: number
  readonly signal: AbortSignal
  /** Listings asked for, as 'path', 'path (prefix)', with '/**' behind a recursive path. */
  readonly lists: string[] = []
  readonly infos: string[] = []
  pages = 0
  /** Listings under way now, and the most there ever were. */
  open = 0
  mostOpen = 0
  readonly #options: TreeOptions
  readonly #links = new Map<string, string>()
  readonly #files = new Map<string, FileInfo>()
  readonly #directories = new Map<string, FileInfo>()

  constructor (names: readonly string[], options: TreeOptions = {}) {
    this.#options = options
    this.root = options.root ?? ''
    this.concurrency = options.concurrency ?? 4
    this.signal = options.signal ?? new AbortController().signal
    const emptyDirectories = options.emptyDirectories ?? false
    this.capabilities = {
      read: true, write: false, append: false, exclusiveCreate: false, rename: false, emptyDirectories, sign: false, ranges: true
    }
    this.#add(this.root, 'directory')
    for (const name of names) this.add(name)
  }

  /** A link to a directory: its listing is that of the target. */
  link (name: string, target: string): void {
    this.#directories.set(name, { name, size: 0, type: 'directory', islink: true })
    this.#links.set(name, target)
  }

  add (name: string): void {
    const path = name.endsWith('/') ? name.slice(0, -1) : name
    if (name.endsWith('/') && !this.capabilities.emptyDirectories) throw new Error(`this store keeps no directory ${name}`)
    for (let above = parent(path); above !== this.root; above = parent(above)) this.#add(above, 'directory')
    this.#add(path, name.endsWith('/') ? 'directory' : 'file')
  }

  #add (name: string, type: 'file' | 'directory'): void {
    if (type === 'file') this.#files.set(name, { name, size: name.length, type, modified, etag: `"${name}"` })
    else this.#directories.set(name, this.capabilities.emptyDirectories ? { name, size: 4096, type, modified } : { name, size: undefined, type })
  }

  /** What info() would answer, uncounted. */
  entry (name: string): FileInfo | undefined { return this.#files.get(name) ?? this.#directories.get(name) }

  normalize (path: string): string {
    if (typeof path !== 'string') throw new TypeError(`Expected \`path\` to be a string, got (${typeof path})`)
    const bare = path.replace(/^tree:\/\//, '')
    return bare.replace(/\/+$/, '') || (bare.startsWith('/') ? this.root : '')
  }

  info (path: string): Promise<FileInfo> {
    this.infos.push(path)
    const info = this.entry(path)
    return info === undefined ? Promise.reject(new FsError('ENOENT', 'nothing there', { path })) : Promise.resolve(info)
  }

  list (path: string, options: ListOptions): AsyncGenerator<readonly FileInfo[], void, undefined> { return this.#list(path, options, this.signal) }

  /** The same tree and the same counts under another signal. */
  withSignal (signal: AbortSignal): Core {
    const list = (path: string, options: ListOptions): AsyncIterable<readonly FileInfo[]> => this.#list(path, options, signal)
    return { ...this, signal, list, normalize: path => this.normalize(path), info: path => this.info(path) }
  }

  async *#list (path: string, { recursive, prefix = '' }: ListOptions, signal: AbortSignal): AsyncGenerator<readonly FileInfo[], void, undefined> {
    this.lists.push(`${path}${recursive ? '/**' : ''}${prefix === '' ? '' : ` (${prefix})`}`)
    this.mostOpen = Math.max(this.mostOpen, ++this.open)
    try {
      const entries = this.#below(path, recursive, prefix)
      const { pageSize = 1000, onPage } = this.#options
      for (let at = 0; at === 0 || at < entries.length; at += pageSize) {
        await onPage?.(path, at / pageSize)
        await new Promise(resolve => setImmediate(resolve))
        signal.throwIfAborted()
        this.pages++
        yield entries.slice(at, at + pageSize)
      }
    } finally {
      this.open--
    }
  }

  #below (path: string, recursive: boolean, prefix: string): FileInfo[] {
    const { strict = false, honoursPrefix = true, directoriesInRecursive = false, reversed = false } = this.#options
    for (const [link, target] of this.#links) {
      if (path !== link && !isBelow(path, link)) continue
      const renamed = (name: string): string => join(link, relative(name, target))
      const place = path === link ? target : join(target, relative(path, link))
      return this.#below(place, recursive, prefix).map(info => ({ ...info, name: renamed(info.name) }))
    }
    const known = this.#directories.has(path)
    if (strict && !known) throw new FsError(this.#files.has(path) ? 'ENOTDIR' : 'ENOENT', 'no directory', { path })
    const entries = [...this.#files.values(), ...!recursive || directoriesInRecursive ? this.#directories.values() : []].filter(({ name }) => {
      if (!isBelow(name, path)) return false
      if (!recursive) return parent(name) === path && (!honoursPrefix || basename(name).startsWith(prefix))
      return !honoursPrefix || relative(name, path).startsWith(prefix)
    }).sort((a, b) => a.name < b.name ? -1 : 1)
    return reversed ? entries.reverse() : entries
  }

  readonly readRange = unused
  readonly readAll = unused
  readonly write = unused
  readonly openWriter = unused
  readonly delete = unused
  readonly copy = unused
  readonly rename = unused
  readonly makeDirectories = unused
  readonly removeDirectory = unused
}

function unused (): never { throw new FsError('FORKFS_NOT_SUPPORTED', 'listings only') }

/** The kinds of store that every listing verb must give the same answers on. */
export const kinds: ReadonlyArray<readonly [title: string, options: TreeOptions]> = [
  ['an object store, pages of 1,000', {}],
  ['an object store, pages of 1', { pageSize: 1 }],
  ['an object store, pages of 2, listings of what is missing reject', { pageSize: 2, strict: true }],
  ['an object store that ignores prefixes and lists backwards', { honoursPrefix: false, reversed: true }],
  ['local files', { emptyDirectories: true, directoriesInRecursive: true, strict: true, root: '/' }],
  ['local files, backwards, pages of 2', { emptyDirectories: true, directoriesInRecursive: true, strict: true, root: '/', reversed: true, pageSize: 2 }],
  ['directories that recursive listings leave out', { emptyDirectories: true, directoriesInRecursive: false, pageSize: 1 }]
]

/** Prefix names for the kind's root. */
export function at (options: TreeOptions, ...names: readonly string[]): string[] {
  return names.map(name => join(options.root ?? '', name))
}
