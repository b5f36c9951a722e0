import { openWriteHandle } from '../file/writer.js'
import { notSupported } from '../filesystem/bound-core.js'
import type { FileSystem } from '../filesystem/filesystem.js'
import { parent } from '../filesystem/paths.js'
import type { FileHandle } from '../filesystem/types.js'
import { checkAllowed, parseUrl, urlToFs } from '../registry/url.js'
import { StreamCounter } from './counting.js'
import { checkStream, urlOptions } from './options.js'
import { ownerCheck } from './owner-check.js'
import { readStream } from './read-stream.js'
import { s3Defaults } from './s3cfg.js'
import { StagedWrite } from './staged-write.js'
import type { ObjectStream, StreamFlags, StreamOptions, StreamRange } from './types.js'
import type { Destination } from './upload.js'
import { writeStream } from './write-stream.js'

/** Their own writers stage in the right place already: beside the target, and in memory. */
const stagedThere: ReadonlySet<string> = new Set(['file', 'memory'])

/**
 * Any path or URI as one binary stream: a local path, file:, s3:, gs:, memory: and what is registered; http(s): and redis: for reading.
 *
 * 'r' reads [begin, end) of one version of the source. 'w' and 'wx' publish once and whole, at close(), or leave nothing: for a local path in a
 * file beside it (parents are made), for a store far away in a private file of FORKFS_TMPDIR that is uploaded when the stream is closed. Cost of the
 * latter: the object's size on disk, 256 KiB of memory while it is written, the parts of the store's writer while it is sent; for objects larger than
 * the disk there is open(), which streams parts as they are written and can neither retry nor recover them.
 *
 * @throws TypeError, RangeError for arguments, before any I/O; FsError as open(), FORKFS_NOT_SUPPORTED ('a', writing to http), EEXIST ('wx'), ENOSPC,
 *   EACCES, EROFS (of the temporary folder), FORKFS_CONFIG, FORKFS_CREDENTIALS (of .s3cfg)
 */
export function openStream (uri: string | URL, flags: StreamFlags = 'r', options: StreamOptions = {}): Promise<ObjectStream> {
  return begin(uri, flags, options)
}

/** @param onEnd What the end of the process does with an open write, where that is not what a dispose does. */
async function begin (uri: string | URL, flags: StreamFlags, options: StreamOptions, onEnd?: 'abort'): Promise<ObjectStream> {
  checkStream(flags, options)
  options.signal?.throwIfAborted()
  const { protocol } = parseUrl(uri)
  if (protocol === 'redis' || protocol === 'rediss') {
    checkAllowed(protocol, options.allowedProtocols)
    const { openRedis } = await import('./redis.js')
    if (flags !== 'r') throw notSupported(protocol, 'writing')
    return openRedis(uri, options)
  }
  const given = urlOptions(options)
  const [fs, path] = await urlToFs(uri, protocol === 's3' ? await s3Defaults(given, options.s3cfg) : given)
  return flags === 'r' ? openReading(fs, path, options) : openWriting({ fs, path, flag: flags }, options, onEnd)
}

async function openReading (fs: FileSystem, path: string, options: StreamOptions): Promise<ObjectStream> {
  const open = async ({ begin, end }: StreamRange): Promise<ObjectStream> => {
    const counter = new StreamCounter(!stagedThere.has(fs.protocol))
    try {
      const file = await counter.run(() => fs.open(path, 'r', { signal: options.signal }))
      return await readStream(file, { begin, end }, open, counter)
    } catch (error) {
      counter.close()
      throw error
    }
  }
  return open({ begin: options.begin ?? 0, end: options.end })
}

async function openWriting ({ fs, path, flag }: Omit<Destination, 'options'>, options: StreamOptions, onEnd: 'abort' | undefined): Promise<ObjectStream> {
  const { signal, onUploadError = 'keep', onDispose = 'commit', contentType, metadata, partBytes } = options
  if (!fs.capabilities.write) throw notSupported(fs.protocol, 'writing')
  if (flag === 'wx' && !fs.capabilities.exclusiveCreate) throw notSupported(fs.protocol, 'writing only where nothing is yet')
  const counter = new StreamCounter(!stagedThere.has(fs.protocol))
  try {
    const write = { contentType, metadata, partBytes }
    if (stagedThere.has(fs.protocol)) {
      const file = await counter.run(() => openThere(fs, path, flag, { ...write, signal }))
      return writeStream(file, { onDispose, onEnd, counter, signal })
    }
    const staged = await StagedWrite.open({ fs, path, flag, options: write }, { signal, onUploadError, counter })
    const file = openWriteHandle(path, staged, { check: ownerCheck(path), release: () => {} })
    return writeStream(file, { onDispose, onEnd, counter, staged, signal })
  } catch (error) {
    counter.close()
    throw error
  }
}

async function openThere (fs: FileSystem, path: string, flag: 'w' | 'wx', options: Parameters<FileSystem['open']>[2] & object): Promise<FileHandle> {
  if (fs.capabilities.emptyDirectories) await fs.makedirs(parent(path), { existOk: true, signal: options.signal })
  return fs.open(path, flag, options)
}

/**
 * Commits when fn returns, aborts when it throws, and when the process ends before it has done either, in whatever way (see docs/streams.md). What fn
 * throws is what this rejects with; where the clean-up fails as well, its error is found under `suppressed`.
 * @throws what openStream() throws; FORKFS_CLOSED: shutdown() was called while fn was at work
 */
export async function withStream<T> (uri: string | URL, flags: StreamFlags, fn: (stream: ObjectStream) => Promise<T>, options: StreamOptions = {}): Promise<T> {
  if (typeof fn !== 'function') throw new TypeError(`Expected \`fn\` to be a function, got (${typeof fn})`)
  const stream = await begin(uri, flags, options, 'abort')
  let result: T
  try {
    result = await fn(stream)
  } catch (error) {
    await abandon(stream, flags, error)
    throw error
  }
  await stream.close()
  return result
}

async function abandon (stream: ObjectStream, flags: StreamFlags, error: unknown): Promise<void> {
  try {
    if (flags === 'r') await stream[Symbol.asyncDispose]()
    else await stream.abort(error)
  } catch (failure) {
    if (!(error instanceof Error) || !Object.isExtensible(error)) return
    Object.defineProperty(error, 'suppressed', { value: failure, configurable: true, writable: true })
  }
}
