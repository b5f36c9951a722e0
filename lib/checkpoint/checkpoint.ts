import { FsError, isRecord } from '../errors/index.js'
import { expectInteger } from '../file/expect.js'
import type { Descriptor, DescriptorBody } from '../filesystem/descriptor.js'
import { isFileSystem } from '../filesystem/filesystem.js'
import type { FileSystem } from '../filesystem/filesystem.js'
import type { Progress, Verb } from '../filesystem/types.js'
import type { WaitOptions } from '../locks/index.js'
import type { UrlOptions } from '../registry/builtin-types.js'
import { registerReviver } from '../registry/revive.js'
import { urlToFs } from '../registry/url.js'
import { isLocal, loadAddress, localPath, toAddress } from './address.js'
import type { Address } from './address.js'
import { checkInPlace } from './download.js'
import { mergeMetadata, readMetadata, writeMetadata } from './metadata.js'
import type { Metadata } from './metadata.js'
import { persistTo } from './persist.js'
import { placeCopy } from './place.js'
import { explained, keepCopy, releaseCopy, reporting, takeCopy } from './shared.js'
import type { ReadOptions } from './shared.js'
import { latest, pruneTo } from './survey.js'

/** Tells revive() that nothing is to be done. */
const liveBrand = Symbol.for('forkfs.live.v1')

/** A local directory in use. */
export interface CheckpointDirectory extends AsyncDisposable {
  /** Absolute. To be read only. */
  readonly path: string
  /** From now on it may vanish. Idempotent. */
  release (): Promise<void>
  /** release(). */
  [Symbol.asyncDispose] (): Promise<void>
}

/**
 * What persist() takes besides the options of protocols ({ s3: { … } }), which a target with `filesystem` does not need. An abort rejects with
 * `signal.reason`.
 */
export type PersistOptions = UrlOptions & Verb & {
  /** Files; bytes in the branches. @defaultValue none */
  readonly progress?: Progress | undefined
  /** The target is a path of this one, not a URL. @defaultValue the one of the URL */
  readonly filesystem?: FileSystem | undefined
}

/** What prune() takes. */
export interface PruneOptions extends Verb {
  /** How many complete checkpoints stay, integer >= 1 (TypeError, RangeError). No default. */
  readonly keep: number
  /** The path is one of this filesystem, not a URL. @defaultValue the one of the URL */
  readonly filesystem?: FileSystem | undefined
}

/**
 * A reference to a directory of a store, cheap and safe to send anywhere (threads, processes, JSON): what `ray.train.Checkpoint` is. Many
 * threads and processes of one node read it, one of them downloads it, and the temporary copy goes with the last reader.
 *
 * Without a filesystem the path is a URL ('s3://bucket/runs/7') or a local path, `~` included, and configured options hold; with one it is
 * a path inside of it. Nothing is asked of the store until it is used.
 */
export class Checkpoint {
  declare readonly $forkfs: DescriptorBody
  readonly #address: Address

  /** @throws TypeError; FsError FORKFS_UNKNOWN_PROTOCOL, FORKFS_NOT_LOADED */
  constructor (path: string | URL | Buffer, filesystem?: FileSystem) {
    this.#address = toAddress(path, filesystem)
    Object.defineProperty(this, '$forkfs', { enumerable: true, get: () => this.toJSON().$forkfs })
  }

  /** Where it lies. */
  get filesystem (): FileSystem { return this.#address.fs }
  /** Inside the filesystem, normalised. */
  get path (): string { return this.#address.path }

  /** Of a local directory: a path, `~` included, or a file URL; nothing is looked up. @throws TypeError for another URL */
  static fromDirectory (path: string | URL | Buffer): Checkpoint {
    return new Checkpoint(localPath('path', path))
  }

  /**
   * The newest complete checkpoint directly under a directory of them, by the time at which it was complete; undefined where there is none,
   * or no such directory. One without a manifest (an unfinished one, or Ray's own) is not known to be complete. Cost: a listing, and one
   * small request per directory.
   */
  static async latestComplete (path: string | URL, filesystem?: FileSystem, options: Verb = {}): Promise<Checkpoint | undefined> {
    const root = await loadAddress(path, filesystem)
    const found = await latest(root, options)
    return found && new Checkpoint(found.path, found.fs)
  }

  /**
   * Upload a local directory so that it is complete or absent: a marker first, the manifest (names, sizes, SHA-256, writer) last. What a
   * killed attempt left is removed by the next one. Files must not change meanwhile. A directory that lies at the target already only gets
   * its manifest. Empty folders are not kept. Cost: each file is read twice.
   * @throws FsError EEXIST (a checkpoint is there), ENOTEMPTY (files of somebody else), ENOENT, ENOTDIR, FORKFS_CHANGED (a source file
   *   changed, or another host writes the same target), FORKFS_NOT_SUPPORTED (a pipe, a link to a directory); `signal.reason`
   */
  static async persist (directory: string | URL | Buffer, target: string | URL, options: PersistOptions = {}): Promise<Checkpoint> {
    const source = localPath('directory', directory)
    const { signal, progress, filesystem, ...urlOptions } = options
    let address: Address
    if (filesystem === undefined && Object.keys(urlOptions).length > 0) {
      const [fs, path] = await urlToFs(target, urlOptions as UrlOptions)
      address = { fs, path }
    } else address = await loadAddress(target, filesystem)
    await persistTo(source, address, { signal, progress })
    return new Checkpoint(address.path, address.fs)
  }

  /**
   * Remove all but the newest complete checkpoints directly under a directory, and unfinished ones whose writer is dead (of another
   * machine: begun more than a day ago). Directories that no persist() made are left alone. A checkpoint goes as it came: a marker first,
   * so that nobody ever reads half of it.
   * @returns the paths of what was removed
   */
  static async prune (path: string | URL, options: PruneOptions): Promise<string[]> {
    if (!isRecord(options)) throw new TypeError('Expected the options to be an object with `keep`')
    expectInteger('keep', options.keep, 1)
    return pruneTo(await loadAddress(path, options.filesystem), options.keep, { signal: options.signal })
  }

  /**
   * A local copy. With a path: there, whole or not at all; calls for one place are one download, and where the copy is there already the
   * store is asked nothing. Without: a copy shared by this node, to be read only, that stays until the last owner that asked for it ends.
   * @returns the absolute path
   * @throws FsError ENOENT, FORKFS_INCOMPLETE, FORKFS_CHECKSUM, FORKFS_TRUNCATED (verified where a manifest is there), FORKFS_CHANGED, EINVAL
   *   (a name that would leave the directory), ENOTEMPTY (something else is at the path), ENOSPC, FORKFS_LOCK_TIMEOUT; `signal.reason`
   */
  async toDirectory (path?: string | URL | Buffer, options: ReadOptions = {}): Promise<string> {
    if (path === undefined) return keepCopy(this.#address, options)
    return placeCopy(this.#address, localPath('path', path), options)
  }

  /**
   * A local directory while it is in use. Local: the path itself, never changed or removed; sizes are held against the manifest. Remote: one
   * verified copy per node, shared (treat it as read-only), removed when the last reader leaves.
   * @throws as toDirectory(); what `fn` throws
   */
  asDirectory<T> (fn: (directory: string) => Promise<T>, options?: ReadOptions): Promise<T>
  asDirectory (options?: ReadOptions): Promise<CheckpointDirectory>
  async asDirectory<T> (first?: ((directory: string) => Promise<T>) | ReadOptions, options?: ReadOptions): Promise<T | CheckpointDirectory> {
    if (typeof first !== 'function') return this.#open(first ?? {})
    const directory = await this.#open(options ?? {})
    let result: T
    try {
      result = await first(directory.path)
    } catch (error) {
      await directory.release().catch(() => {}) // the error of fn is the one that counts
      throw error
    }
    await directory.release()
    return result
  }

  async #open (options: ReadOptions): Promise<CheckpointDirectory> {
    if (!isLocal(this.#address)) {
      const copy = await takeCopy(this.#address, options)
      return directoryAt(copy.path, () => releaseCopy(copy))
    }
    try {
      await reporting(options.progress, async () => {
        await checkInPlace(this.#address, options)
        return { files: 0 }
      })
    } catch (error) {
      throw explained(error, this.#address, 'asDirectory')
    }
    return directoryAt(this.path, () => Promise.resolve())
  }

  /** What `.metadata.json` holds (Ray's name); `{}` where there is none. @throws FsError FORKFS_PROTOCOL: it is no JSON object */
  getMetadata (options: Verb = {}): Promise<Record<string, unknown>> { return readMetadata(this.#address, options) }

  /** Replaces all metadata. @throws TypeError for what JSON can not hold */
  setMetadata (metadata: Metadata, options: WaitOptions = {}): Promise<void> { return writeMetadata(this.#address, metadata, options) }

  /**
   * Adds and overrides keys. Updates at the same time lose nothing on one node; on several where the store compares versions (S3, GCS).
   * @throws TypeError for what JSON can not hold
   */
  updateMetadata (metadata: Metadata, options: WaitOptions = {}): Promise<void> { return mergeMetadata(this.#address, metadata, options) }

  /** Secrets stay at home, as the filesystem's do. */
  toJSON (): Descriptor {
    return { $forkfs: { v: 1, type: 'checkpoint', fs: this.filesystem.toJSON(), path: this.path } }
  }

  toString (): string { throw noPath() }
  [Symbol.toPrimitive] (): never { throw noPath() }
  [Symbol.for('nodejs.util.inspect.custom')] (): string { return `Checkpoint { protocol: '${this.filesystem.protocol}', path: '${this.path}' }` }

  static {
    Object.defineProperty(this.prototype, liveBrand, { value: true })
    // The first thing that node:fs asks of an argument that is no string: its own error would not say what to do.
    Object.defineProperty(this.prototype, 'href', { get: () => { throw noPath() }, configurable: true })
  }
}

function noPath (): TypeError {
  return new TypeError('A Checkpoint is no path: use asDirectory() while it is read, or toDirectory() for a copy')
}

function directoryAt (path: string, release: () => Promise<void>): CheckpointDirectory {
  return { path, release, [Symbol.asyncDispose]: release }
}

registerReviver('checkpoint', (body, _options, live) => {
  const fs = live(body['fs'])
  if (!isFileSystem(fs) || typeof body['path'] !== 'string') throw new FsError('FORKFS_DESCRIPTOR', 'a descriptor of a checkpoint needs `fs` and `path`')
  return new Checkpoint(body['path'], fs)
})
