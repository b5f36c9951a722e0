import assert from 'node:assert/strict'
import { FileSystem, FsError } from '../../../lib/index.js'
import type { Capabilities, FileInfo, Verb } from '../../../lib/index.js'

/** Nothing can be written to it, and it keeps what it was asked with. */
class Full extends FileSystem {
  static override readonly protocols: readonly string[] = ['full']
  signal: AbortSignal | undefined
  get capabilities (): Capabilities {
    return { read: true, write: true, append: false, exclusiveCreate: false, rename: false, emptyDirectories: false, sign: false, ranges: false }
  }

  protected override async _info (path: string): Promise<FileInfo> { return Promise.reject(new FsError('ENOENT', 'nothing there', { path })) }
  protected override async *_list (): AsyncGenerator<FileInfo[]> { yield await Promise.resolve([]) }
  protected override async _readRange (path: string): Promise<never> { return Promise.reject(new FsError('ENOENT', 'nothing there', { path })) }
  protected override async _openWriter (path: string, { signal }: Verb): Promise<never> {
    this.signal = signal
    return Promise.reject(new FsError('ENOSPC', 'no room', { path }))
  }
}

describe('open()', () => {
  it('keeps nothing for a reset to end when the store refuses the write', async () => {
    const fs = new Full()
    await assert.rejects(fs.open('a', 'w'), { code: 'ENOSPC' })
    fs.reset()
    assert.equal(fs.signal?.aborted, false)
  })
})
