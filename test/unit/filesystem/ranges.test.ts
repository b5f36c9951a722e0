import assert from 'node:assert/strict'
import fc from 'fast-check'
import { catRanges } from '../../../lib/filesystem/ranges.js'
import { Recorder, Store } from './copy-core.js'
import type { ByteRange, Bytes } from '../../../lib/filesystem/types.js'

const content = (length: number, seed = 0): Uint8Array => Uint8Array.from({ length }, (_, index) => (index * 7 + seed) % 251)
const arrays = (results: ReadonlyArray<Bytes | Error>): number[][] => results.map(result => {
  if (result instanceof Error) throw result
  return [...result]
})
const KiB = 1024

describe('catRanges()', () => {
  it('returns what slicing returns, for any ranges, gaps and caps', async () => {
    const files = { 'b/x': content(1000), 'b/y': content(300, 3), 'b/empty': new Uint8Array(0) }
    const position = fc.integer({ min: -1100, max: 1100 })
    const range = fc.record({ path: fc.constantFrom(...Object.keys(files)), start: position, end: position })
    const kinds = fc.record({ etags: fc.boolean(), sizes: fc.boolean(), ranges: fc.boolean() })
    const caps = fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 500 }))
    const property = fc.asyncProperty(fc.array(range, { maxLength: 30 }), caps, kinds, fc.boolean(), async (ranges, [maxGap, maxBlock], options, buffers) => {
      const store = new Store(options, files)
      const into = buffers ? ({ start, end }: ByteRange): Uint8Array => new Uint8Array(start < 0 || end < 0 ? 1000 : Math.max(0, end - start)) : undefined
      const results = await catRanges(store.core(), ranges, { maxGap, maxBlock, into })
      assert.deepEqual(arrays(results), ranges.map(({ path, start, end }) => [...files[path as keyof typeof files].slice(start, end)]))
    })
    await fc.assert(property, { numRuns: 300 })
  })

  it('sends one request for near ranges, and one each for those further apart than maxGap', async () => {
    const store = new Store({}, { x: content(1000), y: content(1000) })
    const at = (path: string, start: number): ByteRange => ({ path, start, end: start + 10 })
    await catRanges(store.core(), [at('x', 500), at('x', 0), at('y', 0), at('x', 30), at('x', 515)], { maxGap: 20 })
    assert.deepEqual([...store.calls].sort(), ['readRange x 0-40', 'readRange x 500-525', 'readRange y 0-10'])
  })

  it('cuts merged blocks at maxBlock and reads a longer range in parts', async () => {
    const store = new Store({}, { x: content(1000) })
    const ranges = [{ path: 'x', start: 0, end: 100 }, { path: 'x', start: 100, end: 200 }, { path: 'x', start: 400, end: 2000 }]
    const results = await catRanges(store.core(), ranges, { maxBlock: 250 })
    assert.deepEqual(results.map(result => (result as Bytes).length), [100, 100, 600])
    assert.deepEqual([...store.calls].sort(), ['info x', 'readRange x 0-200', 'readRange x 400-650', 'readRange x 650-900', 'readRange x 900-1000'])
  })

  it('bounds what it fetches for nothing', async () => {
    const store = new Store({}, { x: new Uint8Array(4096 * KiB) })
    await catRanges(store.core(), Array.from({ length: 64 }, (_, index) => ({ path: 'x', start: index * 60 * KiB, end: index * 60 * KiB + 1 })))
    const spans = store.calls.map(call => call.split(' ')[2]!.split('-').map(Number)).map(([start, end]) => end! - start!)
    assert.ok(Math.max(...spans) <= 257 * KiB, `${Math.max(...spans)}`)
    assert.ok(spans.length < 20, `${spans.length}`)
  })

  it('gives results that share no memory with each other or with their block', async () => {
    const store = new Store({}, { x: content(1000) })
    const results = arraysOf(await catRanges(store.core(), [{ path: 'x', start: 0, end: 10 }, { path: 'x', start: 0, end: 10 }, { path: 'x', start: 5, end: 15 }]))
    assert.equal(new Set(results.map(result => result.buffer)).size, 3)
    assert.ok(results.every(result => result.buffer.byteLength === result.byteLength))
  })

  it('fills the buffers of `into`, shorter at the end of the file, and refuses one that is too short', async () => {
    const store = new Store({}, { x: content(100) })
    const buffers = [new Uint8Array(50), new Uint8Array(60)]
    const ranges = [{ path: 'x', start: 0, end: 50 }, { path: 'x', start: 90, end: 150 }]
    const results = arraysOf(await catRanges(store.core(), ranges, { into: (_range, index) => buffers[index]! }))
    assert.deepEqual(results.map(result => [result.buffer, result.length]), [[buffers[0]!.buffer, 50], [buffers[1]!.buffer, 10]])
    assert.deepEqual([...buffers[1]!.subarray(0, 10)], [...content(100).subarray(90)])
    await assert.rejects(catRanges(store.core(), ranges, { into: () => new Uint8Array(1) }), RangeError)
  })

  it('rejects with FORKFS_CHANGED when the file changes between two blocks', async () => {
    for (const [concurrency, changeAt] of [[1, 2], [4, 2]] as const) {
      const store = new Store({ concurrency }, { x: content(1000) })
      let reads = 0
      store.fault = operation => { if (operation === 'readRange' && ++reads === changeAt) store.put('x', content(1000, 9)) }
      const ranges = [0, 300, 600, 900].map(start => ({ path: 'x', start, end: start + 10 }))
      await assert.rejects(catRanges(store.core(), ranges, { maxGap: 0 }), { code: 'FORKFS_CHANGED' })
    }
  })

  it('gives each range its own error, or leaves it out, as onError says', async () => {
    const store = new Store({}, { x: content(100) })
    const ranges = [{ path: 'gone', start: 0, end: 5 }, { path: 'x', start: 0, end: 5 }, { path: 'gone', start: -5, end: -1 }, { path: 'x', start: 7, end: 7 }]
    const returned = await catRanges(store.core(), ranges, { onError: 'return' })
    assert.deepEqual(returned.map(result => result instanceof Error ? (result as { code?: unknown }).code : result.length), ['ENOENT', 5, 'ENOENT', 0])
    assert.deepEqual(arrays(await catRanges(store.core(), ranges, { onError: 'omit' })).map(result => result.length), [5, 0])
    await assert.rejects(catRanges(store.core(), ranges), { code: 'ENOENT' })
  })

  it('fails a range in parts once, also when several parts fail', async () => {
    const store = new Store({}, { x: content(1000) })
    store.fault = operation => { if (operation === 'readRange') throw new Error('part') }
    const progress = new Recorder()
    const [result] = await catRanges(store.core(), [{ path: 'x', start: 0, end: 1000 }], { maxBlock: 100, onError: 'return', progress })
    assert.ok(result instanceof Error)
    assert.deepEqual([progress.size, progress.done, progress.closed], [1, 1, 1])
  })

  it('keeps to maxConcurrency over all files and settles before an abort rejects', async () => {
    const store = new Store({}, Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`f${index}`, content(10)])))
    const ranges = [...store.files.keys()].map(path => ({ path, start: 0, end: 5 }))
    await catRanges(store.core(), ranges, { maxConcurrency: 3 })
    assert.equal(store.mostInFlight, 3)
    const controller = new AbortController()
    const reason = new Error('stop')
    store.calls.length = 0
    store.fault = () => { if (store.calls.length === 5) controller.abort(reason) }
    await assert.rejects(catRanges(store.core(controller.signal), ranges, { maxConcurrency: 3 }), error => error === reason)
    assert.equal(store.inFlight, 0)
    assert.ok(store.calls.length <= 6, `${store.calls.length}`)
  })

  it('refuses numbers that are no integers', async () => {
    const core = new Store({}, { x: 'x' }).core()
    for (const options of [{ maxGap: -1 }, { maxBlock: 0 }, { maxConcurrency: 0 }]) await assert.rejects(catRanges(core, [], options), RangeError)
    await assert.rejects(catRanges(core, [{ path: 'x', start: 0.5, end: 1 }]), RangeError)
    await assert.rejects(catRanges(core, [{ path: 'x', start: 0 } as ByteRange]), TypeError)
  })
})

function arraysOf (results: ReadonlyArray<Bytes | Error>): Bytes[] {
  for (const result of results) if (result instanceof Error) throw result
  return results as Bytes[]
}
