import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { currentOwner } from '../../../lib/owner/index.js'
import { isFsError } from '../../../lib/errors/index.js'
import { startWorker } from '../../../lib/workers/index.js'
import { failure, kinds, muffled, separate, tasks, withWorker } from './support.js'

interface Where { pid: number, threadId: number, cwd: string, execArgv: string[], argv: string[], owner: object }

for (const kind of kinds) {
  describe(`startWorker({ kind: '${kind}' }), calls`, () => {
    it('call() takes a URL, an absolute path and a package name', () => withWorker({ kind }, async worker => {
      assert.equal(await worker.call(tasks, 'add', [1, 2]), 3)
      assert.equal(await worker.call(tasks.href, 'add', [1, 2]), 3)
      assert.equal(await worker.call(fileURLToPath(tasks), 'add', [1, 2]), 3)
      assert.equal(await worker.call('node:path', 'join', ['a', 'b']), 'a/b')
      assert.equal(typeof (await failure(worker.call('p-limit', 'default', ['no number']))).message, 'string')
    }))

    it('call() rejects with TypeError for a relative path, no name, no array, a wrong deadline, a missing or non-function export', () => withWorker({ kind }, async worker => {
      await assert.rejects(worker.call('./tasks.js', 'add'), TypeError)
      await assert.rejects(worker.call(tasks, ''), TypeError)
      await assert.rejects(worker.call(tasks, 'add', 'args' as unknown as []), TypeError)
      await assert.rejects(worker.call(tasks, 'add', [], { timeoutMs: 0 }), RangeError)
      await assert.rejects(worker.call(tasks, 'no such export'), TypeError)
      await assert.rejects(worker.call(tasks, 'notAFunction'), TypeError)
      await assert.rejects(worker.call(tasks, 'toString'), TypeError)
      assert.equal((await failure(worker.call('no-such-package-anywhere', 'x'))).code, 'ERR_MODULE_NOT_FOUND')
      assert.equal(await worker.call(tasks, 'add', [2, 2]), 4)
    }))

    it('imports a module once', () => withWorker({ kind }, async worker => {
      const first = await worker.call<number>(tasks, 'next')
      assert.equal(await worker.call(tasks, 'next'), first + 1)
    }))

    it('B5: an error thrown by the function leaves the worker usable', () => withWorker({ kind }, async worker => {
      const error = await failure(worker.call(tasks, 'fail', ['type']))
      assert.ok(error instanceof TypeError)
      assert.equal(error.message, 'wrong')
      assert.equal(error.code, 'E_TYPE')
      assert.ok((error.remoteStack as string).includes('tasks.js'))
      assert.ok(error.stack!.includes('calls.test.js'), error.stack)
      assert.equal(await worker.call(tasks, 'add', [1, 1]), 2)
    }))

    it('B6: classes, names, codes, causes and hostile errors come through', () => withWorker({ kind }, async worker => {
      const custom = await failure(worker.call(tasks, 'fail', ['custom']))
      assert.ok(custom instanceof RangeError)
      assert.equal(custom.name, 'Custom')
      assert.equal(custom.code, 'E_CUSTOM')
      assert.deepEqual(custom.detail, { nested: [1, 2, { three: 3 }] })
      assert.ok(custom.cause instanceof SyntaxError)
      const missing = await failure(worker.call(tasks, 'fail', ['enoent']))
      assert.deepEqual([missing.code, missing.path, missing.syscall], ['ENOENT', '/no/such/file', 'open'])
      assert.equal((await failure(worker.call(tasks, 'fail', ['null']))).value, null)
      assert.equal((await failure(worker.call(tasks, 'fail', ['five']))).value, 5)
      assert.ok((await failure(worker.call(tasks, 'fail', ['huge']))).message.length <= 65_536)
      assert.equal((await failure(worker.call(tasks, 'fail', ['getter']))).message, 'hostile')
      assert.equal((await failure(worker.call(tasks, 'fail', ['cyclic']))).message, 'round')
    }))

    it('B7: what can not be cloned rejects with its path, and the next call works', () => withWorker({ kind }, async worker => {
      const argument = await failure(worker.call(tasks, 'echo', [1, { fn: () => 1 }]))
      assert.ok(isFsError(argument, 'FORKFS_UNCLONEABLE'))
      assert.equal(argument.path, 'args[1].fn')
      const deep = await failure(worker.call(tasks, 'echo', [{ 'a b': new Map([['k', [Symbol('s')]]]) }]))
      assert.equal(deep.path, 'args[0]["a b"].get("k")[0]')
      const result = await failure(worker.call(tasks, 'giveFunction'))
      assert.ok(isFsError(result, 'FORKFS_UNCLONEABLE'))
      assert.equal(result.path, 'result.list[1].fn')
      assert.equal(await worker.call(tasks, 'add', [1, 1]), 2)
      assert.ok(isFsError(await failure(startWorker({ kind, init: tasks, workerData: { stop: () => {} } })), 'FORKFS_UNCLONEABLE'))
    }))

    it('B8: 1,000 concurrent calls keep order and answers', () => withWorker({ kind }, async worker => {
      const before = await worker.call<number>(tasks, 'next')
      const answers = await Promise.all(Array.from({ length: 1000 }, () => worker.call<number>(tasks, 'next')))
      assert.deepEqual(answers, Array.from({ length: 1000 }, (_, index) => before + 1 + index))
    }))

    it('B15: arguments and results are copies', () => withWorker({ kind }, async worker => {
      const value = { list: [1, 2], map: new Map([['a', new Date(3)]]), bytes: new Uint8Array([1, 2, 3]) }
      const sent = worker.call<typeof value>(tasks, 'echo', [value])
      value.list.push(3)
      const back = await sent
      assert.deepEqual(back, { list: [1, 2], map: new Map([['a', new Date(3)]]), bytes: new Uint8Array([1, 2, 3]) })
      assert.notEqual(back.bytes.buffer, value.bytes.buffer)
    }))

    it('gives each array of a result a buffer of its own', () => withWorker({ kind }, async worker => {
      const [a, b] = await worker.call<[Uint8Array, Float64Array]>(tasks, 'echo', [[new Uint8Array(4), new Float64Array([1.5])]])
      assert.equal(a.buffer.byteLength, 4)
      assert.equal(b.buffer.byteLength, 8)
      assert.deepEqual(b, new Float64Array([1.5]))
    }))

    it('waits for what a function returns that is no promise but has then()', () => withWorker({ kind }, async worker => {
      assert.equal(await worker.call(tasks, 'giveThenable', [5]), 5)
      assert.equal((await failure(worker.call(tasks, 'giveThenable', []))).message, 'no value')
    }))

    it('answers calls that end at once and calls that wait, each as it ends', () => withWorker({ kind }, async worker => {
      const order: string[] = []
      const note = (name: string) => (): void => { order.push(name) }
      const controller = new AbortController()
      const waiting = failure(worker.call(tasks, 'untilAborted', [], { signal: controller.signal })).then(note('waited'))
      await Promise.all([worker.call(tasks, 'add', [1, 1]).then(note('added')), worker.call(tasks, 'fail', ['type']).then(undefined, note('failed'))])
      assert.equal(order.length, 2)
      controller.abort(new Error('enough'))
      await waiting
      assert.deepEqual([order.length, order.at(-1)], [3, 'waited'])
    }))

    it('B18: a signal that is aborted before the call rejects with its reason and sends nothing', () => withWorker({ kind }, async worker => {
      const before = await worker.call<number>(tasks, 'next')
      const reason = new Error('mine')
      assert.equal(await failure(worker.call(tasks, 'next', [], { signal: AbortSignal.abort(reason) })), reason)
      assert.equal(await worker.call(tasks, 'next'), before + 1)
    }))

    it('an abort reaches getCallContext().signal, and the worker lives on when the function ends', () => withWorker({ kind }, async worker => {
      const controller = new AbortController()
      const call = failure(worker.call(tasks, 'untilAborted', [], { signal: controller.signal }))
      await worker.call(tasks, 'add', [1, 1])
      const reason = { own: 'reason' }
      controller.abort(reason)
      assert.equal(await call, reason)
      assert.equal(worker.alive, true)
      assert.equal(await worker.call(tasks, 'add', [1, 1]), 2)
    }))

    it('workers start workers, and questions go up to the nearest parent that serves them', () => withWorker({ kind }, async worker => {
      const { serve } = await import('../../../lib/owner/index.js')
      const withdraw = serve('test:double', (payload, from) => ({ doubled: (payload as number) * 2, asker: from }))
      try {
        const near = await worker.call<{ doubled: number, asker: object }>(tasks, 'ask', ['test:double', 21])
        assert.deepEqual(near, { doubled: 42, asker: worker.owner })
        const far = await worker.call<{ doubled: number }>(tasks, 'nested', ['thread', 'ask', ['test:double', 4]])
        assert.equal(far.doubled, 8)
      } finally {
        withdraw()
      }
      assert.ok(isFsError(await failure(worker.call(tasks, 'ask', ['test:double', 1])), 'FORKFS_NOT_SUPPORTED'))
    }))

    it('B14: run(), store() and load() share a namespace that holds nothing else', () => withWorker({ kind }, async worker => {
      await worker.store('items', [1, 2, 3])
      await worker.run('let total = items.reduce((a, b) => a + b); function triple () { return total * 3 }')
      await worker.run('const tripled = triple(); globalThis.names = Object.keys(globalThis).sort()')
      assert.equal(await worker.load('total'), 6)
      assert.equal(await worker.load('tripled'), 18)
      assert.deepEqual(await worker.load('names'), ['items', 'triple'])
      const error = await failure(worker.load('unheardOf'))
      assert.ok(error instanceof ReferenceError)
      assert.ok(isFsError(await failure(worker.load('process.exit()')), 'EINVAL'))
      await worker.run('const later = new Promise(resolve => setTimeout(resolve, 5, "done")); later')
      await assert.rejects(worker.run('Promise.reject(new RangeError("late"))'), RangeError)
      assert.ok(isFsError(await failure(worker.store('f', () => 1)), 'FORKFS_UNCLONEABLE'))
      assert.ok(isFsError(await failure(worker.load('triple')), 'FORKFS_UNCLONEABLE'))
      assert.equal(await worker.load('total'), 6)
    }))
  })
}

for (const kind of separate) {
  describe(`startWorker({ kind: '${kind}' }), its own owner and output`, () => {
    it('has an owner of its own, that of currentOwner() in the worker', () => withWorker({ kind }, async worker => {
      const { owner, pid, threadId } = await worker.call<Where>(tasks, 'where')
      assert.deepEqual(worker.owner, owner)
      assert.notEqual(worker.owner.realm, currentOwner().realm)
      assert.equal(worker.owner.epoch, 2)
      assert.deepEqual([worker.owner.pid, worker.owner.threadId], [pid, threadId])
      assert.equal(kind === 'process', pid !== process.pid)
    }))

    it('B9: an error carries what its own call printed, not what came before', () => withWorker({ kind }, async worker => {
      await muffled(async () => {
        // More than a pipe brings in one turn: the rest of it comes behind the answer.
        await worker.call(tasks, 'print', [`${'o'.repeat(150_000)}earlier out\n`, `${'e'.repeat(150_000)}earlier err\n`])
        const error = await failure(worker.call(tasks, 'printAndThrow', ['now out', 'now err']))
        const output = error.output as string
        assert.equal(output.split('now out').length, 3)
        assert.ok(output.includes('now err'))
        assert.equal(output.includes('earlier'), false)
        assert.equal('output' in await failure(worker.call(tasks, 'fail', ['quiet'])), false)
      })
    }))

    it('keeps the last 64 KiB of output and passes all of it on to this process', () => withWorker({ kind }, async worker => {
      let output = ''
      const printed = await muffled(async () => {
        output = (await failure(worker.call(tasks, 'printAndThrow', ['o'.repeat(100_000), 'the end']))).output as string
      })
      assert.equal(output.length, 65_536)
      assert.ok(output.includes('ooo'))
      assert.equal(printed.stdout.split('o').length - 1, 200_000)
      assert.equal(printed.stderr, 'the end\n')
    }))

    it('B16: working directory, environment and extra variables are mirrored; workerData is in no argument', async () => {
      process.env.FORKFS_TEST_MIRROR = 'mirrored'
      try {
        await withWorker({ kind, env: { FORKFS_TEST_EXTRA: 'extra' }, init: new URL('./fixtures/init.js', import.meta.url), workerData: { mode: 'ok', secret: 'hush' } }, async worker => {
          const { cwd, execArgv, argv } = await worker.call<Where>(tasks, 'where')
          assert.equal(cwd, process.cwd())
          assert.deepEqual(execArgv, process.execArgv)
          assert.equal(JSON.stringify(argv).includes('hush'), false)
          assert.equal(await worker.call(tasks, 'environment', ['FORKFS_TEST_MIRROR']), 'mirrored')
          assert.equal(await worker.call(tasks, 'environment', ['FORKFS_TEST_EXTRA']), 'extra')
          assert.equal(process.env.FORKFS_TEST_EXTRA, undefined)
        })
      } finally {
        delete process.env.FORKFS_TEST_MIRROR
      }
    })

    it(`B19: a round trip takes at most ${kind === 'thread' ? 100 : 200} µs`, () => withWorker({ kind }, async worker => {
      let best = Infinity
      for (let round = 0; round < 10 && best > 0.1; round++) { // the machine may be busy: the best round counts
        const times: number[] = []
        for (let index = 0; index < 200; index++) {
          const start = performance.now()
          await worker.call(tasks, 'add', [1, 1])
          times.push(performance.now() - start)
        }
        best = Math.min(best, times.sort((a, b) => a - b)[100]!)
      }
      assert.ok(best <= (kind === 'thread' ? 0.1 : 0.2), `${best} ms`)
    }))

    it('B16: execArgv given by the caller is used', () => withWorker({ kind, execArgv: ['--no-deprecation'] }, async worker => {
      assert.deepEqual((await worker.call<Where>(tasks, 'where')).execArgv, ['--no-deprecation'])
    }))
  })
}
