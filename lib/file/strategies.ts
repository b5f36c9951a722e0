import { FsError } from '../errors/index.js'
import type { ReadStrategyName } from '../filesystem/types.js'
import { blockBytesOf } from './ranges.js'
import type { Fetch, ReadStrategy, StrategyOptions } from './ranges.js'
import { wholeFile } from './strategy-all.js'
import { BlockCache } from './strategy-block.js'
import { passThrough } from './strategy-none.js'
import { Readahead } from './strategy-readahead.js'

export interface StrategyChoice extends StrategyOptions {
  /** How reads are cached. @defaultValue 'readahead' */
  readonly cache?: ReadStrategyName | undefined
  /** One reader goes through it once: what it gets may be views of blocks that nobody else gets. @defaultValue false */
  readonly sequential?: boolean | undefined
}

type Maker = (fetch: Fetch, size: number, blockBytes: number, sequential: boolean) => ReadStrategy

const strategies: Readonly<Partial<Record<ReadStrategyName, Maker>>> = Object.freeze({
  none: fetch => passThrough(fetch),
  readahead: (fetch, size, blockBytes, sequential) => new Readahead(fetch, size, blockBytes, sequential),
  block: (fetch, size, blockBytes) => new BlockCache(fetch, size, blockBytes),
  all: (fetch, size) => wholeFile(fetch, size)
})
const planned: readonly string[] = Object.freeze(['bytes', 'first', 'parts', 'shared'])

/**
 * Whether there is such a strategy, before anything is opened.
 * @throws FsError FORKFS_NOT_SUPPORTED for 'bytes', 'first', 'parts' and 'shared'; TypeError for a name that is none; RangeError for `blockBytes`
 */
export function checkStrategy (path: string, options: StrategyChoice): Maker {
  const { cache = 'readahead' } = options
  blockBytesOf(options)
  const make = Object.hasOwn(strategies, cache) ? strategies[cache] : undefined
  if (make !== undefined) return make
  const known = Object.keys(strategies).join(', ')
  if (planned.includes(cache)) throw new FsError('FORKFS_NOT_SUPPORTED', `the read strategy '${cache}' does not exist yet; there are ${known}`, { path })
  throw new TypeError(`Expected \`cache\` to be one of ${known}, got \`${String(cache)}\` (${typeof cache})`)
}

/**
 * The strategy of one open file. No I/O before the first read.
 * @throws FsError FORKFS_NOT_SUPPORTED for 'bytes', 'first', 'parts' and 'shared'; TypeError for a name that is none.
 */
export function openStrategy (fetch: Fetch, file: { readonly path: string, readonly size: number }, options: StrategyChoice = {}): ReadStrategy {
  return checkStrategy(file.path, options)(fetch, file.size, blockBytesOf(options), options.sequential === true)
}
