import assert from 'node:assert/strict'
import fc from 'fast-check'
import { resolveLoaderOptions } from '../../../lib/loader/options.js'
import { planShards, resolveRank } from '../../../lib/loader/plan.js'
import { Random } from '../../../lib/loader/random.js'
import { ShuffleBuffer } from '../../../lib/loader/shuffle-buffer.js'
import type { LoaderOptions } from '../../../lib/loader/types.js'

const shards = Array.from({ length: 10 }, (_, at) => `s3://b/${at}.tar`)

describe('random numbers', () => {
  it('are those of xoshiro128** as published', () => {
    const random = new Random([1, 2, 3, 4])
    const published = [11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804]
    assert.deepEqual(published.map(() => random.next()), published)
  })

  it('are the same in every version for a seed, an epoch and a stream', () => {
    assert.deepEqual([...Random.from(7, 0, 1).state], [4209345634, 4064200718, 3882412578, 4057328237])
    assert.deepEqual([...Random.from(2 ** 53 - 1, 3, 2).state], [3937460172, 1671269848, 3437255631, 3936335269])
  })

  it('differ between seeds, epochs and streams, above 2^32 too', () => {
    const given = [[0, 0, 1], [1, 0, 1], [0, 1, 1], [0, 0, 2], [2 ** 32, 0, 1], [0, 2 ** 32, 1], [2 ** 33, 0, 1]] as const
    const states = given.map(([seed, epoch, stream]) => Random.from(seed, epoch, stream).state.join())
    assert.equal(new Set(states).size, states.length)
  })

  it('are spread evenly below a bound', () => {
    const random = Random.from(1, 0, 1)
    const counts = [0, 0, 0, 0, 0, 0, 0]
    for (let i = 0; i < 70_000; i++) counts[random.below(7)]!++
    for (const count of counts) assert.ok(Math.abs(count - 10_000) < 500, String(count))
    let lowest = 0 // a bare remainder would give the lowest third half of all numbers
    for (let i = 0; i < 30_000; i++) if (random.below(3 * 2 ** 30) < 2 ** 30) lowest++
    assert.ok(Math.abs(lowest - 10_000) < 500, String(lowest))
  })
})

describe('planShards()', () => {
  it('keeps the order without a seed, and gives the same shuffle in every version with one', () => {
    assert.deepEqual(planShards(shards).map(({ ordinal, index }) => [ordinal, index]), shards.map((_, at) => [at, at]))
    assert.deepEqual(planShards(shards, { seed: 42 }).map(({ index }) => index), [7, 4, 1, 2, 5, 6, 9, 3, 8, 0])
    assert.deepEqual(planShards(shards, { seed: 42, epoch: 1 }).map(({ index }) => index), [4, 1, 6, 5, 9, 3, 0, 7, 2, 8])
  })

  it('gives each shard to one rank, and ranks that differ by one shard at most', () => {
    const seeds = fc.option(fc.nat(), { nil: undefined })
    fc.assert(fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 12 }), seeds, (count, worldSize, seed) => {
      const list = Array.from({ length: count }, (_, at) => String(at))
      const plans = Array.from({ length: worldSize }, (_, rank) => planShards(list, { rank, worldSize, seed }))
      assert.deepEqual(plans.flat().map(({ shard }) => Number(shard)).sort((a, b) => a - b), list.map(Number))
      const lengths = plans.map(plan => plan.length)
      assert.ok(Math.max(...lengths) - Math.min(...lengths) <= 1)
    }))
  })

  it('drops with even \'drop\', repeats with \'pad\', refuses with \'error\'', () => {
    const all = (even: 'drop' | 'pad', worldSize = 4): number[][] => Array.from({ length: worldSize }, (_, rank) => planShards(shards, { rank, worldSize, even }).map(({ index }) => index))
    assert.deepEqual(all('drop'), [[0, 4], [1, 5], [2, 6], [3, 7]])
    assert.deepEqual(all('pad'), [[0, 4, 8], [1, 5, 9], [2, 6, 0], [3, 7, 1]])
    assert.deepEqual(all('pad', 25).flat().length, 25)
    assert.throws(() => planShards(shards, { worldSize: 4, even: 'error' }), RangeError)
    assert.equal(planShards(shards, { worldSize: 5, even: 'error' }).length, 2)
    assert.throws(() => planShards(shards, { worldSize: 11, even: 'drop' }), RangeError)
    assert.deepEqual(planShards([], { worldSize: 3, even: 'pad' }), [])
  })
})

describe('resolveRank()', () => {
  const torch = { RANK: '2', WORLD_SIZE: '8' }
  const slurm = { SLURM_PROCID: '1', SLURM_NTASKS: '4' }
  it('takes numbers, the variables of launchers, or everything', () => {
    assert.deepEqual(resolveRank({ rank: 1, worldSize: 3 }, torch), { rank: 1, worldSize: 3 })
    assert.deepEqual(resolveRank({ rank: 'env' }, { ...slurm, ...torch }), { rank: 2, worldSize: 8 })
    assert.deepEqual(resolveRank({ rank: 'env' }, slurm), { rank: 1, worldSize: 4 })
    assert.deepEqual(resolveRank({ rank: 'all' }, torch), { rank: 0, worldSize: 1 })
    for (const env of [{}, { RANK: '0' }, { RANK: '', WORLD_SIZE: '' }, { RANK: '0', WORLD_SIZE: '1' }]) assert.deepEqual(resolveRank({}, env), { rank: 0, worldSize: 1 })
  })

  it('refuses to guess when a launcher names several ranks and the options do not', () => {
    for (const env of [torch, slurm]) assert.throws(() => resolveRank({}, env), (error: unknown) => error instanceof TypeError && error.message.includes('\'env\'') && error.message.includes('\'all\''))
  })

  it('refuses what is incomplete or out of range', () => {
    for (const options of [{ rank: 1 }, { worldSize: 2 }, { rank: 'all', worldSize: 2 }, { rank: 'env' }, { rank: 'ALL' }] as never[]) assert.throws(() => resolveRank(options, {}), TypeError)
    for (const [rank, worldSize] of [[3, 3], [-1, 3], [0.5, 3], [0, 0]] as const) assert.throws(() => resolveRank({ rank, worldSize }, {}), RangeError)
    assert.throws(() => resolveRank({ rank: 'env' }, { RANK: 'x', WORLD_SIZE: '2' }), TypeError)
    assert.throws(() => resolveRank({ rank: 'env' }, { RANK: '2', WORLD_SIZE: '2' }), RangeError)
  })
})

describe('resolveLoaderOptions()', () => {
  const base = { shards, reader: 'tar' } as const
  it('fills the defaults', () => {
    const { shards: _, ...rest } = resolveLoaderOptions(base, {})
    assert.deepEqual(rest, {
      reader: 'tar', options: undefined, workers: undefined, kind: 'thread', prefetchBytes: 67_108_864, ordered: true, seed: undefined, buffer: undefined, rank: 0, worldSize: 1,
      even: undefined, epoch: 0, onError: 'raise', resume: undefined, progress: undefined, signal: undefined, workerUrl: undefined
    })
    const full = resolveLoaderOptions({ shards: { fs: { $forkfs: { v: 1, type: 'memory' } } as never, paths: 'b/*.tar' }, reader: new URL('file:///r.js'), shuffle: { seed: 1, buffer: 10 }, workers: 0, signal: new AbortController().signal }, {})
    assert.deepEqual([full.seed, full.buffer, full.workers], [1, 10, 0])
  })

  it('accepts an explicit undefined for every option that may be left out', () => {
    const names = ['options', 'workers', 'kind', 'prefetchBytes', 'ordered', 'shuffle', 'rank', 'worldSize', 'even', 'epoch', 'onError', 'resume', 'progress', 'signal']
    assert.deepEqual(resolveLoaderOptions({ ...base, ...Object.fromEntries(names.map(name => [name, undefined])) }, {}), resolveLoaderOptions(base, {}))
  })

  it('names the nearest option for a misspelt one', () => {
    for (const [wrong, right] of [['prefechBytes', 'prefetchBytes'], ['worker', 'workers'], ['world_size', 'worldSize'], ['on_error', 'onError']] as const) {
      assert.throws(() => resolveLoaderOptions({ ...base, [wrong]: 1 } as never, {}), (error: unknown) => error instanceof TypeError && error.message.includes(`\`${right}\``))
    }
  })

  const types: Array<Record<string, unknown>> = [
    { shards: '' }, { shards: undefined }, { shards: [1] }, { shards: [''] }, { shards: { fs: {}, paths: 'a' } }, { shards: { fs: { $forkfs: {} } } }, { shards: { fs: { $forkfs: {} }, path: 'a' } },
    { reader: 'zip' }, { reader: undefined }, { reader: {} }, { workers: '2' }, { kind: 'fiber' }, { prefetchBytes: null }, { ordered: 1 }, { shuffle: true }, { shuffle: {} }, { shuffle: { seed: 1, size: 3 } },
    { even: 'Pad' }, { epoch: '0' }, { onError: 'ignore' }, { resume: 'x' }, { progress: 1 }, { signal: {} }, { options: [] }, { batch: 3 }
  ]
  const ranges: Array<Record<string, unknown>> = [
    { shards: [] }, { workers: -1 }, { workers: 1.5 },
    { prefetchBytes: 0 }, { shuffle: { seed: -1 } }, { shuffle: { seed: 1, buffer: 0 } }, { epoch: -1 }, { epoch: Infinity }
  ]
  for (const [list, kind] of [[types, TypeError], [ranges, RangeError]] as const) {
    for (const wrong of list) {
      it(`throws ${kind.name} for ${JSON.stringify(wrong)}`, () => {
        assert.throws(() => resolveLoaderOptions({ ...base, ...wrong } as unknown as LoaderOptions, {}), kind)
      })
    }
  }
})

describe('ShuffleBuffer', () => {
  const run = (buffer: ShuffleBuffer<number>, from: number, to: number, drain = true): number[] => {
    const out: number[] = []
    for (let item = from; item < to; item++) {
      const leaving = buffer.push(item)
      if (leaving !== undefined) out.push(leaving)
    }
    for (let left = drain ? buffer.drain() : undefined; left !== undefined; left = buffer.drain()) out.push(left)
    return out
  }

  it('gives every sample once, in an order that seed and epoch alone decide', () => {
    assert.deepEqual(run(new ShuffleBuffer(4, { seed: 1, epoch: 0 }), 0, 12), [3, 2, 4, 5, 0, 6, 8, 10, 9, 7, 11, 1])
    const other = run(new ShuffleBuffer(4, { seed: 1, epoch: 1 }), 0, 12)
    assert.notDeepEqual(other, run(new ShuffleBuffer(4, { seed: 1, epoch: 0 }), 0, 12))
    assert.deepEqual(other.toSorted((a, b) => a - b), Array.from({ length: 12 }, (_, at) => at))
  })

  it('goes on from its state as if it had not stopped, while filling, full and draining', () => {
    const whole = run(new ShuffleBuffer(5, { seed: 9, epoch: 2 }), 0, 30)
    for (let stop = 0; stop <= 30; stop++) {
      const first = new ShuffleBuffer<number>(5, { seed: 9, epoch: 2 })
      const head = run(first, 0, stop, false)
      if (stop === 30) head.push(first.drain()!, first.drain()!)
      const state = first.state(item => ({ ordinal: 0, index: item, offset: undefined }))
      const second = new ShuffleBuffer<number>(5, { state, restored: state.held.map(place => place.index) })
      assert.deepEqual([...head, ...run(second, stop, 30)], whole)
    }
  })

  it('refuses a size below 1 and a restoration that is incomplete', () => {
    for (const size of [0, 1.5, -1]) assert.throws(() => new ShuffleBuffer(size, { seed: 1, epoch: 0 }), RangeError)
    const state = { random: [1, 2, 3, 4] as const, held: [{ ordinal: 0, index: 0, offset: 0 }] }
    assert.throws(() => new ShuffleBuffer(2, { state, restored: [] }), RangeError)
  })
})
