import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { isFsError } from '../../../lib/errors/index.js'
import { startWorker, WorkerBootstrapError, WorkerDiedError } from '../../../lib/workers/index.js'
import type { RemoteWorker } from '../../../lib/workers/index.js'
import { openDataChannel } from '../../../lib/workers/worker.js'
import { remainingFiles } from '../../../scripts/kill/leftovers.js'
import { inHaste, inTemporaryFolder, processExists, startChild } from '../support.js'
import { eventually } from '../../eventually.js'
import { failure, kinds, muffled, separate, tasks, withWorker } from './support.js'

const init = new URL('./fixtures/init.js', import.meta.url)
const fixture = (name: string): string => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url))

/** The error of a call, and how long it took. */
async function timed (promise: Promise<unknown>): Promise<{ error: WorkerDiedError & Record<string, unknown>, ms: number }> {
  const start = performance.now()
  const error = await failure(promise)
  return { error: error as WorkerDiedError & Record<string, unknown>, ms: performance.now() - start }
}

async function assertDead (worker: RemoteWorker): Promise<void> {
  assert.equal(worker.alive, false)
  const { error, ms } = await timed(worker.call(tasks, 'add', [1, 1]))
  assert.ok(error instanceof WorkerDiedError)
  assert.ok(ms < 50, `${ms} ms`)
}

describe('a worker process that dies', () => {
  it('B1: SIGKILL rejects calls under way within a second, with the signal, and later calls at once', () => withWorker({ kind: 'process' }, async worker => {
    const pending = [timed(worker.call(tasks, 'never')), timed(worker.call(tasks, 'never'))]
    await worker.call(tasks, 'add', [1, 1])
    process.kill(worker.owner.pid, 'SIGKILL')
    for (const { error, ms } of await Promise.all(pending)) {
      assert.ok(error instanceof WorkerDiedError)
      assert.ok(isFsError(error, 'FORKFS_WORKER_DIED'))
      assert.deepEqual([error.exitCode, error.signal], [null, 'SIGKILL'])
      assert.ok(ms < 1000, `${ms} ms`)
    }
    await assertDead(worker)
  }))

  it('B1: leaves no temporary file when it was killed in the middle of calls and its parent has ended', () => inTemporaryFolder('forkfs-dead-', async folder => {
    const parent = startChild(fixture('widowed.js'))
    try {
      const [seen] = await once(parent, 'message') as [readonly string[]]
      assert.equal(seen.length, 2) // there was something to leave
      const [code] = await once(parent, 'exit') as [number | null]
      assert.deepEqual([code, await remainingFiles(folder)], [0, []])
    } finally {
      parent.kill('SIGKILL')
    }
  }))

  it('B3: SIGSEGV rejects with the signal', () => withWorker({ kind: 'process' }, async worker => {
    await muffled(async () => {
      const { error } = await timed(worker.call(tasks, 'segfault'))
      assert.equal(error.signal, 'SIGSEGV')
    })
    await assertDead(worker)
  }))

  it('B4: a worker that is stopped is killed at the deadline', () => withWorker({ kind: 'process' }, async worker => {
    const { pid } = worker.owner
    process.kill(pid, 'SIGSTOP')
    const { error, ms } = await timed(worker.call(tasks, 'add', [1, 1], { timeoutMs: 100 }))
    assert.ok(isFsError(error, 'FORKFS_WORKER_TIMEOUT'))
    assert.ok(ms < 350, `${ms} ms`)
    assert.equal(processExists(pid), false)
  }))

  it('B12: what it started is gone after close({ force })', async () => {
    const worker = await startWorker({ kind: 'process' })
    const grandchild = await worker.call<number>(tasks, 'startGrandchild')
    assert.equal(processExists(grandchild), true)
    await worker.close({ force: true })
    assert.ok(await eventually(() => !processExists(grandchild), 1000))
    assert.equal(processExists(worker.owner.pid), false)
  })

  it('what it started is gone after an unexpected death', () => withWorker({ kind: 'process' }, async worker => {
    const grandchild = await worker.call<number>(tasks, 'startGrandchild')
    process.kill(worker.owner.pid, 'SIGKILL')
    assert.ok(await eventually(() => !processExists(grandchild), 1000))
  }))

  it('B20: a worker killed between two calls rejects the next one', () => withWorker({ kind: 'process' }, async worker => {
    for (let round = 0; round < 5; round++) {
      await withWorker({ kind: 'process' }, async victim => {
        process.kill(victim.owner.pid, 'SIGKILL')
        const { error, ms } = await timed(victim.call(tasks, 'add', [1, 1]))
        assert.ok(error instanceof WorkerDiedError)
        assert.ok(ms < 1000, `${ms} ms`)
      })
    }
    assert.equal(await worker.call(tasks, 'add', [1, 1]), 2)
  }))

  it('B13: it ends when its parent is killed, and so do its own workers', async () => {
    const parent = spawn(process.execPath, [fixture('parent.js')], { stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      const [line] = await once(createInterface({ input: parent.stdout }), 'line') as [string]
      const pids = JSON.parse(line) as number[]
      assert.ok(pids.every(processExists))
      parent.kill('SIGKILL')
      assert.ok(await eventually(() => !pids.some(processExists), 2000))
    } finally {
      parent.kill('SIGKILL')
    }
  })

  for (const state of ['busy', 'starting', 'stopped', 'busy for a thread'] as const) {
    it(`ends with its parent while it is ${state}, and so does what it started`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'forkfs-busy-'))
      const file = join(folder, 'pids')
      const parent = spawn(process.execPath, [fixture('busy-parent.js'), state, file], { stdio: ['ignore', 'ignore', 'inherit'] })
      let pids: number[] = []
      try {
        assert.ok(await eventually(() => existsSync(file), 10_000))
        pids = JSON.parse(readFileSync(file, 'utf8')) as number[]
        assert.ok(pids.every(processExists))
        if (state !== 'busy for a thread') parent.kill('SIGKILL')
        assert.ok(await eventually(() => !pids.some(processExists), 5000))
        assert.equal(parent.exitCode, null) // where its thread ends it lives on
      } finally {
        parent.kill('SIGKILL')
        for (const pid of pids.filter(processExists)) process.kill(pid, 'SIGKILL')
        await rm(folder, { recursive: true })
      }
    }).timeout(20_000)
  }

  it('is watched by one shell with its neighbours, and no longer than they live', async () => {
    const children = (): string[] => readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1').split(' ').filter(pid => pid !== '')
    const shells = (): number => children().filter(pid => processExists(Number(pid)) && readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith('/bin/sh')).length
    assert.ok(await eventually(() => shells() === 0, 3000))
    await withWorker({ kind: 'process' }, async () => {
      await withWorker({ kind: 'process' }, async () => { assert.equal(shells(), 1) })
      assert.equal(shells(), 1)
    })
    assert.ok(await eventually(() => shells() === 0, 2000))
  })

  it('leaves no descriptor, child or listener behind', async () => {
    const open = (): number => readdirSync('/proc/self/fd').length
    const listeners = (): number[] => [process, process.stdout, process.stderr].map(item => item.eventNames().length)
    await withWorker({ kind: 'process' }, async worker => { await worker.call(tasks, 'add', [1, 1]) })
    const before = { open: open(), listeners: listeners() }
    for (let round = 0; round < 4; round++) {
      const worker = await startWorker({ kind: 'process' })
      if (round % 2 === 0) openDataChannel(worker)
      if (round < 2) await worker.call(tasks, 'add', [1, 1])
      await worker.close({ force: round % 3 === 0 })
      assert.equal(processExists(worker.owner.pid), false)
    }
    // What ran before in this process may still close one of its own meanwhile: fewer is no leak.
    assert.ok(await eventually(() => open() <= before.open && isDeepStrictEqual(listeners(), before.listeners), 1000), JSON.stringify([before, open(), listeners()]))
  })

  it('its pipes are not inherited by what it starts', () => withWorker({ kind: 'process' }, async worker => {
    const grandchild = await worker.call<number>(tasks, 'startGrandchild')
    const pipes = (pid: number): string[] => readdirSync(`/proc/${pid}/fd`).map(fd => { try { return readlinkSync(`/proc/${pid}/fd/${fd}`) } catch { return '' } })
    const own = new Set([3, 4].map(fd => readlinkSync(`/proc/${worker.owner.pid}/fd/${fd}`)))
    assert.equal(own.size, 2)
    assert.deepEqual(pipes(grandchild).filter(pipe => own.has(pipe)), [])
  }))

  it('an idle worker does not keep its parent alive', async () => {
    const parent = spawn(process.execPath, [fixture('forgetful.js')], { stdio: ['ignore', 'pipe', 'inherit'] })
    const lines = createInterface({ input: parent.stdout })[Symbol.asyncIterator]()
    const { pid } = JSON.parse((await lines.next()).value as string) as { pid: number }
    assert.deepEqual(await once(parent, 'exit'), [0, null])
    assert.ok(await eventually(() => !processExists(pid), 2000))
  })
})

for (const kind of separate) {
  describe(`a worker of kind '${kind}' that ends`, () => {
    it('B2: process.exit(0) in a call rejects with exit code 0', () => withWorker({ kind }, async worker => {
      const { error, ms } = await timed(worker.call(tasks, 'exit', [0]))
      assert.ok(error instanceof WorkerDiedError)
      assert.deepEqual([error.exitCode, error.signal], [0, null])
      assert.ok(ms < 1000, `${ms} ms`)
      await assertDead(worker)
    }))

    it('a death while close() waits rejects the calls under way as a death, and close() resolves', async () => {
      const worker = await startWorker({ kind })
      const call = timed(worker.call(tasks, 'exit', [5]))
      const closing = worker.close()
      const { error } = await call
      assert.ok(error instanceof WorkerDiedError)
      assert.equal(error.exitCode, 5)
      await closing
    })

    it('B3: an unhandled rejection rejects with exit code 1, and stderr has the fatal line', () => withWorker({ kind }, async worker => {
      await muffled(async () => {
        const { error } = await timed(worker.call(tasks, 'rejectUnhandled'))
        assert.ok(error instanceof WorkerDiedError)
        assert.equal(error.exitCode, 1)
        assert.match(error.stderr, /nobody handles this/)
        assert.match(error.output as string, /nobody handles this/)
      })
      await assertDead(worker)
    }))

    it('B3: running out of memory rejects, and stderr has the fatal line', () => withWorker({ kind, resourceLimits: { maxOldGenerationSizeMb: 24 } }, async worker => {
      await muffled(async () => {
        const { error } = await timed(worker.call(tasks, 'outOfMemory'))
        assert.ok(error instanceof WorkerDiedError)
        if (kind === 'process') assert.equal(error.signal, 'SIGABRT')
        else assert.equal(error.exitCode, 1)
        assert.match(error.stderr, /memory/i)
      })
      await assertDead(worker)
    })).timeout(30_000)

    it('B4: a call past its deadline rejects, onTimeout is called before, the worker is gone', async () => {
      const seen: unknown[] = []
      await withWorker({ kind, onTimeout: (...args) => { seen.push(args) } }, async worker => {
        const neighbour = timed(worker.call(tasks, 'never'))
        const { error, ms } = await timed(worker.call(tasks, 'busy', [60_000], { timeoutMs: 200 }))
        assert.ok(isFsError(error, 'FORKFS_WORKER_TIMEOUT'))
        assert.ok(ms < 450, `${ms} ms`)
        assert.deepEqual(seen, [[tasks.href, 'busy']])
        assert.ok((await neighbour).error instanceof WorkerDiedError)
        if (kind === 'process') assert.equal(processExists(worker.owner.pid), false)
        await assertDead(worker)
      })
    })

    it('callTimeoutMs is the deadline of calls that name none', () => withWorker({ kind, callTimeoutMs: 100 }, async worker => {
      assert.equal(await worker.call(tasks, 'sleep', [150], { timeoutMs: 5000 }), 'slept')
      assert.ok(isFsError(await failure(worker.call(tasks, 'never')), 'FORKFS_WORKER_TIMEOUT'))
    }))

    it('a function that goes on after its abort ends with its worker; the call rejects with the reason', () => withWorker({ kind }, async worker => {
      const controller = new AbortController()
      const call = timed(worker.call(tasks, 'busy', [60_000], { signal: controller.signal }))
      const reason = new Error('enough')
      setTimeout(() => { controller.abort(reason) }, 50)
      const { error, ms } = await call
      assert.equal(error, reason)
      assert.ok(ms < 1500, `${ms} ms`)
      await assertDead(worker)
    }))

    it('B17: an answer of 64 KiB is never lost when the worker exits right after it', async () => {
      for (let round = 0; round < 5; round++) {
        await withWorker({ kind }, async worker => {
          const answer = await worker.call<Uint8Array>(tasks, 'answerThenExit', [65_536])
          assert.equal(answer.length, 65_536)
          assert.ok(answer.every(byte => byte === 7))
        })
      }
    })

    it('B17: a larger one arrives whole, or the call rejects with WorkerDiedError', () => withWorker({ kind }, async worker => {
      const bytes = 8 << 20
      const outcome = await worker.call<Uint8Array>(tasks, 'answerThenExit', [bytes]).catch((error: unknown) => error)
      if (outcome instanceof WorkerDiedError) assert.equal(outcome.exitCode, 0)
      else assert.ok((outcome as Uint8Array).length === bytes && (outcome as Uint8Array).every(byte => byte === 7))
    }))

    it('B8: a result of 256 MiB arrives intact', () => withWorker({ kind }, async worker => {
      const result = await worker.call<Uint8Array>(tasks, 'large', [256 << 20])
      assert.equal(result.length, 256 << 20)
      for (let offset = 0; offset < result.length; offset += 1 << 20) assert.equal(result[offset], (offset >> 20) & 255)
    })).timeout(60_000)

    it('B10: an exit during init rejects with kind exit, code and output', () => muffled(async () => {
      const error = await failure(startWorker({ kind, init, workerData: { mode: 'exit' } })) as unknown as WorkerBootstrapError
      assert.ok(error instanceof WorkerBootstrapError)
      assert.equal(error.kind, 'exit')
      assert.match(error.output, /leaving early/)
    }).then(() => {}))

    for (const mode of ['hang', 'spin']) {
      it(`B10: an init that ${mode}s rejects with kind timeout after bootstrapTimeoutMs`, async () => {
        const { error, ms } = await timed(startWorker({ kind, init, workerData: { mode }, bootstrapTimeoutMs: 700 }))
        assert.ok(error instanceof WorkerBootstrapError)
        assert.equal((error as unknown as WorkerBootstrapError).kind, 'timeout')
        assert.ok(ms < 1700, `${ms} ms`)
      })
    }

    it('B10: an init that hangs rejects with kind timeout after 30 s, where nothing else is asked for', async () => {
      const error = await inHaste(30_000, () => failure(startWorker({ kind, init, workerData: { mode: 'hang' } })))
      assert.ok(error instanceof WorkerBootstrapError)
      assert.equal((error as unknown as WorkerBootstrapError).kind, 'timeout')
    })
  })
}

for (const kind of kinds) {
  describe(`startWorker({ kind: '${kind}' }), begin and end`, () => {
    it('B10: an init that throws rejects with kind init, output and the error as cause', () => muffled(async () => {
      const error = await failure(startWorker({ kind, init, workerData: { mode: 'throw' } })) as unknown as WorkerBootstrapError
      assert.ok(isFsError(error, 'FORKFS_WORKER_BOOTSTRAP'))
      assert.equal(error.kind, 'init')
      assert.ok(error.cause instanceof RangeError)
      assert.equal((error.cause as Error & { code?: string }).code, 'E_INIT')
      if (kind !== 'in-process') assert.match(error.output, /about to fail/)
    }).then(() => {}))

    it('B10: a missing or malformed init module rejects with kind import', async () => {
      const missing = await failure(startWorker({ kind, init: new URL('./fixtures/no-such-file.js', import.meta.url) })) as unknown as WorkerBootstrapError
      assert.equal(missing.kind, 'import')
      assert.equal((missing.cause as { code?: string }).code, 'ERR_MODULE_NOT_FOUND')
      const malformed = await failure(startWorker({ kind, init: new URL('data:text/javascript,let let let') })) as unknown as WorkerBootstrapError
      assert.equal(malformed.kind, 'import')
      assert.ok(malformed.cause instanceof SyntaxError)
    })

    it('hands workerData to the init module', () => withWorker({ kind, init, workerData: { mode: 'ok', list: [1, new Map([[1, 2]])] } }, async worker => {
      assert.deepEqual(await worker.call(init, 'data'), { mode: 'ok', list: [1, new Map([[1, 2]])] })
    }))

    it('rejects wrong options', async () => {
      await assert.rejects(startWorker({ kind: 'fiber' as 'thread' }), TypeError)
      await assert.rejects(startWorker({ kind, bootstrapTimeoutMs: -1 }), RangeError)
      await assert.rejects(startWorker({ kind, init: './relative.js' }), TypeError)
      await assert.rejects(startWorker({ kind, timeout: 5 } as object), TypeError)
      await assert.rejects(startWorker({ kind, sharing: { mode: 'w' as 'r' } }), TypeError)
    })

    it('B11: close() waits for calls under way, refuses new ones, may be called again and at once', async () => {
      const worker = await startWorker({ kind })
      const call = worker.call(tasks, 'sleep', [150])
      const closing = [worker.close(), worker.close()]
      assert.ok(isFsError(await failure(worker.call(tasks, 'add', [1, 1])), 'FORKFS_WORKER_CLOSED'))
      assert.equal(await call, 'slept')
      await Promise.all(closing)
      await worker.close()
      await worker.close({ force: true })
      assert.equal(worker.alive, false)
      assert.ok(isFsError(await failure(worker.call(tasks, 'add', [1, 1])), 'FORKFS_WORKER_CLOSED'))
      if (kind === 'process') assert.equal(processExists(worker.owner.pid), false)
    })

    it('B11: close({ force }) rejects calls under way with FORKFS_WORKER_CLOSED and is no worse twice, also after close()', async () => {
      const worker = await startWorker({ kind })
      const calls = [failure(worker.call(tasks, 'untilAborted')), failure(worker.call(tasks, 'untilAborted'))]
      const closing = worker.close()
      await Promise.all([worker.close({ force: true }), worker.close({ force: true })])
      for (const error of await Promise.all(calls)) assert.ok(isFsError(error, 'FORKFS_WORKER_CLOSED'))
      await closing
      if (kind === 'process') assert.equal(processExists(worker.owner.pid), false)
    })

    it('await using closes it', async () => {
      let kept: RemoteWorker
      {
        await using worker = await startWorker({ kind })
        kept = worker
        assert.equal(await worker.call(tasks, 'add', [1, 1]), 2)
      }
      assert.equal(kept.alive, false)
    })
  })
}
