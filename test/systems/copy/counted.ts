/** A filesystem whose files are made while they are read and forgotten when they are written, and which counts the bytes that somebody holds in between. */
import { FileSystem } from '../../../lib/index.js'
import type { Capabilities, FileInfo, RangeOptions, RangeRead, StagedWriter } from '../../../lib/index.js'

export const counts = { read: 0, written: 0, most: 0 }

/** Paths end in their size in MiB. */
const sizeOf = (path: string): number => Number(/\d+$/.exec(path)![0]) * 1024 * 1024

const writable: Capabilities = { read: true, write: true, append: false, exclusiveCreate: false, rename: false, emptyDirectories: false, sign: false, ranges: true }

export class SourceFileSystem extends FileSystem {
  static override readonly protocols: readonly string[] = ['counted-source']
  get capabilities (): Capabilities { return { ...writable, write: false } }

  protected override async _info (path: string): Promise<FileInfo> { return Promise.resolve({ name: path, size: sizeOf(path), type: 'file', etag: '1' }) }
  protected override async *_list (): AsyncGenerator<readonly FileInfo[], void, undefined> { yield await Promise.resolve([]) }

  protected override async _readRange (path: string, start: number, end: number | undefined, { into }: RangeOptions): Promise<RangeRead> {
    const length = (end ?? sizeOf(path)) - start
    counts.read += length
    counts.most = Math.max(counts.most, counts.read - counts.written)
    await new Promise(resolve => { setImmediate(resolve) })
    return { data: (into?.subarray(0, length) ?? new Uint8Array(length)) as RangeRead['data'], etag: '1', size: sizeOf(path) }
  }
}

export class SinkFileSystem extends FileSystem {
  static override readonly protocols: readonly string[] = ['counted-sink']
  get capabilities (): Capabilities { return writable }

  protected override async _info (path: string): Promise<FileInfo> { return Promise.resolve({ name: path, size: undefined, type: 'directory' }) }
  protected override async *_list (): AsyncGenerator<readonly FileInfo[], void, undefined> { yield await Promise.resolve([]) }
  protected override async _readRange (): Promise<RangeRead> { return Promise.reject(new Error('it is never read')) }

  protected override async _openWriter (path: string): Promise<StagedWriter> {
    let size = 0
    return Promise.resolve({
      write: async (chunk: Uint8Array) => {
        for (let turn = 0; turn < 5; turn++) await new Promise(resolve => { setImmediate(resolve) }) // slower than the source
        size += chunk.length
        counts.written += chunk.length
      },
      commit: async () => Promise.resolve<FileInfo>({ name: path, size, type: 'file' }),
      abort: async () => Promise.resolve()
    })
  }
}
