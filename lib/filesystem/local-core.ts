import { constants } from 'node:fs'
import { copyFile, mkdir, open, rename, rmdir, unlink } from 'node:fs/promises'
import { resolve } from 'node:path'
import { FsError, fromNodeError, isNodeError } from '../errors/index.js'
import { localInfo, localList, localTemporaryPath, openLocalWriter, readLocalRange } from '../file/local.js'
import { findTarget } from '../file/local-target.js'
import { eachBulk } from './bulk.js'
import type { LocalListOptions, LocalWriter } from '../file/local.js'
import type { Core, ListOptions } from './core.js'
import type { Bytes, Capabilities, FileInfo, RangeOptions, RangeRead, WriteOptions } from './types.js'

export interface LocalCoreOptions {
  readonly signal: AbortSignal
  /** Where relative paths begin. @defaultValue the working directory now: a later chdir changes nothing */
  readonly cwd?: string | undefined
  /** @defaultValue 16: more only queue up for the threads of node:fs */
  readonly concurrency?: number | undefined
}

const capabilities: Capabilities = Object.freeze({
  read: true, write: true, append: true, exclusiveCreate: true, rename: true, emptyDirectories: true, sign: false, ranges: true
})

/** Local files as the other side of get and put, and of whatever works on a Core. `~` is a name like any other. */
export class LocalCore implements Core {
  readonly protocol = 'file'
  readonly capabilities = capabilities
  readonly root = '/'
  readonly concurrency: number
  readonly signal: AbortSignal
  readonly #cwd: string

  constructor ({ signal, cwd = process.cwd(), concurrency = 16 }: LocalCoreOptions) {
    this.signal = signal
    this.concurrency = concurrency
    this.#cwd = cwd
  }

  /** The same files and the same start of relative paths under another signal. */
  withSignal (signal: AbortSignal): LocalCore {
    return new LocalCore({ signal, cwd: this.#cwd, concurrency: this.concurrency })
  }

  normalize (path: string): string {
    if (typeof path !== 'string' || path.includes('\0')) throw new TypeError(`Expected \`path\` to be a string without NUL, got (${typeof path})`)
    const full = resolve(this.#cwd, path.replace(/^(?:file|local):\/\//, ''))
    return process.platform === 'win32' ? full.replaceAll('\\', '/') : full
  }

  info (path: string): Promise<FileInfo> {
    return localInfo(path, this.signal)
  }

  list (path: string, options: ListOptions & Pick<LocalListOptions, 'temporary'>): AsyncIterable<readonly FileInfo[]> {
    return localList(path, { ...options, signal: this.signal })
  }

  readRange (path: string, start: number, end: number | undefined, options: Omit<RangeOptions, 'signal'> = {}): Promise<RangeRead> {
    return readLocalRange(path, start, end, { ...options, signal: this.signal })
  }

  async readAll (path: string, options: Omit<RangeOptions, 'signal'> = {}): Promise<Bytes> {
    return (await this.readRange(path, 0, undefined, options)).data
  }

  async write (path: string, data: Uint8Array, options: WriteOptions = {}): Promise<FileInfo> {
    const writer = await this.openWriter(path, options)
    try {
      await writer.write(data)
      return await writer.commit()
    } catch (error) {
      await writer.abort(error)
      throw error
    }
  }

  openWriter (path: string, { flag, ifMatch }: WriteOptions = {}): Promise<LocalWriter> {
    return openLocalWriter(path, { flag, ifMatch, signal: this.signal })
  }

  async delete (paths: readonly string[]): Promise<void> {
    await eachBulk(paths, path => this.#try(path, () => unlink(path)), { concurrency: this.concurrency, signal: this.signal })
  }

  /** By the kernel (a reference to the same blocks where the file system has that), staged and renamed as every write. */
  async copy (source: string, target: string): Promise<void> {
    const { type } = await this.info(source)
    if (type === 'directory') throw new FsError('EISDIR', 'it is a directory', { path: source })
    if (type === 'other') throw new FsError('FORKFS_NOT_SUPPORTED', 'it is a pipe, a socket, a device or a broken link', { path: source })
    await this.#try(target, async () => {
      const { path } = await findTarget(target, {})
      const staged = localTemporaryPath(path)
      try {
        await copyFile(source, staged, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
        await sync(staged)
        this.signal.throwIfAborted()
        await rename(staged, path)
      } catch (error) {
        await unlink(staged).catch(() => {}) // not there if the copy did not begin; what went wrong is told already
        throw error
      }
    })
  }

  async rename (source: string, target: string): Promise<void> {
    await this.#try(source, () => rename(source, target))
  }

  async makeDirectories (path: string): Promise<void> {
    await this.#try(path, () => mkdir(path, { recursive: true }))
  }

  async removeDirectory (path: string): Promise<void> {
    await this.#try(path, () => rmdir(path))
  }

  async #try (path: string, work: () => Promise<unknown>): Promise<void> {
    this.signal.throwIfAborted()
    try {
      await work()
    } catch (error) {
      throw fromNodeError(error, { path })
    }
  }
}

async function sync (path: string): Promise<void> {
  const handle = await open(path, 'r') // its mode, copied from the source, may forbid writing
  try {
    await handle.sync()
  } catch (error) {
    if (!isNodeError(error) || error.code !== 'EPERM') throw error // Windows flushes only what is open for writing
  } finally {
    await handle.close()
  }
}
