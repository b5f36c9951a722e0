import { FsError } from '../../errors/fs-error.js'

/** FORKFS_SAMPLE: a shard, or one sample of it, is not what its reader expects. */
export class SampleError extends FsError {
  /** Byte offset in the uncompressed shard. */
  readonly position: number
  /** 1-based, for text shards. */
  readonly line?: number | undefined

  constructor (problem: string, fields: { readonly path: string, readonly position: number, readonly line?: number | undefined, readonly cause?: unknown }) {
    const { path, position, line, cause } = fields
    const place = line === undefined ? `at byte ${position}` : `in line ${line}, at byte ${position}`
    super('FORKFS_SAMPLE', `${problem} ${place}; repair the shard, or leave broken samples out with onError 'skip'`, { operation: 'read', path, cause })
    this.position = position
    if (line !== undefined) this.line = line
  }
}
