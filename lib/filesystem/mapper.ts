import { isFsError } from '../errors/index.js'
import type { Descriptor, DescriptorBody } from './descriptor.js'
import { isFileSystem } from './filesystem.js'
import type { FileSystem } from './filesystem.js'
import type { BulkVerb, Bytes, Verb } from './types.js'

type Range = { readonly offset: number, readonly length: number } | { readonly suffixLength: number }

function isMissing (error: unknown): boolean { return isFsError(error, 'ENOENT', 'EISDIR', 'ENOTDIR') }

/**
 * A key -> bytes view of one directory; also a zarrita store (get, getRange, set). What is missing is undefined, every other
 * failure rejects. Travels like its filesystem: `$forkfs` is its only own enumerable property.
 */
export class Mapper {
  declare readonly $forkfs: DescriptorBody
  readonly #fs: FileSystem
  readonly #root: string

  constructor (fs: FileSystem, root: string) {
    if (!isFileSystem(fs)) throw new TypeError('Expected `fs` to be a FileSystem; what arrives from another thread or process is a descriptor: revive() it first')
    this.#fs = fs
    this.#root = fs.normalize(root)
    Object.defineProperty(this, '$forkfs', { enumerable: true, get: () => this.toJSON().$forkfs })
  }

  /** The filesystem it looks at. */
  get filesystem (): FileSystem { return this.#fs }
  /** Its directory there. */
  get root (): string { return this.#root }

  /** Keys are relative; a leading slash (zarr's way) is left out. A key never leaves the directory. */
  #path (key: string): string {
    if (typeof key !== 'string') throw new TypeError(`Expected a key to be a string, got (${typeof key})`)
    const name = key.replace(/^\/+/, '')
    if (name === '') throw new TypeError('Expected a key, got an empty string')
    if (this.#fs.protocol === 'file' && name.split('/').includes('..')) throw new TypeError(`Expected a key without '..', got \`${key}\``)
    return this.#root === '' ? name : this.#root.endsWith('/') ? this.#root + name : `${this.#root}/${name}`
  }

  /** The bytes of a key, or undefined. */
  async get (key: string, options?: Verb): Promise<Bytes | undefined> {
    try {
      return await this.#fs.catFile(this.#path(key), options)
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  /** A part of them, as zarrita asks for it, or undefined. */
  async getRange (key: string, range: Range, options?: Verb): Promise<Bytes | undefined> {
    const span = 'suffixLength' in range ? { start: -range.suffixLength } : { start: range.offset, end: range.offset + range.length }
    if ('suffixLength' in range && range.suffixLength === 0) return new Uint8Array(0)
    try {
      return await this.#fs.catFile(this.#path(key), { ...span, signal: options?.signal })
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  /** Those of the keys that are there. */
  async getMany (keys: readonly string[], options: BulkVerb = {}): Promise<Map<string, Bytes>> {
    const paths = new Map(keys.map(key => [this.#path(key), key]))
    const found = new Map<string, Bytes>()
    if (paths.size === 0) return found
    const read = await this.#fs.cat([...paths.keys()], { ...options, onError: 'return' }) as Map<string, Bytes | Error>
    for (const [path, data] of read) {
      if (data instanceof Uint8Array) found.set(paths.get(path)!, data)
      else if (!isMissing(data) && options.onError !== 'omit') throw data
    }
    return found
  }

  /** Written whole or not at all; folders are made where the store keeps them. */
  async set (key: string, value: Uint8Array, options?: Verb): Promise<void> {
    await this.#fs.pipeFile(await this.#withParent(this.#path(key), options), value, options)
  }

  /** set() for many at once. */
  async setMany (entries: ReadonlyMap<string, Uint8Array>, options?: BulkVerb): Promise<void> {
    const files = new Map<string, Uint8Array>()
    for (const [key, value] of entries) files.set(await this.#withParent(this.#path(key), options), value)
    await this.#fs.pipe(files, options)
  }

  async #withParent (path: string, options?: Verb): Promise<string> {
    if (this.#fs.capabilities.emptyDirectories) await this.#fs.makedirs(path.slice(0, path.lastIndexOf('/')), { existOk: true, signal: options?.signal })
    return path
  }

  /** @returns whether it was there */
  async delete (key: string, options?: Verb): Promise<boolean> {
    const path = this.#path(key)
    if (!await this.#fs.isFile(path, options)) return false
    await this.#fs.rm(path, options)
    return true
  }

  has (key: string, options?: Verb): Promise<boolean> { return this.#fs.isFile(this.#path(key), options) }

  /** Relative keys of all files below, in listing order. */
  async *keys (): AsyncGenerator<string, void, undefined> {
    const skip = this.#root === '' || this.#root.endsWith('/') ? this.#root.length : this.#root.length + 1
    try {
      for await (const { name, type } of this.#fs.list(this.#root, { recursive: true })) if (type === 'file') yield name.slice(skip)
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }

  toJSON (): Descriptor {
    return { $forkfs: { v: 1, type: 'mapper', fs: this.#fs.toJSON(), root: this.#root } }
  }
}
