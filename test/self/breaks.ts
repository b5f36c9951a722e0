/** Ways to be a filesystem that looks right: each is wrong in one place, and the suite has to say so. */
import type { ListOptions } from '../../lib/filesystem/core.js'
import { currentOwner, FsError } from '../../lib/index.js'
import type {
  BulkVerb, Bytes, Capabilities, FileHandle, FileInfo, OpenFlags, OpenOptions, RangeOptions, RangeRead, StagedWriter, Stats, Verb, WriteOptions
} from '../../lib/index.js'
import { MemoryFileSystem } from '../../implementations/memory/index.js'
import { CountsReads, ignores, KeepsTypes, otherwise } from './otherwise.js'
import type { Broken } from './otherwise.js'

type Listing = Verb & ListOptions

export interface Break {
  readonly what: string
  /** The family of cases that has to notice. */
  readonly family: string
  readonly type: Broken
}

type Page = readonly FileInfo[]

async function * mapped (pages: AsyncIterable<Page>, each: (page: Page) => Page): AsyncGenerator<Page, void, undefined> {
  for await (const page of pages) yield each(page)
}

class PadsRanges extends MemoryFileSystem {
  protected override async _readRange (path: string, start: number, end: number | undefined, options: RangeOptions): Promise<RangeRead> {
    const read = await super._readRange(path, start, end, options)
    if (end === undefined || start < 0 || read.data.length >= end - start || options.into !== undefined) return read
    const padded = new Uint8Array(end - start)
    padded.set(read.data)
    return { ...read, data: padded }
  }
}

class CutsLongReads extends MemoryFileSystem {
  protected override async _readRange (path: string, start: number, end: number | undefined, options: RangeOptions): Promise<RangeRead> {
    const read = await super._readRange(path, start, end, options)
    return { ...read, data: read.data.subarray(0, 65_536) }
  }
}

class CountsFromTheWrongEnd extends MemoryFileSystem {
  protected override _readRange (path: string, start: number, end: number | undefined, options: RangeOptions): Promise<RangeRead> {
    return super._readRange(path, Math.abs(start), end, options)
  }
}

class GivesItsOwnBytes extends MemoryFileSystem {
  readonly #kept = new Map<string, RangeRead>()
  protected override async _readRange (path: string, start: number, end: number | undefined, options: RangeOptions): Promise<RangeRead> {
    const key = `${path} ${start} ${end}`
    const read = this.#kept.get(key) ?? await super._readRange(path, start, end, options)
    this.#kept.set(key, read)
    return read
  }
}

class IgnoresVersions extends MemoryFileSystem {
  protected override _readRange (path: string, start: number, end: number | undefined, { into }: RangeOptions): Promise<RangeRead> {
    return super._readRange(path, start, end, { into })
  }
}

class IgnoresExclusive extends MemoryFileSystem {
  protected override _openWriter (path: string, options: Verb & WriteOptions): Promise<StagedWriter> {
    return super._openWriter(path, { ...options, flag: 'w' })
  }
}

class ChecksExclusiveTooEarly extends MemoryFileSystem {
  protected override async _openWriter (path: string, options: Verb & WriteOptions): Promise<StagedWriter> {
    if (options.flag === 'wx' && await this._info(path, {}).then(() => true, () => false)) throw new FsError('EEXIST', 'it exists already', { path })
    return super._openWriter(path, { ...options, flag: 'w' })
  }
}

class IgnoresIfMatch extends MemoryFileSystem {
  protected override _openWriter (path: string, options: Verb & WriteOptions): Promise<StagedWriter> {
    return super._openWriter(path, { ...options, ifMatch: undefined })
  }
}

class KeepsTheCallersBuffer extends MemoryFileSystem {
  readonly #raw = new Map<string, Bytes>()
  protected override async _write (path: string, data: Uint8Array, options: Verb & WriteOptions): Promise<FileInfo> {
    this.#raw.set(path, data as Bytes)
    return super._write(path, data, options)
  }

  protected override async _readAll (path: string, options: RangeOptions): Promise<RangeRead> {
    const read = await super._readAll(path, options)
    return { ...read, data: (this.#raw.get(path) ?? read.data).slice() }
  }
}

class WritesTheWholeBuffer extends MemoryFileSystem {
  protected override _write (path: string, data: Uint8Array, options: Verb & WriteOptions): Promise<FileInfo> {
    return super._write(path, new Uint8Array(data.buffer), options)
  }
}

class ShowsHalfAWrite extends MemoryFileSystem {
  protected override async _openWriter (path: string, options: Verb & WriteOptions): Promise<StagedWriter> {
    const writer = await super._openWriter(path, options)
    return {
      ...writer,
      write: async chunk => {
        await writer.write(chunk)
        const shown = await super._openWriter(path, {})
        await shown.write(chunk)
        await shown.commit()
      }
    }
  }
}

class CommitsWhatIsAborted extends MemoryFileSystem {
  protected override async _openWriter (path: string, options: Verb & WriteOptions): Promise<StagedWriter> {
    const writer = await super._openWriter(path, options)
    return { ...writer, abort: async () => { await writer.commit() } }
  }
}

class ListsSiblings extends MemoryFileSystem {
  protected override async _info (path: string, options: Verb): Promise<FileInfo> {
    try {
      return await super._info(path, options)
    } catch (error) {
      const slash = path.lastIndexOf('/')
      for await (const page of this._list(path.slice(0, Math.max(slash, 0)), { recursive: false })) {
        if (page.some(({ name }) => name.startsWith(path))) return { name: path, type: 'directory', size: undefined }
      }
      throw error
    }
  }
}

class DropsAnEntryPerPage extends MemoryFileSystem {
  protected override _list (path: string, options: Listing): AsyncGenerator<FileInfo[], void, undefined> {
    return mapped(super._list(path, options), page => page.length >= 1000 ? page.slice(1) : page) as AsyncGenerator<FileInfo[], void, undefined>
  }
}

class RepeatsAnEntry extends MemoryFileSystem {
  protected override _list (path: string, options: Listing): AsyncGenerator<FileInfo[], void, undefined> {
    return mapped(super._list(path, options), page => [...page, page.at(-1)!]) as AsyncGenerator<FileInfo[], void, undefined>
  }
}

class ListsStaleSizes extends MemoryFileSystem {
  protected override _list (path: string, options: Listing): AsyncGenerator<FileInfo[], void, undefined> {
    return mapped(super._list(path, options), page => page.map(info => info.type === 'file' ? { ...info, size: 0 } : info)) as AsyncGenerator<FileInfo[], void, undefined>
  }
}

class RemembersListings extends MemoryFileSystem {
  readonly #kept = new Map<string, FileInfo[][]>()
  protected override async *_list (path: string, options: Listing): AsyncGenerator<FileInfo[], void, undefined> {
    const key = `${path} ${options.recursive} ${options.prefix}`
    const pages = this.#kept.get(key) ?? []
    if (!this.#kept.has(key)) for await (const page of super._list(path, options)) pages.push(page)
    this.#kept.set(key, pages)
    yield* pages
  }
}

class LeaksAProperty extends MemoryFileSystem {
  client: object | undefined
  protected override _info (path: string, options: Verb): Promise<FileInfo> {
    this.client ??= { secret: 'key' }
    return super._info(path, options)
  }
}

class IgnoresAborts extends MemoryFileSystem {
  protected override _write (path: string, data: Uint8Array, options: Verb & WriteOptions): Promise<FileInfo> {
    return super._write(path, data, { ...options, signal: undefined })
  }
}

class LandsAfterTheAbort extends MemoryFileSystem {
  protected override async _openWriter (path: string, options: Verb & WriteOptions): Promise<StagedWriter> {
    const writer = await super._openWriter(path, options)
    return { ...writer, abort: async () => { await Promise.resolve(setImmediate(() => { void writer.commit() })) } }
  }
}

class DeletesByPrefix extends MemoryFileSystem {
  protected override async _delete (paths: readonly string[], options: Verb): Promise<void> {
    const doomed = new Set(paths)
    for await (const page of this._list('', { recursive: true })) {
      for (const { name, type } of page) if (type === 'file' && paths.some(path => name.startsWith(path))) doomed.add(name)
    }
    await super._delete([...doomed], options)
  }
}

class CopiesNothing extends MemoryFileSystem {
  protected override async _copy (source: string, target: string, options: Verb): Promise<void> {
    await super._copy(source, target, options)
    await super._write(target, new Uint8Array(0), {})
  }
}

class RenamesByCopying extends MemoryFileSystem {
  protected override async _rename (source: string, target: string, options: Verb): Promise<void> {
    const { type } = await this._info(source, {})
    if (type === 'file') await super._copy(source, target, options)
    else await super._rename(source, target, options)
  }
}

class DecodesNames extends MemoryFileSystem {
  protected override _normalize (path: string): string {
    const name = super._normalize(path)
    return /%[0-9A-F]{2}/i.test(name) ? decodeURIComponent(name) : name
  }
}

class NormalizesUnicode extends MemoryFileSystem {
  protected override _normalize (path: string): string { return super._normalize(path).normalize('NFC') }
}

class ResolvesDots extends MemoryFileSystem {
  protected override _normalize (path: string): string { return new URL(`x:/${super._normalize(path).replace(/[%?#\\]/g, encodeURIComponent)}`).pathname.slice(1) }
}

class SaysMoreThanItCan extends MemoryFileSystem {
  override get capabilities (): Capabilities { return { ...super.capabilities, sign: true } }
}

class SaysLessThanItDoes extends MemoryFileSystem {
  override get capabilities (): Capabilities { return { ...super.capabilities, exclusiveCreate: false } }
}

class SaysNothingOfAppending extends MemoryFileSystem {
  override get capabilities (): Capabilities {
    const { append: _append, ...declared } = super.capabilities
    return declared as Capabilities
  }
}

/** A store of one name that others fill. */
class CanOnlyBeRead extends MemoryFileSystem {
  override get capabilities (): Capabilities { return { ...super.capabilities, write: false, exclusiveCreate: false, rename: false } }
}

class AsksBeforeItRefuses extends CanOnlyBeRead {
  #asked = 0
  override get stats (): Stats { return { ...super.stats, requests: this.#asked } }
  protected override _info (path: string, options: Verb): Promise<FileInfo> {
    this.#asked++
    return super._info(path, options)
  }

  override async rm (path: string | readonly string[], options: Verb = {}): Promise<void> {
    for (const each of typeof path === 'string' ? [path] : path) await this.exists(each)
    await super.rm(path, options)
  }
}

class TellsNoProgress extends MemoryFileSystem {
  override pipe (files: Readonly<Record<string, string>>, options: BulkVerb = {}): Promise<void> { return super.pipe(files, { ...options, progress: undefined }) }
}

class WrongCode extends MemoryFileSystem {
  protected override async _info (path: string, options: Verb): Promise<FileInfo> {
    try { return await super._info(path, options) } catch (cause) { throw new FsError('FORKFS_BACKEND', 'something went wrong', { path, cause }) }
  }
}

class SameChecksum extends MemoryFileSystem {
  protected override async _info (path: string, options: Verb): Promise<FileInfo> {
    const { modified: _modified, ...info } = await super._info(path, options)
    return { ...info, etag: `"${info.size}"` }
  }
}

class AppendsAnew extends MemoryFileSystem {
  override get capabilities (): Capabilities { return { ...super.capabilities, append: true } }
  override open (path: string, flags?: OpenFlags, options?: OpenOptions): Promise<FileHandle> { return super.open(path, flags === 'a' ? 'w' : flags, options) }
}

class StaysWithItsOwner extends MemoryFileSystem {
  readonly #epoch = currentOwner().epoch
  protected override _info (path: string, options: Verb): Promise<FileInfo> {
    return this.#epoch === currentOwner().epoch ? super._info(path, options) : Promise.reject(new FsError('FORKFS_CLOSED', 'the client is another owner\'s', { path }))
  }
}

class TakesEveryOwner extends MemoryFileSystem {
  constructor (options: ConstructorParameters<Broken>[0]) { super({ ...options, onForeignOwner: 'reset' }) }
}

/** What fsspec tells of directories. */
const sized = (info: FileInfo): FileInfo => ({ ...info, size: info.size ?? 0 })

function allSized (found: unknown): unknown {
  return found instanceof Map ? new Map([...found as Map<string, FileInfo>].map(([name, info]) => [name, sized(info)])) : found
}

export const breaks: readonly Break[] = [
  { what: 'pads ranges that reach past the end', family: 'catFile()', type: PadsRanges },
  { what: 'gives at most 64 KiB of a file', family: 'catFile()', type: CutsLongReads },
  { what: 'gives at most 64 KiB of a range', family: 'catRanges()', type: CutsLongReads },
  { what: 'takes negative offsets for positive ones', family: 'catFile()', type: CountsFromTheWrongEnd },
  { what: 'gives its own bytes away', family: 'catFile()', type: GivesItsOwnBytes },
  { what: 'reads whatever version is there', family: 'open() for reading', type: IgnoresVersions },
  { what: 'overwrites with wx', family: 'pipeFile() with flag wx', type: IgnoresExclusive },
  { what: 'checks wx before the write and not with it', family: 'open() with flag wx', type: ChecksExclusiveTooEarly },
  { what: 'overwrites whatever version is there', family: 'pipeFile()', type: IgnoresIfMatch },
  { what: 'keeps the buffer of the caller', family: 'pipeFile()', type: KeepsTheCallersBuffer },
  { what: 'writes the buffer under a view', family: 'pipeFile()', type: WritesTheWholeBuffer },
  { what: 'shows what is written before it is whole', family: 'open() for writing', type: ShowsHalfAWrite },
  { what: 'publishes an aborted write', family: 'open() for writing', type: CommitsWhatIsAborted },
  { what: 'publishes a dropped transaction', family: 'transaction()', type: CommitsWhatIsAborted },
  { what: 'takes a sibling with the same beginning for a directory', family: 'info(), exists(), isFile(), isDirectory(), size()', type: ListsSiblings },
  { what: 'drops an entry of each full page', family: 'ls(), list()', type: DropsAnEntryPerPage },
  { what: 'lists an entry twice', family: 'ls(), list()', type: RepeatsAnEntry },
  { what: 'lists sizes that are wrong', family: 'find(), du()', type: ListsStaleSizes },
  { what: 'remembers listings after a write', family: 'ls(), list()', type: RemembersListings },
  { what: 'leaks an enumerable property', family: 'an instance on its way', type: LeaksAProperty },
  { what: 'goes on after an abort', family: 'a signal that is aborted midway', type: IgnoresAborts },
  { what: 'publishes after it said that it was aborted', family: 'a signal that is aborted midway', type: LandsAfterTheAbort },
  { what: 'deletes what begins with the name', family: 'rm()', type: DeletesByPrefix },
  { what: 'copies empty files', family: 'cp(), get(), put()', type: CopiesNothing },
  { what: 'copies empty files, against what fsspec gave', family: 'fsspec', type: CopiesNothing },
  { what: 'leaves the source of a move', family: 'mv()', type: RenamesByCopying },
  { what: 'decodes percent signs in names', family: 'names', type: DecodesNames },
  { what: 'composes letters in names', family: 'names', type: NormalizesUnicode },
  { what: 'resolves dots in keys', family: 'names', type: ResolvesDots },
  { what: 'declares what it can not do', family: 'sign()', type: SaysMoreThanItCan },
  { what: 'rejects with another code', family: 'errors', type: WrongCode },
  { what: 'has the same version for other contents', family: 'checksum()', type: SameChecksum },
  { what: 'overwrites with wx at the end of a transaction', family: 'transaction()', type: IgnoresExclusive },
  { what: 'tells no progress', family: 'progress', type: TellsNoProgress },
  { what: 'does not declare one of its capabilities', family: 'capabilities', type: SaysNothingOfAppending },
  { what: 'gives a tree from its top whatever was asked for', family: 'walk()', type: ignores('walk', 'topDown') },
  { what: 'takes ? for *', family: 'glob()', type: otherwise('glob', (glob, [pattern, ...options]) => glob(String(pattern).replaceAll('?', '*'), ...options)) },
  { what: 'makes sizes of directories up', family: 'glob()', type: otherwise('glob', async (glob, args) => allSized(await glob(...args))) },
  { what: 'makes sizes of directories up', family: 'find(), du()', type: otherwise('find', async (find, args) => allSized(await find(...args))) },
  { what: 'makes sizes of directories up', family: 'ls(), list()', type: otherwise('ls', async (ls, args) => (await ls(...args) as FileInfo[]).map(sized)) },
  { what: 'makes sizes of directories up', family: 'info(), exists(), isFile(), isDirectory(), size()', type: otherwise('info', async (info, args) => sized(await info(...args) as FileInfo)) },
  { what: 'expands what is literal', family: 'expandPath()', type: ignores('expandPath', 'literal') },
  { what: 'ignores onError of cat()', family: 'cat()', type: ignores('cat', 'onError') },
  { what: 'ignores the encoding', family: 'head(), tail(), readText(), readBlock()', type: ignores('readText', 'encoding') },
  { what: 'ignores maxGap', family: 'catRanges()', type: ignores('catRanges', 'maxGap', CountsReads) },
  { what: 'ignores maxConcurrency of catRanges()', family: 'catRanges()', type: ignores('catRanges', 'maxConcurrency') },
  { what: 'always empties what it touches', family: 'pipe(), writeText(), touch()', type: ignores('touch', 'truncate') },
  { what: 'ignores onError of pipe()', family: 'pipe(), writeText(), touch()', type: ignores('pipe', 'onError') },
  { what: 'ignores maxConcurrency of pipe()', family: 'a signal that is aborted midway', type: ignores('pipe', 'maxConcurrency') },
  { what: 'ignores metadata', family: 'contentType, metadata', type: ignores('pipeFile', 'metadata', KeepsTypes) },
  { what: 'ignores the type of what a stream writes', family: 'contentType, metadata', type: ignores('createWriteStream', 'contentType', KeepsTypes) },
  { what: 'ignores the type of what a web stream writes', family: 'contentType, metadata', type: ignores('writable', 'contentType', KeepsTypes) },
  { what: 'writes anew with flag a', family: 'open() with flag a', type: AppendsAnew },
  { what: 'reads to the end', family: 'createReadStream(), readable()', type: ignores('createReadStream', 'end') },
  { what: 'streams whatever version is there', family: 'createReadStream(), readable()', type: ignores('readable', 'ifMatch') },
  { what: 'publishes a stream that is aborted', family: 'createWriteStream(), writable()', type: CommitsWhatIsAborted },
  { what: 'streams over a file with wx', family: 'createWriteStream(), writable()', type: ignores('createWriteStream', 'flag') },
  { what: 'streams over a file with wx, from the web', family: 'createWriteStream(), writable()', type: ignores('writable', 'flag') },
  { what: 'streams over whatever version is there', family: 'createWriteStream(), writable()', type: ignores('createWriteStream', 'ifMatch') },
  { what: 'streams over whatever version is there, from the web', family: 'createWriteStream(), writable()', type: ignores('writable', 'ifMatch') },
  { what: 'ignores onError of cp()', family: 'cp(), get(), put()', type: ignores('cp', 'onError') },
  { what: 'ignores onError of get()', family: 'cp(), get(), put()', type: ignores('get', 'onError') },
  { what: 'ignores onError of put()', family: 'cp(), get(), put()', type: ignores('put', 'onError') },
  { what: 'makes parents that were not wanted', family: 'mkdir(), makedirs(), rmdir()', type: ignores('mkdir', 'createParents') },
  { what: 'leaves the protocol out of URLs', family: 'url(), normalize()', type: otherwise('url', (url, args) => String(url(...args)).replace('memory://', '')) },
  { what: 'takes everything for a file', family: 'Mapper', type: otherwise('isFile', () => Promise.resolve(true)) },
  { what: 'closes without its work', family: 'close()', type: otherwise('close', () => Promise.resolve()) },
  { what: 'begins although it is aborted', family: 'a signal that is aborted before the call', type: ignores('catFile', 'signal') },
  { what: 'stays with the owner that made it', family: 'resetForFork()', type: StaysWithItsOwner },
  { what: 'works for an owner that it should refuse', family: 'resetForFork()', type: TakesEveryOwner },
  { what: 'goes on after reset()', family: 'reset()', type: otherwise('reset', () => {}) }
]

/** Its files come from elsewhere, and nothing may be asked before a write is refused. */
export const asksBeforeItRefuses: Break['type'] = AsksBeforeItRefuses
/** Nothing is wrong with it. */
export const readOnly: Break['type'] = CanOnlyBeRead

/** Not wrong, only modest: the suite has to see that what is not declared is refused. */
export const modest: Break['type'] = SaysLessThanItDoes
