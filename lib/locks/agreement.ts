import { FsError } from '../errors/index.js'
import { addOwnerFile, liveOwnerFiles } from '../owner/owner-files.js'
import type { OwnerFile } from '../owner/owner-files.js'
import { pause } from '../owner/wait.js'
import { backoffMs } from './drivers/driver.js'
import type { LockDriver, LockPlace } from './drivers/driver.js'
import { loadNative, ofdDriver } from './drivers/ofd.js'
import { ownerFileDriver } from './drivers/owner-file.js'
import { socketDriver } from './drivers/socket.js'

/**
 * A lock excludes only those who use the same driver. So each user of a lock (holder or waiting) puts a file into its folder that says
 * which one, looks at the files of the others, and follows them, or withdraws.
 */

export type LockDriverName = LockDriver['name']

const drivers: Readonly<Record<LockDriverName, LockDriver>> = { ofd: ofdDriver, socket: socketDriver, 'owner-file': ownerFileDriver }

/** How often disagreement may be met before it is one: two that begin together may both withdraw, and agree the next time. */
const maxDisagreements = 8

async function available (name: LockDriverName): Promise<boolean> {
  if (name === 'ofd') return await loadNative() !== undefined
  return name === 'owner-file' || process.platform === 'linux'
}

/** Checked, before any I/O. @throws TypeError */
export function checkDriver (driver: unknown): void {
  if (driver === undefined || (typeof driver === 'string' && Object.hasOwn(drivers, driver))) return
  throw new TypeError(`Expected \`driver\` to be one of ${Object.keys(drivers).join(', ')}, got \`${String(driver)}\` (${typeof driver})`)
}

/**
 * What this process can use, the best first: the one that was asked for, by option or FORKFS_LOCK_DRIVER, or all that work here.
 * @throws FsError FORKFS_MISSING_PEER, FORKFS_NOT_SUPPORTED, FORKFS_CONFIG
 */
export async function usableDrivers (wanted: LockDriverName | undefined): Promise<LockDriver[]> {
  const configured = process.env.FORKFS_LOCK_DRIVER
  const name = wanted ?? (configured === '' ? undefined : configured)
  if (name === undefined) {
    const usable: LockDriver[] = []
    for (const each of Object.values(drivers)) if (await available(each.name)) usable.push(each)
    return usable
  }
  if (!Object.hasOwn(drivers, name)) throw new FsError('FORKFS_CONFIG', `FORKFS_LOCK_DRIVER has to be one of ${Object.keys(drivers).join(', ')}`, { operation: 'lock' })
  const driver = drivers[name as LockDriverName]
  if (await available(driver.name)) return [driver]
  if (driver.name === 'ofd') throw new FsError('FORKFS_MISSING_PEER', 'install fs-native-extensions for locks of the kernel on files', { operation: 'lock' })
  throw new FsError('FORKFS_NOT_SUPPORTED', `locks by ${driver.name} need Linux`, { operation: 'lock' })
}

async function labelsIn (folder: string, but?: string): Promise<Set<unknown>> {
  return new Set((await liveOwnerFiles(folder, but)).map(file => file.fields.label))
}

function follow (usable: readonly LockDriver[], place: LockPlace, labels: ReadonlySet<unknown>): LockDriver | undefined {
  if (labels.size === 0) return usable[0]
  return labels.size === 1 ? usable.find(driver => labels.has(driver.label(place))) : undefined
}

export interface Agreement {
  readonly driver: LockDriver
  /** Ours, as long as we use the lock; none where the driver's own file says it. */
  readonly file: OwnerFile | undefined
}

/** @throws FsError FORKFS_NOT_SUPPORTED: live users of the lock use a driver, network namespace or key that this process can not */
export async function agree (usable: readonly LockDriver[], place: LockPlace, signal: AbortSignal): Promise<Agreement> {
  for (let attempt = 0; attempt < maxDisagreements; attempt++) {
    signal.throwIfAborted()
    const driver = follow(usable, place, await labelsIn(place.folder))
    if (driver === ownerFileDriver) return { driver, file: undefined }
    if (driver !== undefined) {
      const label = driver.label(place)
      const file = await addOwnerFile(place.folder, { label })
      const others = await labelsIn(place.folder, file.name)
      others.delete(label)
      if (others.size === 0) return { driver, file }
      await file.remove()
    }
    await pause(backoffMs(attempt), signal)
  }
  throw new FsError('FORKFS_NOT_SUPPORTED', 'the lock is in use by processes that lock in another way (driver, network namespace or key): set FORKFS_LOCK_DRIVER alike for all', {
    operation: 'lock', path: place.name
  })
}
