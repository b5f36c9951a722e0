import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import fc from 'fast-check'
import { FsError } from '../../../lib/errors/index.js'
import { eachBulk, runBulk } from '../../../lib/filesystem/bulk.js'
import { Recorder } from './copy-core.js'

const tick = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
const ticks = async (count: number): Promise<void> => { for (let i = 0; i < count; i++) await tick() }

/** Numbers that tell how far they were pulled and whether they were returned to. */
class Source implements AsyncIterable<number> {
  pulled = 0
  returned = 0
  readonly #length: number
  constructor (length: number) { this.#length = length }

  [Symbol.asyncIterator] (): AsyncIterator<number> {
    return {
      next: async () => {
        await tick()
        return this.pulled < this.#length ? { value: this.pulled++, done: false } : { value: undefined, done: true }
      },
      return: () => {
        this.returned++
        return Promise.resolve({ value: undefined, done: true })
      }
    }
  }
}

describe('runBulk()', () => {
  it('returns results in input order and keeps to the window, whatever the items take', async () => {
    const turns = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 40 })
    await fc.assert(fc.asyncProperty(turns, fc.integer({ min: 1, max: 8 }), async (delays, concurrency) => {
      let inFlight = 0
      let most = 0
      const results = await runBulk(delays, async (delay, index) => {
        most = Math.max(most, ++inFlight)
        await ticks(delay)
        inFlight--
        return [index, delay]
      }, { concurrency })
      assert.deepEqual(results, delays.map((delay, index) => [index, delay]))
      assert.equal(most, Math.min(concurrency, delays.length))
    }), { numRuns: 50 })
  })

  it('pulls an iterable only as the window moves', async () => {
    const source = new Source(1000)
    let finished = 0
    await eachBulk(source, async () => {
      assert.ok(source.pulled - finished <= 4, `${source.pulled} pulled, ${finished} finished`)
      await ticks(2)
      finished++
    }, { concurrency: 4 })
    assert.equal(finished, 1000)
  })

  it('rejects with the first error after all under way have settled, starts no other, returns to the iterator', async () => {
    const source = new Source(1000)
    const started: number[] = []
    const settled: number[] = []
    const first = new Error('first')
    await assert.rejects(runBulk(source, async (item, _index, signal) => {
      started.push(item)
      try {
        if (item === 5) throw first
        await new Promise<void>((_resolve, reject) => {
          if (item < 3) { void tick().then(_resolve) } else signal.addEventListener('abort', () => { void ticks(5).then(() => reject(new Error('late'))) })
        })
      } finally {
        settled.push(item)
      }
    }, { concurrency: 4 }), error => error === first)
    assert.deepEqual([...settled].sort(), [...started].sort())
    assert.ok(started.length <= 9, `${started.length} started`)
    assert.equal(source.returned, 1)
  })

  it('rejects with the reason of an abort once all have settled, and leaves no listener', async () => {
    const controller = new AbortController()
    const reason = { any: 'thing' }
    let running = 0
    const work = runBulk(Array.from({ length: 20 }, (_, index) => index), async (_item, _index, signal) => {
      running++
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()))
      await ticks(3)
      running--
    }, { concurrency: 3, signal: controller.signal, onError: 'omit' })
    await tick()
    assert.equal(running, 3)
    controller.abort(reason)
    await assert.rejects(work, error => error === reason)
    assert.equal(running, 0)
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0)
  })

  it('starts nothing under a signal that is aborted already', async () => {
    let calls = 0
    const reason = new Error('over')
    const work = (): Promise<void> => { calls++; return Promise.resolve() }
    await assert.rejects(runBulk([1], work, { concurrency: 1, signal: AbortSignal.abort(reason) }), error => error === reason)
    assert.equal(calls, 0)
  })

  it('rejects with what the input throws, after the items before it have settled', async () => {
    const broken = new Error('listing')
    let finished = 0
    async function * items (): AsyncGenerator<number> {
      yield* [1, 2, 3]
      await tick()
      throw broken
    }
    await assert.rejects(runBulk(items(), async () => { await ticks(4); finished++ }, { concurrency: 8 }), error => error === broken)
    assert.equal(finished, 3)
  })

  it('leaves failed items out, or puts the error in their place, as onError says', async () => {
    const work = (item: number): Promise<number> => item % 2 === 0 ? Promise.reject(new Error(String(item))) : Promise.resolve(item)
    assert.deepEqual(await runBulk([1, 2, 3, 4], work, { concurrency: 2, onError: 'omit' }), [1, 3])
    const returned = await runBulk([1, 2, 3, 4], work, { concurrency: 2, onError: 'return' })
    assert.deepEqual(returned.map(value => value instanceof Error ? value.message : value), [1, '2', 3, '4'])
  })

  it('keeps results that are undefined when failed items are left out', async () => {
    assert.deepEqual(await runBulk([1, 2], () => Promise.resolve(undefined), { concurrency: 1, onError: 'omit' }), [undefined, undefined])
  })

  it('rejects as a whole when the owner was reset, whatever onError says', async () => {
    const work = (): Promise<never> => Promise.reject(new FsError('FORKFS_RESET', 'reset'))
    await assert.rejects(runBulk([1, 2], work, { concurrency: 1, onError: 'return' }), { code: 'FORKFS_RESET' })
  })

  it('tells the progress the size, each finished item and the end, also of a failure', async () => {
    const good = new Recorder()
    await runBulk([1, 2, 3], item => Promise.resolve(item), { concurrency: 2, progress: good })
    assert.deepEqual([good.size, good.done, good.closed], [3, 3, 1])
    const bad = new Recorder()
    await assert.rejects(runBulk([1], () => Promise.reject(new Error('no')), { concurrency: 2, progress: bad }))
    assert.deepEqual([bad.size, bad.done, bad.closed], [1, 0, 1])
  })

  it('refuses a window that is no integer >= 1', async () => {
    for (const concurrency of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      await assert.rejects(runBulk([], () => Promise.resolve(), { concurrency }), RangeError)
    }
    await assert.rejects(runBulk([], () => Promise.resolve(), { concurrency: '4' as unknown as number }), TypeError)
    await assert.rejects(runBulk([], () => Promise.resolve(), { concurrency: 1, onError: 'ignore' as 'omit' }), TypeError)
  })
})
