import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { isFsError } from '../../../lib/errors/index.js'
import { KeyedMutex } from '../../../lib/locks/index.js'
import { resetForFork } from '../../../lib/owner/index.js'

describe('KeyedMutex', () => {
  it('lets one in at a time per key, in the order of asking', async () => {
    const mutex = new KeyedMutex()
    const order: string[] = []
    const turn = (name: string): Promise<void> => mutex.run('a', async () => {
      order.push(`${name} in`)
      await new Promise(resolve => { setImmediate(resolve) })
      order.push(`${name} out`)
    })
    await Promise.all([turn('1'), turn('2'), turn('3'), mutex.run('b', async () => { order.push('other key') })])
    assert.deepEqual(order.filter(step => step !== 'other key'), ['1 in', '1 out', '2 in', '2 out', '3 in', '3 out'])
    assert.ok(order.indexOf('other key') < order.indexOf('1 out'))
    assert.equal(mutex.size, 0)
  })

  it('C18: refuses to wait for itself, through calls in between, and not after it let go', async () => {
    const mutex = new KeyedMutex()
    const reentry = (error: unknown): boolean => isFsError(error, 'FORKFS_LOCK_REENTRY')
    let later: Promise<() => void> | undefined
    await mutex.run('a', async () => {
      await assert.rejects(mutex.run('a', async () => {}), reentry)
      await assert.rejects(mutex.run('b', () => mutex.run('a', async () => {})), reentry)
      await assert.rejects(mutex.acquire('a'), reentry)
      await new KeyedMutex().run('a', async () => {}) // another mutex
      later = new Promise(resolve => { setImmediate(resolve) }).then(() => new Promise(resolve => { setTimeout(resolve, 5) })).then(() => mutex.acquire('a'))
    })
    const release = await later!
    release()
    assert.equal(mutex.size, 0)
  })

  it('C16: stops waiting with the reason of the signal, and after timeoutMs; the turn goes to the next', async () => {
    const mutex = new KeyedMutex()
    const first = await mutex.acquire('a')
    const controller = new AbortController()
    const reason = new Error('mine')
    const aborted = mutex.acquire('a', { signal: controller.signal })
    const late = mutex.acquire('a', { timeoutMs: 5 })
    const third = mutex.acquire('a')
    controller.abort(reason)
    await assert.rejects(aborted, error => error === reason)
    await assert.rejects(late, error => isFsError(error, 'FORKFS_LOCK_TIMEOUT') && error.path === 'a')
    await assert.rejects(mutex.acquire('a', { timeoutMs: 0 }), error => isFsError(error, 'FORKFS_LOCK_TIMEOUT'))
    await assert.rejects(mutex.acquire('a', { signal: controller.signal }), error => error === reason)
    first()
    first() // a second time is nothing: it may not let go of the next one's turn
    const release = await third
    assert.equal(mutex.size, 1)
    release()
    assert.deepEqual([mutex.size, getEventListeners(controller.signal, 'abort').length], [0, 0])
  })

  it('refuses wrong arguments', async () => {
    const mutex = new KeyedMutex()
    await assert.rejects(mutex.acquire(''), TypeError)
    await assert.rejects(mutex.acquire('a', { timeoutMs: -1 }), RangeError)
    await assert.rejects(mutex.acquire('a', { timeoutMs: NaN }), RangeError)
    await assert.rejects(mutex.acquire('a', { timeoutMs: '1' as never }), TypeError)
  })

  it('forgets its holders at a reset, and rejects who waits; a release of before is nothing', async () => {
    const mutex = new KeyedMutex()
    const before = await mutex.acquire('a')
    const waiting = mutex.acquire('a')
    resetForFork()
    await assert.rejects(waiting, error => isFsError(error, 'FORKFS_RESET'))
    const release = await mutex.acquire('a', { timeoutMs: 0 })
    before()
    await assert.rejects(mutex.acquire('a', { timeoutMs: 0 }), error => isFsError(error, 'FORKFS_LOCK_TIMEOUT'))
    release()
  })
})
