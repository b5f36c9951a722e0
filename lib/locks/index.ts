/**
 * Locks that a crash can not leave behind. Internal: for the rooms above.
 *
 * KeyedMutex           in this thread: one at a time per key, first come first served
 * acquireLock, withLock, tryLock   among all threads and processes of this user (or of whoever shares the lock directory)
 * takeLease, liveLeases   shared holders of a directory: one file each, those of dead owners count for nothing
 * onceDirectory, sweepOnceDirectories   one maker, many readers of a directory that is there whole or not at all
 *
 * Waits end: with `signal` (its reason), after `timeoutMs` (FORKFS_LOCK_TIMEOUT; default 10 minutes), at a reset (FORKFS_RESET).
 * A holder whose event loop is blocked, or that is stopped, holds on; one that is dead does not. After resetForFork() every lock
 * and lease of the old epoch is forgotten: what the kernel holds for it is let go, files stay for the sweep, release() does nothing.
 */
export { KeyedMutex } from './keyed-mutex.js'
export type { WaitOptions } from './wait-options.js'
export { acquireLock, lockDirectory, tryLock, withLock } from './process-lock.js'
export type { HeldLock, LockDriverName, LockOptions } from './process-lock.js'
export { liveLeases, takeLease } from './leases.js'
export type { HeldLease } from './leases.js'
export { onceDirectory, sweepOnceDirectories } from './once-directory.js'
export type { Maker, OnceCopy, OnceOptions } from './once-directory.js'
