import type { ListingsOptions } from '../cache/listings.js'

/** Options that every file system takes. */
export interface CommonOptions {
  /** A new instance that is neither looked up nor stored. @defaultValue false */
  readonly fresh?: boolean | undefined
  /** Requests in flight at once over the whole instance, integer >= 1. Divided among the workers of a pool or loader. @defaultValue 64 */
  readonly maxConcurrency?: number | undefined
  readonly retry?: RetryOptions | undefined
  /**
   * Deadline of one bounded request (HEAD, LIST, range, part) in milliseconds, from when it is sent first; headers, body and retries included. A
   * body of more than 1 MiB has that time for each MiB: a line that is slow but moves does not fail a part of 8 MiB. @defaultValue 60,000
   */
  readonly timeoutMs?: number | undefined
  /** Longest wait for the next byte while we are reading, in milliseconds; then the attempt is given up and, where that is safe, made again. @defaultValue 30,000 */
  readonly idleTimeoutMs?: number | undefined
  /**
   * Keep complete listings of directories in memory and answer ls, list, walk, glob, info, exists and their kin from them; reading and copying ask the
   * store. Own writes through the same instance are seen at once, those of others after the expiry or invalidateCache(). @defaultValue false
   */
  readonly listings?: false | ListingsOptions | undefined
  /** What use by a foreign owner does: rebuild the client, or throw FORKFS_FOREIGN_OWNER. @defaultValue 'reset' */
  readonly onForeignOwner?: 'reset' | 'throw' | undefined
}

export interface RetryOptions {
  /** Tries in all, integer >= 1. @defaultValue 5 */
  readonly attempts?: number | undefined
  /** Bound of the first wait in milliseconds; doubles with each attempt, full jitter below it. @defaultValue 50 */
  readonly baseMs?: number | undefined
  /** No wait is longer, whatever a Retry-After says. @defaultValue 20,000 */
  readonly maxMs?: number | undefined
}
