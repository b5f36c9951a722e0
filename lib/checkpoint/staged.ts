import { lstat, readdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fromNodeError, isNodeError } from '../errors/index.js'
import { localTemporaryPattern } from '../file/local.js'
import { isProcessGone } from '../owner/liveness.js'
import { deletePath } from '../resources/index.js'
import { manifestName, markerName } from './names.js'

/** A target that has neither is not one of persist(), as far as anybody can see. */
const beginnings: readonly string[] = [manifestName, markerName]

/** Whether a writer has staged what is to become one of the named files: listings leave those out. */
function isStaged (name: string, targets: readonly string[]): boolean {
  return localTemporaryPattern.test(name) && targets.some(target => name.startsWith(`.${target}.`))
}

/**
 * Delete what killed writers have staged of the named files, by default marker and manifest, and not touched for `untouchedMs`. For who holds the lock
 * of those files: no live writer of this machine is at them.
 */
export async function removeStaged (directory: string, targets: readonly string[] = beginnings, untouchedMs = 0): Promise<void> {
  try {
    for (const name of await readdir(directory)) {
      const path = join(directory, name)
      if (isStaged(name, targets) && (untouchedMs === 0 || await ageOf(path) > untouchedMs)) await deletePath(path)
    }
  } catch (error) {
    throw fromNodeError(error, { path: directory, protocol: 'file' })
  }
}

async function ageOf (path: string): Promise<number> { return Date.now() - (await lstat(path)).mtimeMs }

/**
 * Remove a local directory that holds nothing but what writers have staged of its marker and manifest, all of them dead: certainly, or because nothing
 * was written for `abandonedMs`. For who holds its lock. @returns whether it is gone
 */
export async function removeNeverBegun (directory: string, abandonedMs: number): Promise<boolean> {
  try {
    const names = await readdir(directory)
    if (names.length === 0) return false // an empty one may be anybody's
    for (const name of names) if (!isStaged(name, beginnings) || !await isAbandoned(directory, name, abandonedMs)) return false
    await removeStaged(directory)
    await rmdir(directory)
    return true
  } catch (error) {
    if (isNodeError(error) && ['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(error.code ?? '')) return false // somebody else is at it
    throw fromNodeError(error, { path: directory, protocol: 'file' })
  }
}

async function isAbandoned (directory: string, name: string, abandonedMs: number): Promise<boolean> {
  const [, pid, place] = localTemporaryPattern.exec(name)!
  return isProcessGone(Number(pid), place) || await ageOf(join(directory, name)) > abandonedMs
}
