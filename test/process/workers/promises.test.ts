/** What a caller may rely on beyond one call: how often a function runs, pools in pools, interrupts, marks. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { tracingChannel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createPool, WorkerDiedError } from '../../../lib/workers/index.js'
import { eventually } from '../../eventually.js'
import { processExists } from '../support.js'
import { failure, kinds, separate, tasks, withWorker } from './support.js'

interface Where { readonly owner: { readonly realm: string }, readonly pid: number }

async function withFile (fn: (file: string, ids: () => Promise<number[]>) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'forkfs-promises-'))
  const file = join(folder, 'ran')
  try {
    await fn(file, async () => (await readFile(file, 'utf8')).split('\n').slice(0, -1).map(Number))
  } finally {
    await rm(folder, { recursive: true })
  }
}

for (const kind of separate) {
  describe(`createPool({ kind: '${kind}' }), how often a function runs`, () => {
    it('runs no call twice, whatever dies meanwhile', () => withFile(async (file, ids) => {
      await using pool = await createPool({ kind, size: 2 })
      const calls = Array.from({ length: 60 }, (_, id) => pool.call<number>(tasks, 'noted', [file, id, id % 20 === 10 ? 'exit' : 'wait']))
      const results = await Promise.allSettled(calls)
      const ran = await ids()
      assert.equal(new Set(ran).size, ran.length, `twice: ${ran.filter((id, index) => ran.indexOf(id) !== index).join()}`)
      results.forEach((result, id) => {
        if (result.status === 'fulfilled') assert.ok(ran.includes(id))
        else assert.ok(result.reason instanceof WorkerDiedError)
      })
      assert.ok(results.some(({ status }) => status === 'rejected'))
    }))

    it('runs a call as often again as `retries` says, and no more', () => withFile(async (file, ids) => {
      await using pool = await createPool({ kind, size: 1 })
      assert.ok(await failure(pool.call(tasks, 'noted', [file, 1, 'exit'], { retries: 2 })) instanceof WorkerDiedError)
      assert.deepEqual(await ids(), [1, 1, 1])
    })).timeout(20_000)

    it('does not retry a function that fails because a worker of its own died', () => withFile(async (file, ids) => {
      await using pool = await createPool({ kind, size: 1 })
      const error = await failure(pool.call(tasks, 'notedWithDeath', [file], { retries: 3 }))
      assert.ok(error instanceof WorkerDiedError)
      assert.equal(error.exitCode, 3)
      assert.deepEqual(await ids(), [0])
    })).timeout(20_000)

    it('replaces a worker that was killed after an answer without end: its death is no fruitless start', async () => {
      await using pool = await createPool({ kind, size: 1 })
      const ask = (): Promise<Where> => pool.call<Where>(tasks, 'where', [], { retries: 1 })
      const seen = new Set<string>()
      for (let round = 0; round < 6; round++) {
        let where = await ask()
        while (seen.has(where.owner.realm)) where = await ask() // it answers until its end
        const { owner, pid } = where
        seen.add(owner.realm)
        if (kind === 'process') process.kill(pid, 'SIGKILL')
        else await pool.call(tasks, 'answerThenExit', [1])
      }
      assert.equal(seen.size, 6)
      assert.equal(await pool.call(tasks, 'add', [1, 1], { retries: 1 }), 2)
    }).timeout(30_000)
  })

  for (const inner of separate) {
    it(`a pool of kind '${kind}' runs pools of kind '${inner}' in its workers, and closes`, async () => {
      await using pool = await createPool({ kind, size: 2 })
      const sums = await Promise.all([[1, 2, 3], [10, 20, 30]].map(values => pool.call(tasks, 'poolOf', [inner, 2, values])))
      assert.deepEqual(sums, [[2, 3, 4], [11, 21, 31]])
    }).timeout(30_000)
  }

  it(`a pool of kind '${kind}' that is closed by force leaves nothing of the pools that work in its workers`, async () => {
    await using pool = await createPool({ kind, size: 2 })
    const pids = (await Promise.all([2, 2].map(size => pool.call<number[]>(tasks, 'busyPool', [size])))).flat()
    assert.equal(pids.filter(processExists).length, 4)
    await pool.close({ force: true })
    assert.ok(await eventually(() => !pids.some(processExists), 4000))
  }).timeout(30_000)
}

describe('SIGINT to the process group, as a terminal sends it', () => {
  /** The parent as leader of a group of its own, interrupted while its workers are at work. */
  async function interrupted (how: 'handles' | 'dies'): Promise<{ lines: Array<Record<string, unknown>>, exit: unknown[] }> {
    const program = fileURLToPath(new URL('./fixtures/interrupted.js', import.meta.url))
    const parent = spawn(process.execPath, [program, how], { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
    try {
      const exited = once(parent, 'exit')
      const lines: Array<Record<string, unknown>> = []
      for await (const line of createInterface({ input: parent.stdout })) {
        if (lines.push(JSON.parse(line) as Record<string, unknown>) === 1) process.kill(-parent.pid!, 'SIGINT')
      }
      return { lines, exit: await exited }
    } finally {
      try { process.kill(-parent.pid!, 'SIGKILL') } catch { /* it has ended */ }
    }
  }

  it('leaves the decision to the parent: one that handles it gets its answers, and goes on calling', async () => {
    const { lines, exit } = await interrupted('handles')
    assert.deepEqual(lines.slice(1), [{ interrupted: true }, { answers: ['slept', 'slept'], more: 4 }])
    assert.deepEqual(exit, [0, null])
    assert.equal(processExists(lines[0]!['pid'] as number), false)
  }).timeout(20_000)

  it('ends the workers of a parent that ends', async () => {
    const { lines, exit } = await interrupted('dies')
    assert.deepEqual(exit, [null, 'SIGINT'])
    assert.equal(lines.length, 1)
    assert.ok(await eventually(() => !processExists(lines[0]!['pid'] as number), 2000))
  }).timeout(20_000)
})

for (const kind of kinds) {
  it(`tracing:forkfs:call marks begin, end and failure of each call, without its arguments, ${kind}`, () => withWorker({ kind }, async worker => {
    const marks: unknown[] = []
    const on = (event: string) => (message: unknown): void => {
      const { error, ...rest } = message as Record<string, unknown>
      delete rest['result'] // Node's own
      marks.push([event, rest, error instanceof TypeError])
    }
    const channel = tracingChannel('forkfs:call')
    const subscribers = { start: on('start'), asyncEnd: on('asyncEnd'), error: on('error'), end () {}, asyncStart () {} }
    channel.subscribe(subscribers)
    try {
      assert.equal(await worker.call(tasks, 'add', ['secret', 1]), 'secret1')
      await failure(worker.call(tasks, 'fail', ['type']))
      await worker.store('x', 5)
    } finally {
      channel.unsubscribe(subscribers)
    }
    await worker.call(tasks, 'add', [1, 1])
    const { pid, threadId } = worker.owner
    const mark = (verb: string, module: string, name: string): object => ({ kind, verb, module, name, pid, threadId })
    const [add, fail, store] = [mark('call', tasks.href, 'add'), mark('call', tasks.href, 'fail'), mark('store', '', 'x')]
    assert.deepEqual(marks, [
      ['start', add, false], ['asyncEnd', add, false], ['start', fail, false], ['error', fail, true], ['asyncEnd', fail, true],
      ['start', store, false], ['asyncEnd', store, false]
    ])
  }))
}
