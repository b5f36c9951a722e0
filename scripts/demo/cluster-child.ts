// A cluster child: the parent's instance comes as a message and is live (--import forkfs/register). It reads its share and tells what it saw.
import { encodeError } from '../../lib/index.js'
import type { FileSystem } from '../../lib/index.js'
import { DataLoader } from '../../lib/loader/index.js'
import type { TarSample } from '../../lib/loader/index.js'
import { hashesOf } from './reading.js'
import type { WorkerRow } from './reading.js'
import type { Hashes } from './ledger.js'

export interface Job { readonly fs: FileSystem, readonly shards: readonly string[], readonly rank: number, readonly worldSize: number }

export type Report =
  | { readonly kind: 'ready' }
  | { readonly kind: 'samples', readonly samples: ReadonlyArray<readonly [shard: string, key: string, hashes: Hashes]>, readonly bytes: number }
  | { readonly kind: 'done', readonly row: WorkerRow }
  | { readonly kind: 'failed', readonly error: unknown }

/** Samples told about in one message. */
const batchSize = 200

process.once('message', (job: Job) => {
  read(job)
    .catch((error: unknown) => tell({ kind: 'failed', error: encodeError(error) }))
    .finally(() => { if (process.connected) process.disconnect() })
})
// In a cluster child a message that comes before there is a listener is lost: the parent waits for this one.
await tell({ kind: 'ready' })

async function read ({ fs, shards, rank, worldSize }: Job): Promise<void> {
  const started = performance.now()
  const loader = new DataLoader<TarSample>({ shards: { fs, paths: shards }, reader: 'tar', workers: 0, rank, worldSize })
  const row = { shards: 0, samples: 0, bytes: 0 }
  try {
    for await (const batch of loader.batches(batchSize)) {
      let bytes = 0
      const samples = batch.map(({ shard, key, files }) => {
        const hashed = hashesOf(files)
        bytes += hashed.bytes
        return [shard, key, hashed.hashes] as const
      })
      row.samples += samples.length
      row.bytes += bytes
      await tell({ kind: 'samples', samples, bytes })
    }
    const seconds = (performance.now() - started) / 1000
    const [worker] = loader.stats.perWorker
    await tell({ kind: 'done', row: { ...row, owner: worker?.owner ?? fs.owner, shards: worker?.shards ?? 0, resets: worker?.resets ?? 0, seconds } })
  } finally {
    await loader.close()
    await fs.close()
  }
}

function tell (report: Report): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send!(report, (error: Error | null) => { if (error === null) resolve(); else reject(error) })
  })
}
