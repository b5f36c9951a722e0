import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isFsError } from '../../../lib/errors/index.js'
import { onceDirectory, sweepOnceDirectories } from '../../../lib/locks/index.js'
import { onStage } from './support.js'

interface Answer { readonly path: string, readonly made: boolean, readonly info: unknown }

const lines = (path: string): number => readFileSync(path, 'utf8').trim().split('\n').length

/** What lies in the folder of the one copy, staging and trash included; empty when it is gone. */
async function homeOf (directory: string): Promise<string[]> {
  const [home] = (await readdir(directory)).filter(name => !name.startsWith('.'))
  return home === undefined ? [] : (await readdir(join(directory, home))).sort()
}

describe('onceDirectory() among processes', function () {
  this.timeout(30_000)

  it('C1: makes it once for all that ask at the same time, and all get the same path', () => onStage(async stage => {
    const directory = join(stage.folder, 'copies')
    const log = join(stage.folder, 'makes')
    const holders = await Promise.all([1, 2, 3, 4].map(() => stage.holder()))
    const answers = await Promise.all(holders.flatMap(holder => [1, 2, 3].map(() => holder.ask<Answer>({ verb: 'once', name: 'key', directory, log }))))
    assert.equal(lines(log), 1)
    assert.equal(new Set(answers.map(answer => answer.path)).size, 1)
    assert.equal(new Set(answers.map(answer => answer.info)).size, 1)
    assert.equal((await stat(join(answers[0]!.path, 'whole'))).size, 100_000)
  }))

  it('C2: a waiter takes over within two seconds when the maker is killed, and nothing unfinished stays', () => onStage(async stage => {
    const directory = join(stage.folder, 'copies')
    const [maker, waiter] = await Promise.all([stage.holder(), stage.holder()])
    void maker.ask({ verb: 'once', name: 'key', directory, mode: 'hang' })
    await maker.making
    const waiting = waiter.ask<Answer>({ verb: 'once', name: 'key', directory })
    await waiter.ask({ verb: 'block', ms: 0 }) // it has begun to wait
    const since = performance.now()
    await maker.kill()
    const answer = await waiting
    assert.ok(performance.now() - since < 2000)
    assert.equal(answer.made, true)
    assert.equal((await stat(join(answer.path, 'whole'))).size, 100_000)
    assert.deepEqual(await homeOf(directory), ['current', 'leases'])
  }))

  it('C3: when the maker fails others make it themselves; nobody sees an unfinished one', () => onStage(async stage => {
    const directory = join(stage.folder, 'copies')
    const [failing, other] = await Promise.all([stage.holder(), stage.holder()])
    const failure = failing.ask({ verb: 'once', name: 'key', directory, mode: 'fail' })
    await assert.rejects(failure)
    assert.deepEqual(await homeOf(directory), [])
    assert.equal((await other.ask<Answer>({ verb: 'once', name: 'key', directory })).made, true)
  }))

  it('C16: waits for the maker of another process as long as signal and timeoutMs allow', () => onStage(async stage => {
    const directory = join(stage.folder, 'copies')
    const maker = await stage.holder()
    void maker.ask({ verb: 'once', name: 'key', directory, mode: 'hang' }).catch(() => {})
    await maker.making
    const make = async (): Promise<void> => { throw new Error('nobody asked') }
    const late = (error: unknown): boolean => isFsError(error, 'FORKFS_LOCK_TIMEOUT')
    await assert.rejects(onceDirectory({ directory, key: 'key', make, timeoutMs: 0 }), late)
    const controller = new AbortController()
    const reason = new Error('mine')
    const waiting = onceDirectory({ directory, key: 'key', make, signal: controller.signal })
    await assert.rejects(onceDirectory({ directory, key: 'key', make, timeoutMs: 100 }), late)
    controller.abort(reason)
    await assert.rejects(waiting, error => error === reason)
  }))

  it('C5, C7: a transient one stays until its last live reader leaves, killed readers count for nothing', () => onStage(async stage => {
    const directory = join(stage.folder, 'copies')
    const command = { verb: 'once', name: 'key', directory, transient: true } as const
    const holders = await Promise.all([stage.holder(), stage.holder(), stage.holder()])
    const [{ path }] = await Promise.all(holders.map(holder => holder.ask<Answer>(command))) as [Answer, Answer, Answer]
    await holders[0]!.kill()
    await holders[1]!.ask({ verb: 'leave' })
    assert.ok(existsSync(join(path, 'whole')))
    await holders[2]!.ask({ verb: 'leave' })
    assert.deepEqual(await homeOf(directory), [])
  }))

  it('C7: a sweep removes what killed readers left, and leaves alone what is read', () => onStage(async stage => {
    const directory = join(stage.folder, 'copies')
    const [one, two] = await Promise.all([stage.holder(), stage.holder()])
    const { path } = await one.ask<Answer>({ verb: 'once', name: 'key', directory, transient: true })
    await two.ask({ verb: 'once', name: 'key', directory, transient: true })
    await one.kill()
    assert.equal(await sweepOnceDirectories(directory), 0)
    assert.ok(existsSync(path))
    await two.kill()
    assert.equal(await sweepOnceDirectories(directory), 1)
    assert.equal(existsSync(dirname(dirname(path))), false)
  }))

  it('C7: files of locks that a kill left half-made go with the sweep: of a dead owner at once, without a name when they are old', () => onStage(async stage => {
    const directory = join(stage.folder, 'copies')
    const [dead, alive] = await Promise.all([stage.holder(), stage.holder()])
    const leases = await Promise.all([dead, alive].map(holder => holder.ask<string>({ verb: 'lease', directory: join(stage.folder, 'leases') })))
    const [ofDead, ofLiving] = await Promise.all(leases.map(path => readFile(path, 'utf8'))) as [string, string]
    await alive.ask({ verb: 'once', name: 'key', directory })
    await dead.kill()
    const locks = join(directory, '.locks')
    for (const name of ['dead', 'living', 'old', 'new']) await mkdir(join(locks, name), { mode: 0o700 })
    await writeFile(join(locks, 'dead/.new-1'), ofDead)
    await writeFile(join(locks, 'living/.new-2'), ofLiving)
    for (const path of ['old/.new-3', 'new/.new-4', '.new-5']) await writeFile(join(locks, path), ofDead.slice(0, 30))
    for (const path of ['old/.new-3', '.new-5']) await utimes(join(locks, path), new Date(), new Date(Date.now() - 2 * 60_000))
    await sweepOnceDirectories(directory)
    assert.deepEqual((await readdir(locks, { recursive: true })).sort(), ['.key', 'living', 'living/.new-2', 'new', 'new/.new-4'])
  }))

  it('C7: a reader never loses a file while others come, leave and are killed at random points', () => onStage(async stage => {
    const directory = join(stage.folder, 'copies')
    const make = async (folder: string): Promise<void> => { await writeFile(join(folder, 'whole'), 'x'.repeat(100_000)) }
    for (let round = 0; round < 6; round++) {
      const copy = await onceDirectory({ directory, key: 'key', make, transient: true })
      const child = await stage.holder()
      const busy = (async () => {
        for (;;) {
          await child.ask({ verb: 'once', name: 'key', directory, transient: true })
          await child.ask({ verb: 'leave' })
        }
      })()
      busy.catch(() => {})
      for (const end = performance.now() + 60 + Math.random() * 120; performance.now() < end;) assert.equal((await stat(join(copy.path, 'whole'))).size, 100_000)
      await child.kill()
      assert.equal((await stat(join(copy.path, 'whole'))).size, 100_000)
      await copy.release()
      assert.deepEqual(await homeOf(directory), [])
    }
  }))
})
