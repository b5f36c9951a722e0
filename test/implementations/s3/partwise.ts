import { S3FileSystem } from '../../../implementations/s3/index.js'
import type { FaultRule } from '../../servers/index.js'
import { MiB } from '../data.js'

/** Copies from a mebibyte on may be in parts, where the store takes none in one piece (S3: from 5 GB on). */
export class PartwiseS3FileSystem extends S3FileSystem {
  protected override async _loadEngine (): ReturnType<S3FileSystem['_loadEngine']> {
    const engine = await super._loadEngine()
    engine.copyLimits = { single: MiB, part: 5 * MiB }
    return engine
  }
}

/** The store takes no object in one copy. */
export const noSingleCopies: FaultRule = { match: { operation: 'CopyObject' }, action: { type: 'status', status: 400, code: 'InvalidRequest' }, times: Infinity }
