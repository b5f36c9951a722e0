import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { mock } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { filesystem, Mapper, resetForFork } from '../../lib/index.js'
import type { FileSystem } from '../../lib/index.js'
import type { S3Server } from '../servers/index.js'
import { actorKinds, outcome, seen, Stage, until } from './support.js'

const listings = { expirySeconds: 60, maxDirectories: 100 }

describe('owners: listings that are kept', function () {
  this.timeout(30_000)
  const stage = new Stage()
  let server: S3Server
  let fs: FileSystem
  const names = async (path: string, of: FileSystem = fs): Promise<string[]> => (await of.ls(path)).map(({ name }) => name)
  const lists = (): Promise<number> => seen(server, 'ListObjectsV2')
  beforeEach(async () => {
    server = await stage.s3()
    for (const key of ['d/a', 'd/b', 'd/sub/c']) await server.put('test', key, 'old')
    fs = stage.fs(server, { listings, shareCredentials: true })
  })
  afterEach(() => stage.end())

  for (const kind of actorKinds) {
    it(`F10: what a ${kind} writes is there for info, exists, open and reads although the kept listing does not know it; ls sees it when told to look`, async () => {
      const actor = await stage.actor(kind)
      assert.deepEqual(await names('test/d'), ['test/d/a', 'test/d/b', 'test/d/sub'])
      await actor.do('writeText', fs, 'test/d/new', 'from afar')
      await actor.do('writeText', fs, 'test/d/a', 'longer than before')
      assert.equal(await lists(), 1)
      assert.deepEqual([await fs.exists('test/d/new'), (await fs.info('test/d/new')).size, await fs.readText('test/d/new')], [true, 9, 'from afar'])
      assert.equal(await fs.withFile('test/d/a', 'r', file => file.readFile('utf8')), 'longer than before')
      assert.deepEqual([await names('test/d'), await lists()], [['test/d/a', 'test/d/b', 'test/d/sub'], 1])
      assert.deepEqual((await fs.ls('test/d', { refresh: true })).map(({ name }) => name), ['test/d/a', 'test/d/b', 'test/d/new', 'test/d/sub'])
      await actor.do('writeText', fs, 'test/d/newer', 'x')
      fs.invalidateCache('test/d')
      assert.ok((await names('test/d')).includes('test/d/newer'))
    })

    it(`F11: a ${kind} begins with no listing of its parent's: it sees what came after that was made`, async () => {
      await names('test/d')
      await server.put('test', 'd/new', 'x')
      const actor = await stage.actor(kind)
      assert.deepEqual(await actor.do('names', fs, 'test/d'), ['test/d/a', 'test/d/b', 'test/d/new', 'test/d/sub'])
      assert.deepEqual(await names('test/d'), ['test/d/a', 'test/d/b', 'test/d/sub'])
    })
  }

  it('F10: a kept listing ends by itself, and by default none is kept', async () => {
    const brief = stage.fs(server, { listings: { expirySeconds: 0.3 } })
    const none = stage.fs(server)
    const [before] = await Promise.all([names('test/d', brief), names('test/d', none)])
    await server.put('test', 'd/new', 'x')
    assert.equal((await names('test/d', none)).length, 4)
    assert.deepEqual(await names('test/d', brief), before)
    await delay(350)
    assert.equal((await names('test/d', brief)).length, 4)
  })

  it('F10: a listing that is kept without a word about its end is kept for a minute', async () => {
    const [keeping, writing] = [filesystem('memory', { name: 'f10', listings: {}, fresh: true }), filesystem('memory', { name: 'f10', fresh: true })]
    const { listings: kept } = keeping.toJSON().$forkfs['options'] as { listings: { expirySeconds: number } }
    assert.equal(kept.expirySeconds, 60)
    await writing.writeText('d/a', 'x')
    const now = Date.now()
    mock.timers.enable({ apis: ['Date'], now })
    try {
      assert.deepEqual(await names('d', keeping), ['d/a'])
      await writing.writeText('d/b', 'x')
      mock.timers.setTime(now + 59_999)
      assert.deepEqual(await names('d', keeping), ['d/a'])
      mock.timers.setTime(now + 60_000)
      assert.deepEqual(await names('d', keeping), ['d/a', 'd/b'])
    } finally {
      mock.timers.reset()
    }
  })

  it('F11: a reset forgets all listings, of one instance or of all', async () => {
    for (const reset of [() => { fs.reset() }, () => { resetForFork() }]) {
      await names('test/d')
      const before = await lists()
      reset()
      await names('test/d')
      assert.equal(await lists(), before + 1)
    }
  })

  /** Each write of an instance, and what its listings have to show afterwards. */
  const writes: Readonly<Record<string, readonly [write: (fs: FileSystem, folder: string) => Promise<unknown>, expected: Readonly<Record<string, readonly string[]>>]>> = {
    pipeFile: [fs => fs.pipeFile('test/d/new', 'x'), { 'test/d': ['a', 'b', 'new', 'sub'] }],
    'pipeFile below new directories': [fs => fs.pipeFile('test/x/y/z', 'x'), { test: ['d', 'x'], 'test/x': ['y'], 'test/x/y': ['z'] }],
    pipe: [fs => fs.pipe({ 'test/d/1': 'x', 'test/e/2': 'y' }), { test: ['d', 'e'], 'test/d': ['1', 'a', 'b', 'sub'], 'test/e': ['2'] }],
    writeText: [fs => fs.writeText('test/d/sub/new', 'x'), { 'test/d/sub': ['c', 'new'] }],
    touch: [fs => fs.touch('test/d/new'), { 'test/d': ['a', 'b', 'new', 'sub'] }],
    'open and close': [fs => fs.withFile('test/d/new', 'w', async file => { await file.write('x') }), { 'test/d': ['a', 'b', 'new', 'sub'] }],
    createWriteStream: [fs => pipeline(Readable.from([Buffer.from('x')]), fs.createWriteStream('test/d/new')), { 'test/d': ['a', 'b', 'new', 'sub'] }],
    writable: [async fs => {
      const writer = fs.writable('test/d/new').getWriter()
      await writer.write(Buffer.from('x'))
      await writer.close()
    }, { 'test/d': ['a', 'b', 'new', 'sub'] }],
    put: [async (fs, folder) => {
      await writeFile(join(folder, 'new'), 'x')
      await fs.put(join(folder, 'new'), 'test/d/')
    }, { 'test/d': ['a', 'b', 'new', 'sub'] }],
    cp: [fs => fs.cp('test/d/a', 'test/e/new'), { test: ['d', 'e'], 'test/e': ['new'] }],
    'cp of a tree': [fs => fs.cp('test/d', 'test/e', { recursive: true }), { test: ['d', 'e'], 'test/e': ['a', 'b', 'sub'], 'test/e/sub': ['c'] }],
    mv: [fs => fs.mv('test/d/a', 'test/d/sub/a'), { 'test/d': ['b', 'sub'], 'test/d/sub': ['a', 'c'] }],
    'mv of a tree': [fs => fs.mv('test/d/sub', 'test/e', { recursive: true }), { test: ['d', 'e'], 'test/d': ['a', 'b'], 'test/e': ['c'] }],
    rm: [fs => fs.rm('test/d/a'), { 'test/d': ['b', 'sub'] }],
    'rm of the last one': [fs => fs.rm('test/d/sub/c'), { 'test/d': ['a', 'b'] }],
    'rm of a tree': [fs => fs.rm('test/d/sub', { recursive: true }), { 'test/d': ['a', 'b'] }],
    'mkdir of a bucket': [fs => fs.mkdir('fresh'), { '': ['fresh', 'test'] }],
    'makedirs of a bucket': [fs => fs.makedirs('fresh', { existOk: true }), { '': ['fresh', 'test'] }],
    'rmdir of a bucket': [async fs => {
      await fs.mkdir('fresh')
      assert.equal((await fs.ls('')).length, 2)
      await fs.rmdir('fresh')
    }, { '': ['test'] }],
    transaction: [fs => fs.transaction(async () => { await fs.writeText('test/d/new', 'x') }), { 'test/d': ['a', 'b', 'new', 'sub'] }],
    'a mapper': [fs => new Mapper(fs, 'test/d').set('new', Buffer.from('x')), { 'test/d': ['a', 'b', 'new', 'sub'] }]
  }
  for (const [what, [write, expected]] of Object.entries(writes)) {
    it(`F12: an own write by ${what} shows in the next listing, of its directory and of those above`, async () => {
      for (const directory of ['', 'test', 'test/d', 'test/d/sub']) await names(directory)
      await write(fs, await stage.folder())
      for (const [directory, found] of Object.entries(expected)) assert.deepEqual(await names(directory), found.map(name => directory === '' ? name : `${directory}/${name}`), directory)
      assert.deepEqual(await fs.find('test'), await stage.fs(server).find('test'))
    })
  }

  for (const protocol of ['file', 'memory'] as const) {
    it(`F12: directories that mkdir, makedirs and rmdir make and remove show in the next listing, and in those above (${protocol})`, async () => {
      const keeping = filesystem(protocol, { listings, fresh: true })
      const root = protocol === 'file' ? await stage.folder() : 'f12'
      const shown = async (directory: string): Promise<string[]> => (await names(`${root}${directory}`, keeping)).map(name => name.slice(root.length + 1)).sort()
      await keeping.makedirs(`${root}/d`, { existOk: true })
      await keeping.writeText(`${root}/d/a`, 'x')
      assert.deepEqual([await shown(''), await shown('/d')], [['d'], ['d/a']])
      await keeping.mkdir(`${root}/d/made`)
      assert.deepEqual(await shown('/d'), ['d/a', 'd/made'])
      await keeping.mkdir(`${root}/new/below`)
      assert.deepEqual([await shown(''), await shown('/new')], [['d', 'new'], ['new/below']])
      await keeping.makedirs(`${root}/d/made/deep/er`)
      assert.deepEqual([await shown('/d/made'), await shown('/d/made/deep')], [['d/made/deep'], ['d/made/deep/er']])
      await keeping.rmdir(`${root}/d/made/deep/er`)
      assert.deepEqual([await shown('/d/made/deep'), await shown('/d/made')], [[], ['d/made/deep']])
      await keeping.rmdir(`${root}/d/made/deep`)
      await keeping.rmdir(`${root}/d/made`)
      assert.deepEqual([await shown('/d'), await keeping.exists(`${root}/d/made`)], [['d/a'], false])
    })
  }

  it('F12: a write that fails, and one whose answer was lost, leave no listing that might be wrong', async () => {
    const patient = stage.fs(server, { listings, retry: { attempts: 1 } })
    await names('test/d', patient)
    await server.addFault({ action: { type: 'reset', of: 'reply' }, match: { operation: 'PutObject' } })
    assert.notEqual(await outcome(patient.pipeFile('test/d/lost', 'x')), 'fulfilled')
    assert.ok((await names('test/d', patient)).includes('test/d/lost'))
    await server.addFault({ action: { type: 'reset', of: 'reply' }, match: { operation: 'DeleteObject' } })
    await outcome(patient.rm('test/d/a'))
    assert.equal((await names('test/d', patient)).includes('test/d/a'), (await server.keys('test')).includes('d/a'))
  })

  it('F12: a listing that is on its way while an own write ends is not kept', async () => {
    await server.addFault({ action: { type: 'delay', ms: 150, applied: true }, match: { operation: 'ListObjectsV2' }, times: 1 })
    const listing = names('test/d')
    await until(async () => await lists() === 1)
    await fs.writeText('test/d/new', 'x')
    await listing
    assert.deepEqual(await names('test/d'), ['test/d/a', 'test/d/b', 'test/d/new', 'test/d/sub'])
  })

  it('F13: a listing that is filtered, left early, broken off or aborted is not taken for the whole', async () => {
    const many = Array.from({ length: 2500 }, (_, at) => `m/${at < 10 ? 'first' : 'k'}-${String(at).padStart(4, '0')}`)
    await server.putMany('test', many, '')
    const whole = async (): Promise<void> => { assert.equal((await names('test/m')).length, 2500) }
    assert.equal((await fs.glob('test/m/first-*')).length, 10)
    await whole()
    fs.invalidateCache()
    for await (const _ of fs.list('test/m')) break
    await whole()
    fs.invalidateCache()
    const walk = fs.walk('test/m')[Symbol.asyncIterator]()
    await walk.next()
    await walk.return?.()
    await whole()
    fs.invalidateCache()
    await server.addFault({ action: { type: 'status', status: 403, code: 'AccessDenied' }, match: { operation: 'ListObjectsV2', nth: 2 } })
    assert.equal(await outcome(fs.ls('test/m')), 'EACCES')
    await whole()
    fs.invalidateCache()
    await server.addFault({ action: { type: 'stall', at: 'headers' }, match: { operation: 'ListObjectsV2', nth: 2 } })
    const controller = new AbortController()
    const aborted = outcome(fs.ls('test/m', { signal: controller.signal }))
    await until(async () => (await server.counters()).faults === 2)
    controller.abort('enough')
    assert.equal(await aborted, 'enough')
    await whole()
    assert.equal((await fs.glob('test/m/first-*')).length, 10)
  })

  it('F13: entries that were handed out can be changed by their receivers without a change for others', async () => {
    const memory = filesystem('memory', { name: 'f13', listings, fresh: true })
    await memory.pipe({ 'd/a': 'x', 'd/b': 'y' })
    const first = await memory.ls('d')
    first.pop()
    try { Object.assign(first[0]!, { size: 99, extra: true }) } catch { /* frozen is as good */ }
    assert.deepEqual((await memory.ls('d')).map(({ name, size }) => [name, size]), [['d/a', 1], ['d/b', 1]])
  })
})
