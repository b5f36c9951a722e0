import assert from 'node:assert/strict'
import type { Worker } from 'node:worker_threads'
import { DataLoader } from '../../../lib/loader/index.js'
import type { LoaderOptions, TarSample } from '../../../lib/loader/index.js'
import { Random } from '../../../lib/loader/random.js'
import type { WorkerKind } from '../../../lib/workers/index.js'
import { all, checkedKey, putTars, startStore } from './support.js'
import type { Store } from './support.js'

const deadly = new URL('./fixtures/deadly.reader.js', import.meta.url)
/** In one reading: a third one without a sample in between would be the shard's fault. */
const mostKills = 2
const bytes = (at: number): number => 2000 + 3000 * (at % 7)

describe('DataLoader when workers die', function () {
  this.timeout(60_000)
  let store: Store
  let paths: string[]
  let keys: string[]
  const threads = new Set<Worker>()
  const onWorker = (worker: Worker): void => {
    threads.add(worker)
    worker.once('exit', () => { threads.delete(worker) })
  }

  before(async () => {
    process.on('worker', onWorker)
    store = await startStore()
    ;({ paths, keys } = await putTars(store.server, 'deaths', [60, 5, 120, 0, 30, 80], bytes))
  })
  after(async () => {
    process.off('worker', onWorker)
    await store.fs.close()
    await store.server.close()
  })

  /** One of the live workers; false where none is there at the moment. */
  function killOne (kind: WorkerKind, loader: DataLoader<TarSample>, random: Random): boolean {
    if (kind === 'thread') {
      const [...live] = threads
      if (live.length === 0) return false
      void live[random.below(live.length)]!.terminate()
      return true
    }
    const pids = loader.stats.perWorker.map(({ owner }) => owner.pid).filter(alive)
    if (pids.length === 0) return false
    process.kill(pids[random.below(pids.length)]!, 'SIGKILL')
    return true
  }

  function alive (pid: number): boolean {
    try { return process.kill(pid, 0) } catch { return false }
  }

  async function readWithKills (kind: WorkerKind, seed: number, options: Partial<LoaderOptions>): Promise<{ found: string[], loader: DataLoader<TarSample>, kills: number }> {
    const random = Random.from(seed, 0, 0)
    const loader = new DataLoader<TarSample>({ shards: { fs: store.fs, paths }, reader: 'tar', workers: 2, kind, prefetchBytes: 200_000, ...options })
    const found: string[] = []
    let kills = 0
    let next = random.below(40)
    for await (const sample of loader) {
      found.push(checkedKey(sample, bytes))
      if (found.length < next || kills === mostKills) continue
      next = found.length + 1 + random.below(60)
      for (let turns = random.below(30); turns > 0; turns--) await new Promise(resolve => { setImmediate(resolve) })
      if (killOne(kind, loader, random)) kills++
    }
    return { found, loader, kills }
  }

  for (const kind of ['thread', 'process'] as const) {
    for (const ordered of [true, false]) {
      const seed = (Date.now() + (ordered ? 0 : 7)) % 1_000_000
      it(`gives every sample once${ordered ? ', in order,' : ''} over kills of ${kind} workers at random moments (seed ${seed})`, async () => {
        let replaced = 0
        for (let round = 0; round < 3; round++) {
          const { found, loader, kills } = await readWithKills(kind, seed + round, { ordered })
          assert.deepEqual(ordered ? found : found.sort(), ordered ? keys : [...keys].sort())
          const { restarts, perWorker, samples } = loader.stats
          assert.equal(samples, keys.length)
          assert.equal(perWorker.reduce((sum, row) => sum + row.samples, 0), keys.length)
          assert.ok(restarts <= kills, `${kills} kills, ${restarts} restarts`)
          replaced += restarts
        }
        assert.ok(replaced > 0)
      })
    }

    it(`raises FORKFS_WORKER_DIED at its place for a shard that kills three ${kind} workers in a row`, async () => {
      const options: LoaderOptions = { shards: { fs: store.fs, paths: ['a', 'deadly', 'b'] }, reader: deadly, workers: 2, kind }
      const loader = new DataLoader<string>(options)
      const found: string[] = []
      await assert.rejects(async () => { for await (const sample of loader) found.push(sample) }, { code: 'FORKFS_WORKER_DIED', path: 'deadly', shard: 'deadly' })
      assert.deepEqual(found, [...Array.from({ length: 10 }, (_, at) => `a ${at}`), 'deadly 0', 'deadly 1', 'deadly 2'])
    })

    it(`leaves such a shard out with onError 'skip', and counts it`, async () => {
      const loader = new DataLoader<string>({ shards: { fs: store.fs, paths: ['a', 'deadly', 'b'] }, reader: deadly, workers: 2, kind, onError: 'skip' })
      assert.equal((await all(loader)).length, 23)
      const { skipped, restarts, perWorker } = loader.stats
      assert.deepEqual([skipped, restarts >= 2, perWorker.length >= 3], [1, true, true])
    })
  }

  it('reads on from the last sample that had arrived, not from the beginning', async () => {
    await store.server.resetCounters()
    const loader = new DataLoader<TarSample>({ shards: { fs: store.fs, paths: [paths[2]!] }, reader: 'tar', workers: 1, prefetchBytes: 100_000 })
    const iterator = loader[Symbol.asyncIterator]()
    for (let at = 0; at < 60; at++) await iterator.next()
    const before = (await store.server.counters()).bytes.out
    await Promise.all([...threads].map(thread => thread.terminate()))
    let rest = 0
    while ((await iterator.next()).done !== true) rest++
    assert.equal(rest, 60)
    const size = (await store.fs.size(paths[2]!))!
    const again = (await store.server.counters()).bytes.out - before
    assert.ok(again < size * 0.75, `${again} of ${size} bytes`)
  })
})
