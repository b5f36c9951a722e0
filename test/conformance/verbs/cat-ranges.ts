import assert from 'node:assert/strict'
import { assertBytes, pattern } from '../bytes.js'
import type { Suite } from '../suite.js'

const data = pattern(100_000)

/** Any order, touching, overlapping, equal, empty, past the end, from the end. */
const spans: ReadonlyArray<readonly [start: number, end: number]> = [
  [50_000, 50_100], [0, 10], [10, 20], [15, 40], [0, 10], [7, 7], [99_990, 100_010], [100_000, 100_001], [200_000, 200_010], [-10, -5], [-200_000, 5], [30, 20], [0, 100_000]
]

export function catRanges (suite: Suite): void {
  suite.family('catRanges()', suite => {
    suite.it('gives the ranges in input order, with their exact lengths', async ({ fs, at, seed }) => {
      await seed({ file: data })
      const ranges = spans.map(([start, end]) => ({ path: at('file'), start, end }))
      for (const options of [{}, { maxGap: 0 }, { maxBlock: 1000 }, { maxGap: 1_000_000 }]) {
        const results = await fs.catRanges(ranges, options)
        assert.equal(results.length, ranges.length)
        for (const [index, [start, end]] of spans.entries()) assertBytes(results[index], data.slice(start, end), `${JSON.stringify(options)} slice(${start}, ${end})`)
      }
    })

    suite.it('reads several files in one call', async ({ fs, at, seed }) => {
      const files = [pattern(500, 2), pattern(600, 3), pattern(700, 4)]
      await seed(Object.fromEntries(files.map((bytes, index) => [`r/${index}`, bytes])))
      const ranges = Array.from({ length: 30 }, (_, index) => ({ path: at(`r/${index % 3}`), start: index * 10, end: index * 10 + 25 }))
      const results = await fs.catRanges(ranges)
      for (const [index, { start, end }] of ranges.entries()) assertBytes(results[index], files[index % 3]!.slice(start, end), `range ${index}`)
    })

    suite.it('gives an empty list for no ranges', async ({ fs }) => {
      assert.deepEqual(await fs.catRanges([]), [])
    })

    suite.here('rejects, leaves out or gives the error of a missing file, as `onError` says', async ({ fs, at, seed }) => {
      await seed({ file: data })
      const ranges = [{ path: at('file'), start: 0, end: 3 }, { path: at('gone'), start: 0, end: 3 }, { path: at('file'), start: 3, end: 6 }]
      await assert.rejects(fs.catRanges(ranges), { code: 'ENOENT' })
      assert.deepEqual((await fs.catRanges(ranges, { onError: 'omit' })).map(result => [...result as Uint8Array]), [[...data.slice(0, 3)], [...data.slice(3, 6)]])
      const all = await fs.catRanges(ranges, { onError: 'return' })
      assertBytes(all[0], data.slice(0, 3))
      assert.equal((all[1] as Error & { code?: string }).code, 'ENOENT')
      assertBytes(all[2], data.slice(3, 6))
    })

    suite.it('rejects with a RangeError when a bound is no integer', async ({ fs, at, seed }) => {
      await seed({ file: data })
      await assert.rejects(fs.catRanges([{ path: at('file'), start: 0, end: 1.5 }]), { name: 'RangeError' })
    })

    suite.here('puts bytes where `into` says, and nothing beside them', async ({ fs, at, seed }) => {
      await seed({ file: data })
      const whole = new Uint8Array(60).fill(7)
      const ranges = [{ path: at('file'), start: 100, end: 110 }, { path: at('file'), start: 5, end: 15 }, { path: at('file'), start: 50_000, end: 50_010 }]
      const results = await fs.catRanges(ranges, { into: (_range, index) => whole.subarray(index * 20, index * 20 + 10) })
      const expected = new Uint8Array(60).fill(7)
      for (const [index, { start, end }] of ranges.entries()) {
        expected.set(data.subarray(start, end), index * 20)
        assertBytes(results[index], data.slice(start, end), `range ${index}`)
        assert.equal((results[index] as Uint8Array).buffer, whole.buffer)
      }
      assertBytes(whole, expected)
    })

    suite.here('merges near ranges into one request, where requests are counted', async ({ fs, at, seed }) => {
      await seed({ file: data })
      await fs.info(at('file'))
      const ranges = Array.from({ length: 50 }, (_, index) => ({ path: at('file'), start: index * 200, end: index * 200 + 50 }))
      const before = fs.stats.requests
      await fs.catRanges(ranges, { maxGap: 1000 })
      assert.ok(fs.stats.requests - before <= 2, `${fs.stats.requests - before} requests`)
    })

    suite.here('reads ranges further apart than `maxGap` on their own, where requests are counted', async ({ fs, at, seed }) => {
      await seed({ file: data })
      const ranges = Array.from({ length: 20 }, (_, index) => ({ path: at('file'), start: index * 200, end: index * 200 + 50 }))
      const requests = async (maxGap: number): Promise<number> => {
        const before = fs.stats.requests
        await fs.catRanges(ranges, { maxGap })
        return fs.stats.requests - before
      }
      const merged = await requests(150)
      if (merged === 0) return
      assert.deepEqual([merged, await requests(149), await requests(0)], [1, 20, 20])
    }, { needs: ['ranges'] })

    suite.here('has `maxConcurrency` reads under way', async ({ fs, at, seed }) => {
      const names = Array.from({ length: 8 }, (_, index) => `r/${index}`)
      await seed(Object.fromEntries(names.map(name => [name, 'text'])))
      for (const maxConcurrency of [1, 3]) {
        let [begun, ended] = [0, 0]
        const into = (): Uint8Array => {
          assert.ok(++begun - ended <= maxConcurrency, `${begun - ended} of ${maxConcurrency}`)
          return new Uint8Array(4)
        }
        await fs.catRanges(names.map(name => ({ path: at(name), start: 0, end: 4 })), { into, maxConcurrency, progress: { setSize: () => {}, advance: () => { ended++ } } })
        assert.deepEqual([begun, ended], [8, 8])
      }
    })

    suite.here('gives a small result memory of its own', async ({ fs, at, seed }) => {
      await seed({ file: data })
      const results = await fs.catRanges([{ path: at('file'), start: 0, end: 10 }, { path: at('file'), start: 50_000, end: 50_010 }]) as Uint8Array[]
      for (const result of results) assert.ok(result.buffer.byteLength < 1000)
    })
  })
}
