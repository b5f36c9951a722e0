import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { threadId } from 'node:worker_threads'
import { addFinalizer, CallGroup, currentOwner, Lease, onReset, Owned, ownerName, realm, resetForFork, sameOwner, Scope } from '../../../lib/owner/index.js'
import { isFsError } from '../../../lib/errors/index.js'

const never = (): Promise<never> => new Promise(() => {})

describe('resetForFork()', () => {
  it('begins a new epoch with another random id, each time it is called', () => {
    const before = currentOwner()
    const first = resetForFork()
    const second = resetForFork()
    const after = currentOwner()
    assert.equal(first.epoch, before.epoch + 1)
    assert.equal(second.epoch, before.epoch + 2)
    assert.equal(after.epoch, second.epoch)
    assert.notEqual(after.realm, before.realm)
    assert.deepEqual([after.pid, after.threadId], [process.pid, threadId])
    assert.equal(sameOwner(before, after), false)
    assert.equal(ownerName(after), `${process.pid}.${threadId}.${after.realm}.${after.epoch}`)
  })

  it('never throws, even when something can not be dropped', () => {
    let dropped = 0
    onReset(() => {
      if (dropped++ === 0) throw new Error('can not be dropped')
      return {}
    })
    assert.doesNotThrow(() => resetForFork())
    assert.equal(dropped, 1)
  })

  it('rejects what is pending with FORKFS_RESET at once, although the work never ends, and counts it', async () => {
    const scope = new Scope({}, 'info', 'a/b', undefined)
    const pending = scope.run(never)
    const { signal } = scope
    const report = resetForFork()
    await assert.rejects(pending, (error: unknown) => isFsError(error, 'FORKFS_RESET') && error.path === 'a/b' && error.operation === 'info')
    assert.equal(report.pending, 1)
    assert.equal(signal.aborted, true)
    assert.equal(resetForFork().pending, 0)
  })

  it('forgets finalizers without running them', () => {
    let ran = 0
    const disarm = addFinalizer({ exit: () => { ran++ } })
    const listeners = process.listenerCount('exit')
    assert.equal(resetForFork().finalizers, 1)
    assert.equal(ran, 0)
    assert.equal(process.listenerCount('exit'), listeners - 1)
    disarm()
  })

  it('ends leases for ever', () => {
    const lease = new Lease(new CallGroup(), 'a')
    const { signal } = lease
    lease.check()
    resetForFork()
    for (let time = 0; time < 2; time++) assert.throws(() => { lease.check() }, (error: unknown) => isFsError(error, 'FORKFS_RESET'))
    assert.equal(signal.aborted, true)
  })
})

describe('Scope', () => {
  it('settles as its work does', async () => {
    assert.equal(await new Scope({}, 'x', undefined, undefined).run(async () => Promise.resolve(5)), 5)
    await assert.rejects(new Scope({}, 'x', undefined, undefined).run(async () => Promise.reject(new RangeError('no'))), RangeError)
  })

  it('rejects with the reason of the caller, whatever the work made of it, and leaves no listener', async () => {
    const controller = new AbortController()
    const reason = { mine: true }
    const scope = new Scope({}, 'x', undefined, controller.signal)
    const run = scope.run(() => new Promise((_resolve, reject) => {
      scope.signal.addEventListener('abort', () => { reject(new Error('socket closed')) }, { once: true })
    }))
    controller.abort(reason)
    await assert.rejects(run, error => error === reason)
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0)
  })
})

describe('CallGroup', () => {
  it('reset() ends the calls and leases of its own instance only', async () => {
    const mine = new CallGroup()
    const other = new CallGroup()
    const ended = new Scope(mine, 'x', undefined, undefined).run(never)
    const goesOn = new Scope(other, 'x', undefined, undefined)
    const untouched = goesOn.run(async () => Promise.resolve('fine'))
    const lease = new Lease(mine, undefined)
    const foreign = new Lease(other, undefined)
    assert.equal(mine.reset(), 1)
    await assert.rejects(ended, (error: unknown) => isFsError(error, 'FORKFS_RESET'))
    assert.equal(await untouched, 'fine')
    assert.throws(() => { lease.check() })
    foreign.check()
  })
})

describe('Owned', () => {
  beforeEach(() => { resetForFork() })

  interface Thing { id: number, state: 'open' | 'closed' | 'dropped' }
  function life (fail: { next: boolean } = { next: false }): { owned: Owned<Thing>, made: Thing[] } {
    const made: Thing[] = []
    const owned = new Owned<Thing>({
      open: async () => {
        await Promise.resolve()
        if (fail.next) { fail.next = false; throw new Error('not today') }
        const thing: Thing = { id: made.length, state: 'open' }
        made.push(thing)
        return thing
      },
      close: async thing => { thing.state = 'closed'; await Promise.resolve() },
      drop: thing => { thing.state = 'dropped' }
    })
    return { owned, made }
  }

  it('builds once for many that ask at the same time', async () => {
    const { owned, made } = life()
    const all = await Promise.all(Array.from({ length: 50 }, () => owned.get()))
    assert.equal(made.length, 1)
    assert.equal(new Set(all).size, 1)
    assert.equal(owned.current, made[0])
  })

  it('forgets a failed build: the next use tries again', async () => {
    const { owned, made } = life({ next: true })
    await assert.rejects(owned.get())
    assert.equal((await owned.get()).id, 0)
    assert.equal(made.length, 1)
  })

  it('close() closes what was opened, once; a use afterwards opens another', async () => {
    const { owned, made } = life()
    await owned.get()
    await Promise.all([owned.close(), owned.close()])
    assert.equal(made[0]?.state, 'closed')
    assert.equal(owned.current, undefined)
    assert.equal((await owned.get()).id, 1)
    await owned.close()
  })

  it('close() waits also for a close that another has begun, and not after a reset', async () => {
    let finish = (): void => {}
    let closes = 0
    const owned = new Owned<number>({
      open: async () => Promise.resolve(1),
      close: () => { closes++; return new Promise(resolve => { finish = resolve }) },
      drop: () => { finish() }
    })
    await owned.get()
    const ended: string[] = []
    const both = [owned.close().then(() => { ended.push('first') }), owned.close().then(() => { ended.push('second') })]
    await new Promise(resolve => { setImmediate(resolve) })
    assert.deepEqual([closes, ended], [1, []])
    finish()
    await Promise.all(both)
    assert.deepEqual([closes, ended], [1, ['first', 'second']])
    await owned.get()
    const closing = owned.close()
    await new Promise(resolve => { setImmediate(resolve) })
    resetForFork()
    await Promise.all([closing, owned.close()])
  })

  it('is dropped, never closed, by a reset; the next use builds for the new owner', async () => {
    const { owned, made } = life()
    await owned.get()
    const { clients } = resetForFork()
    assert.equal(clients, 1)
    assert.equal(made[0]?.state, 'dropped')
    assert.equal(owned.current, undefined)
    await owned.close()
    assert.equal(made[0].state, 'dropped')
    assert.equal((await owned.get()).id, 1)
    await owned.close()
  })

  it('drops what was being built when the reset came', async () => {
    const { owned, made } = life()
    const building = owned.get()
    resetForFork()
    await building
    assert.equal(made[0]?.state, 'dropped')
    assert.equal(owned.current, undefined)
  })

  it('drop() during a build and a use after it leave one thing open', async () => {
    const { owned, made } = life()
    const first = owned.get()
    owned.drop()
    const second = owned.get()
    await Promise.all([first, second])
    assert.deepEqual(made.map(({ state }) => state).sort(), ['dropped', 'open'])
    assert.equal(owned.current?.state, 'open')
    await owned.close()
  })
})

describe('realm', () => {
  it('is one object for all copies of the package in this thread', async () => {
    const url = new URL('../../../lib/owner/realm.js?copy', import.meta.url).href
    const copy = await import(url) as typeof import('../../../lib/owner/realm.js')
    assert.notEqual(copy.currentOwner, currentOwner)
    assert.equal(copy.realm, realm)
    assert.deepEqual(copy.currentOwner(), currentOwner())
  })
})
