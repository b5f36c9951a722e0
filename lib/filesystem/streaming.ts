import type { Readable, Writable } from 'node:stream'
import type { ByteReader } from '../file/byte-reader.js'
import { nodeReadable, nodeWritable, webReadable, webWritable } from '../file/streams.js'
import type * as Opening from './opening.js'
import type { Opener } from './opening.js'
import type { Bytes, ReadVerb, StagedWriter, Verb, WriteOptions } from './types.js'

let loading: Promise<typeof Opening> | undefined

/** What opens files comes with the first file: importing forkfs must stay cheap, in every worker anew. */
export function opening (): Promise<typeof Opening> { return loading ??= import('./opening.js') }

type StreamRange = Verb & { readonly start?: number | undefined, readonly end?: number | undefined, readonly highWaterMark?: number | undefined }

/** What the path means now: a relative one must not follow a change of the working directory before the stream opens. A wrong one is refused when it does. */
export function settled (opener: Opener, path: string): string {
  try { return opener.normalize(path) } catch { return path }
}

export function readStream (opener: Opener, given: string, options: StreamRange): Readable {
  const path = settled(opener, given)
  const lease = opener.lease(path)
  return nodeReadable(signal => opening().then(({ openReader }) => openReader(opener, path, lease, { signal }, true)), options)
}

export function webReadStream (opener: Opener, given: string, options: ReadVerb): ReadableStream<Bytes> {
  const path = settled(opener, given)
  const lease = opener.lease(path)
  const { start, end, signal: outer } = options
  const open = (signal: AbortSignal): Promise<ByteReader> => opening().then(({ openReader }) => openReader(opener, path, lease, { signal, ifMatch: options.ifMatch }))
  return webReadable(open, { start, end, signal: outer })
}

interface LateWriter {
  readonly open: (signal: AbortSignal) => Promise<StagedWriter>
  readonly hooks: { readonly path: string, readonly check: () => void, readonly release: () => void, readonly signal: AbortSignal | undefined }
}

/** A writer that a stream opens with its first chunk. */
function lateWriter (opener: Opener, given: string, options: Verb & WriteOptions): LateWriter {
  const path = settled(opener, given)
  const lease = opener.lease(path)
  let release = (): void => {}
  return {
    open: async signal => {
      const { openWriter } = await opening()
      const opened = await openWriter(opener, path, lease, { ...options, signal })
      release = opened.release
      return opened.writer
    },
    hooks: { path, check: () => { lease.check() }, release: () => { release() }, signal: options.signal }
  }
}

export function writeStream (opener: Opener, path: string, options: Verb & WriteOptions): Writable {
  const { open, hooks } = lateWriter(opener, path, options)
  return nodeWritable(open, hooks)
}

export function webWriteStream (opener: Opener, path: string, options: Verb & WriteOptions): WritableStream<Uint8Array> {
  const { open, hooks } = lateWriter(opener, path, options)
  return webWritable(open, hooks)
}
