/**
 * Conditions, not verbs. Those that POSIX knows keep Node's spelling, so that code written for `node:fs` works: a missing
 * object or bucket is ENOENT, a refused one EACCES. Stable within a major; each has a heading in docs/errors.md.
 */
export type ErrorCode =
  | 'ENOENT' | 'EEXIST' | 'EISDIR' | 'ENOTDIR' | 'ENOTEMPTY' | 'EACCES' | 'EROFS' | 'ENOSPC' | 'EINVAL' | 'ETIMEDOUT'
  | 'FORKFS_RESET'
  | 'FORKFS_FOREIGN_OWNER'
  | 'FORKFS_CLOSED'
  | 'FORKFS_CHANGED'
  | 'FORKFS_TRUNCATED'
  | 'FORKFS_CHECKSUM'
  | 'FORKFS_OUTCOME_UNKNOWN'
  | 'FORKFS_RANGE'
  | 'FORKFS_NETWORK'
  | 'FORKFS_BACKEND'
  | 'FORKFS_RATE_LIMITED'
  | 'FORKFS_PROTOCOL'
  | 'FORKFS_CREDENTIALS'
  | 'FORKFS_CLOCK_SKEW' | 'FORKFS_REGION'
  | 'FORKFS_NOT_SUPPORTED' | 'FORKFS_MISSING_PEER' | 'FORKFS_NOT_LOADED' | 'FORKFS_UNKNOWN_PROTOCOL' | 'FORKFS_NOT_ALLOWED'
  | 'FORKFS_CONFIG' | 'FORKFS_DESCRIPTOR'
  | 'FORKFS_UNCLONEABLE'
  | 'FORKFS_SAMPLE'
  | 'FORKFS_UPLOAD_FAILED' | 'FORKFS_LOCK_TIMEOUT' | 'FORKFS_LOCK_REENTRY' | 'FORKFS_INCOMPLETE' | 'FORKFS_STALE_SEGMENT'
  | 'FORKFS_WORKER_DIED' | 'FORKFS_WORKER_TIMEOUT' | 'FORKFS_WORKER_BOOTSTRAP' | 'FORKFS_WORKER_CLOSED'

/** Whether the same call may succeed later: `may` was not retried by us, `exhausted` was, as often as the options allow. */
export type Retry = 'never' | 'may' | 'exhausted'

/** What an {@link FsError} knows besides its message. Every field is plain data: errors cross threads and processes. */
export interface FsErrorFields {
  readonly operation?: string | undefined
  readonly path?: string | undefined
  readonly protocol?: string | undefined
  readonly retry?: Retry | undefined
  readonly status?: number | undefined
  readonly requestId?: string | undefined
  readonly cause?: unknown
}

const brand = Symbol.for('forkfs.FsError.v1')

/**
 * The one error class for conditions of a filesystem. `message` reads "CODE: what was wrong, operation 'path'" and is not
 * stable; `code` is. Wrong arguments are plain TypeError or RangeError; aborts reject with `signal.reason` untouched.
 */
export class FsError extends Error {
  readonly code: ErrorCode
  /** The public verb that failed, for example `catFile`; empty where there was none. */
  readonly operation: string
  /** What it was about, without protocol. As those below own only where it is known: what is printed has no empty lines. */
  declare readonly path?: string | undefined
  declare readonly protocol?: string | undefined
  readonly retry: Retry
  /** HTTP status of the answer that decided. */
  declare readonly status?: number | undefined
  /** The store's own id of the failed request, for its support. */
  declare readonly requestId?: string | undefined
  /** The message without code, operation and path: what a wrapper needs to add its context. */
  declare readonly condition: string

  constructor (code: ErrorCode, condition: string, fields: FsErrorFields = {}) {
    const { operation = '', path, protocol, retry = 'never', status, requestId } = fields
    super(describe(code, condition, operation, path), 'cause' in fields && fields.cause !== undefined ? { cause: fields.cause } : undefined)
    this.code = code
    this.operation = operation
    if (path !== undefined) this.path = path
    if (protocol !== undefined) this.protocol = protocol
    this.retry = retry
    if (status !== undefined) this.status = status
    if (requestId !== undefined) this.requestId = requestId
    Object.defineProperty(this, 'condition', { value: condition, writable: true, configurable: true }) // repeats the message: not enumerable
  }

  static {
    Object.defineProperty(this.prototype, brand, { value: true })
    Object.defineProperty(this.prototype, 'name', { value: 'FsError', writable: true, configurable: true })
  }
}

function describe (code: ErrorCode, condition: string, operation: string, path: string | undefined): string {
  const where = [operation, path === undefined ? '' : `'${path}'`].filter(part => part !== '').join(' ')
  return where === '' ? `${code}: ${condition}` : `${code}: ${condition}, ${where}`
}

/** Works across duplicate copies of the package and across threads (a brand, not instanceof). With codes: one of them. */
export function isFsError (error: unknown, ...codes: readonly ErrorCode[]): error is FsError {
  if (typeof error !== 'object' || error === null) return false
  if ((error as Record<symbol, unknown>)[brand] !== true) return false
  return codes.length === 0 || codes.includes((error as FsError).code)
}

/**
 * The same condition with the verb and path that a caller knows and the place of failure did not. The first error stays
 * reachable as it was: its cause is kept, not wrapped once more.
 */
export function withContext (error: FsError, fields: { readonly operation?: string, readonly path?: string | undefined, readonly protocol?: string | undefined }): FsError {
  if (error.operation !== '' && error.path !== undefined && error.protocol !== undefined) return error
  const merged = new FsError(error.code, error.condition, {
    operation: error.operation === '' ? fields.operation : error.operation,
    path: error.path ?? fields.path,
    protocol: error.protocol ?? fields.protocol,
    retry: error.retry,
    status: error.status,
    requestId: error.requestId,
    cause: error.cause
  })
  if (error.stack !== undefined) merged.stack = error.stack.replace(error.message, () => merged.message)
  return merged
}
