import { FsError, isFsError, kindOf } from '../errors/index.js'
import { openBytes } from '../file/byte-reader.js'
import type { ByteReader } from '../file/byte-reader.js'
import { resolveCompression } from '../file/codecs.js'
import { openCompressedReader, openCompressedWriter } from '../file/compression.js'
import { expectInteger, MiB } from '../file/expect.js'
import { openForward } from '../file/forward-reader.js'
import type { ForwardSource } from '../file/forward-reader.js'
import { readerOf } from '../file/reader.js'
import type { RangeSource } from '../file/source.js'
import { checkStrategy } from '../file/strategies.js'
import { openWriteHandle } from '../file/writer.js'
import { allowListeners } from '../owner/index.js'
import type { Lease } from '../owner/index.js'
import type { BoundCore } from './bound-core.js'
import { notSupported } from './bound-core.js'
import type { Bytes, Chunk, FileHandle, FileInfo, OpenFlags, OpenOptions, ReadStrategyName, StagedWriter, Verb } from './types.js'

/** What opening needs of a filesystem. */
export interface Opener {
  call<T> (operation: string, path: string | undefined, options: Verb | undefined, work: (core: BoundCore) => Promise<T>, lease?: Lease): Promise<T>
  lease (path: string): Lease
  normalize (path: string): string
  /** Where the caller does not say. */
  readonly strategy: ReadStrategyName
}

const flagsKnown: readonly OpenFlags[] = ['r', 'r+', 'w', 'wx', 'a']

function wrongFlags (flags: unknown): TypeError {
  const expected = `Expected the flags to be one of ${flagsKnown.join(', ')}, got`
  return new TypeError(typeof flags === 'string' ? `${expected} \`${flags}\`` : `${expected} (${kindOf(flags)}); options come after them`)
}

/** A handle on one version of a file (reading) or on a staged write. */
export async function openFile (opener: Opener, path: string, lease: Lease, flags: OpenFlags, options: OpenOptions): Promise<FileHandle> {
  if (!flagsKnown.includes(flags)) throw wrongFlags(flags)
  if (flags === 'r') {
    if (options.firstBytes !== undefined) expectInteger('firstBytes', options.firstBytes, 0)
    return readerOf(await openReader(opener, path, lease, options))
  }
  if (flags === 'a' || flags === 'r+') {
    return opener.call('open', path, options, core => {
      core.refuse('write', 'writing')
      throw notSupported(core.protocol, `opening with '${flags}': write the file anew with 'w'`)
    })
  }
  const { writer, release } = await openWriter(opener, path, lease, { ...options, flag: flags })
  return openWriteHandle(path, writer, { check: () => { lease.check() }, release })
}

export async function openReader (opener: Opener, path: string, lease: Lease, options: OpenOptions, sequential = false): Promise<ByteReader> {
  const bytes = await opener.call('open', path, options, async core => {
    resolveCompression(options.compression, path)
    checkStrategy(path, options)
    return openStored(opener, core, core.normalize(path), lease, options, sequential)
  }, lease)
  return options.compression == null ? bytes : openCompressedReader(bytes, options.compression)
}

interface Common { readonly path: string, readonly check: () => void, readonly release: () => void }

async function openStored (opener: Opener, core: BoundCore, path: string, lease: Lease, options: OpenOptions, sequential: boolean): Promise<ByteReader> {
  const { ifMatch, blockBytes, firstBytes = 0, cache = opener.strategy } = options
  const front = firstBytes === 0 ? undefined : await readFront(core, path, firstBytes, ifMatch)
  const info = front?.info ?? await core.info(path)
  if (info.type === 'directory') throw new FsError('EISDIR', 'it is a directory', { path })
  if (ifMatch !== undefined && info.etag !== undefined && info.etag !== ifMatch) throw new FsError('FORKFS_CHANGED', `it is not the version ${ifMatch} any more`, { path })
  const common = { path, check: () => { lease.check() }, release: () => { lease.release() } }
  if (info.size !== undefined) return openBytes(rangeSource(opener, common, { info: info as SizedInfo, data: front?.data }, lease), { cache, blockBytes, sequential })
  const version = ifMatch ?? info.etag
  if (cache === 'all') return openBytes(heldSource(common, info, await core.readAll(path, { ifMatch: version })), { cache: 'none' })
  return openForward(forwardSource(opener, common, info, lease, version), sequential || cache === 'none' ? 0 : blockBytes ?? MiB)
}

type SizedInfo = FileInfo & { readonly size: number }
/** What is known of a file when it is open, and bytes from its front where they came with that. */
interface Front { readonly info: SizedInfo, readonly data: Bytes | undefined }

/** Bytes from the front tell size and version, too. Undefined where info() has to: what can not be read so, it can explain. */
async function readFront (core: BoundCore, path: string, bytes: number, ifMatch: string | undefined): Promise<Front | undefined> {
  if (!core.capabilities.ranges) return undefined
  try {
    const { data, size, etag } = await core.readRange(path, 0, bytes, { ifMatch })
    if (size === undefined || data.length !== Math.min(bytes, size)) return undefined
    return { info: { name: path, size, type: 'file', etag }, data }
  } catch (error) {
    if (isFsError(error, 'ENOENT', 'FORKFS_NOT_SUPPORTED')) return undefined
    throw error
  }
}

function rangeSource (opener: Opener, common: Common, { info, data: front }: Front, lease: Lease): RangeSource {
  const { path } = common
  let kept = front
  return {
    ...common,
    info,
    read: (start, end, { signal, into }) => opener.call('read', path, { signal }, async bound => {
      const held = kept
      if (held !== undefined && end >= held.length) kept = undefined // it is used once
      if (held !== undefined && end <= held.length) return placed(held, start, end, into)
      const { data } = await bound.readRange(path, start, end, { ifMatch: info.etag, into })
      if (data.length !== end - start) throw new FsError('FORKFS_TRUNCATED', `${end - start} bytes were asked for at ${start} and ${data.length} came`, { path })
      return data
    }, lease)
  }
}

/** Bytes out of memory, where the reader wants them. */
function placed (data: Bytes, start: number, end: number, into: Uint8Array | undefined): Bytes {
  if (into === undefined) return data.slice(start, end)
  into.set(data.subarray(start, end))
  return into.subarray(0, end - start) as Bytes
}

/** A file of unknown length that the caller wants to have in memory: it was read, and so its length is known. */
function heldSource (common: Common, info: FileInfo, data: Bytes): RangeSource {
  return {
    ...common,
    info: { ...info, size: data.length },
    read: (start, end, { into }) => Promise.resolve(placed(data, start, end, into))
  }
}

/** A file whose length nobody tells (a chunked reply). One reading outlives the calls that take its steps: it has a signal of its own. */
function forwardSource (opener: Opener, common: Common, info: FileInfo, lease: Lease, version: string | undefined): ForwardSource {
  const { path } = common
  return {
    ...common,
    info,
    pinned: version !== undefined,
    begin: signal => {
      let chunks: AsyncIterator<Chunk, unknown, undefined> | undefined
      return {
        next: () => opener.call('read', path, { signal }, core => (chunks ??= core.withSignal(signal).readChunks(path, { ifMatch: version })[Symbol.asyncIterator]()).next(), lease),
        return: async () => {
          await chunks?.return?.()
          return { done: true, value: undefined }
        }
      }
    }
  }
}

export interface OpenedWriter { readonly writer: StagedWriter, readonly release: () => void }

/** A staged write whose steps are calls: they are refused after a reset, and what they send is aborted with it. */
export async function openWriter (opener: Opener, path: string, lease: Lease, options: OpenOptions): Promise<OpenedWriter> {
  const outer = options.signal
  const abort = (): void => { lease.end(outer?.reason) }
  const release = (): void => {
    outer?.removeEventListener('abort', abort)
    lease.release()
  }
  const { cache: _cache, blockBytes: _blockBytes, firstBytes: _firstBytes, compression, signal: _signal, ...write } = options
  const staged = await opener.call('open', path, options, async core => {
    resolveCompression(compression, path)
    return core.withSignal(lease.signal).openWriter(core.normalize(path), write)
  }, lease).catch((error: unknown) => {
    lease.release()
    throw error
  })
  if (outer !== undefined) allowListeners(outer) // one signal over many open files is no leak
  outer?.addEventListener('abort', abort, { once: true })
  const writer: StagedWriter = {
    write: chunk => opener.call('write', path, { signal: outer }, () => staged.write(chunk), lease),
    commit: () => opener.call('commit', path, { signal: outer }, () => staged.commit(), lease),
    abort: reason => staged.abort(reason)
  }
  return { writer: compression == null ? writer : await openCompressedWriter(writer, path, compression), release }
}
