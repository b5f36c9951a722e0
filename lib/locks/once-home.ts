import { rmSync } from 'node:fs'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { FsError, isNodeError } from '../errors/index.js'
import { addFinalizer, ownerName, randomHex, realm } from '../owner/index.js'
import { removeEmptyFolder } from '../owner/owner-files.js'
import { privateDirectory } from '../owner/private-directory.js'
import { digestOf } from './digest.js'
import { liveLeases } from './leases.js'
import { readManifest, writeManifest } from './manifest.js'
import type { Manifest } from './manifest.js'

/**
 * The folder of one once-directory:
 *
 *     <digest of the key>/current/data/…           what readers get
 *                        /current/manifest.json
 *                        /leases/…                 one file per reader
 *                        /.staging-<owner>/…       while it is made
 *                        /.trash-…                 while it is removed
 *
 * All methods but the getters are for the holder of its lock.
 */
export class OnceHome {
  readonly folder: string
  readonly key: string | undefined

  constructor (folder: string, key?: string) {
    this.folder = folder
    this.key = key
  }

  static of (directory: string, key: string): OnceHome { return new OnceHome(join(directory, digestOf(key)), key) }

  get current (): string { return join(this.folder, 'current') }
  get data (): string { return join(this.current, 'data') }
  get leases (): string { return join(this.folder, 'leases') }

  /** What is there whole. What dead makers and removers left is removed on the way. */
  async open (): Promise<Manifest | undefined> {
    await privateDirectory(this.folder)
    await this.#removeLeftovers()
    return this.read()
  }

  read (): Promise<Manifest | undefined> { return readManifest(join(this.current, 'manifest.json'), this.data, this.key) }

  /** Whole or not at all. A failure leaves nothing; after a reset nothing is touched any more. */
  async make (maker: (folder: string, signal: AbortSignal) => Promise<unknown>, signal: AbortSignal, transient: boolean): Promise<Manifest> {
    const { epoch } = realm
    const staging = join(this.folder, `.staging-${ownerName()}-${randomHex(4)}`)
    const disarm = addFinalizer({ exit: () => { rmSync(staging, { recursive: true, force: true }) } })
    try {
      await mkdir(staging, { mode: 0o700 })
      const folder = join(staging, 'data')
      await mkdir(folder, { mode: 0o700 })
      const info = await maker(folder, signal)
      check(epoch, signal)
      const manifest = await writeManifest(join(staging, 'manifest.json'), folder, { key: this.key!, info, transient })
      await this.#discard(this.current) // incomplete, or it would have been used
      check(epoch, signal)
      await rename(staging, this.current)
      return manifest
    } catch (error) {
      if (epoch === realm.epoch) {
        await rm(staging, removal)
        await removeEmptyFolder(this.folder)
      }
      throw error
    } finally {
      disarm()
    }
  }

  /** Remove everything unless somebody reads it. @returns whether it was removed */
  async removeUnused (): Promise<boolean> {
    if ((await liveLeases(this.leases)).length > 0) return false
    await this.#discard(this.current)
    await this.#removeLeftovers()
    await rm(this.leases, removal) // leases are taken under the lock: what a killed process had begun to write is garbage
    await removeEmptyFolder(this.folder)
    return true
  }

  /** Out of sight by one rename, then file by file. */
  async #discard (path: string): Promise<void> {
    const trash = join(this.folder, `.trash-${randomHex(8)}`)
    try { await rename(path, trash) } catch (error) {
      if (isNodeError(error) && error.code === 'ENOENT') return
      throw error
    }
    await rm(trash, removal)
  }

  async #removeLeftovers (): Promise<void> {
    for (const name of await readdir(this.folder).catch(() => [])) {
      if (name.startsWith('.staging-') || name.startsWith('.trash-')) await rm(join(this.folder, name), removal)
    }
  }
}

const removal = { recursive: true, force: true, maxRetries: 10, retryDelay: 100 } as const

export const homeName = /^[0-9a-f]{32}$/

function check (epoch: number, signal: AbortSignal): void {
  if (epoch !== realm.epoch) throw new FsError('FORKFS_RESET', 'resetForFork() was called while the directory was made')
  signal.throwIfAborted()
}
