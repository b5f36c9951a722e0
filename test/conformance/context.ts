import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isFsError } from '../../lib/index.js'
import type { CommonOptions, FileSystem } from '../../lib/index.js'
import { bytesOf, textOf } from './bytes.js'
import type { ConformanceOptions, Context, Space, Spelling } from './types.js'

/** A name as paths spell it. */
export function spelt (name: string, { urls }: Spelling): string {
  return urls === true ? name.split('/').map(encodeURIComponent).join('/') : name
}

/** A name that paths spell so. */
export function readBack (name: string, { urls }: Spelling): string {
  return urls === true ? decodeURIComponent(name) : name
}

function pathBelow (root: string, name: string): string { return name === '' ? root : `${root}/${name}` }

/** The place of one case and everything that goes when it is over. Cases take its functions apart, so they are bound. */
export class CaseContext implements Context {
  readonly fs: FileSystem
  readonly root: string
  readonly options: ConformanceOptions
  readonly #space: Space
  readonly #ends: Array<() => Promise<void>> = []

  constructor (space: Space, options: ConformanceOptions, fs: FileSystem, root: string) {
    this.#space = space
    this.options = options
    this.fs = fs
    this.root = root
  }

  readonly at = (name: string): string => pathBelow(this.root, spelt(name, this.options))

  readonly patternAt = (name: string): string => pathBelow(this.root, name.replace(/[^*?[\]!-]+/g, run => spelt(run, this.options)))

  readonly under = (path: string): string => {
    const base = this.fs.normalize(this.root)
    if (path === base) return ''
    if (!path.startsWith(`${base}/`)) throw new Error(`'${path}' is not below '${base}'`)
    return readBack(path.slice(base.length + 1), this.options)
  }

  readonly seed = async (files: Readonly<Record<string, string | Uint8Array>>): Promise<void> => {
    const entries = new Map(Object.entries(files).map(([name, data]) => [this.at(name), typeof data === 'string' ? bytesOf(data) : data]))
    if (this.options.populate !== undefined) { await this.options.populate(this.#space, entries); return }
    if (this.fs.capabilities.emptyDirectories) {
      const directories = new Set([...entries.keys()].map(path => path.slice(0, path.lastIndexOf('/'))))
      for (const directory of directories) await this.fs.makedirs(directory, { existOk: true })
    }
    await this.fs.pipe(entries)
  }

  readonly text = async (name: string): Promise<string | undefined> => {
    try {
      return textOf(await this.fs.catFile(this.at(name)))
    } catch (error) {
      if (isFsError(error, 'ENOENT', 'ENOTDIR')) return undefined
      throw error
    }
  }

  readonly files = async (directory = ''): Promise<string[]> => {
    const skip = directory === '' ? 0 : directory.length + 1
    return (await this.fs.find(this.at(directory))).map(path => this.under(path).slice(skip)).sort()
  }

  readonly another = async (options: CommonOptions): Promise<{ readonly fs: FileSystem, at (name: string): string }> => {
    const space = await this.options.create(options)
    this.#ends.push(async () => {
      await space.cleanup?.()
      await space.fs.close()
    })
    return { fs: space.fs, at: name => pathBelow(space.root, spelt(name, this.options)) }
  }

  readonly folder = async (): Promise<string> => {
    const folder = await mkdtemp(join(this.options.scratch ?? tmpdir(), 'forkfs-conformance-'))
    this.#ends.push(() => rm(folder, { recursive: true, force: true }))
    return folder
  }

  /** Everything goes, also after something that would not: the first failure is told. */
  async end (): Promise<void> {
    const ends = [...this.#ends.splice(0), async () => this.#space.cleanup?.(), () => this.fs.close(), () => this.#space.fs.close()]
    const failures: unknown[] = []
    for (const end of ends) await end().catch((error: unknown) => { failures.push(error) })
    if (failures.length > 0) throw failures[0]
  }
}
