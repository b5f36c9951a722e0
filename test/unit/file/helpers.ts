import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { localInfo, readLocalRange } from '../../../lib/file/local.js'
import type { RangeSource } from '../../../lib/file/source.js'
import type { Bytes, StagedWriter } from '../../../lib/filesystem/types.js'

export { pattern } from '../../conformance/bytes.js'
export { gate } from '../../conformance/gate.js'

/** A folder of the test's own; `await using` removes it. */
export class Folder {
  readonly path: string

  constructor (path: string) { this.path = path }

  static async make (): Promise<Folder> {
    return new Folder(await mkdtemp(join(tmpdir(), 'forkfs-file-')))
  }

  file (name: string): string { return join(this.path, name) }

  /** Names in it, hidden ones too. */
  async names (): Promise<string[]> { return (await readdir(this.path)).sort() }

  async [Symbol.asyncDispose] (): Promise<void> { await rm(this.path, { recursive: true, force: true }) }
}

/** A source over a real file that counts, and can be held, broken or reset. */
export class CountingSource implements RangeSource {
  readonly path: string
  readonly info: RangeSource['info']
  readonly reads: Array<readonly [start: number, end: number]> = []
  released = 0
  active = 0
  maxActive = 0
  aborted = 0
  /** What check() throws. */
  reset: Error | undefined
  /** Called before each read with its number; may wait or throw. */
  before: (read: number, start: number) => void | Promise<void> = () => {}

  constructor (info: RangeSource['info']) {
    this.path = info.name
    this.info = info
  }

  static async of (path: string): Promise<CountingSource> { return new CountingSource(await localInfo(path) as RangeSource['info']) }

  get bytes (): number { return this.reads.reduce((sum, [start, end]) => sum + end - start, 0) }

  async read (start: number, end: number, options: { readonly signal?: AbortSignal | undefined, readonly into?: Uint8Array | undefined }): Promise<Bytes> {
    this.reads.push([start, end])
    this.maxActive = Math.max(this.maxActive, ++this.active)
    try {
      await this.before(this.reads.length, start)
      return (await readLocalRange(this.path, start, end, { ...options, ifMatch: this.info.etag })).data
    } catch (error) {
      if (options.signal?.aborted === true) this.aborted++
      throw error
    } finally {
      this.active--
    }
  }

  check (): void { if (this.reset !== undefined) throw this.reset }
  release (): void { this.released++ }
}

/** The verbs of a staged write as plain properties: to put other ones in their place. */
export function delegated (staged: StagedWriter): StagedWriter {
  return { write: chunk => staged.write(chunk), commit: () => staged.commit(), abort: reason => staged.abort(reason) }
}

/** Waits until `condition` holds; the test's timeout is its limit. */
export async function until (condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => { setImmediate(resolve) })
}
