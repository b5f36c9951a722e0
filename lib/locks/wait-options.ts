import { FsError } from '../errors/index.js'
import type { Bounds } from '../owner/wait.js'

/** How long somebody waits for others. */
export interface WaitOptions {
  /** Ends the wait; the caller gets its reason. @defaultValue none */
  readonly signal?: AbortSignal | undefined
  /** How long to wait for the others, in milliseconds; 0: not at all; Infinity: for ever; then FORKFS_LOCK_TIMEOUT. @defaultValue 600_000 */
  readonly timeoutMs?: number | undefined
}

const defaultTimeoutMs = 600_000

export function lockTimeout (operation: string, name: string): FsError {
  return new FsError('FORKFS_LOCK_TIMEOUT', 'others held the lock all the time', { operation, path: name, retry: 'may' })
}

/** Checked. `once`: try, and do not wait; then no clock runs. @throws TypeError, RangeError */
export function boundsOf (operation: string, path: string, { signal, timeoutMs = defaultTimeoutMs }: WaitOptions): Bounds & { readonly once: boolean } {
  if (typeof timeoutMs !== 'number') throw new TypeError(`Expected \`timeoutMs\` to be a number of milliseconds >= 0, got \`${String(timeoutMs)}\` (${typeof timeoutMs})`)
  if (!(timeoutMs >= 0)) throw new RangeError(`Expected \`timeoutMs\` to be a number of milliseconds >= 0, got \`${timeoutMs}\` (number)`)
  const once = timeoutMs === 0
  return { operation, path, signal, timeoutMs: once ? Infinity : timeoutMs, once, late: () => lockTimeout(operation, path) }
}

/** @throws TypeError */
export function checkName (argument: string, value: unknown): void {
  if (typeof value === 'string' && value !== '') return
  throw new TypeError(`Expected \`${argument}\` to be a string that is not empty, got \`${String(value)}\` (${typeof value})`)
}
