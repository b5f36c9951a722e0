import { FsError } from '../errors/index.js'
import { allocate, expectInteger } from '../file/expect.js'
import { eachBulk, expectOnError, toError, withSignal } from './bulk.js'
import { usingProgress } from './progress.js'
import type { Core } from './core.js'
import type { BulkVerb, ByteRange, Bytes, Progress } from './types.js'

export interface CatRangesOptions extends BulkVerb {
  /** Ranges of one file no further apart than this share a request, bytes, integer >= 0. @defaultValue 64 KiB where the store is near, 128 KiB where it is far away */
  readonly maxGap?: number | undefined
  /** No request is longer than this, bytes, integer >= 1; a longer range is read in parts, in parallel. @defaultValue 8 MiB */
  readonly maxBlock?: number | undefined
  /** Where the bytes of a range belong: at least as long as the range (as much of it as the file has, where that is known). Called once per range. */
  readonly into?: ((range: ByteRange, index: number) => Uint8Array) | undefined
}

export const defaultMaxGap = 64 * 1024
export const defaultMaxBlock = 8 * 1024 * 1024

/** One request may fetch this many unwanted bytes whatever is wanted of it: below it another round trip costs more. */
const freeWaste = 256 * 1024
/** Beyond that, unwanted bytes are at most this many times the wanted ones. */
const maxAmplification = 32
const bufferUnit = 1024 * 1024

/** Holds all reads of one file to the version that the first answer (or an info before it) named. */
export class Pin {
  readonly #path: string
  #etag: string | undefined

  constructor (path: string, etag?: string | undefined) {
    this.#path = path
    this.#etag = etag
  }

  get options (): { readonly ifMatch?: string } {
    return this.#etag === undefined ? {} : { ifMatch: this.#etag }
  }

  /** @throws FsError FORKFS_CHANGED for an answer of another version: requests that left together could not ask for one. */
  check (etag: string | undefined): void {
    this.#etag ??= etag
    if (etag !== undefined && etag !== this.#etag) throw new FsError('FORKFS_CHANGED', 'the file changed while it was read', { path: this.#path })
  }
}

/** A range as wanted from its file: start < end, both counted from the beginning. */
interface Wanted { readonly index: number, readonly start: number, readonly end: number }
interface Block { readonly start: number, end: number, readonly wanted: Wanted[], bytes: number }
/** One request and the ranges that fail with it. */
interface Unit { readonly serves: readonly Wanted[], readonly read: (core: Core) => Promise<void> }
interface FileRanges { readonly path: string, readonly indexes: number[], size?: number | undefined, pin: Pin, whole: boolean }

/**
 * The bytes of many ranges of many files, in input order, each exactly as long as the file allows: shorter past its end,
 * never padded. Negative numbers count from the end as in `Array.prototype.slice`; an empty range costs no request.
 *
 * Cost: one request per merged block, `maxConcurrency` at once; one info per file that has a negative number or a range
 * above `maxBlock`. Memory: the results, and `maxConcurrency` x `maxBlock` while they are cut out (a small result never keeps
 * its block alive). All blocks of a file come from one version where the store names versions, else FORKFS_CHANGED.
 */
export async function catRanges (core: Core, ranges: readonly ByteRange[], options: CatRangesOptions = {}): Promise<Array<Bytes | Error>> {
  return usingProgress(options.progress, progress => new RangeReader(core, ranges, options, progress).run())
}

/** What merged blocks are read into, again and again: fresh memory costs twice what copying does. */
class Buffers {
  readonly #free: Bytes[] = []

  take (bytes: number): Bytes {
    const free = this.#free.pop()
    return free !== undefined && free.length >= bytes ? free : allocate(Math.ceil(bytes / bufferUnit) * bufferUnit)
  }

  put (buffer: Bytes): void { this.#free.push(buffer) }
}

class RangeReader {
  readonly #core: Core
  readonly #ranges: readonly ByteRange[]
  readonly #progress: Progress | undefined
  readonly #options: CatRangesOptions
  readonly #maxGap: number
  readonly #maxBlock: number
  readonly #results: Array<Bytes | Error | undefined>
  readonly #buffers = new Buffers()

  constructor (core: Core, ranges: readonly ByteRange[], options: CatRangesOptions, progress: Progress | undefined) {
    const { maxGap = defaultMaxGap, maxBlock = defaultMaxBlock, onError = 'raise' } = options
    if (!Array.isArray(ranges)) throw new TypeError(`Expected \`ranges\` to be an array of { path, start, end }, got (${typeof ranges})`)
    expectInteger('maxGap', maxGap, 0)
    expectInteger('maxBlock', maxBlock, 1)
    expectOnError(onError)
    for (const [index, { start, end }] of ranges.entries()) {
      expectInteger(`ranges[${index}].start`, start, Number.MIN_SAFE_INTEGER)
      expectInteger(`ranges[${index}].end`, end, Number.MIN_SAFE_INTEGER)
    }
    this.#core = core
    this.#ranges = ranges
    this.#progress = progress
    this.#options = options
    this.#maxGap = maxGap
    this.#maxBlock = maxBlock
    this.#results = new Array<Bytes | Error | undefined>(ranges.length).fill(undefined)
  }

  async run (): Promise<Array<Bytes | Error>> {
    this.#progress?.setSize(this.#ranges.length)
    const files = this.#byFile()
    await this.#measure(files.filter(file => file.size === undefined && this.#needsSize(file)))
    await this.#each(files.flatMap(file => this.#plan(file)), unit => unit.serves, (unit, bound) => unit.read(bound))
    return this.#options.onError === 'omit'
      ? this.#results.filter((result): result is Bytes => result !== undefined && !(result instanceof Error))
      : this.#results as Array<Bytes | Error>
  }

  #byFile (): FileRanges[] {
    const files = new Map<string, FileRanges>()
    for (const [index, range] of this.#ranges.entries()) {
      const path = this.#core.normalize(range.path)
      const file = files.get(path)
      if (file !== undefined) file.indexes.push(index)
      else files.set(path, { path, indexes: [index], pin: new Pin(path), whole: !this.#core.capabilities.ranges })
    }
    return [...files.values()]
  }

  #needsSize (file: FileRanges): boolean {
    if (file.whole) return false
    return file.indexes.some(index => {
      const { start, end } = this.#ranges[index]!
      return start < 0 || end < 0 || end - start > this.#maxBlock
    })
  }

  async #measure (files: readonly FileRanges[]): Promise<void> {
    await this.#each(files, file => file.indexes.map(index => ({ index })), async (file, bound) => {
      const { size, etag, type } = await bound.info(file.path)
      if (type === 'directory') throw new FsError('EISDIR', 'it is a directory', { path: file.path })
      file.size = size
      file.pin = new Pin(file.path, etag)
      file.whole = size === undefined // a store that does not say leaves nothing to count from
    })
  }

  /** Run items in the window; an item that fails takes the ranges it serves with it, as `onError` says. */
  async #each<T> (
    items: readonly T[], serves: (item: T) => ReadonlyArray<{ readonly index: number }>, work: (item: T, bound: Core) => Promise<void>
  ): Promise<void> {
    const { onError = 'raise', maxConcurrency = this.#core.concurrency } = this.#options
    const rejected = (error: unknown, _position: number, item: T): void => {
      for (const { index } of serves(item)) this.#settle(index, toError(error))
    }
    await eachBulk(items, (item, _index, inner) => work(item, withSignal(this.#core, inner)), {
      concurrency: maxConcurrency,
      signal: this.#core.signal,
      rejected: onError === 'raise' ? undefined : rejected
    })
  }

  #settle (index: number, result: Bytes | Error): void {
    if (this.#results[index] !== undefined) return // a range in parts fails once
    this.#results[index] = result
    this.#progress?.advance(1)
  }

  #plan (file: FileRanges): Unit[] {
    const open = file.indexes.filter(index => this.#results[index] === undefined) // without those whose info failed
    if (file.whole) return open.length === 0 ? [] : [this.#wholeUnit(file, open)]
    const wanted: Wanted[] = []
    for (const index of open) {
      const range = resolveRange(this.#ranges[index]!, file.size)
      if (range.start < range.end) wanted.push({ index, ...range })
      else this.#settle(index, new Uint8Array(0))
    }
    const long = wanted.filter(({ start, end }) => end - start > this.#maxBlock)
    const short = wanted.filter(({ start, end }) => end - start <= this.#maxBlock)
    return [...this.#merge(short).map(block => this.#blockUnit(file, block)), ...long.flatMap(range => this.#partUnits(file, range))]
  }

  #merge (wanted: Wanted[]): Block[] {
    wanted.sort((a, b) => a.start - b.start || a.end - b.end)
    const blocks: Block[] = []
    for (const range of wanted) {
      const last = blocks.at(-1)
      const fresh = last === undefined ? 0 : Math.max(0, range.end - Math.max(range.start, last.end))
      if (last !== undefined && this.#fits(last, range, fresh)) {
        last.end = Math.max(last.end, range.end)
        last.bytes += fresh
        last.wanted.push(range)
      } else {
        blocks.push({ start: range.start, end: range.end, wanted: [range], bytes: range.end - range.start })
      }
    }
    return blocks
  }

  #fits (block: Block, range: Wanted, fresh: number): boolean {
    if (range.start - block.end > this.#maxGap) return false
    const length = Math.max(block.end, range.end) - block.start
    const bytes = block.bytes + fresh
    return length <= this.#maxBlock && length - bytes <= Math.max(freeWaste, this.#maxGap, maxAmplification * bytes)
  }

  #blockUnit (file: FileRanges, block: Block): Unit {
    const { start, end, wanted } = block
    const read = async (core: Core): Promise<void> => {
      const only = wanted.length === 1 ? wanted[0]! : undefined
      const buffer = only === undefined ? this.#buffers.take(end - start) : undefined
      const into = only === undefined ? buffer!.subarray(0, end - start) : this.#into(only)
      const { data, etag } = await core.readRange(file.path, start, end, { ...file.pin.options, into, held: only === undefined })
      file.pin.check(etag)
      if (only !== undefined) this.#settle(only.index, into === undefined ? data : placed(data, into))
      else for (const range of wanted) this.#settle(range.index, this.#cut(data, start, range))
      if (buffer !== undefined) this.#buffers.put(buffer) // one that a failed read had may be written to yet
    }
    return { serves: wanted, read }
  }

  #partUnits (file: FileRanges, range: Wanted): Unit[] {
    const { index, start, end } = range
    let buffer: Uint8Array | undefined
    let missing = Math.ceil((end - start) / this.#maxBlock)
    return Array.from({ length: missing }, (_, part) => {
      const from = start + part * this.#maxBlock
      const to = Math.min(end, from + this.#maxBlock)
      const read = async (core: Core): Promise<void> => {
        buffer ??= this.#into(range) ?? allocate(end - start)
        const into = buffer.subarray(from - start, to - start)
        const { data, etag } = await core.readRange(file.path, from, to, { ...file.pin.options, into })
        file.pin.check(etag)
        if (data.length !== to - from) throw shorter(file.path, data.length, to - from)
        placed(data, into)
        if (--missing === 0) this.#settle(index, buffer as Bytes)
      }
      return { serves: [range], read }
    })
  }

  /** A store without ranges, or one that does not say how long the file is: one read serves them all. */
  #wholeUnit (file: FileRanges, indexes: readonly number[]): Unit {
    const read = async (core: Core): Promise<void> => {
      const data = await core.readAll(file.path)
      for (const index of indexes) {
        const range = { index, ...resolveRange(this.#ranges[index]!, data.length) }
        const entire = indexes.length === 1 && range.start === 0 && range.end === data.length && this.#options.into === undefined
        this.#settle(index, entire ? data : this.#cut(data, 0, range))
      }
    }
    return { serves: indexes.map(index => ({ index, start: 0, end: 0 })), read }
  }

  #cut (data: Bytes, base: number, range: Wanted): Bytes {
    const part = data.subarray(Math.max(0, range.start - base), Math.max(0, range.end - base))
    const into = this.#into(range) ?? allocate(part.length)
    return placed(part, into)
  }

  #into ({ index, start, end }: Wanted): Uint8Array | undefined {
    const range = this.#ranges[index]!
    const buffer = this.#options.into?.(range, index)
    if (buffer === undefined) return undefined
    if (buffer.length < end - start) throw new RangeError(`Expected \`into\` to give at least ${end - start} bytes for ranges[${index}], got ${buffer.length}`)
    return buffer.subarray(0, Math.max(0, end - start))
  }
}

/** The bytes at the front of `into`, where a hook that had a reason of its own did not put them there already. */
function placed (data: Bytes, into: Uint8Array): Bytes {
  if (data.buffer !== into.buffer || data.byteOffset !== into.byteOffset) into.set(data)
  return into.subarray(0, data.length) as Bytes
}

function shorter (path: string, got: number, expected: number): FsError {
  return new FsError('FORKFS_TRUNCATED', `${got} bytes came where ${expected} belong`, { path })
}

/** Half-open, counted from the beginning; start > end means empty. Without a size only ranges without negative numbers. */
export function resolveRange ({ start, end }: { readonly start: number, readonly end: number }, size: number | undefined): { start: number, end: number } {
  if (size === undefined) return { start, end }
  const at = (position: number): number => position < 0 ? Math.max(0, size + position) : Math.min(position, size)
  return { start: at(start), end: at(end) }
}
