import { FsError, isFsError } from '../errors/index.js'
import { allocate } from '../net/memory.js'
import { overParts, planParts } from '../net/parts.js'
import type { Bytes, RangeOptions, RangeRead } from './types.js'

/** What reading needs of the hooks. */
export interface ReadHooks {
  readonly _concurrency: number
  /** Longest single read; longer ones are cut and read in parallel. 0: never cut. */
  readonly _partBytes: number
  _readRange (path: string, start: number, end: number | undefined, options: RangeOptions): Promise<RangeRead>
}

type SpanOptions = RangeOptions & { readonly signal: AbortSignal }

/** Parts of one file under way at once: enough to fill a network, few enough to bound the memory of sockets. */
const maxLanes = 16

/**
 * Read [start, end) of one version: one request where it is short, else the first part (which tells size and version) and
 * then the rest in parallel, pinned to that version. A change underneath rejects with FORKFS_CHANGED, never with a mixture.
 */
export async function readSpan (hooks: ReadHooks, path: string, start: number, end: number | undefined, options: SpanOptions): Promise<RangeRead> {
  const { _partBytes: partBytes } = hooks
  if (partBytes === 0 || start < 0 || (end !== undefined && end - start <= partBytes)) return hooks._readRange(path, start, end, options)
  const first = await hooks._readRange(path, start, start + partBytes, { ...options, into: undefined })
  const limit = first.size === undefined ? end : end === undefined ? first.size : Math.min(end, first.size)
  const length = limit === undefined ? first.data.length : Math.max(0, limit - start)
  const target = options.into?.subarray(0, length)
  if (first.data.length >= length && target === undefined) return first
  const data = (target ?? allocate(length)) as Bytes
  data.set(first.data)
  const pinned = { ifMatch: options.ifMatch ?? first.etag }
  await overParts(planParts(start + first.data.length, start + length, partBytes), Math.min(maxLanes, hooks._concurrency), options.signal, async (part, signal) => {
    const into = data.subarray(part.start - start, part.end - start)
    const read = await hooks._readRange(path, part.start, part.end, { ...pinned, into, held: target === undefined, signal })
    if (read.data.length !== into.length) throw new FsError('FORKFS_TRUNCATED', `${into.length} bytes were asked for at ${part.start} and ${read.data.length} came`, { path })
  })
  return { ...first, data }
}

/** The whole file; begins again once when the version changes underneath and the caller did not ask for a certain one. */
export async function readWhole (hooks: ReadHooks, path: string, options: SpanOptions): Promise<RangeRead> {
  try {
    return await readSpan(hooks, path, 0, undefined, options)
  } catch (error) {
    if (options.ifMatch !== undefined || !isFsError(error, 'FORKFS_CHANGED')) throw error
    return readSpan(hooks, path, 0, undefined, options)
  }
}
