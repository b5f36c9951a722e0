import type { Bytes, FileInfo } from '../filesystem/types.js'
import type { RangeSource } from './source.js'
import { allocate } from './expect.js'
import { fetchFrom } from './ranges.js'
import type { Fetch } from './ranges.js'
import { openStrategy } from './strategies.js'
import type { StrategyChoice } from './strategies.js'
import { Readahead } from './strategy-readahead.js'

/** What handles and streams read from: one version of one file, its bytes as stored or decoded. */
export interface ByteReader {
  readonly path: string
  readonly info: FileInfo
  /** undefined where only reading tells. */
  readonly size: number | undefined
  /** The bytes that exist of [start, end), in memory of the caller's own, or a view of `into`. */
  read: Fetch
  check (): void
  /** The same version for one sequential reader more, with a window of its own; to be closed before this one. */
  fork (): ByteReader
  /** Idempotent. Reads under way end with `reason` or are waited for. */
  close (reason: unknown): Promise<void>
}

/**
 * Read a source through a strategy. Closing it releases the source.
 * @throws FsError FORKFS_NOT_SUPPORTED for a strategy that does not exist yet; RangeError or TypeError for `blockBytes`.
 */
export function openBytes (source: RangeSource, options: StrategyChoice = {}): ByteReader {
  let released = false
  return stored(source, fetchFrom(source), options, () => {
    if (released) return
    released = true
    source.release()
  })
}

function stored (source: RangeSource, fetch: Fetch, options: StrategyChoice, release: () => void): ByteReader {
  const { path, info } = source
  const { size } = info
  const { cache = 'readahead' } = options
  const strategy = openStrategy(fetch, { path, size }, options)
  return {
    path,
    info,
    size,
    async read (start, end, signal, into) {
      const stop = Math.min(end, size)
      if (start < stop) return strategy.read(start, stop, signal, into)
      return into === undefined ? allocate(0) : into.subarray(0, 0) as Bytes
    },
    check () { source.check() },
    fork () {
      // Blocks that were kept on purpose are worth sharing; a read-ahead window is not: two readers would chase each other.
      if (strategy instanceof Readahead || cache === 'none') return stored(source, fetch, { blockBytes: options.blockBytes, sequential: true }, () => {})
      return { ...this, close: async () => {} }
    },
    async close (reason) {
      await strategy.close(reason)
      release()
    }
  }
}
