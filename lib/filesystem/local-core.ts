import { mkdir, rename, rmdir, unlink } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fromNodeError } from '../errors/index.js'
import { copyLocalFile, localInfo, localList, openLocalWriter, readLocalRange } from '../file/local.js'
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

  copy (source: string, target: string): Promise<void> {
    return copyLocalFile(source, target, { signal: this.signal })
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
