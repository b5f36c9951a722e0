/** Filesystems that differ from the right one in one verb: a line each. */
import type { FileInfo, RangeOptions, RangeRead, StagedWriter, Stats, Verb, WriteOptions } from '../../lib/index.js'
import { MemoryFileSystem } from '../../implementations/memory/index.js'

export type Broken = new (options: ConstructorParameters<typeof MemoryFileSystem>[0]) => MemoryFileSystem
type Call = (...args: readonly unknown[]) => unknown

/** `does` gets the right verb and what it was called with, and does something else with them. */
export function otherwise (verb: keyof MemoryFileSystem, does: (right: Call, args: readonly unknown[]) => unknown, type: Broken = MemoryFileSystem): Broken {
  const Changed = class extends type {}
  const right = Reflect.get(type.prototype as object, verb) as Call
  const value = function (this: MemoryFileSystem, ...args: readonly unknown[]): unknown { return does((...given) => right.apply(this, given as unknown[]), args) }
  Object.defineProperty(Changed.prototype, verb, { configurable: true, writable: true, value })
  return Changed
}

/** A verb that does not look at one of its options. */
export function ignores (verb: keyof MemoryFileSystem, option: string, type?: Broken): Broken {
  const without = (arg: unknown): unknown => typeof arg === 'object' && arg !== null && Object.hasOwn(arg, option) ? { ...arg, [option]: undefined } : arg
  return otherwise(verb, (right, args) => right(...args.map(without)), type)
}

/** Nothing is wrong with it: it counts its reads as requests. */
export class CountsReads extends MemoryFileSystem {
  #requests = 0
  override get stats (): Stats { return { ...super.stats, requests: this.#requests } }
  protected override _readRange (path: string, start: number, end: number | undefined, options: Verb & RangeOptions): Promise<RangeRead> {
    this.#requests++
    return super._readRange(path, start, end, options)
  }
}

/** Nothing is wrong with it: it tells what was given with a file. */
export class KeepsTypes extends MemoryFileSystem {
  readonly #given = new Map<string, WriteOptions>()
  protected override _openWriter (path: string, options: Verb & WriteOptions): Promise<StagedWriter> {
    this.#given.set(path, options)
    return super._openWriter(path, options)
  }

  protected override async _info (path: string, options: Verb): Promise<FileInfo> {
    const { contentType = 'application/octet-stream', metadata = {} } = this.#given.get(path) ?? {}
    return { ...await super._info(path, options), contentType, metadata }
  }
}
