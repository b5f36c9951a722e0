import assert from 'node:assert/strict'
import { FileSystem, resetForFork } from '../../../lib/index.js'
import type { Capabilities, FileInfo, RangeRead, Verb, WriteOptions } from '../../../lib/index.js'
import { Verbs } from '../../../lib/filesystem/verbs.js'

/** Counts what reaches its hooks. */
class Counted extends FileSystem {
  static override readonly protocols: readonly string[] = ['counted']
  hooks = 0
  written: object | undefined
  get capabilities (): Capabilities {
    return { read: true, write: true, append: false, exclusiveCreate: true, rename: false, emptyDirectories: false, sign: true, ranges: true }
  }

  #file (name: string): FileInfo {
    this.hooks++
    return { name, size: 4, type: 'file' }
  }

  protected override async _info (name: string): Promise<FileInfo> { return Promise.resolve(this.#file(name)) }
  protected override async *_list (path: string): AsyncGenerator<FileInfo[]> { yield await Promise.resolve([this.#file(`${path}/a`)]) }
  protected override async _readRange (): Promise<RangeRead> { return Promise.resolve({ data: new Uint8Array(this.#file('').size!), size: 4 }) }
  protected override async _delete (): Promise<void> { return Promise.resolve(void this.#file('')) }
  protected override async _copy (): Promise<void> { return Promise.resolve(void this.#file('')) }
  protected override async _sign (): Promise<string> { return Promise.resolve(this.#file('').name) }
  protected override async _mkdir (): Promise<void> { return Promise.resolve(void this.#file('')) }
  protected override async _write (path: string, _data: Uint8Array, options: Verb & WriteOptions): Promise<FileInfo> {
    this.written = options
    return Promise.resolve(this.#file(path))
  }
}

class Roomy extends Counted {
  static override readonly protocols: readonly string[] = ['roomy']
  static override readonly verbOptions: readonly string[] = ['storageClass']
}

type Call = (fs: Counted, options: never) => unknown

const calls: Readonly<Record<string, Call>> = {
  ls: (fs, options) => fs.ls('d', options),
  list: (fs, options) => fs.list('d', options).next(),
  info: (fs, options) => fs.info('d', options),
  exists: (fs, options) => fs.exists('d', options),
  isFile: (fs, options) => fs.isFile('d', options),
  isDirectory: (fs, options) => fs.isDirectory('d', options),
  size: (fs, options) => fs.size('d', options),
  walk: (fs, options) => fs.walk('d', options).next(),
  find: (fs, options) => fs.find('d', options),
  glob: (fs, options) => fs.glob('d/*', options),
  du: (fs, options) => fs.du('d', options),
  expandPath: (fs, options) => fs.expandPath('d', options),
  catFile: (fs, options) => fs.catFile('d', options),
  cat: (fs, options) => fs.cat('d', options),
  catRanges: (fs, options) => fs.catRanges([{ path: 'd', start: 0, end: 1 }], options),
  readText: (fs, options) => fs.readText('d', options),
  head: (fs, options) => fs.head('d', 1, options),
  tail: (fs, options) => fs.tail('d', 1, options),
  readBlock: (fs, options) => fs.readBlock('d', 0, 1, options),
  pipeFile: (fs, options) => fs.pipeFile('d', 'x', options),
  pipe: (fs, options) => fs.pipe({ d: 'x' }, options),
  writeText: (fs, options) => fs.writeText('d', 'x', options),
  touch: (fs, options) => fs.touch('d', options),
  get: (fs, options) => fs.get('d', '/nowhere/d', options),
  put: (fs, options) => fs.put('/nowhere/d', 'd', options),
  cp: (fs, options) => fs.cp('d', 'e', options),
  mv: (fs, options) => fs.mv('d', 'e', options),
  rm: (fs, options) => fs.rm('d', options),
  mkdir: (fs, options) => fs.mkdir('d', options),
  makedirs: (fs, options) => fs.makedirs('d', options),
  rmdir: (fs, options) => fs.rmdir('d', options),
  checksum: (fs, options) => fs.checksum('d', options),
  sign: (fs, options) => fs.sign('d', options),
  open: (fs, options) => fs.open('d', 'r', options),
  withFile: (fs, options) => fs.withFile('d', 'w', async () => Promise.resolve(), options),
  createReadStream: (fs, options) => fs.createReadStream('d', options),
  createWriteStream: (fs, options) => fs.createWriteStream('d', options),
  readable: (fs, options) => fs.readable('d', options),
  writable: (fs, options) => fs.writable('d', options),
  uploads: (fs, options) => fs.uploads('d', options).next(),
  abortUpload: (fs, options) => fs.abortUpload('d', 'id', options)
}

async function made (call: Call, fs: Counted, options: unknown): Promise<unknown> { return call(fs, options as never) }

describe('options of verbs', () => {
  afterEach(() => { resetForFork() })

  it('are looked at by every public verb', () => {
    const verbs = Object.getOwnPropertyNames(Verbs.prototype).filter(name => name !== 'constructor' && !name.startsWith('_'))
    assert.deepEqual(verbs.filter(name => calls[name] === undefined), [])
  })

  for (const [verb, call] of Object.entries(calls)) {
    it(`of ${verb}() reject with a TypeError before any hook when a name is unknown, even with the value undefined`, async () => {
      const fs = new Counted()
      await assert.rejects(made(call, fs, { sginal: undefined }), TypeError)
      await assert.rejects(made(call, fs, { signal: undefined, nonsense: 5 }), TypeError)
      assert.equal(fs.hooks, 0)
    })

    it(`of ${verb}() reject with a TypeError before any hook when they are no object`, async () => {
      const fs = new Counted()
      for (const options of ['utf8', 5, null, () => {}]) await assert.rejects(made(call, fs, options), TypeError)
      assert.equal(fs.hooks, 0)
    })
  }

  it('take what an object inherits for what it is: no name of its own', async () => {
    const fs = new Counted()
    assert.equal((await fs.info('d', Object.create({ nonsense: 5 }) as Verb)).name, 'd')
  })

  it('that a class names besides reach its write hooks from every verb that writes, and other classes refuse them', async () => {
    const fs = new Roomy()
    const options = { storageClass: 'cold' } as WriteOptions
    for (const verb of ['pipeFile', 'writeText']) {
      fs.written = undefined
      await made(calls[verb]!, fs, options)
      assert.equal((fs.written as unknown as { storageClass: string }).storageClass, 'cold')
      await assert.rejects(made(calls[verb]!, new Counted(), options), TypeError)
    }
    await assert.rejects(fs.pipeFile('d', 'x', { storageClas: 'cold' } as WriteOptions), TypeError)
  })
})
