import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { DataLoader } from '../../../lib/loader/index.js'
import type { BytesSample, LoaderOptions, TarSample } from '../../../lib/loader/index.js'
import type { Progress } from '../../../lib/index.js'
import { eventually } from '../../eventually.js'
import { all, checkedKey, keysOf, places, putTars, startStore, tarShard, textOf } from './support.js'
import type { Store } from './support.js'

const lines = Array.from({ length: 3000 }, (_, at) => `line ${at}`)
const custom = new URL('./fixtures/pairs.reader.js', import.meta.url)

describe('DataLoader', function () {
  this.timeout(30_000)
  let store: Store
  const shardsOf = (paths: string | readonly string[]): LoaderOptions['shards'] => ({ fs: store.fs, paths })

  before(async () => {
    store = await startStore()
    const { server } = store
    for (const number of [0, 1, 2]) {
      await server.put('data', `text/${number}.txt`, lines.map(line => `${number} ${line}`).join('\n'))
      await server.put('data', `json/${number}.jsonl`, lines.map((_, at) => JSON.stringify({ number, at })).join('\n'))
    }
    await server.put('data', 'text/3.txt.gz', gzipSync(lines.map(line => `3 ${line}`).join('\n')))
    await server.put('data', 'zipped/a.tar.gz', gzipSync(await tarShard('a', 50)))
  })
  after(async () => {
    await store.fs.close()
    await store.server.close()
  })

  for (const kind of ['thread', 'process'] as const) {
    it(`starts a ${kind} with the entry file that workerUrl names`, async () => {
      const workerUrl = new URL('./fixtures/bundled.entry.js', import.meta.url)
      const loader = new DataLoader({ shards: shardsOf(['data/text/0.txt']), reader: workerUrl, workerUrl, workers: 1, kind })
      assert.deepEqual(await all(loader), ['bundled.entry.js'])
    })
  }

  for (const { label, ...place } of places) {
    describe(`with ${label}`, () => {
      it('gives tar samples in order, of shards of any size, none included', async () => {
        const { paths, keys } = await putTars(store.server, 'sizes', [3, 0, 400, 1, 30])
        assert.deepEqual(await keysOf({ shards: shardsOf(paths), reader: 'tar', ...place }), keys)
      })

      it('gives lines, also of a gzip shard, and a glob in sorted order', async () => {
        const options: LoaderOptions = { shards: shardsOf('data/text/*'), reader: 'lines', ...place }
        assert.deepEqual(await all(new DataLoader<string>(options)), [0, 1, 2, 3].flatMap(number => lines.map(line => `${number} ${line}`)))
      })

      it('gives parsed JSON', async () => {
        const options: LoaderOptions = { shards: shardsOf(['data/json/1.jsonl', 'data/json/0.jsonl']), reader: 'jsonl', ...place }
        assert.deepEqual(await all(new DataLoader(options)), [1, 0].flatMap(number => lines.map((_, at) => ({ number, at }))))
      })

      it('gives whole shards as they are stored', async () => {
        const samples = await all(new DataLoader<BytesSample>({ shards: shardsOf(['data/text/0.txt', 'data/json/2.jsonl']), reader: 'bytes', ...place }))
        assert.deepEqual(samples.map(sample => [sample.shard, textOf(sample).split('\n').length]), [['data/text/0.txt', 3000], ['data/json/2.jsonl', 3000]])
      })

      it('reads tar in gzip', async () => {
        assert.equal((await keysOf({ shards: shardsOf('data/zipped/a.tar.gz'), reader: 'tar', ...place })).length, 50)
      })

      it('runs a custom reader with its context and gives copies of its values', async () => {
        await store.server.put('data', 'pairs/x', 'abcdef')
        const loader = new DataLoader({ shards: shardsOf(['data/pairs/x', 'data/pairs/x']), reader: custom, epoch: 2, shuffle: { seed: 9 }, ...place })
        const samples = await all(loader)
        const context = { shard: 'data/pairs/x', epoch: 2, seed: 9, rank: 0, worldSize: 1 }
        const [first] = samples as Array<{ readonly context: { readonly index: number } }>
        assert.deepEqual(samples[0], { context: { ...context, index: first!.context.index }, made: new Date(0), map: new Map([[1, new Set(['a'])]]) })
        assert.deepEqual(samples.slice(1, 4).map(pair => Buffer.from(pair as Uint8Array).toString()), ['ab', 'cd', 'ef'])
        assert.equal(samples.length, 8)
      })

      it('gives each sample once in any order with ordered false', async () => {
        const { paths, keys } = await putTars(store.server, 'any', [40, 3, 90, 20])
        assert.deepEqual((await keysOf({ shards: shardsOf(paths), reader: 'tar', ordered: false, ...place })).sort(), [...keys].sort())
      })

      it('goes on with a prefetch far smaller than shards and samples, and keeps to it', async () => {
        const bytes = (at: number): number => 5000 + 700 * at
        const { paths, keys } = await putTars(store.server, 'narrow', [1, 30, 2, 2, 2, 2, 20, 0, 3], bytes)
        for (const [prefetchBytes, ordered] of [[1, true], [60_000, true], [1, false]] as const) {
          const found = await keysOf({ shards: shardsOf(paths), reader: 'tar', prefetchBytes, ordered, ...place }, bytes)
          assert.deepEqual(ordered ? found : found.sort(), ordered ? keys : [...keys].sort(), `${prefetchBytes}`)
        }
      })

      it('leaves kept samples as they were while memory is used again for others', async () => {
        const bytes = (at: number): number => at % 3 === 0 ? 90_000 + at : 500 * at
        const { paths, keys } = await putTars(store.server, 'kept', [40, 40, 40], bytes)
        const kept = await all(new DataLoader<TarSample>({ shards: shardsOf(paths), reader: 'tar', prefetchBytes: 1024 * 1024, ...place }))
        assert.deepEqual(kept.map(sample => checkedKey(sample, bytes)), keys)
      })

      it('counts per worker what the consumer has taken', async () => {
        const { paths, keys } = await putTars(store.server, 'counted', [20, 20, 20, 20])
        const loader = new DataLoader<TarSample>({ shards: shardsOf(paths), reader: 'tar', ...place })
        const bytes = (await all(loader)).reduce((sum, { files }) => sum + files['bin']!.length + files['txt']!.length, 0)
        const { perWorker, ...stats } = loader.stats
        assert.deepEqual(stats, { samples: keys.length, bytes, skipped: 0, restarts: 0 })
        const sum = (field: 'shards' | 'samples' | 'bytes'): number => perWorker.reduce((total, row) => total + row[field], 0)
        assert.deepEqual([sum('shards'), sum('samples'), sum('bytes')], [4, keys.length, bytes])
        const separate = place.workers > 0 && place.kind !== 'in-process'
        if (separate) assert.deepEqual(perWorker.map(({ resets }) => resets), perWorker.map(() => 1))
        if (separate) assert.equal(new Set(perWorker.map(({ owner }) => owner.realm)).size, perWorker.length)
      })

      it('tells shards and their stored bytes as progress', async () => {
        const { paths } = await putTars(store.server, 'progress', [20, 5])
        const sizes = await Promise.all(paths.map(path => store.fs.size(path)))
        const seen = { size: 0, files: 0, closed: 0, shards: new Map<string, [number, number, number]>() }
        const progress: Progress = {
          setSize (size) { seen.size = size },
          advance (by) { seen.files += by },
          close () { seen.closed++ },
          branch (source) {
            const shard: [number, number, number] = [0, 0, 0]
            seen.shards.set(source, shard)
            return { setSize (size) { shard[0] = size }, advance (by) { shard[1] += by }, close () { shard[2]++ } }
          }
        }
        await all(new DataLoader({ shards: shardsOf(paths), reader: 'tar', progress, ...place }))
        assert.deepEqual(seen, { size: 2, files: 2, closed: 1, shards: new Map(paths.map((path, at) => [path, [sizes[at], sizes[at], 1]])) })
      })
    })
  }

  it('takes URLs with options by protocol, whose keys the workers ask of this thread', async () => {
    const { endpoint, region, accessKeyId, secretAccessKey } = store.server
    const { paths, keys } = await putTars(store.server, 'urls', [5, 6])
    const options = { s3: { endpoint, region, credentials: { accessKeyId, secretAccessKey } } }
    for (const shards of [paths.map(path => `s3://${path}`), 's3://data/urls/*.tar']) {
      const samples = await all(new DataLoader<TarSample>({ shards, options, reader: 'tar', workers: 2 }))
      assert.deepEqual(samples.map(({ key }) => key), keys)
      assert.equal(samples[0]!.shard, 's3://data/urls/s000.tar')
    }
  })

  it('reads each shard once and little else', async () => {
    const { paths } = await putTars(store.server, 'once', [100, 100, 100])
    await store.server.resetCounters()
    await keysOf({ shards: shardsOf(paths), reader: 'tar', workers: 2 })
    const { gets, operations } = await store.server.counters()
    assert.deepEqual(paths.map(path => gets[path]), [1, 1, 1])
    assert.deepEqual(operations, { GetObject: 3 })
  })

  it('shuffles shards and samples by the seed, the same with any number of workers, otherwise in the next epoch', async () => {
    const { paths, keys } = await putTars(store.server, 'shuffled', [30, 10, 20, 40])
    const read = (workers: number, epoch: number): Promise<string[]> =>
      keysOf({ shards: shardsOf(paths), reader: 'tar', workers, epoch, shuffle: { seed: 4, buffer: 16 } })
    const first = await read(2, 0)
    assert.notDeepEqual(first, keys)
    assert.deepEqual([...first].sort(), [...keys].sort())
    assert.deepEqual(await read(0, 0), first)
    assert.notDeepEqual(await read(2, 1), first)
  })

  it('divides the shards among the ranks', async () => {
    const { paths, keys } = await putTars(store.server, 'ranks', [3, 4, 5, 6, 7])
    const parts: string[][] = []
    for (const rank of [0, 1, 2]) parts.push(await keysOf({ shards: shardsOf(paths), reader: 'tar', workers: 1, rank, worldSize: 3, shuffle: { seed: 1 } }))
    assert.deepEqual(parts.flat().sort(), [...keys].sort())
    assert.ok(parts.every(part => part.length > 0))
  })

  it('gives several consumers of one iterator different samples, in the order of their calls', async () => {
    const { paths, keys } = await putTars(store.server, 'many', [20, 20])
    const iterator = new DataLoader<TarSample>({ shards: shardsOf(paths), reader: 'tar', workers: 2 })[Symbol.asyncIterator]()
    const results = await Promise.all(Array.from({ length: 45 }, () => iterator.next()))
    assert.deepEqual(results.map(({ value }) => (value as TarSample | undefined)?.key), [...keys, ...Array<undefined>(5).fill(undefined)])
    assert.ok(results.slice(40).every(({ done }) => done))
  })

  it('gives batches, the last one shorter', async () => {
    const { paths, keys } = await putTars(store.server, 'batches', [20, 3])
    const sizes: number[] = []
    const found: string[] = []
    for await (const batch of new DataLoader<TarSample>({ shards: shardsOf(paths), reader: 'tar', workers: 1 }).batches(5)) {
      sizes.push(batch.length)
      found.push(...batch.map(({ key }) => key))
    }
    assert.deepEqual(sizes, [5, 5, 5, 5, 3])
    assert.deepEqual(found, keys)
  })

  it('lets no sample be touched by what comes after it', async () => {
    const bytes = (at: number): number => 30_000 + at
    const { paths, keys } = await putTars(store.server, 'kept', [200], bytes)
    assert.deepEqual(await keysOf({ shards: shardsOf(paths), reader: 'tar', workers: 1, prefetchBytes: 300_000 }, bytes), keys)
  })

  it('leaves no connection at the server at the end', async () => {
    assert.ok(await eventually(async () => (await store.server.counters()).inFlight.now === 0))
  })
})
