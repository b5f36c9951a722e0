import { FsError } from '../errors/index.js'
import { openBytes } from '../file/byte-reader.js'
import type { ByteReader } from '../file/byte-reader.js'
import { resolveCompression } from '../file/codecs.js'
import { openCompressedReader, openCompressedWriter } from '../file/compression.js'
import { resolveOffset } from '../file/expect.js'
import { readerOf } from '../file/reader.js'
import type { RangeSource } from '../file/source.js'
import { checkStrategy } from '../file/strategies.js'
import { openWriteHandle } from '../file/writer.js'
import { allowListeners } from '../owner/index.js'
import type { Lease } from '../owner/index.js'
import type { BoundCore } from './bound-core.js'
import { notSupported } from './bound-core.js'
import type { Bytes, FileHandle, FileInfo, OpenFlags, OpenOptions, ReadStrategyName, StagedWriter, Verb } from './types.js'

/** What opening needs of a filesystem. */
export interface Opener {
  call<T> (operation: string, path: string | undefined, options: Verb | undefined, work: (core: BoundCore) => Promise<T>, lease?: Lease): Promise<T>
  lease (path: string): Lease
  normalize (path: string): string
  /** Where the caller does not say. */
  readonly strategy: ReadStrategyName
}

const flagsKnown: readonly OpenFlags[] = ['r', 'r+', 'w', 'wx', 'a']

/** A handle on one version of a file (reading) or on a staged write. */
export async function openFile (opener: Opener, path: string, lease: Lease, flags: OpenFlags, options: OpenOptions): Promise<FileHandle> {
  if (!flagsKnown.includes(flags)) throw new TypeError(`Expected the flags to be one of ${flagsKnown.join(', ')}, got \`${String(flags)}\``)
  resolveCompression(options.compression, path)
  if (flags === 'r') {
    checkStrategy(path, options)
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
  const source = await opener.call('open', path, options, core => openSource(opener, core, core.normalize(path), lease, options.ifMatch), lease)
  const bytes = openBytes(source, { cache: options.cache ?? opener.strategy, blockBytes: options.blockBytes, sequential })
  return options.compression == null ? bytes : openCompressedReader(bytes, options.compression)
}

async function openSource (opener: Opener, core: BoundCore, path: string, lease: Lease, ifMatch: string | undefined): Promise<RangeSource> {
  const info = await core.info(path)
  if (info.type === 'directory') throw new FsError('EISDIR', 'it is a directory', { path })
  if (ifMatch !== undefined && info.etag !== undefined && info.etag !== ifMatch) throw new FsError('FORKFS_CHANGED', `it is not the version ${ifMatch} any more`, { path })
  const common = { path, check: () => { lease.check() }, release: () => { lease.release() } }
  if (info.size === undefined) return wholeSource(common, info, await core.readAll(path, { ifMatch }))
  return {
    ...common,
    info: info as FileInfo & { readonly size: number },
    read: (start, end, { signal, into }) => opener.call('read', path, { signal }, async bound => {
      const { data } = await bound.readRange(path, start, end, { ifMatch: info.etag, into })
      if (data.length !== end - start) throw new FsError('FORKFS_TRUNCATED', `${end - start} bytes were asked for at ${start} and ${data.length} came`, { path })
      return data
    }, lease)
  }
}

/** A file whose length nobody tells (a chunked reply): read once, then served from memory. */
function wholeSource (common: Pick<RangeSource, 'path' | 'check' | 'release'>, info: FileInfo, data: Bytes): RangeSource {
  return {
    ...common,
    info: { ...info, size: data.length },
    read: async (start, end, { into }) => {
      const bytes = data.slice(start, end)
      if (into === undefined) return Promise.resolve(bytes)
      into.set(bytes)
      return into.subarray(0, bytes.length) as Bytes
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
  const { cache: _cache, blockBytes: _blockBytes, compression, signal: _signal, ...write } = options
  const staged = await opener.call('open', path, options, core => core.withSignal(lease.signal).openWriter(core.normalize(path), write), lease)
  if (outer !== undefined) allowListeners(outer) // one signal over many open files is no leak
  outer?.addEventListener('abort', abort, { once: true })
  const writer: StagedWriter = {
    write: chunk => opener.call('write', path, { signal: outer }, () => staged.write(chunk), lease),
    commit: () => opener.call('commit', path, { signal: outer }, () => staged.commit(), lease),
    abort: reason => staged.abort(reason)
  }
  return { writer: compression == null ? writer : await openCompressedWriter(writer, path, compression), release }
}

/** A part of a reader whose bounds count from the end: known once it is open. */
export function sliced (reader: ByteReader, start: number, end: number | undefined): ByteReader {
  const size = reader.size ?? 0 // without compression a size is always known
  const from = resolveOffset('start', start, size)
  const to = Math.max(from, end === undefined ? size : resolveOffset('end', end, size))
  return {
    ...reader,
    size: to - from,
    read: (first, last, signal, into) => reader.read(from + first, Math.min(to, from + last), signal, into)
  }
}
