import { claimFolder } from '../../owner/owner-files.js'
import { pause } from '../../owner/wait.js'
import { backoffMs } from './driver.js'
import type { LockDriver } from './driver.js'

/**
 * Works everywhere: the lock is the file that names its holder, good as long as the holder lives. As sure as that can be told: by pid
 * and start time on one machine, elsewhere after a quarter of an hour without a touch.
 */
export const ownerFileDriver: LockDriver = {
  name: 'owner-file',
  label: () => 'owner-file',
  async take (place, signal, once) {
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted()
      const file = await claimFolder(place.folder, { label: 'owner-file' })
      if (file !== undefined) return { release: () => file.remove(), drop () {}, file }
      if (once && attempt > 2) return undefined
      await pause(backoffMs(attempt), signal)
    }
  }
}
