import { isFsError } from '../errors/index.js'
import type { ErrorCode } from '../errors/index.js'

/** Conditions that would meet every shard alike: leaving them all out would make an epoch of nothing. */
const general: readonly ErrorCode[] = [
  'FORKFS_CREDENTIALS', 'FORKFS_CLOCK_SKEW', 'FORKFS_CONFIG', 'FORKFS_NOT_SUPPORTED', 'FORKFS_MISSING_PEER', 'FORKFS_NOT_LOADED',
  'FORKFS_UNKNOWN_PROTOCOL', 'FORKFS_NOT_ALLOWED', 'FORKFS_DESCRIPTOR', 'FORKFS_UNCLONEABLE', 'FORKFS_FOREIGN_OWNER', 'FORKFS_RESET'
]

/** Whether onError 'skip' leaves the shard out for this error. */
export function givesUpShard (error: unknown): boolean {
  return isFsError(error) && !isFsError(error, ...general)
}
