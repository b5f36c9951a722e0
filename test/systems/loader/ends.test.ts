import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { DataLoader } from '../../../lib/loader/index.js'
import type { LoaderOptions, TarSample } from '../../../lib/loader/index.js'
import { resetForFork } from '../../../lib/index.js'
import { processExists } from '../../process/support.js'
import { eventually } from '../../eventually.js'
import { all, places, putTars, startStore, tarShard } from './support.js'
import type { Store } from './support.js'

const custom = new URL('./fixtures/pairs.reader.js', import.meta.url)

describe('DataLoader that ends early', function () {
  this.timeout(30_000)
  let store: Store
  let paths: string[]
  let keys: string[]
  const options = (more: Partial<LoaderOptions> = {}): LoaderOptions => ({ shards: { fs: store.fs, paths }, reader: 'tar', workers: 2, ...more })
  const quiet = (): Promise<boolean> => eventually(async () => {
    const { inFlight, sockets } = await store.server.counters()
    return inFlight.now === 0 && sockets.open === store.fs.stats.sockets
  })

  beforeEach(async () => {
    store = await startStore()
    ;({ paths, keys } = await putTars(store.server, 'ends', [40, 40, 40], () => 20_000))
  })
  afterEach(async () => {
    await store.fs.close()
    await store.server.close()
  })

  for (const { label, ...place } of places) {
    it(`leaves neither worker nor request behind after a break, with ${label}`, async () => {
      const loader = new DataLoader<TarSample>(options({ ...place, prefetchBytes: 100_000 }))
      for await (const _ of loader) break
      assert.ok(await quiet())
      const pids = loader.stats.perWorker.map(({ owner }) => owner.pid).filter(pid => pid !== process.pid)
      assert.ok(pids.every(pid => !processExists(pid)))
      assert.equal(loader.stats.samples, 1)
    })

    it(`rejects with the reason of an abort, and nothing goes on, with ${label}`, async () => {
      await store.server.addFault({ match: { operation: 'GetObject' }, times: 100, action: { type: 'stall', at: 'body', afterBytes: 10_000 } })
      const controller = new AbortController()
      const reason = new Error('enough')
      const iterator = new DataLoader(options({ ...place, signal: controller.signal }))[Symbol.asyncIterator]()
      const waiting = [iterator.next(), iterator.next()]
      assert.ok(await eventually(async () => (await store.server.counters()).faults > 0))
      controller.abort(reason)
      for (const next of waiting) await assert.rejects(next, error => error === reason)
      await assert.rejects(iterator.next(), error => error === reason)
      assert.ok(await quiet())
    })

    it(`raises a missing shard at its place, with ${label}`, async () => {
      const broken = [paths[0]!, 'data/none.tar', paths[1]!]
      const loader = new DataLoader<TarSample>(options({ ...place, shards: { fs: store.fs, paths: broken } }))
      const found: string[] = []
      const read = async (): Promise<void> => { for await (const { key } of loader) found.push(key) }
      await assert.rejects(read(), { code: 'ENOENT', shard: 'data/none.tar' })
      assert.deepEqual(found, keys.slice(0, 40))
      assert.ok(await quiet())
    })

    it(`leaves broken samples and shards out with onError 'skip', with ${label}`, async () => {
      const { server, fs } = store
      await server.put('data', 'broken/cut.tar', (await tarShard('cut', 4)).slice(0, 4000))
      await server.put('data', 'broken/bad.jsonl', '{"a":1}\n{"a":\n{"a":3}')
      const loader = new DataLoader<TarSample>(options({ ...place, shards: { fs, paths: [paths[0]!, 'data/none.tar', 'data/broken/cut.tar', paths[1]!] }, onError: 'skip' }))
      const found = (await all(loader)).map(({ key }) => key)
      assert.deepEqual(found, [...keys.slice(0, 40), 'cut-0', ...keys.slice(40, 80)])
      assert.equal(loader.stats.skipped, 2)
      const jsonl = new DataLoader(options({ ...place, shards: { fs, paths: 'data/broken/bad.jsonl' }, reader: 'jsonl', onError: 'skip' }))
      assert.deepEqual(await all(jsonl), [{ a: 1 }, { a: 3 }])
      assert.equal(jsonl.stats.skipped, 1)
    })
  }

  it('raises a broken sample with shard and position, in batches after the ones before it', async () => {
    const { server, fs } = store
    await server.put('data', 'broken/bad.jsonl', '{"a":1}\n{"a":\n{"a":3}')
    const loader = new DataLoader({ shards: { fs, paths: 'data/broken/bad.jsonl' }, reader: 'jsonl', workers: 1 })
    const batches = loader.batches(5)
    assert.deepEqual((await batches.next()).value, [{ a: 1 }])
    const { state } = { state: loader.state() }
    await assert.rejects(batches.next(), { code: 'FORKFS_SAMPLE', path: 'data/broken/bad.jsonl', position: 8, line: 2 })
    assert.deepEqual(loader.state(), state)
    await assert.rejects(batches.next(), { code: 'FORKFS_SAMPLE' })
  })

  it('names shard and place where a custom reader throws or gives what can not travel', async () => {
    const { server, fs } = store
    for (const name of ['fail', 'odd']) await server.put('data', `pairs/${name}`, 'abcdefgh')
    const failing = new DataLoader({ shards: { fs, paths: ['data/pairs/fail'] }, reader: custom, workers: 1 })
    const found: unknown[] = []
    await assert.rejects(async () => { for await (const value of failing) found.push(value) }, { code: 'FORKFS_SAMPLE', path: 'data/pairs/fail', position: 3 })
    assert.equal(found.length, 3)
    await assert.rejects(all(new DataLoader({ shards: { fs, paths: ['data/pairs/odd'] }, reader: custom, workers: 1 })), { code: 'FORKFS_UNCLONEABLE' })
  })

  it('rejects with FORKFS_CHANGED for a shard that changes underneath, after what was read of it', async () => {
    await store.server.put('data', 'changing.txt', Array.from({ length: 100_000 }, (_, at) => `line ${at}`).join('\n'))
    const loader = new DataLoader<string>({ shards: { fs: store.fs, paths: ['data/changing.txt'] }, reader: 'lines', workers: 1, prefetchBytes: 4096 })
    const iterator = loader[Symbol.asyncIterator]()
    assert.equal((await iterator.next()).value, 'line 0')
    await store.server.put('data', 'changing.txt', 'x'.repeat(2_000_000))
    await assert.rejects(async () => { while ((await iterator.next()).done !== true); }, { code: 'FORKFS_CHANGED', shard: 'data/changing.txt' })
  })

  it('rejects with ENOENT for a glob without a match, and raises what would meet every shard also with onError \'skip\'', async () => {
    await assert.rejects(all(new DataLoader(options({ shards: { fs: store.fs, paths: 'data/none/*' } }))), { code: 'ENOENT' })
    await assert.rejects(all(new DataLoader(options({ shards: ['nope://a/b'], onError: 'skip' }))), { code: 'FORKFS_UNKNOWN_PROTOCOL' })
  })

  it('is read once: a second iterator and next() after close() reject with FORKFS_CLOSED, next() after return() is done', async () => {
    const loader = new DataLoader<TarSample>(options())
    const iterator = loader[Symbol.asyncIterator]()
    await iterator.next()
    await assert.rejects(loader[Symbol.asyncIterator]().next(), { code: 'FORKFS_CLOSED' })
    await assert.rejects(loader.batches(2).next(), { code: 'FORKFS_CLOSED' })
    const pending = Promise.all(Array.from({ length: 200 }, () => iterator.next()))
    const rejected = assert.rejects(pending, { code: 'FORKFS_CLOSED' })
    await loader.close()
    await rejected
    await assert.rejects(iterator.next(), { code: 'FORKFS_CLOSED' })
    assert.deepEqual(await iterator.return!(), { done: true, value: undefined })
    assert.deepEqual(await iterator.next(), { done: true, value: undefined })
  })

  it('does nothing before the first next(), and can be closed then', async () => {
    await store.server.resetCounters()
    const loader = new DataLoader(options())
    await loader.close()
    await assert.rejects(loader[Symbol.asyncIterator]().next(), { code: 'FORKFS_CLOSED' })
    assert.equal((await store.server.counters()).requests, 0)
  })

  it('can be closed while its workers start', async () => {
    const loader = new DataLoader(options())
    const rejected = assert.rejects(loader[Symbol.asyncIterator]().next(), { code: 'FORKFS_CLOSED' })
    await new Promise(resolve => { setImmediate(resolve) })
    await loader.close()
    await rejected
    assert.ok(await quiet())
  })

  it('rejects with FORKFS_RESET after resetForFork() in its own thread', async () => {
    for (const { label, ...place } of places) {
      const iterator = new DataLoader(options({ ...place, prefetchBytes: 50_000 }))[Symbol.asyncIterator]()
      await iterator.next()
      resetForFork()
      await assert.rejects(async () => { while ((await iterator.next()).done !== true); }, { code: 'FORKFS_RESET' }, label)
    }
  })

  for (const how of ['break', 'abandon', 'abort'] as const) {
    it(`lets the process end by itself after ${how === 'abandon' ? 'an iterator that nobody asks any more' : `a ${how}`}`, async () => {
      for (const kind of ['thread', 'process']) {
        const { endpoint, region, accessKeyId, secretAccessKey } = store.server
        const job = JSON.stringify({ how, kind, paths, options: { endpoint, region, credentials: { accessKeyId, secretAccessKey } } })
        const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(new URL('./fixtures/leave.child.js', import.meta.url)), job], { timeout: 15_000 })
        const [first, ...pids] = stdout.trim().split(' ')
        assert.equal(first, 's000-0')
        assert.ok(await eventually(async () => pids.every(pid => !processExists(Number(pid)))), 'no process is left')
        assert.ok(await eventually(async () => (await store.server.counters()).sockets.open === 0), 'no socket is left')
      }
    })
  }
})
