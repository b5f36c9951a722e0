/** One epoch through a DataLoader of this process: every byte is hashed here and compared with what was written. */
import { DataLoader } from '../../lib/loader/index.js'
import type { LoaderOptions, LoaderStats, TarSample } from '../../lib/loader/index.js'
import type { OwnerTag } from '../../lib/index.js'
import { sha256 } from './ledger.js'
import type { EpochCheck, Hashes } from './ledger.js'
import type { ProgressLine } from './progress.js'

/** One line of the table. */
export interface WorkerRow {
  readonly owner: OwnerTag
  readonly shards: number
  readonly samples: number
  readonly bytes: number
  readonly seconds: number
  readonly resets: number
}

export interface Reading { readonly rows: readonly WorkerRow[], readonly restarts: number, readonly seconds: number }

export function hashesOf (files: TarSample['files']): { readonly hashes: Hashes, readonly bytes: number } {
  let bytes = 0
  const hashes: Record<string, string> = {}
  for (const [part, data] of Object.entries(files)) {
    bytes += data.length
    hashes[part] = sha256(data)
  }
  return { hashes, bytes }
}

/** @param onSample called after each sample; what the loader says about its workers at that moment */
export async function readEpoch (
  options: Omit<LoaderOptions, 'reader'>, check: EpochCheck, progress: ProgressLine, onSample: (stats: () => LoaderStats) => void = () => {}
): Promise<Reading> {
  const loader = new DataLoader<TarSample>({ ...options, reader: 'tar' })
  try {
    for await (const { shard, key, files } of loader) {
      const { hashes, bytes } = hashesOf(files)
      check.take(shard, key, hashes)
      progress.advance(bytes)
      onSample(() => loader.stats)
    }
  } finally {
    await loader.close()
  }
  const { seconds } = progress
  const { perWorker, restarts } = loader.stats
  return { rows: perWorker.map(worker => ({ ...worker, seconds })), restarts, seconds }
}
