import { deepEqual, equal, rejects } from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { resetForFork } from '../../../lib/index.js'
import type { FileSystem } from '../../../lib/index.js'
import type { Kind } from './kind.js'
import type { FaultyStore } from './stores.js'

const names = async (fs: FileSystem, path: string): Promise<string[]> => (await fs.ls(path)).map(({ name }) => name)

/** The option `listings`: what is kept, what is asked anew, and that own writes are always seen. */
export function keptListingsSuite (kind: Kind): void {
  let store: FaultyStore
  let fs: FileSystem
  let others: FileSystem

  beforeEach(async () => {
    store = await kind.openFaulty({ buckets: ['bucket'] })
    others = store.fs
    fs = store.open({ listings: {} })
    await others.pipe({ 'bucket/d/a': 'a', 'bucket/d/b': 'bb', 'bucket/d/sub/c': 'c' })
    await store.server.resetCounters()
  })
  afterEach(async () => { await store.close() })

  const lists = async (): Promise<number> => (await store.server.counters()).operations[kind.operations.list] ?? 0
  const requests = async (): Promise<number> => (await store.server.counters()).requests

  it('is off by default: every question is asked', async () => {
    await others.ls('bucket/d')
    await others.ls('bucket/d')
    equal(await lists(), 2)
  })

  it('answers ls, list, walk, glob, info, exists and their kin from one listing', async () => {
    deepEqual(await names(fs, 'bucket/d'), ['bucket/d/a', 'bucket/d/b', 'bucket/d/sub'])
    equal(await requests(), 1)
    deepEqual(await names(fs, 'bucket/d'), ['bucket/d/a', 'bucket/d/b', 'bucket/d/sub'])
    const listed: string[] = []
    for await (const { name } of fs.list('bucket/d')) listed.push(name)
    equal(listed.length, 3)
    deepEqual(await fs.glob('bucket/d/a*'), ['bucket/d/a'])
    equal((await fs.info('bucket/d/b')).size, 2)
    equal(await fs.size('bucket/d/b'), 2)
    equal(await fs.exists('bucket/d/a'), true)
    equal(await fs.isDirectory('bucket/d/sub'), true)
    equal(await requests(), 1)
    for await (const [path] of fs.walk('bucket/d', { maxDepth: 1 })) equal(path, 'bucket/d')
    equal(await requests(), 1)
  })

  it('asks the store for what a kept listing does not name: it may be new', async () => {
    await fs.ls('bucket/d')
    await others.pipeFile('bucket/d/new', 'n')
    equal(await fs.exists('bucket/d/new'), true)
    equal((await fs.info('bucket/d/new')).size, 1)
    equal(await fs.exists('bucket/d/never'), false)
  })

  it('asks the store before reading, whatever a listing says', async () => {
    await fs.ls('bucket/d')
    await others.pipeFile('bucket/d/a', 'longer than before')
    equal(await fs.withFile('bucket/d/a', 'r', file => file.readFile('utf8')), 'longer than before')
    await others.rm('bucket/d/b')
    await rejects(fs.open('bucket/d/b'), { code: 'ENOENT' })
  })

  it('asks anew after refresh, after invalidateCache() and after the expiry', async () => {
    const brief = store.open({ listings: { expirySeconds: 0.001 } })
    await fs.ls('bucket/d')
    await brief.ls('bucket/d')
    await others.pipeFile('bucket/d/z', 'z')
    equal((await names(fs, 'bucket/d')).includes('bucket/d/z'), false)
    equal((await fs.ls('bucket/d', { refresh: true })).length, 4)
    equal((await brief.ls('bucket/d')).length, 4)
    await others.pipeFile('bucket/d/y', 'y')
    fs.invalidateCache('bucket/d')
    equal((await fs.ls('bucket/d')).length, 5)
    await others.pipeFile('bucket/d/x', 'x')
    fs.invalidateCache()
    equal((await fs.ls('bucket/d')).length, 6)
  })

  const writes: Readonly<Record<string, (fs: FileSystem) => Promise<unknown>>> = {
    pipeFile: fs => fs.pipeFile('bucket/d/w', 'w'),
    pipe: fs => fs.pipe({ 'bucket/d/w': 'w' }),
    writeText: fs => fs.writeText('bucket/d/w', 'w'),
    touch: fs => fs.touch('bucket/d/w'),
    put: fs => fs.put(fileURLToPath(import.meta.url), 'bucket/d/w'),
    cp: fs => fs.cp('bucket/d/a', 'bucket/d/w'),
    mv: fs => fs.mv('bucket/d/a', 'bucket/d/w'),
    withFile: fs => fs.withFile('bucket/d/w', 'w', file => file.write('w')),
    createWriteStream: fs => new Promise((resolve, reject) => fs.createWriteStream('bucket/d/w').on('finish', resolve).on('error', reject).end('w')),
    writable: async fs => { const writer = fs.writable('bucket/d/w').getWriter(); await writer.write(Buffer.from('w')); await writer.close() },
    transaction: fs => fs.transaction(() => fs.pipeFile('bucket/d/w', 'w')),
    'a write below a new directory': fs => fs.pipeFile('bucket/d/w/deep/er', 'w')
  }
  for (const [verb, write] of Object.entries(writes)) {
    it(`shows what ${verb} wrote in the next listing`, async () => {
      await fs.ls('bucket/d')
      await fs.ls('bucket')
      await write(fs)
      equal((await names(fs, 'bucket/d')).includes('bucket/d/w'), true)
    })
  }

  it('shows no more what rm, rm of a tree and mv took away', async () => {
    await fs.ls('bucket/d')
    await fs.rm('bucket/d/a')
    deepEqual(await names(fs, 'bucket/d'), ['bucket/d/b', 'bucket/d/sub'])
    equal(await fs.exists('bucket/d/a'), false)
    await fs.mv('bucket/d/b', 'bucket/e/b')
    deepEqual(await names(fs, 'bucket/d'), ['bucket/d/sub'])
    await fs.ls('bucket/d/sub')
    await fs.rm('bucket/d', { recursive: true })
    await rejects(fs.ls('bucket/d'), { code: 'ENOENT' })
    await rejects(fs.ls('bucket/d/sub'), { code: 'ENOENT' })
    deepEqual(await names(fs, 'bucket'), ['bucket/e'])
  })

  it('shows a new top directory in the listings above it, up to the buckets', async () => {
    const before = await names(fs, '')
    await fs.mkdir('another')
    deepEqual((await names(fs, '')).length, before.length + 1)
    await fs.ls('bucket')
    await fs.pipeFile('bucket/n/e/w', 'w')
    equal((await names(fs, 'bucket')).includes('bucket/n'), true)
  })

  it('never keeps a listing by prefix as the whole', async () => {
    deepEqual(await fs.glob('bucket/d/a*'), ['bucket/d/a'])
    equal((await fs.ls('bucket/d')).length, 3)
  })

  it('never keeps a listing that was left before its end, failed, or was aborted', async () => {
    await store.server.putMany('bucket', Array.from({ length: 1200 }, (_, index) => `many/${index}`), 'x')
    for await (const _ of fs.list('bucket/many')) break
    equal((await fs.ls('bucket/many')).length, 1200)
    fs.invalidateCache()
    await store.server.addFault({ match: { operation: kind.operations.list, nth: 2 }, action: { type: 'status', status: 403, code: kind.words.forbidden } })
    await rejects(fs.ls('bucket/many'), { code: 'EACCES' })
    equal((await fs.ls('bucket/many')).length, 1200)
  })

  it('never keeps a listing that an own write crossed', async () => {
    await store.server.putMany('bucket', Array.from({ length: 1200 }, (_, index) => `many/${index}`), 'x')
    const seen: string[] = []
    for await (const { name } of fs.list('bucket/many')) {
      if (seen.length === 0) await fs.pipeFile('bucket/many/0000-first', 'x')
      seen.push(name)
    }
    equal((await names(fs, 'bucket/many')).includes('bucket/many/0000-first'), true)
  })

  it('keeps as many directories as it may, the least recently used goes first', async () => {
    const small = store.open({ listings: { maxDirectories: 1 } })
    await small.ls('bucket/d')
    await small.ls('bucket/d/sub')
    await store.server.resetCounters()
    await small.ls('bucket/d/sub')
    equal(await lists(), 0)
    await small.ls('bucket/d')
    equal(await lists(), 1)
  })

  const ends: Readonly<Record<string, (fs: FileSystem) => Promise<void>>> = {
    'reset()': async fs => { fs.reset() },
    'resetForFork()': async () => { resetForFork() },
    'close()': fs => fs.close()
  }
  for (const [name, end] of Object.entries(ends)) {
    it(`starts empty after ${name}`, async () => {
      await fs.ls('bucket/d')
      await store.server.resetCounters()
      await end(fs)
      await fs.ls('bucket/d')
      equal(await lists(), 1)
    })
  }

  it('deletes what is there, not what a listing said', async () => {
    await fs.ls('bucket/d')
    await others.pipeFile('bucket/d/late', 'l')
    await fs.rm('bucket/d', { recursive: true, maxDepth: 1 })
    equal(await others.exists('bucket/d/late'), false)
  })
}
