import type { OwnerTag } from '../owner/index.js'
import type { WorkerStats } from './types.js'

/** One row of the statistics, as it grows. */
export class WorkerRow {
  readonly owner: OwnerTag
  shards = 0
  samples = 0
  bytes = 0
  resets: number

  constructor (owner: OwnerTag) {
    this.owner = owner
    this.resets = owner.epoch - 1
  }

  snapshot (): WorkerStats {
    const { owner, shards, samples, bytes, resets } = this
    return { owner, shards, samples, bytes, resets }
  }
}
