import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { checkRange, Limiter, orAborted, overParts, planParts, rangeHeader, retryAfterMs } from '../../../lib/net/index.js'
import { backoffMs, RetryBudget, sleep } from '../../../lib/net/retry.js'
import { Watch } from '../../../lib/net/watch.js'
import { sizeOf416 } from '../../../lib/net/range.js'

const live = (): AbortSignal => new AbortController().signal
const protocol = { code: 'FORKFS_PROTOCOL', retry: 'may' }

describe('net: ranges', () => {
  const partial = (range: string | undefined, length?: number): Parameters<typeof checkRange>[0] => ({ status: 206, headers: { 'content-range': range, 'content-length': length === undefined ? undefined : String(length) } })

  it('writes what it asks for', () => {
    assert.deepEqual([rangeHeader(0, undefined), rangeHeader(5, undefined), rangeHeader(5, 6), rangeHeader(0, 10), rangeHeader(-3, undefined)], [undefined, 'bytes=5-', 'bytes=5-5', 'bytes=0-9', 'bytes=-3'])
  })

  it('takes what fits', () => {
    assert.deepEqual(checkRange(partial('bytes 5-9/20', 5), 5, 10), { start: 5, length: 5, size: 20 })
    assert.deepEqual(checkRange(partial('bytes 5-19/20'), 5, undefined), { start: 5, length: 15, size: 20 })
    assert.deepEqual(checkRange(partial('bytes 5-19/20'), 5, 100), { start: 5, length: 15, size: 20 })
    assert.deepEqual(checkRange(partial('bytes 17-19/20'), -3, undefined), { start: 17, length: 3, size: 20 })
    assert.deepEqual(checkRange(partial('bytes 0-1/2'), -3, undefined), { start: 0, length: 2, size: 2 })
    assert.deepEqual(checkRange(partial('bytes 5-9/*'), 5, 10), { start: 5, length: 5, size: undefined })
    assert.deepEqual(checkRange({ status: 200, headers: { 'content-length': '7' } }, 0, undefined), { start: 0, length: 7, size: 7 })
    assert.deepEqual(checkRange({ status: 200, headers: {} }, 0, undefined), { start: 0, length: -1, size: undefined })
    for (const head of [{ status: 200, headers: { 'content-length': '0' } }, partial('bytes 0--1/0', 0)]) assert.deepEqual(checkRange(head, -5, undefined), { start: 0, length: 0, size: 0 })
  })

  it('refuses what could be something else', () => {
    for (const [head, start, end] of [
      [partial('bytes 4-9/20'), 5, 10], [partial('bytes 5-10/20'), 5, 10], [partial('bytes 5-8/20'), 5, 10], [partial('bytes 5-9/20', 6), 5, 10], [partial(undefined), 5, 10], [partial('bytes */20'), 5, 10],
      [partial('items 5-9/20'), 5, 10], [partial('bytes 9-5/20'), 9, 10], [partial('bytes 16-19/20'), -3, undefined], [partial('bytes 5-9/20'), 5, undefined], [{ status: 200, headers: { 'content-length': '20' } }, 5, 10],
      [{ status: 200, headers: {} }, 0, 10]
    ] as const) assert.throws(() => checkRange(head, start, end), protocol)
  })

  it('reads the size out of a 416', () => {
    assert.equal(sizeOf416({ status: 416, headers: { 'content-range': 'bytes */20' } }), 20)
    assert.equal(sizeOf416({ status: 416, headers: { 'content-range': 'bytes 0-1/20' } }), undefined)
    assert.equal(sizeOf416({ status: 416, headers: {} }), undefined)
  })
})

describe('net: parts', () => {
  it('cuts without gap or overlap', () => {
    assert.deepEqual(planParts(0, 0, 5), [])
    assert.deepEqual(planParts(3, 14, 5), [{ start: 3, end: 8 }, { start: 8, end: 13 }, { start: 13, end: 14 }])
  })

  it('runs no more lanes than allowed, over all parts', async () => {
    let now = 0
    let peak = 0
    const seen: number[] = []
    await overParts(planParts(0, 20, 1), 3, live(), async ({ start }) => {
      peak = Math.max(peak, ++now)
      await new Promise(resolve => setImmediate(resolve))
      seen.push(start)
      now--
    })
    assert.deepEqual([peak, seen.length], [3, 20])
  })

  it('rejects with the first failure when all others have ended, told by their signal', async () => {
    const first = new Error('first')
    let under = 0
    await assert.rejects(overParts(planParts(0, 10, 1), 4, live(), async ({ start }, signal) => {
      under++
      try {
        if (start === 2) throw first
        await new Promise((_resolve, reject) => { signal.addEventListener('abort', () => { setImmediate(() => { reject(new Error('later')) }) }) })
      } finally { under-- }
    }), error => error === first)
    assert.equal(under, 0)
  })

  it('passes an abort on, and rejects with its reason', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const running = overParts(planParts(0, 10, 1), 2, controller.signal, (_part, signal) => new Promise((_resolve, reject) => { signal.addEventListener('abort', () => { reject(signal.reason as Error) }) }))
    controller.abort(reason)
    await assert.rejects(running, error => error === reason)
    await assert.rejects(overParts([{ start: 0, end: 1 }], 1, controller.signal, () => Promise.resolve()), error => error === reason)
  })
})

describe('net: waiting', () => {
  it('spreads waits over all below a bound that doubles', () => {
    const policy = { attempts: 9, baseMs: 50, maxMs: 300 }
    assert.deepEqual([1, 2, 3, 4, 20].map(attempt => backoffMs(policy, attempt, () => 1)), [50, 100, 200, 300, 300])
    assert.equal(backoffMs(policy, 3, () => 0), 0)
  })

  it('reads Retry-After as seconds and as a date', () => {
    const now = Date.UTC(2026, 0, 1)
    assert.deepEqual([retryAfterMs(undefined), retryAfterMs('7'), retryAfterMs('soon'), retryAfterMs('-1')].slice(0, 3), [undefined, 7000, undefined])
    assert.equal(retryAfterMs(new Date(now + 9000).toUTCString(), now), 9000)
    assert.equal(retryAfterMs(new Date(now - 9000).toUTCString(), now), 0)
  })

  it('has a budget that successes fill again', () => {
    const budget = new RetryBudget()
    let taken = 0
    while (budget.take()) taken++
    assert.equal(taken, 100)
    for (let i = 0; i < 4; i++) budget.give()
    assert.equal(budget.take(), false)
    budget.give()
    assert.equal(budget.take(), true)
  })

  it('ends a wait with the reason of the signal', async () => {
    const controller = new AbortController()
    const reason = { any: 'thing' }
    const waiting = sleep(60_000, controller.signal)
    controller.abort(reason)
    await assert.rejects(waiting, error => error === reason)
    await assert.rejects(orAborted(new Promise(() => {}), controller.signal), error => error === reason)
    await sleep(1, live())
    assert.equal(await orAborted(Promise.resolve(5), live()), 5)
  })

  it('lets no more than the limit in, in order, and lets an aborted one go without starting it', async () => {
    const limiter = new Limiter(2)
    const ends: Array<() => void> = []
    const begun: number[] = []
    const run = (index: number, signal: AbortSignal): Promise<void> => limiter.run(signal, () => {
      begun.push(index)
      return new Promise(resolve => { ends.push(resolve) })
    })
    const controller = new AbortController()
    const reason = new Error('enough')
    const all = [run(0, live()), run(1, live()), run(2, controller.signal), run(3, live())]
    await new Promise(resolve => setTimeout(resolve, 20))
    assert.deepEqual(begun, [0, 1])
    controller.abort(reason)
    await assert.rejects(all[2]!, error => error === reason)
    await assert.rejects(run(4, controller.signal), error => error === reason)
    ends[0]!()
    await all[0]
    await new Promise(resolve => setImmediate(resolve))
    assert.deepEqual(begun, [0, 1, 3])
    for (const end of ends) end()
    await Promise.all([all[1], all[3]])
  })
})

describe('net: clocks of an exchange', () => {
  const expiry = (options: { deadlineMs: number, idleMs: number, signal?: AbortSignal }): { watch: Watch, ended: Promise<unknown> } => {
    let watch: Watch | undefined
    const { signal = live(), deadlineMs, idleMs } = options
    const ended = new Promise(resolve => { watch = new Watch({ signal, deadline: { at: performance.now() + deadlineMs }, idleMs }, resolve) })
    return { watch: watch!, ended }
  }
  const kind = async (ended: Promise<unknown>): Promise<unknown> => (await ended as { kind: unknown }).kind

  it('ends at the deadline, or after silence, whichever comes first', async () => {
    assert.equal(await kind(expiry({ deadlineMs: 20, idleMs: 5000 }).ended), 'deadline')
    assert.equal(await kind(expiry({ deadlineMs: 5000, idleMs: 20 }).ended), 'idle')
  })

  it('counts silence from the last byte', async () => {
    const { watch, ended } = expiry({ deadlineMs: 5000, idleMs: 60 })
    const start = performance.now()
    const timer = setInterval(() => { watch.touch() }, 10)
    setTimeout(() => { clearInterval(timer) }, 150)
    assert.equal(await kind(ended), 'idle')
    assert.ok(performance.now() - start > 150)
  })

  it('does not count while it is paused, and leaves nothing when it is stopped', async () => {
    const controller = new AbortController()
    const { watch, ended } = expiry({ deadlineMs: Infinity, idleMs: 20, signal: controller.signal })
    watch.pause()
    const other = expiry({ deadlineMs: 60, idleMs: 5000 })
    assert.equal(await Promise.race([ended.then(() => 'paused'), other.ended.then(() => 'other')]), 'other')
    watch.resume()
    assert.equal(await kind(ended), 'idle')
    watch.stop()
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0)
  })

  it('waits for as long as it is told, also where timers can not', async () => {
    const warnings: Error[] = []
    const warned = (warning: Error): void => { warnings.push(warning) }
    process.on('warning', warned)
    const { watch } = expiry({ deadlineMs: 2 ** 40, idleMs: 2 ** 40 })
    await new Promise(resolve => setTimeout(resolve, 5))
    watch.stop()
    process.removeListener('warning', warned)
    assert.deepEqual(warnings, [])
  })

  it('does not take for silence that this thread was busy', async () => {
    const { watch, ended } = expiry({ deadlineMs: 5000, idleMs: 100 })
    const expired = ended.then(() => 'expired')
    for (const end = performance.now() + 300; performance.now() < end;);
    setImmediate(() => { watch.touch() }) // as a socket does whose bytes lay there: after timers
    assert.equal(await Promise.race([expired, new Promise(resolve => setTimeout(resolve, 50, 'alive'))]), 'alive')
    const start = performance.now()
    assert.equal(await kind(ended), 'idle')
    assert.ok(performance.now() - start < 1000)
  })

  it('moves with its deadline', async () => {
    const deadline = { at: performance.now() + 30 }
    const ended = new Promise(resolve => new Watch({ signal: live(), deadline, idleMs: 5000 }, resolve))
    const start = performance.now()
    deadline.at += 100
    assert.equal(await kind(ended), 'deadline')
    assert.ok(performance.now() - start >= 100)
  })

  it('ends with the reason of the signal', async () => {
    const controller = new AbortController()
    const reason = {}
    const { watch, ended } = expiry({ deadlineMs: 5000, idleMs: 5000, signal: controller.signal })
    controller.abort(reason)
    assert.equal(await ended, reason)
    watch.stop()
  })
})
