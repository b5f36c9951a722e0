import assert from 'node:assert/strict'
import type { Worker } from 'node:worker_threads'
import { Crew } from '../../../lib/loader/crew.js'
import type { Item } from '../../../lib/loader/crew.js'
import type { Job } from '../../../lib/loader/run.js'
import type { WorkerKind } from '../../../lib/workers/index.js'
import { putTars, startStore } from './support.js'
import type { Store } from './support.js'

/** A crew whose consumer asks slowly: only when nothing has arrived for a while. */
class SlowConsumer {
  readonly crew: Crew
  news = 0

  constructor (kind: WorkerKind, ordered: boolean, prefetchBytes: number, { fs }: Store, paths: readonly string[]) {
    this.crew = new Crew({
      workers: 2, kind, workerUrl: undefined, ordered, reader: { name: 'tar' }, filesystems: [fs], progress: undefined, onNews: () => { this.news++ },
      setup: { onError: 'raise', epoch: 0, seed: undefined, rank: 0, worldSize: 1, prefetchBytes }
    })
    this.crew.add(paths.map((path, index): Job => ({ ordinal: index, index, shard: path, fs, path, start: { skip: 0, anchor: undefined } })))
    this.crew.referenced = true
  }

  /** Until nothing has arrived for so long. */
  async quiet (ms: number): Promise<void> {
    for (let last = -1; last !== this.news;) {
      last = this.news
      await new Promise(resolve => { setTimeout(resolve, ms) })
    }
  }

  async next (): Promise<Item> {
    await this.quiet(2)
    for (;;) {
      const item = this.crew.poll()
      if (item !== undefined) return item
      await new Promise(resolve => { setImmediate(resolve) })
    }
  }
}

describe('Crew', function () {
  this.timeout(60_000)
  let store: Store
  before(async () => { store = await startStore() })
  after(async () => {
    await store.fs.close()
    await store.server.close()
  })

  for (const kind of ['thread', 'process', 'in-process'] as const) {
    for (const ordered of [true, false]) {
      it(`parks at most prefetchBytes for each ${kind} worker, however many and large the shards, ${ordered ? 'in order' : 'as they come'}`, async () => {
        const sizes = [2, 20, 1, 1, 30, 3, 0, 1, 1, 10]
        const small = await putTars(store.server, 'bounds', sizes, at => 9000 + 10 * at)
        const large = await putTars(store.server, 'lent', sizes, at => 150_000 + 10 * at)
        for (const [prefetchBytes, { paths, keys }] of [[150_000, small], [4000, small], [1024 * 1024, large]] as const) { // the last lends its buffers
          const consumer = new SlowConsumer(kind, ordered, prefetchBytes, store, paths)
          let samples = 0
          for (let item = await consumer.next(); item.kind !== 'idle'; item = await consumer.next()) {
            assert.notEqual(item.kind, 'failed')
            if (item.kind === 'sample') samples++
          }
          await consumer.crew.close()
          assert.equal(samples, keys.length)
          const most = Math.max(prefetchBytes, 4096 + 64) // one block, where that is more
          assert.ok(consumer.crew.peakOwed <= most, `${consumer.crew.peakOwed} of ${most}`)
          assert.ok(consumer.crew.peakOwed > most / 3, `${consumer.crew.peakOwed} is used`)
        }
      })
    }
  }

  it('counts what a dead worker left parked against the one that takes its place', async () => {
    const threads = new Set<Worker>()
    const onWorker = (worker: Worker): void => { threads.add(worker) }
    process.on('worker', onWorker)
    const { paths, keys } = await putTars(store.server, 'heirs', [40, 10, 10, 10, 10], () => 9000)
    const prefetchBytes = 250_000
    const consumer = new SlowConsumer('thread', true, prefetchBytes, store, paths)
    let samples = 0
    for (let item = await consumer.next(); item.kind !== 'idle'; item = await consumer.next()) {
      assert.notEqual(item.kind, 'failed')
      if (item.kind === 'sample' && [2, 15].includes(++samples)) {
        // until both have parked what they may, one of them whole shards for later
        while (consumer.crew.owed.some(bytes => bytes < prefetchBytes * 0.7)) await consumer.quiet(10)
        await Promise.all([...threads].map(thread => thread.terminate()))
        threads.clear()
      }
    }
    process.off('worker', onWorker)
    await consumer.crew.close()
    assert.equal(samples, keys.length)
    assert.ok(consumer.crew.restarts >= 2)
    assert.ok(consumer.crew.peakOwed <= prefetchBytes, `${consumer.crew.peakOwed}`)
  })
})
