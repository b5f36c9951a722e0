import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isFsError } from '../../../lib/errors/index.js'
import { createPool, WorkerDiedError } from '../../../lib/workers/index.js'
import type { PoolOptions, WorkerPool } from '../../../lib/workers/index.js'
import { failure, kinds, muffled, separate, tasks } from './support.js'

const init = new URL('./fixtures/init.js', import.meta.url)

async function withPool (options: PoolOptions, fn: (pool: WorkerPool) => Promise<void>): Promise<void> {
  const pool = await createPool(options)
  try {
    await fn(pool)
  } finally {
    await pool.close({ force: true })
  }
}

/** A folder for the init that waits (mode `gate`), and how many workers have begun it. */
async function withGate (fn: (folder: string, starts: () => number) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'forkfs-gate-'))
  try {
    await fn(folder, () => readdirSync(folder).filter(name => name.startsWith('start-')).length)
  } finally {
    await rm(folder, { recursive: true })
  }
}

interface Where { readonly owner: { readonly realm: string } }

for (const kind of kinds) {
  describe(`createPool({ kind: '${kind}' })`, () => {
    it('answers many calls, in input order', () => withPool({ kind, size: 2 }, async pool => {
      assert.equal(pool.size, 2)
      const answers = await Promise.all(Array.from({ length: 200 }, (_, index) => pool.call<number>(tasks, 'add', [index, 1])))
      assert.deepEqual(answers, Array.from({ length: 200 }, (_, index) => index + 1))
    }))

    it('a call that throws leaves the pool as it was', () => withPool({ kind, size: 1 }, async pool => {
      for (let round = 0; round < 5; round++) await assert.rejects(pool.call(tasks, 'fail', ['type']), TypeError)
      assert.equal(await pool.call(tasks, 'add', [1, 1]), 2)
    }))

    it('close() waits for calls under way and refuses new ones', async () => {
      const pool = await createPool({ kind, size: 2 })
      const calls = [pool.call(tasks, 'sleep', [50]), pool.call(tasks, 'sleep', [50])]
      await Promise.resolve()
      const closing = pool.close()
      assert.ok(isFsError(await failure(pool.call(tasks, 'add', [1, 1])), 'FORKFS_WORKER_CLOSED'))
      assert.deepEqual(await Promise.all(calls), ['slept', 'slept'])
      await Promise.all([closing, pool.close(), pool.close({ force: true })])
    })

    it('close({ force }) rejects calls under way', async () => {
      const pool = await createPool({ kind, size: 2 })
      const calls = [failure(pool.call(tasks, 'untilAborted')), failure(pool.call(tasks, 'untilAborted'))]
      await pool.call(tasks, 'add', [1, 1])
      await pool.close({ force: true })
      for (const error of await Promise.all(calls)) assert.ok(isFsError(error, 'FORKFS_WORKER_CLOSED'))
    })

    it('rejects when a worker can not start, and leaves none', () => muffled(async () => {
      assert.ok(isFsError(await failure(createPool({ kind, size: 2, init, workerData: { mode: 'throw' } })), 'FORKFS_WORKER_BOOTSTRAP'))
    }).then(() => {}))

    it('rejects wrong arguments', async () => {
      await assert.rejects(createPool({ kind, size: 0 }), RangeError)
      await assert.rejects(createPool({ kind } as PoolOptions), TypeError)
      await withPool({ kind, size: 1 }, async pool => { await assert.rejects(pool.call(tasks, 'add', [], { retries: -1 }), RangeError) })
    })
  })
}

for (const kind of separate) {
  describe(`createPool({ kind: '${kind}' }), deaths`, () => {
    it('spreads calls over its workers', () => withPool({ kind, size: 2 }, async pool => {
      const owners = await Promise.all([1, 2].map(() => pool.call<Where>(tasks, 'where')))
      assert.equal(new Set(owners.map(({ owner }) => owner.realm)).size, 2)
    }))

    it('a death rejects that call alone and the worker is replaced', () => withPool({ kind, size: 2 }, async pool => {
      const other = pool.call(tasks, 'sleep', [100])
      const error = await failure(pool.call(tasks, 'exit', [7]))
      assert.ok(error instanceof WorkerDiedError)
      assert.equal(error.exitCode, 7)
      assert.equal(await other, 'slept')
      for (let round = 0; round < 6; round++) assert.equal(await pool.call(tasks, 'add', [round, 1]), round + 1)
    }))

    it('retries a call whose worker died only where asked', () => withPool({ kind, size: 1 }, async pool => {
      assert.ok((await failure(pool.call(tasks, 'exit', [1]))) instanceof WorkerDiedError)
      assert.equal(await pool.call(tasks, 'exitOnce', [`${process.pid}.${kind}.${Date.now()}`], { retries: 1 }), 'second')
    }))

    it('timeoutMs counts the wait for a replacement, and that one is not killed', () => withGate(async (folder, starts) => {
      const late: unknown[] = []
      await withPool({ kind, size: 1, init, workerData: { mode: 'gate', folder }, onTimeout: (...args) => { late.push(args) } }, async pool => {
        await failure(pool.call(tasks, 'exit', [1]))
        const begin = performance.now()
        const errors = await Promise.all([failure(pool.call(tasks, 'add', [1, 1], { timeoutMs: 60 })), failure(pool.call(tasks, 'add', [1, 1], { timeoutMs: 30 }))])
        assert.ok(performance.now() - begin < 600)
        assert.deepEqual(errors.map(({ code, operation, path }) => [code, operation, path]), Array(2).fill(['FORKFS_WORKER_TIMEOUT', 'call', `${tasks.href}#add`]))
        writeFileSync(`${folder}/open`, '')
        assert.equal(await pool.call(tasks, 'add', [1, 1]), 2)
        assert.deepEqual([starts(), late], [2, []])
      })
    }))

    it('callTimeoutMs counts the wait where a call names no deadline; Infinity has none', () => withGate(async (folder, starts) => {
      await withPool({ kind, size: 1, init, workerData: { mode: 'gate', folder }, callTimeoutMs: 100 }, async pool => {
        await failure(pool.call(tasks, 'exit', [1], { timeoutMs: 10_000 }))
        const patient = pool.call(tasks, 'sleep', [150], { timeoutMs: Infinity })
        assert.ok(isFsError(await failure(pool.call(tasks, 'add', [1, 1])), 'FORKFS_WORKER_TIMEOUT'))
        writeFileSync(`${folder}/open`, '')
        assert.equal(await patient, 'slept')
        assert.equal(starts(), 2)
      })
    }))

    it('timeoutMs is one deadline over all attempts', () => withGate(folder => withPool({ kind, size: 1, init, workerData: { mode: 'gate', folder } }, async pool => {
      const begin = performance.now()
      const error = await failure(pool.call(tasks, 'exit', [1], { retries: 1, timeoutMs: 1000 }))
      assert.ok(isFsError(error, 'FORKFS_WORKER_TIMEOUT'))
      assert.ok(performance.now() - begin < 1500)
    })))

    it('a wait for a replacement ends with the abort, with its reason', () => withGate(folder => withPool({ kind, size: 1, init, workerData: { mode: 'gate', folder } }, async pool => {
      await failure(pool.call(tasks, 'exit', [1]))
      const controller = new AbortController()
      const call = failure(pool.call(tasks, 'add', [1, 1], { signal: controller.signal, timeoutMs: 20_000 }))
      const reason = new Error('enough')
      controller.abort(reason)
      assert.equal(await call, reason)
    })))

    it('gives up after 3 replacements without an answer, and says why', () => withPool({ kind, size: 1 }, async pool => {
      const errors: Array<Error & Record<string, unknown>> = []
      for (let round = 0; round < 6; round++) errors.push(await failure(pool.call(tasks, 'exit', [9])))
      assert.ok(errors.every(error => error instanceof WorkerDiedError && error.exitCode === 9))
      assert.ok(errors[5]!.cause instanceof WorkerDiedError)
    }))
  })
}
