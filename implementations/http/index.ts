import { FileSystem } from '../../lib/filesystem/filesystem.js'
import type { BoundCore, Hooks } from '../../lib/filesystem/bound-core.js'
import type { CatOptions } from '../../lib/filesystem/cat.js'
import type { ListOptions } from '../../lib/filesystem/core.js'
import { isSecretName } from '../../lib/filesystem/descriptor.js'
import type { Travel } from '../../lib/filesystem/descriptor.js'
import { checkNetwork } from '../../lib/filesystem/network-options.js'
import type { OptionTable, ResolvedCommonOptions } from '../../lib/filesystem/options.js'
import { usingProgress } from '../../lib/filesystem/progress.js'
import type { Stats } from '../../lib/filesystem/stats.js'
import type { BulkVerb, Bytes, Capabilities, Chunk, FileInfo, RangeOptions, RangeRead, Verb } from '../../lib/filesystem/types.js'
import type { Lease } from '../../lib/owner/index.js'
import { addressOf, normalizeUrl, shownPath } from './address.js'
import type { HttpEngine } from './engine.js'
import { httpOptions, normalizeBase } from './options.js'
import type { HttpOptions } from './options.js'
import { TreeCore } from './tree-core.js'

export type { HttpOptions } from './options.js'
export type { HttpFileInfo } from './info.js'

/** Verbs that list, and among them those that take patterns. */
const treeVerbs: ReadonlySet<string> = new Set(['cat', 'copy', 'du', 'expandPath', 'find', 'get', 'glob', 'list', 'ls', 'walk'])
const patternVerbs: ReadonlySet<string> = new Set(['cat', 'copy', 'expandPath', 'get', 'glob'])

/**
 * Files of web servers, read-only. Paths are full URLs, or relative to `baseUrl`; names that come back are full URLs. What is
 * legal in a request target is sent byte for byte (`//`, `.`, `..`, `%2F`), anything else percent-encoded; a fragment is cut off.
 *
 * A closing slash belongs to the URL where one resource is meant (info, catFile, open) and is left out where trees are meant
 * (ls, find, walk, glob, get): a listing asks for `path/`, and its directories come back without the slash.
 */
export class HttpFileSystem extends FileSystem {
  static override readonly protocols: readonly string[] = ['http', 'https']
  static override readonly options: OptionTable = httpOptions
  readonly #base: string | undefined
  /** What talks to servers: loaded with the first call. */
  #engine: HttpEngine | undefined
  #loading: Promise<HttpEngine> | undefined

  constructor (options: HttpOptions & Record<string, unknown> = {}) {
    super(options)
    const { baseUrl } = this._options as HttpOptions
    checkNetwork(this._options as HttpOptions)
    this.#base = baseUrl === undefined ? undefined : normalizeBase(baseUrl)
  }

  #load (): Promise<HttpEngine> {
    this.#loading ??= import('./engine.js').then(({ HttpEngine }) => {
      const options = this._options as ResolvedCommonOptions & HttpOptions
      const home = this.#base === undefined ? undefined : addressOf(this.#base).origin
      const withheld = (this._withheld?.['headers'] ?? []) as readonly string[]
      this.#engine = new HttpEngine({ ...options, headers: options.headers ?? {}, home, withheld })
      return this.#engine
    })
    return this.#loading
  }

  get capabilities (): Capabilities {
    return { read: true, write: false, append: false, exclusiveCreate: false, rename: false, emptyDirectories: false, sign: false, ranges: true }
  }

  override get stats (): Stats { return this.#engine?.stats ?? super.stats }

  /** The full URL of a path, as it is sent. */
  override url (path: string): string {
    const { origin, target } = addressOf(this._normalize(path))
    return origin + target
  }

  /** A question mark begins a query and is no wildcard; what comes after it is none either. */
  override isPattern (path: string): boolean { return /^[^?]*[*[]/.test(path) }

  /** Forget which files were seen to have no ranges. */
  protected override _forget (path: string | undefined): void { this.#engine?.forget(path) }

  /** One URL is read as it is written, query and closing slash included; more of them, and patterns, as everywhere. */
  override cat (path: string, options?: BulkVerb & { readonly recursive?: false | undefined }): Promise<Bytes>
  override cat (path: string | readonly string[], options?: BulkVerb & { readonly recursive?: boolean | undefined }): Promise<Bytes | Map<string, Bytes | Error>>
  override cat (path: string | readonly string[], options: CatOptions = {}): Promise<Bytes | Map<string, Bytes | Error>> {
    if (typeof path !== 'string' || options.recursive === true || this.isPattern(path)) return super.cat(path, options)
    return super._call('cat', shownPath(path), options, core => usingProgress(options.progress, async progress => {
      progress?.setSize(1)
      const data = await core.readAll(core.normalize(path))
      progress?.advance(1)
      return data
    }))
  }

  // ------------------------------------------------------------------------------------------------ calls

  /** Queries can be signatures: errors name paths without them. */
  protected override _call<T> (operation: string, path: string | undefined, options: Verb | undefined, work: (core: BoundCore) => Promise<T>, lease?: Lease): Promise<T> {
    const inTree = treeVerbs.has(operation)
    return super._call(operation, shown(path), options, core => work(inTree ? this.#treeCore(operation, core) : core), lease)
  }

  protected override _iterate<T> (operation: string, path: string, options: Verb | undefined, begin: (core: BoundCore) => AsyncIterable<readonly T[]>): AsyncIterableIterator<T> {
    return super._iterate(operation, path, options, core => begin(this.#treeCore(operation, core)))
  }

  protected override _lease (path: string): Lease { return super._lease(shown(path)!) }

  #treeCore (operation: string, call: { readonly signal: AbortSignal }): TreeCore {
    return new TreeCore(this as unknown as Hooks, call, patternVerbs.has(operation))
  }

  // ------------------------------------------------------------------------------------------------ hooks

  protected override get _root (): string { return this.#base ?? '' }

  protected override _normalize (path: string): string { return normalizeUrl(path, this.#base) }

  protected override async _info (path: string, { signal }: Verb): Promise<FileInfo> {
    return (this.#engine ?? await this.#load()).info(path, signal!)
  }

  protected override async *_list (path: string, options: Verb & ListOptions): AsyncGenerator<readonly FileInfo[], void, undefined> {
    yield* (this.#engine ?? await this.#load()).list(path, { ...options, signal: options.signal! })
  }

  /** Parts are planned by the reader and not by `_partBytes`: whether a server has ranges shows with its first reply, which is then read on. */
  protected override async _readRange (path: string, start: number, end: number | undefined, { ifMatch, into, signal }: RangeOptions): Promise<RangeRead> {
    return (this.#engine ?? await this.#load()).read({ path, start, end, ifMatch, into, signal: signal! })
  }

  protected override async *_readChunks (path: string, { ifMatch, signal }: RangeOptions): AsyncGenerator<Chunk, void, undefined> {
    yield* (this.#engine ?? await this.#load()).chunks({ path, ifMatch, signal: signal! })
  }

  protected override _describe (credentials: boolean): Travel {
    const { options, withheld } = super._describe(true)
    const headers = (options['headers'] ?? {}) as Readonly<Record<string, string>>
    const secret = Object.keys(headers).filter(isSecretName)
    if (credentials || secret.length === 0) return { options, withheld }
    const open = Object.entries(headers).filter(([name]) => !secret.includes(name))
    const { headers: _headers, ...others } = options
    const earlier = (this._withheld?.['headers'] ?? []) as readonly string[]
    const names = [...new Set([...earlier, ...secret.map(name => name.toLowerCase())])].sort()
    return { options: open.length === 0 ? others : { ...others, headers: Object.fromEntries(open) }, withheld: { ...withheld, headers: names } }
  }

  protected override async _close (): Promise<void> { await this.#engine?.close() }
  protected override _drop (): void { this.#engine?.drop() }
}

function shown (path: string | undefined): string | undefined {
  return typeof path === 'string' ? shownPath(path) : path
}
