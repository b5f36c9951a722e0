/** What errors of calls tell: which argument, and which call. */
import assert from 'node:assert/strict'
import { isFsError, resetForFork } from '../../../lib/index.js'
import { createPool, startWorker, WorkerDiedError } from '../../../lib/workers/index.js'
import { failure, kinds, separate, tasks, withWorker } from './support.js'

/** Its methods do not cross, so that it would arrive as an empty object. */
class Later {
  then (use: (value: number) => void): void { use(5) }
}

const named = (name: string): string => `${tasks.href}#${name}`

for (const kind of kinds) {
  describe(`startWorker({ kind: '${kind}' }), what nobody awaited`, () => {
    it('rejects with FORKFS_UNCLONEABLE and the path of the argument when it is a promise or another thenable', () => withWorker({ kind }, async worker => {
      for (const promise of [Promise.resolve(5), new Later(), { then: () => {} }]) {
        const error = await failure(worker.call(tasks, 'echo', [1, promise]))
        assert.ok(isFsError(error, 'FORKFS_UNCLONEABLE'))
        assert.equal(error.path, 'args[1]')
        assert.equal((await failure(worker.store('later', promise))).path, 'value')
      }
      assert.equal(await worker.call(tasks, 'add', [1, 1]), 2)
    }))

    it('rejects with FORKFS_UNCLONEABLE and the path of a promise inside of an argument, a result or workerData', () => withWorker({ kind }, async worker => {
      assert.equal((await failure(worker.call(tasks, 'echo', [{ list: [1, Promise.resolve(5)] }]))).path, 'args[0].list[1]')
      assert.equal((await failure(worker.call(tasks, 'echo', [{ own: { then: () => {} } }]))).path, 'args[0].own')
      assert.equal((await failure(worker.call(tasks, 'givePromise'))).path, 'result.later')
      const error = await failure(startWorker({ kind, init: tasks, workerData: { later: Promise.resolve(5) } }))
      assert.deepEqual([error.code, error.path], ['FORKFS_UNCLONEABLE', 'workerData.later'])
    }))

    it('rejects with a TypeError when a promise stands for the arguments or the source', () => withWorker({ kind }, async worker => {
      await assert.rejects(worker.call(tasks, 'echo', Promise.resolve([1]) as never), TypeError)
      await assert.rejects(worker.run(Promise.resolve('1') as never), TypeError)
    }))

    it('rejects with a TypeError when an option of a call is misspelt, and calls nothing', () => withWorker({ kind }, async worker => {
      const before = await worker.call<number>(tasks, 'next')
      for (const options of [{ timeoutms: 5 }, { retries: 1 }, { sginal: undefined }, 5, null]) {
        await assert.rejects(worker.call(tasks, 'next', [], options as never), TypeError)
        await assert.rejects(worker.run('', options as never), TypeError)
      }
      assert.equal(await worker.call<number>(tasks, 'next', [], { timeoutMs: undefined, signal: undefined }), before + 1)
      await assert.rejects(startWorker({ kind, bootstrapTimeoutms: 5 } as never), TypeError)
    }))

    it('names the calls that close({ force: true }) and resetForFork() ended', () => withWorker({ kind }, async worker => {
      const call = failure(worker.call(tasks, 'never'))
      resetForFork()
      const error = await call
      assert.deepEqual([error.code, error.operation, error.path], ['FORKFS_RESET', 'call', named('never')])
      const other = await startWorker({ kind })
      const second = failure(other.call(tasks, 'never'))
      await other.close({ force: true })
      assert.deepEqual([(await second).code, (await second).path], ['FORKFS_WORKER_CLOSED', named('never')])
    }))
  })
}

for (const kind of separate) {
  describe(`startWorker({ kind: '${kind}' }), a worker that dies`, () => {
    it('names each call under way, and a later one, by module and function', () => withWorker({ kind }, async worker => {
      const calls = ['never', 'exit'].map(name => failure(worker.call(tasks, name, [3])))
      const errors = await Promise.all(calls)
      assert.deepEqual(errors.map(error => [error instanceof WorkerDiedError, error.exitCode, error.operation, error.path]), [
        [true, 3, 'call', named('never')], [true, 3, 'call', named('exit')]
      ])
      const later = await failure(worker.call(tasks, 'add', [1, 1]))
      assert.ok(later instanceof WorkerDiedError)
      assert.deepEqual([later.exitCode, later.operation, later.path], [3, 'call', named('add')])
    }))

    it('names a run as such, and a variable that was stored', () => withWorker({ kind }, async worker => {
      const error = await failure(worker.run('process.exit(4)'))
      assert.ok(error instanceof WorkerDiedError)
      assert.deepEqual([error.exitCode, error.operation, error.path], [4, 'run', undefined])
      const stored = await failure(worker.store('x', 1))
      assert.deepEqual([stored.operation, stored.path], ['store', 'x'])
    }))

    it('names the call that had no answer in time', () => withWorker({ kind }, async worker => {
      const error = await failure(worker.call(tasks, 'never', [], { timeoutMs: 50 }))
      assert.deepEqual([error.code, error.operation, error.path], ['FORKFS_WORKER_TIMEOUT', 'call', named('never')])
    }))

    it('names the call in the error of a pool, and where that error crosses another worker', async () => {
      await using pool = await createPool({ kind, size: 1 })
      await assert.rejects(pool.call(tasks, 'add', [1, 1], { retires: 2 } as never), TypeError)
      assert.equal(await pool.call(tasks, 'add', [1, 1], { retries: 0, timeoutMs: 10_000 }), 2)
      assert.equal((await failure(pool.call(tasks, 'exit', [5]))).path, named('exit'))
      const crossed = await failure(pool.call(tasks, 'ownWorkerDies', []))
      assert.ok(crossed instanceof WorkerDiedError)
      assert.deepEqual([crossed.exitCode, crossed.operation, crossed.path], [3, 'call', named('exit')])
    }).timeout(20_000)
  })
}
