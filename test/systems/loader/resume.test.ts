import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { DataLoader } from '../../../lib/loader/index.js'
import type { LoaderOptions, LoaderState, TarSample } from '../../../lib/loader/index.js'
import { all, keysOf, putTars, startStore, takeSome } from './support.js'
import type { Store } from './support.js'

const custom = new URL('./fixtures/pairs.reader.js', import.meta.url)

describe('DataLoader resumed', function () {
  this.timeout(60_000)
  let store: Store
  let options: LoaderOptions
  let keys: string[]

  before(async () => {
    store = await startStore()
    const { paths, keys: found } = await putTars(store.server, 'resume', [4, 0, 7, 1, 5])
    options = { shards: { fs: store.fs, paths }, reader: 'tar', workers: 0, prefetchBytes: 3000 }
    keys = found
  })
  after(async () => {
    await store.fs.close()
    await store.server.close()
  })

  it('goes on at every sample with another number of workers as if nothing had been', async () => {
    for (let count = 0; count <= keys.length; count++) {
      const { keys: taken, state } = await takeSome({ ...options, kind: 'in-process', workers: 3 }, count)
      const rest = await keysOf({ ...options, workers: count % 3, kind: 'in-process', resume: state })
      assert.deepEqual([...taken, ...rest], keys, `after ${count}`)
    }
  })

  it('goes on in threads and processes', async () => {
    for (const kind of ['thread', 'process'] as const) {
      const { keys: taken, state } = await takeSome({ ...options, workers: 2, kind }, 6)
      assert.deepEqual([...taken, ...await keysOf({ ...options, workers: 1, kind, resume: state })], keys)
    }
  })

  it('goes on at every sample with a shuffle buffer', async () => {
    const shuffled: LoaderOptions = { ...options, shuffle: { seed: 3, buffer: 5 } }
    const whole = await keysOf(shuffled)
    assert.notDeepEqual(whole, keys)
    for (let count = 0; count <= keys.length; count++) {
      const { keys: taken, state } = await takeSome({ ...shuffled, kind: 'in-process', workers: 2 }, count)
      assert.deepEqual([...taken, ...await keysOf({ ...shuffled, resume: state })], whole, `after ${count}`)
    }
  })

  it('waits until a worker has left the shard that it brought samples of the buffer back from', async () => {
    const { paths, keys: many } = await putTars(store.server, 'long', [300, 300])
    const one: LoaderOptions = { ...options, shards: { fs: store.fs, paths }, workers: 1, kind: 'in-process', shuffle: { seed: 3, buffer: 5 } }
    for (const count of [3, 4, 5, 6, 7, 8]) {
      const { keys: taken, state } = await takeSome(one, count)
      assert.deepEqual([...taken, ...await keysOf({ ...one, resume: state })].sort(), [...many].sort(), `after ${count}`)
    }
  })

  it('misses and doubles nothing where samples come as they come', async () => {
    for (const buffer of [undefined, 4]) {
      const any: LoaderOptions = { ...options, workers: 3, kind: 'in-process', ordered: false, shuffle: { seed: 1, buffer } }
      for (const count of [1, 5, 9, 16]) {
        const { keys: taken, state } = await takeSome(any, count)
        const rest = await keysOf({ ...any, workers: 1, resume: state })
        assert.deepEqual([...taken, ...rest].sort(), [...keys].sort(), `after ${count} with ${buffer}`)
      }
    }
  })

  it('goes on in gzip shards and with a custom reader, which have no place to begin at', async () => {
    const { server, fs } = store
    await server.put('data', 'gz/a.txt.gz', gzipSync(Array.from({ length: 50 }, (_, at) => `line ${at}`).join('\n')))
    await server.put('data', 'pairs/resume', '0011223344')
    const cases: Array<[LoaderOptions['reader'], string]> = [['lines', 'data/gz/a.txt.gz'], [custom, 'data/pairs/resume']]
    for (const [reader, path] of cases) {
      for (const shuffle of [false, { seed: 1, buffer: 3 }] as const) {
        const one: LoaderOptions = { shards: { fs, paths: [path] }, reader, workers: 0, shuffle }
        const whole = await all(new DataLoader(one))
        const loader = new DataLoader(one)
        const iterator = loader[Symbol.asyncIterator]()
        const taken = [(await iterator.next()).value, (await iterator.next()).value] as unknown[]
        const state = loader.state()
        await loader.close()
        assert.deepEqual([...taken, ...await all(new DataLoader({ ...one, resume: state }))], whole)
      }
    }
  })

  it('counts all samples of a batch when it is given out, and none before', async () => {
    const loader = new DataLoader<TarSample>({ ...options, workers: 1, kind: 'in-process' })
    const batches = loader.batches(5)
    const states: LoaderState[] = [loader.state()]
    for (let number = 0; number < 3; number++) {
      const next = batches.next()
      const seen: LoaderState[] = []
      let settled = false
      void next.then(() => { settled = true })
      while (!settled) {
        seen.push(loader.state())
        await new Promise(resolve => { setImmediate(resolve) })
      }
      assert.ok(seen.slice(0, -1).every(state => state['samples'] === number * 5))
      states.push(loader.state())
    }
    await loader.close()
    assert.deepEqual(states.map(state => state['samples']), [0, 5, 10, 15])
    const rest = await keysOf({ ...options, resume: states[2] })
    assert.deepEqual(rest, keys.slice(10))
  })

  it('is done at once where all was taken, and refuses a state of other shards', async () => {
    const { state } = await takeSome(options, Infinity)
    assert.deepEqual(await keysOf({ ...options, resume: state }), [])
    assert.throws(() => new DataLoader({ ...options, shards: { fs: store.fs, paths: ['x'] }, resume: state }), TypeError)
    assert.throws(() => new DataLoader({ ...options, epoch: 1, resume: state }), TypeError)
  })

  it('knows no state of a glob before its first sample, but the one it was given', async () => {
    const glob: LoaderOptions = { ...options, shards: { fs: store.fs, paths: 'data/resume/*' } }
    assert.throws(() => new DataLoader(glob).state(), { code: 'FORKFS_INCOMPLETE' })
    const { keys: taken, state } = await takeSome(glob, 3)
    assert.deepEqual(new DataLoader({ ...glob, resume: state }).state(), state)
    assert.deepEqual([...taken, ...await keysOf({ ...glob, resume: state })], keys)
  })
})
