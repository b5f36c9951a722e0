import assert from 'node:assert/strict'
import type { EventEmitter } from 'node:events'
import { addFinalizer, resetForFork } from '../../../lib/owner/index.js'

const event = 'uncaughtExceptionMonitor'

function fail (): void { (process as EventEmitter).emit(event, new Error('nobody caught it'), 'uncaughtException') }

describe('addFinalizer()', () => {
  it('tells every finalizer of an error that nobody caught, also when one of them fails, and none after a reset', () => {
    const told: string[] = []
    const disarm = [
      addFinalizer({ uncaught: () => { told.push('first') } }),
      addFinalizer({ uncaught: () => { throw new Error('broken') } }),
      addFinalizer({}),
      addFinalizer({ uncaught: () => { told.push('last') } })
    ]
    fail()
    assert.deepEqual(told, ['first', 'last'])
    disarm[0]!()
    fail()
    assert.deepEqual(told, ['first', 'last', 'last'])
    resetForFork()
    fail()
    assert.deepEqual(told, ['first', 'last', 'last'])
  })

  it('listens to the process only while there is something to do', () => {
    resetForFork() // what other tests have left
    const count = (): number[] => ['beforeExit', 'exit', event].map(name => (process as EventEmitter).listenerCount(name))
    const before = count()
    const [disarm, other] = [addFinalizer({}), addFinalizer({})]
    assert.deepEqual(count(), before.map(listeners => listeners + 1))
    disarm()
    assert.deepEqual(count(), before.map(listeners => listeners + 1))
    other()
    assert.deepEqual(count(), before)
  })
})
