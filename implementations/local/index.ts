import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { FsError, kindOf } from '../../lib/errors/index.js'
import { FileSystem } from '../../lib/filesystem/filesystem.js'
import type { ListOptions } from '../../lib/filesystem/core.js'
import { kinds } from '../../lib/filesystem/options.js'
import type { OptionTable } from '../../lib/filesystem/options.js'
import { workingDirectory } from '../../lib/filesystem/paths.js'
import type * as Engine from './engine.js'
import type { Capabilities, FileInfo, RangeOptions, RangeRead, StagedWriter, Verb, WriteOptions } from '../../lib/filesystem/types.js'

export interface LocalOptions {
  /** Create missing parent folders on write. @defaultValue false, as node:fs */
  readonly autoMkdir?: boolean | undefined
}

/** Files of this machine. Paths are absolute; relative ones are resolved against the working directory when the verb is called. */
export class LocalFileSystem extends FileSystem {
  static override readonly protocols: readonly string[] = ['file', 'local']
  static override readonly options: OptionTable = Object.freeze({ autoMkdir: { ...kinds.boolean, default: false } })

  constructor (options: LocalOptions & Record<string, unknown> = {}) { super(options) }

  get capabilities (): Capabilities {
    return { read: true, write: true, append: false, exclusiveCreate: true, rename: true, emptyDirectories: true, sign: false, ranges: true }
  }

  protected override get _root (): string { return '/' }
  /** The system reads ahead by itself. */
  protected override get _readStrategy (): 'none' { return 'none' }

  override url (path: string): string { return pathToFileURL(this._normalize(path)).href }

  protected override get _here (): string | undefined { return workingDirectory() }

  protected override _normalize (path: string, from = ''): string {
    if (typeof path !== 'string') throw new TypeError(`Expected a path to be a string, got (${kindOf(path)})`)
    if (path.includes('\0')) throw new FsError('EINVAL', 'a path can not hold a NUL', { path: path.replaceAll('\0', '\\0') })
    if (path.startsWith('file:///')) path = path.includes('%') ? fileURLToPath(path) : path.slice('file://'.length)
    else if (path.startsWith('file://')) path = path.slice('file://'.length)
    else if (path.startsWith('local://')) path = path.slice('local://'.length)
    return resolve(from, path)
  }

  protected override _info (path: string, { signal }: Verb): Promise<FileInfo> { return withEngine(engine => engine.info(path, signal)) }

  protected override async *_list (path: string, { recursive, prefix, temporary, signal }: Verb & ListOptions): AsyncGenerator<readonly FileInfo[], void, undefined> {
    yield* (loaded ?? await load()).list(path, { recursive, prefix, temporary, signal })
  }

  protected override _readRange (path: string, start: number, end: number | undefined, options: RangeOptions): Promise<RangeRead> {
    return withEngine(engine => engine.readRange(path, start, end, options))
  }

  protected override _openWriter (path: string, { flag, ifMatch, signal }: Verb & WriteOptions): Promise<StagedWriter> {
    return withEngine(engine => engine.openWriter(path, { flag, ifMatch, autoMkdir: this.#autoMkdir, signal }))
  }

  protected override _delete (paths: readonly string[], options: Verb): Promise<void> { return withEngine(engine => engine.remove(paths, options)) }

  protected override _copy (source: string, target: string, { signal }: Verb): Promise<void> {
    return withEngine(engine => engine.copy(source, target, { signal, autoMkdir: this.#autoMkdir }))
  }

  protected override _rename (source: string, target: string, _options: Verb): Promise<void> { return withEngine(engine => engine.move(source, target, this.#autoMkdir)) }
  protected override _mkdir (path: string, _options: Verb): Promise<void> { return withEngine(engine => engine.makeDirectory(path, false)) }
  protected override _makedirs (path: string, _options: Verb): Promise<void> { return withEngine(engine => engine.makeDirectory(path, true)) }
  protected override _rmdir (path: string, _options: Verb): Promise<void> { return withEngine(engine => engine.removeDirectory(path)) }
  protected override _touch (path: string, _options: Verb): Promise<void> { return withEngine(engine => engine.touch(path)) }

  get #autoMkdir (): boolean { return this._options['autoMkdir'] === true }
}

let loaded: typeof Engine | undefined
let loading: Promise<typeof Engine> | undefined

function load (): Promise<typeof Engine> {
  return loading ??= import('./engine.js').then(engine => loaded = engine)
}

/** Without a detour once it is loaded. */
function withEngine<T> (work: (engine: typeof Engine) => Promise<T>): Promise<T> {
  return loaded === undefined ? load().then(work) : work(loaded)
}
