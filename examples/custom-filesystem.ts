// A filesystem of your own, and it travels to a worker like any other: node dist/examples/custom-filesystem.js
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { FileSystem, filesystem, FsError, registerImplementation, revive } from 'forkfs'
import type { Capabilities, FileInfo, ListOptions, OptionTable, RangeOptions, RangeRead, Verb } from 'forkfs'

/** A JSON document as a read-only tree: objects are directories, everything else is a file with its text. */
class JsonFileSystem extends FileSystem {
  static override readonly protocols: readonly string[] = ['json']
  static override readonly options: OptionTable = { file: { expected: 'a path', check: value => typeof value === 'string' } }

  get capabilities (): Capabilities {
    return { read: true, write: false, append: false, exclusiveCreate: false, rename: false, emptyDirectories: true, sign: false, ranges: true }
  }

  async #at (path: string): Promise<unknown> {
    let value: unknown = JSON.parse(await readFile(this._options['file'] as string, 'utf8'))
    for (const name of path === '' ? [] : path.split('/')) value = isTree(value) && Object.hasOwn(value, name) ? value[name] : undefined
    if (value === undefined) throw new FsError('ENOENT', 'no such file or directory', { path })
    return value
  }

  protected override async _info (path: string): Promise<FileInfo> { return infoOf(path, await this.#at(path)) }

  protected override async *_list (path: string, { recursive }: Verb & ListOptions): AsyncGenerator<FileInfo[], void, undefined> {
    const tree = await this.#at(path)
    for (const [name, value] of Object.entries(isTree(tree) ? tree : {})) {
      const child = path === '' ? name : `${path}/${name}`
      yield [infoOf(child, value)]
      if (recursive && isTree(value)) yield* this._list(child, { recursive })
    }
  }

  protected override async _readRange (path: string, start: number, end: number | undefined, _options: RangeOptions): Promise<RangeRead> {
    const bytes = bytesOf(await this.#at(path))
    return { data: Uint8Array.from(bytes.subarray(start, end)), size: bytes.length }
  }
}

const isTree = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
const bytesOf = (value: unknown): Buffer => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
const infoOf = (name: string, value: unknown): FileInfo => isTree(value) ? { name, type: 'directory', size: 0 } : { name, type: 'file', size: bytesOf(value).length }

registerImplementation('json', JsonFileSystem) // here, and so in every thread that imports this module

if (isMainThread) {
  const file = join(await mkdtemp(join(tmpdir(), 'forkfs-example-')), 'config.json')
  await writeFile(file, JSON.stringify({ service: { name: 'shop', port: 8080 }, debug: false }))
  const fs = filesystem('json', { file })
  console.log('files', (await fs.find('')).join(' '))
  await once(new Worker(new URL(import.meta.url), { workerData: { fs } }), 'exit')
  await rm(dirname(file), { recursive: true })
} else {
  const { fs } = revive(workerData) as { fs: FileSystem }
  console.log('in the worker', await fs.readText('service/name'), await fs.glob('**/p*'))
}
