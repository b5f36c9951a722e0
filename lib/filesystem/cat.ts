import { allocate, expectBytes, expectInteger } from '../file/expect.js'
import { eachBulk, expectOnError, toError, withSignal } from './bulk.js'
import { expandEntries } from './expand.js'
import { isPattern } from './paths.js'
import { usingProgress } from './progress.js'
import { Pin } from './ranges.js'
import type { Core } from './core.js'
import type { BulkVerb, Bytes } from './types.js'

export interface CatOptions extends BulkVerb {
  /** Files below directories too. @defaultValue false */
  readonly recursive?: boolean | undefined
  /** Levels below a directory, integer >= 1. @defaultValue no limit */
  readonly maxDepth?: number | undefined
}

/** Bytes that a search for a delimiter reads at once. */
const searchBytes = 64 * 1024

/**
 * Whole files. A string that is the plain path of one file gives its bytes; a list (also of one), a glob and a directory read
 * with `recursive` give a Map from path to bytes in sorted order, in which `onError: 'return'` puts the Error of a file that failed.
 * Directories that a glob or recursion met are passed over; one that was named is EISDIR, a missing file ENOENT.
 * Cost: one read per file, `maxConcurrency` at once; memory: the results.
 */
export async function cat (core: Core, path: string | readonly string[], options: CatOptions = {}): Promise<Bytes | Map<string, Bytes | Error>> {
  const { onError = 'raise', recursive = false, maxDepth, maxConcurrency = core.concurrency } = options
  expectOnError(onError)
  return usingProgress(options.progress, async progress => {
    const plain = typeof path === 'string' && !isPattern(core, path) ? core.normalize(path) : undefined
    if (plain !== undefined && !recursive) {
      progress?.setSize(1)
      const data = await core.readAll(plain)
      progress?.advance(1)
      return data
    }
    const entries = (await expandEntries(core, path, { recursive, maxDepth })).filter(({ info }) => info?.type !== 'directory')
    const contents = new Map<string, Bytes | Error>(entries.map(({ name }) => [name, new Uint8Array(0)])) // in this order
    await eachBulk(entries, ({ name, info }, _index, inner) => withSignal(core, inner).readAll(name, { size: info?.size }), {
      concurrency: maxConcurrency,
      signal: core.signal,
      progress,
      fulfilled: (data, _index, { name }) => { contents.set(name, data) },
      rejected: onError === 'raise' ? undefined : (error, _index, { name }) => {
        if (onError === 'omit') contents.delete(name)
        else contents.set(name, toError(error))
      }
    })
    const only = entries.length === 1 && entries[0]!.name === plain ? contents.get(plain) : undefined
    return only instanceof Uint8Array ? only : contents
  })
}

/** The first bytes of a file: fewer where it is shorter. @throws RangeError unless `bytes` is an integer >= 0 */
export async function head (core: Core, path: string, bytes = 1024): Promise<Bytes> {
  expectInteger('bytes', bytes, 0)
  const file = core.normalize(path)
  return bytes === 0 ? new Uint8Array(0) : (await core.readRange(file, 0, bytes)).data
}

/** The last bytes of a file: all of it where it is shorter. Costs an info and a read, both of one version. */
export async function tail (core: Core, path: string, bytes = 1024): Promise<Bytes> {
  expectInteger('bytes', bytes, 0)
  const file = core.normalize(path)
  if (bytes === 0) return new Uint8Array(0)
  const { size, etag } = await core.info(file)
  if (size === undefined) return (await core.readAll(file)).slice(-bytes)
  if (size === 0) return new Uint8Array(0)
  const { data } = await core.readRange(file, Math.max(0, size - bytes), size, new Pin(file, etag).options)
  return data
}

/** The whole file as text, decoded as Buffer does (a byte order mark stays). @defaultValue encoding 'utf8' */
export async function readText (core: Core, path: string, encoding: BufferEncoding = 'utf8'): Promise<string> {
  if (!Buffer.isEncoding(encoding)) throw new TypeError(`Expected \`encoding\` to be an encoding that Buffer knows, got \`${String(encoding)}\``)
  const data = await core.readAll(core.normalize(path))
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString(encoding)
}

export interface ReadBlockOptions {
  /** Start and stop just after this sequence, at least one byte. @defaultValue none: exactly [offset, offset + length) */
  readonly delimiter?: Uint8Array | undefined
}

/**
 * A block that begins and ends at records: from just after the first delimiter at or after `offset` (from 0 where offset is 0)
 * to just after the first one at or after `offset + length`, or to the end of the file. Blocks of neighbouring offsets hold
 * each record exactly once. The file is read about once, with up to 64 KiB and the rest of the last record more; all of one version.
 */
export async function readBlock (core: Core, path: string, offset: number, length: number, options: ReadBlockOptions = {}): Promise<Bytes> {
  expectInteger('offset', offset, 0)
  expectInteger('length', length, 0)
  const { delimiter } = options
  const file = core.normalize(path)
  if (delimiter === undefined) return length === 0 ? new Uint8Array(0) : (await core.readRange(file, offset, offset + length)).data
  expectBytes('delimiter', delimiter)
  if (delimiter.length === 0) throw new RangeError('Expected `delimiter` to hold at least one byte')
  const text = new GrowingRead(core, file, offset, length + searchBytes)
  const start = offset === 0 ? 0 : await text.boundary(0, delimiter)
  const end = offset + length === 0 ? 0 : await text.boundary(length, delimiter)
  return text.slice(start, Math.max(start, end))
}

/** The bytes of a file from `base` on, read further as a search asks for more. Positions are relative to `base`. */
class GrowingRead {
  readonly #core: Core
  readonly #path: string
  readonly #base: number
  readonly #pin: Pin
  #first: number
  #data = Buffer.alloc(0)
  #ended = false

  constructor (core: Core, path: string, base: number, first: number) {
    this.#core = core
    this.#path = path
    this.#base = base
    this.#first = first
    this.#pin = new Pin(path)
  }

  /** Just after the first delimiter at or after `from`; the end of the file where there is none. */
  async boundary (from: number, delimiter: Uint8Array): Promise<number> {
    for (let searched = from; ;) {
      const at = this.#data.indexOf(delimiter, searched)
      if (at !== -1 && searched <= this.#data.length) return at + delimiter.length
      if (this.#ended) return this.#data.length
      searched = Math.max(from, this.#data.length - delimiter.length + 1) // a delimiter may lie across the border
      await this.#more()
    }
  }

  slice (start: number, end: number): Bytes {
    const part = this.#data.subarray(start, end)
    const result = allocate(part.length)
    result.set(part)
    return result
  }

  async #more (): Promise<void> {
    const start = this.#base + this.#data.length
    const wanted = Math.max(this.#first, this.#data.length) // doubled each time: a record of any length is copied O(1) times
    const { data, etag } = await this.#core.readRange(this.#path, start, start + wanted, this.#pin.options)
    this.#pin.check(etag)
    this.#first = searchBytes
    this.#ended = data.length < wanted
    this.#data = Buffer.concat([this.#data, data])
  }
}
