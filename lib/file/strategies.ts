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
}

type Maker = (fetch: Fetch, size: number, blockBytes: number) => ReadStrategy

const strategies: Readonly<Partial<Record<ReadStrategyName, Maker>>> = Object.freeze({
  none: fetch => passThrough(fetch),
  readahead: (fetch, size, blockBytes) => new Readahead(fetch, size, blockBytes),
  block: (fetch, size, blockBytes) => new BlockCache(fetch, size, blockBytes),
  all: (fetch, size) => wholeFile(fetch, size)
})
const planned: readonly string[] = Object.freeze(['bytes', 'first', 'parts', 'shared'])

/**
 * The strategy of one open file. No I/O before the first read.
 * @throws FsError FORKFS_NOT_SUPPORTED for 'bytes', 'first', 'parts' and 'shared'; TypeError for a name that is none.
 */
export function openStrategy (fetch: Fetch, file: { readonly path: string, readonly size: number }, options: StrategyChoice = {}): ReadStrategy {
  const { cache = 'readahead' } = options
  const blockBytes = blockBytesOf(options)
  const make = Object.hasOwn(strategies, cache) ? strategies[cache] : undefined
  if (make !== undefined) return make(fetch, file.size, blockBytes)
  const known = Object.keys(strategies).join(', ')
  if (planned.includes(cache)) throw new FsError('FORKFS_NOT_SUPPORTED', `the read strategy '${cache}' does not exist yet; there are ${known}`, { path: file.path })
  throw new TypeError(`Expected \`cache\` to be one of ${known}, got \`${String(cache)}\` (${typeof cache})`)
}
