import { unlinkSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { link, open, rename, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { FsError, fromNodeError, isNodeError } from '../errors/index.js'
import type { StagedWriter } from '../filesystem/types.js'
import { addFinalizer, closeHandle, holdHandle } from '../owner/index.js'
import { expectBytes, expectInteger, nothing } from './expect.js'
import { infoOf, translated } from './local-info.js'
import type { LocalInfo } from './local-info.js'
import { findTarget, recheckVersion } from './local-target.js'
import type { LocalWriteOptions, Target } from './local-target.js'
import { tidyLater } from './local-leftovers.js'
import { localTemporaryPath } from './local-temporary.js'

interface Staged { readonly path: string, readonly handle: FileHandle }

/**
 * A local file that appears whole or not at all: staged beside its target, synced, then renamed over it ('w') or linked
 * to a name that must be free ('wx'). A new file gets the mode node:fs gives (0o666 without the umask), an overwritten
 * one keeps its own, and its owner where we may set it. Hard links to the old file keep the old contents.
 *
 * `ifMatch` is checked at open and again just before the rename; POSIX has no compare-and-rename, so that a writer that
 * gets in between those two system calls is overwritten. Writers who need more take a lock.
 *
 * A process that dies in between leaves the old file as it was, and a staged file ({@link localTemporaryPattern}), which a later write to the
 * folder takes away where it can tell that the process is gone (local-leftovers.ts).
 */
export class LocalWriter implements StagedWriter {
  readonly path: string
  readonly #target: Target
  readonly #staged: Staged
  readonly #options: LocalWriteOptions
  readonly #working = new Set<Promise<void>>()
  #size = 0
  #failure: { readonly error: unknown } | undefined
  #committing: Promise<LocalInfo> | undefined
  #aborting: Promise<void> | undefined
  readonly #disarm: () => void

  constructor (path: string, target: Target, staged: Staged, options: LocalWriteOptions) {
    this.path = path
    this.#target = target
    this.#staged = staged
    this.#options = options
    this.#disarm = addFinalizer({ drain: () => this.abort(), exit: () => { unlinkSync(staged.path) } })
  }

  /** Bytes so far: the end of what was written farthest back. */
  get size (): number { return this.#size }

  /** Append. Calls at once land in their order. */
  async write (chunk: Uint8Array): Promise<void> {
    await this.writeAt(chunk, this.#size)
  }

  /** For writers in parallel: ranges may come in any order; what nobody writes reads as zeros. */
  async writeAt (chunk: Uint8Array, position: number): Promise<void> {
    expectBytes('chunk', chunk)
    expectInteger('position', position, 0)
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#committing !== undefined || this.#aborting !== undefined) throw this.#over()
    this.#size = Math.max(this.#size, position + chunk.byteLength)
    const work = this.#put(chunk, position)
    this.#working.add(work)
    try {
      await work
    } catch (error) {
      this.#failure ??= { error }
      throw error
    } finally {
      this.#working.delete(work)
    }
  }

  /** Begin again: nothing has been written any more. Waits for writes under way; none may begin meanwhile. */
  async clear (): Promise<void> {
    await Promise.allSettled(this.#working)
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#committing !== undefined || this.#aborting !== undefined) throw this.#over()
    await translated(this.path, () => this.#staged.handle.truncate(0))
    this.#size = 0
  }

  /**
   * Publish, once: later calls get the same answer. A failure leaves the target as it was and no staged file.
   * @throws FsError EEXIST ('wx' and somebody was faster), FORKFS_CHANGED, ENOSPC, EACCES; FORKFS_CLOSED after abort().
   */
  commit (): Promise<LocalInfo> {
    this.#committing ??= this.#aborting === undefined ? this.#publish() : Promise.reject(this.#over())
    return this.#committing
  }

  /** Waits for writes under way and removes the staged file. Idempotent; without effect on what is published. */
  async abort (_reason?: unknown): Promise<void> {
    if (this.#committing !== undefined) { await this.#committing.then(nothing, nothing); return }
    this.#aborting ??= this.#remove()
    await this.#aborting
  }

  async #put (chunk: Uint8Array, position: number): Promise<void> {
    await translated(this.path, async () => {
      for (let done = 0; done < chunk.byteLength;) {
        const { bytesWritten } = await this.#staged.handle.write(chunk, done, chunk.byteLength - done, position + done)
        done += bytesWritten
      }
    })
  }

  async #publish (): Promise<LocalInfo> {
    await Promise.allSettled(this.#working)
    try {
      if (this.#failure !== undefined) throw this.#failure.error
      this.#options.signal?.throwIfAborted()
      return await translated(this.path, async () => {
        const { handle } = this.#staged
        await handle.sync()
        const stats = await handle.stat({ bigint: true })
        await closeHandle(handle)
        await recheckVersion(this.#target, this.#options.ifMatch)
        await this.#move()
        this.#disarm()
        await syncDirectory(dirname(this.#target.path))
        return infoOf(this.path, stats)
      })
    } catch (error) {
      await this.#remove()
      throw error
    }
  }

  async #move (): Promise<void> {
    const { path: target } = this.#target
    if (this.#options.flag !== 'wx') { await rename(this.#staged.path, target); return }
    try {
      await link(this.#staged.path, target)
    } catch (error) {
      if (!isNodeError(error) || !['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'].includes(error.code ?? '')) throw error
      throw new FsError('FORKFS_NOT_SUPPORTED', 'this file system has no hard links, which an exclusive write needs to be all or nothing', { path: this.path, cause: error })
    }
    await unlink(this.#staged.path)
  }

  async #remove (): Promise<void> {
    await Promise.allSettled(this.#working)
    this.#disarm()
    await closeHandle(this.#staged.handle).catch(nothing)
    await unlink(this.#staged.path).catch((error: unknown) => {
      if (!isNodeError(error) || error.code !== 'ENOENT') throw fromNodeError(error, { path: this.path })
    })
  }

  #over (): FsError {
    return new FsError('FORKFS_CLOSED', 'the write is over', { path: this.path })
  }
}

/**
 * Begin a write. The staged file exists when this resolves: commit() or abort() has to follow.
 *
 * @throws FsError ENOENT (no such parent), EISDIR, EEXIST ('wx'), EACCES, FORKFS_CHANGED (`ifMatch`); FORKFS_NOT_SUPPORTED
 *   for pipes, sockets and devices.
 */
export async function openLocalWriter (path: string, options: LocalWriteOptions = {}): Promise<LocalWriter> {
  const { signal } = options
  signal?.throwIfAborted()
  const name = resolve(path)
  return translated(name, async () => {
    const target = await findTarget(name, options)
    signal?.throwIfAborted()
    const staged = await stage(target)
    if (signal?.aborted === true) {
      await discard(staged)
      throw signal.reason
    }
    tidyLater(dirname(target.path))
    return new LocalWriter(name, target, staged, options)
  })
}

async function stage ({ path: target, existing }: Target): Promise<Staged> {
  const path = localTemporaryPath(target)
  const handle = holdHandle(await open(path, 'wx', existing === undefined ? 0o666 : Number(existing.mode & 0o777n)))
  if (existing === undefined) return { path, handle }
  try {
    await keepOwner(handle, existing)
    await handle.chmod(Number(existing.mode & 0o7777n)) // after chown, which takes set-id bits away
  } catch (error) {
    await discard({ path, handle })
    throw error
  }
  return { path, handle }
}

/** Only root may give files away: others become the owner of what they overwrite. */
async function keepOwner (handle: FileHandle, existing: BigIntStats): Promise<void> {
  const own = await handle.stat({ bigint: true })
  if (own.uid === existing.uid && own.gid === existing.gid) return
  await handle.chown(Number(existing.uid), Number(existing.gid)).catch((error: unknown) => {
    if (!isNodeError(error) || error.code !== 'EPERM') throw error
  })
}

async function discard ({ path, handle }: Staged): Promise<void> {
  await closeHandle(handle)
  await unlink(path)
}

/** So that the new name survives a power cut. Not every system can: there the rename has to do. */
async function syncDirectory (path: string): Promise<void> {
  const directory = await open(path, 'r').catch(nothing)
  try {
    await directory?.sync()
  } catch (error) {
    if (!isNodeError(error) || !['EINVAL', 'ENOTSUP', 'EPERM', 'EISDIR', 'EBADF'].includes(error.code ?? '')) throw error
  } finally {
    await directory?.close()
  }
}
