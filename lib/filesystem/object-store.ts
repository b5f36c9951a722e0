import type { ListOptions } from './core.js'
import { FileSystem } from './filesystem.js'
import type { ObjectEngine, SignOptions } from './object-engine.js'
import type { Stats } from './stats.js'
import type { FileInfo, RangeOptions, RangeRead, StagedWriter, Verb, WriteOptions } from './types.js'

/** Bytes of a part that is read. */
export const PART_BYTES = 8 * 1024 * 1024

/** A filesystem over an object store, whose engine is loaded with the first call. */
export abstract class ObjectStore<Engine extends ObjectEngine> extends FileSystem {
  #engine: Engine | undefined
  #loading: Promise<Engine> | undefined

  /** Import the engine and make it. Called once. */
  protected abstract _loadEngine (): Promise<Engine>
  /** Whether the store is on this machine: a request more costs little there. */
  protected abstract get _isNear (): boolean

  protected _engine (): Promise<Engine> {
    this.#loading ??= this._loadEngine().then(engine => {
      this.#engine = engine
      return engine
    })
    return this.#loading
  }

  /** Without a detour once it is loaded: this is the hot path. */
  protected _with<T> (work: (engine: Engine) => Promise<T>): Promise<T> {
    return this.#engine === undefined ? this._engine().then(work) : work(this.#engine)
  }

  override get stats (): Stats { return this.#engine?.client.net.stats ?? super.stats }

  protected override get _partBytes (): number { return PART_BYTES }
  protected override get _maxGap (): number { return this._isNear ? 64 * 1024 : 128 * 1024 }

  protected override _forget (path: string | undefined): void { this.#engine?.forget(path) }
  protected override _info (path: string, options: Verb): Promise<FileInfo> { return this._with(engine => engine.info(path, options)) }

  protected override async *_list (path: string, options: Verb & ListOptions): AsyncGenerator<readonly FileInfo[], void, undefined> {
    yield* (this.#engine ?? await this._engine()).list(path, options)
  }

  protected override _readRange (path: string, start: number, end: number | undefined, options: RangeOptions): Promise<RangeRead> {
    return this._with(engine => engine.readRange(path, start, end, options))
  }

  protected override _readAll (path: string, options: RangeOptions): Promise<RangeRead> { return this._with(engine => engine.readAll(path, options)) }

  protected override _write (path: string, data: Uint8Array, options: Verb & WriteOptions): Promise<FileInfo> {
    return this._with(engine => engine.write(path, data, options))
  }

  protected override _openWriter (path: string, options: Verb & WriteOptions): Promise<StagedWriter> { return this._with(engine => engine.openWriter(path, options)) }
  protected override _delete (paths: readonly string[], options: Verb): Promise<void> { return this._with(engine => engine.delete(paths, options)) }
  protected override _copy (source: string, target: string, options: Verb): Promise<void> { return this._with(engine => engine.copy(source, target, options)) }
  protected override _mkdir (path: string, options: Verb): Promise<void> { return this._with(engine => engine.mkdir(path, options)) }
  protected override _makedirs (path: string, options: Verb): Promise<void> { return this._with(engine => engine.makedirs(path, options)) }
  protected override _rmdir (path: string, options: Verb): Promise<void> { return this._with(engine => engine.rmdir(path, options)) }
  /** A bucket that is there can not be made; below one there are no directories to make. */
  override makedirs (path: string, options: Verb & { readonly existOk?: boolean | undefined } = {}): Promise<void> {
    if (options.existOk === true) return super.makedirs(path, options)
    return this._call('makedirs', path, options, core => core.makeDirectory(core.normalize(path)))
  }

  protected override _sign (path: string, options: SignOptions): Promise<string> { return this._with(engine => engine.sign(path, options)) }
  protected override async _close (): Promise<void> { await this.#engine?.close() }
  protected override _drop (): void { this.#engine?.drop() }
}
