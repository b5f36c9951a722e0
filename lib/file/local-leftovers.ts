import { lstat, opendir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { onReset, realm } from '../owner/index.js'
import { isProcessGone } from '../owner/liveness.js'
import { nothing } from './expect.js'
import { localTemporaryPattern } from './local-temporary.js'

/** Staged files that were written to since then stay, whoever made them. */
const staleMs = 10 * 60_000
/** A folder is looked through again after this time, when it is written to. */
const againMs = 15 * 60_000
/** A write of a whole tree is not held up by a look into each of its folders. */
const pauseMs = 100
/** Entries of a folder that are looked at: a write must not cost a walk over millions of them. */
const maxEntries = 10_000
const maxFolders = 1000

/** Folders that were looked through, and when (ms of performance.now()). */
const looked = new Map<string, number>()
let looking = false
let lastLook = -Infinity

onReset(() => {
  looked.clear()
  looking = false
  lastLook = -Infinity
  return {}
})

/**
 * Remove what killed processes have staged in a folder, in the background: nobody waits for it, and what fails is left to the next. Once per
 * folder in a quarter of an hour, one folder at a time and at most ten a second. For writers to call: only who writes there takes away there.
 */
export function tidyLater (folder: string): void {
  const now = performance.now()
  const last = looked.get(folder)
  if (looking || now - lastLook < pauseMs || (last !== undefined && now - last < againMs)) return
  if (looked.size >= maxFolders) looked.clear()
  looked.set(folder, now)
  looking = true
  lastLook = now
  const { epoch } = realm
  removeLeftovers(folder).catch(nothing).finally(() => { if (realm.epoch === epoch) looking = false })
}

/**
 * Remove staged files whose process is certainly gone: it ran in this pid namespace of this boot, and its pid is nobody's now. Those of other
 * machines, containers and boots, of live processes, and those younger than 10 minutes stay. At most 10,000 entries are looked at.
 */
export async function removeLeftovers (folder: string): Promise<void> {
  const { epoch } = realm
  let entries = 0
  for await (const { name } of await opendir(folder, { bufferSize: 256 })) {
    if (++entries > maxEntries || realm.epoch !== epoch) return
    const parts = localTemporaryPattern.exec(name)
    if (parts === null || !isProcessGone(Number(parts[1]), parts[2])) continue
    await removeStale(join(folder, name)).catch(nothing) // another one was faster, or it is not ours
  }
}

async function removeStale (path: string): Promise<void> {
  const stats = await lstat(path)
  if (stats.isFile() && Date.now() - stats.mtimeMs > staleMs) await unlink(path)
}
