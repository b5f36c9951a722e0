import assert from 'node:assert/strict'
import { filesystem } from '../../../lib/index.js'
import { DataLoader } from '../../../lib/loader/index.js'
import type { LoaderOptions, TarSample } from '../../../lib/loader/index.js'
import { spawnS3Server } from '../../servers/index.js'
import { eventually } from '../../eventually.js'
import { keysOf, places, putTars } from './support.js'
import type { Store } from './support.js'

/** A store whose requests take their time. */
async function farStore (latencyMs: number): Promise<Store> {
  const server = await spawnS3Server({ buckets: ['data'], latencyMs })
  const { endpoint, region, accessKeyId, secretAccessKey } = server
  return { server, fs: filesystem('s3', { endpoint, region, credentials: { accessKeyId, secretAccessKey } }) }
}

describe('DataLoader that begins with the next shards', function () {
  this.timeout(30_000)
  let store: Store
  let paths: string[]
  let keys: string[]
  const options = (more: Partial<LoaderOptions> = {}): LoaderOptions => ({ shards: { fs: store.fs, paths }, reader: 'tar', ...more })

  beforeEach(async () => {
    store = await farStore(10)
    ;({ paths, keys } = await putTars(store.server, 'ahead', Array.from({ length: 12 }, () => 3)))
    await store.server.resetCounters()
  })
  afterEach(async () => {
    await store.fs.close()
    await store.server.close()
  })

  for (const { label, ...place } of places) {
    it(`asks for small shards while another one is read, each once and in order, with ${label}`, async () => {
      assert.deepEqual(await keysOf(options({ ...place, workers: Math.min(1, place.workers) })), keys)
      const { inFlight, operations } = await store.server.counters()
      assert.ok(inFlight.peak >= 3, `${inFlight.peak} requests at once`)
      assert.deepEqual(operations, { GetObject: paths.length })
    })
  }

  it('begins with no shard that would not fit in what it may hold', async () => {
    ;({ paths, keys } = await putTars(store.server, 'large', [2, 2, 2, 2], () => 30_000))
    await store.server.resetCounters()
    assert.deepEqual(await keysOf(options({ workers: 1, prefetchBytes: 64 * 1024 }), () => 30_000), keys)
    assert.ok((await store.server.counters()).inFlight.peak <= 3, 'reads of one shard at once')
  })

  it('gives the shards that a worker has begun with to another one when it does not come to them', async () => {
    await store.server.addFault({ match: { operation: 'GetObject', key: 'ahead/s000.tar' }, action: { type: 'stall', at: 'body', afterBytes: 100 } })
    const loader = new DataLoader<TarSample>(options({ workers: 2, ordered: false }))
    const iterator = loader[Symbol.asyncIterator]()
    const found: string[] = []
    while (found.length < keys.length - 3) found.push((await iterator.next()).value!.key)
    assert.deepEqual(found.sort(), keys.slice(3))
    await loader.close()
    assert.ok(await eventually(async () => (await store.server.counters()).inFlight.now === 0))
  })

  for (const { label, ...place } of places) {
    it(`leaves no request of a shard that it has only begun with, with ${label}`, async () => {
      await store.server.addFault({ match: { operation: 'GetObject', key: /s0(?!00)/ }, action: { type: 'stall', at: 'body', afterBytes: 100 }, times: Infinity })
      const loader = new DataLoader<TarSample>(options({ ...place, workers: Math.min(1, place.workers) }))
      assert.equal((await loader[Symbol.asyncIterator]().next()).value?.key, keys[0])
      await store.server.reached({ operations: { GetObject: 4 } })
      await loader.close()
      assert.ok(await eventually(async () => (await store.server.counters()).inFlight.now === 0))
    })
  }
})
