import assert from 'node:assert/strict'
import { filesystem } from '../../../lib/index.js'
import { DataLoader } from '../../../lib/loader/index.js'
import type { LoaderOptions } from '../../../lib/loader/index.js'

const fs = filesystem('memory', { name: 'loader-unit' })
const options = (more: Partial<LoaderOptions> = {}): LoaderOptions => ({ shards: { fs, paths: ['a', 'b'] }, reader: 'lines', workers: 0, ...more })

async function all (loader: DataLoader): Promise<unknown[]> {
  const samples: unknown[] = []
  for await (const sample of loader) samples.push(sample)
  return samples
}

describe('DataLoader', () => {
  before(async () => {
    await fs.pipeFile('a', 'a0\na1\na2')
    await fs.pipeFile('b', 'b0\nb1')
  })
  after(() => fs.rm(['a', 'b']))

  it('throws at once for wrong options, and touches nothing', () => {
    const wrong: Array<[object, typeof TypeError | typeof RangeError]> = [
      [{ reader: 'csv' }, TypeError], [{ workers: -1 }, RangeError], [{ workers: '2' }, TypeError], [{ kind: 'fiber' }, TypeError], [{ prefetchBytes: 0 }, RangeError],
      [{ shards: [] }, RangeError], [{ shards: { fs: {}, paths: ['a'] } }, TypeError], [{ shufle: false }, TypeError], [{ even: 'error', rank: 0, worldSize: 3 }, RangeError],
      [{ rank: 2, worldSize: 2 }, RangeError], [{ resume: { v: 2 } }, TypeError], [{ signal: {} }, TypeError],
      [{ workerUrl: './worker.js' }, TypeError], [{ workerUrl: 'https://example.com/worker.js' }, TypeError]
    ]
    for (const [more, type] of wrong) assert.throws(() => new DataLoader({ ...options(), ...more } as LoaderOptions), type, JSON.stringify(more))
  })

  it('throws at once for a size of batches that is none', () => {
    for (const [size, type] of [[0, RangeError], [1.5, RangeError], ['3', TypeError]] as const) {
      assert.throws(() => new DataLoader(options()).batches(size as number), type)
    }
  })

  it('reads in this thread without workers, by an instance that can not travel', async () => {
    const loader = new DataLoader(options())
    assert.deepEqual(await all(loader), ['a0', 'a1', 'a2', 'b0', 'b1'])
    const { perWorker } = loader.stats
    assert.deepEqual(perWorker.map(({ owner, shards, samples }) => [owner.realm === fs.owner.realm, shards, samples]), [[true, 2, 5]])
  })

  it('gives a state that survives JSON before, between and after samples', async () => {
    const loader = new DataLoader(options())
    const iterator = loader[Symbol.asyncIterator]()
    const seen: unknown[] = []
    for (;;) {
      const state = JSON.parse(JSON.stringify(loader.state())) as LoaderOptions['resume']
      assert.deepEqual([...seen, ...await all(new DataLoader(options({ resume: state })))], ['a0', 'a1', 'a2', 'b0', 'b1'])
      const next = await iterator.next()
      if (next.done === true) break
      seen.push(next.value)
    }
    assert.equal(loader.state()['samples'], 5)
  })

  it('rejects with the reason of a signal that was aborted before', async () => {
    const reason = new Error('never mind')
    await assert.rejects(all(new DataLoader(options({ signal: AbortSignal.abort(reason) }))), error => error === reason)
  })

  it('leaves no listener on the signal', async () => {
    const controller = new AbortController()
    const added: unknown[] = []
    const { signal } = controller
    const { addEventListener, removeEventListener } = signal
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => { added.push(args[1]); addEventListener.apply(signal, args) }
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => { added.splice(added.indexOf(args[1]), 1); removeEventListener.apply(signal, args) }
    await all(new DataLoader(options({ signal })))
    for await (const _ of new DataLoader(options({ signal }))) break
    assert.deepEqual(added, [])
  })
})
