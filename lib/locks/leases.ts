import { FsError } from '../errors/index.js'
import { addFinalizer, onReset, realm } from '../owner/index.js'
import type { OwnerTag } from '../owner/index.js'
import { addOwnerFile, liveOwnerFiles } from '../owner/owner-files.js'
import type { OwnerFile } from '../owner/owner-files.js'

/** One holder's share of a directory. */
export interface HeldLease extends AsyncDisposable {
  /** The file that says so. */
  readonly path: string
  /** Idempotent. After a reset it does nothing. */
  release (): Promise<void>
  [Symbol.asyncDispose] (): Promise<void>
}

/**
 * Say that this owner uses something: a file in `folder` (made if need be, 0700, in a parent that exists) that counts while the owner
 * lives. Each call is a lease of its own. The natural end of the process, and process.exit(), remove it; after a kill it counts no more.
 */
export async function takeLease (folder: string): Promise<HeldLease> {
  const { epoch } = realm
  const file = await addOwnerFile(folder)
  if (epoch !== realm.epoch) throw new FsError('FORKFS_RESET', 'resetForFork() was called while the lease was taken', { operation: 'lease', path: folder })
  return new Lease(file)
}

/** Who holds one now. Files of dead owners are removed on the way. A folder that is not there: nobody. */
export async function liveLeases (folder: string): Promise<OwnerTag[]> {
  return (await liveOwnerFiles(folder)).map(file => file.owner)
}

const held = new Set<Lease>()

class Lease implements HeldLease {
  readonly #file: OwnerFile
  readonly #disarm: () => void

  constructor (file: OwnerFile) {
    this.#file = file
    this.#disarm = addFinalizer({ drain: () => this.release(), exit: () => { file.removeSync() } })
    held.add(this)
  }

  get path (): string { return this.#file.path }

  async release (): Promise<void> {
    if (!held.delete(this)) return
    this.#disarm()
    await this.#file.remove()
  }

  async [Symbol.asyncDispose] (): Promise<void> { await this.release() }
}

onReset(() => {
  const clients = held.size
  held.clear()
  return { clients }
})
