import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { filesystem } from '../../../lib/registry/typed.js'
import { isFsError } from '../../../lib/errors/index.js'
import { resetForFork } from '../../../lib/owner/index.js'
import { createPool, startWorker } from '../../../lib/workers/index.js'
import { eventually } from '../../eventually.js'
import { processExists } from '../support.js'
import { failure, kinds, separate, tasks, withWorker } from './support.js'

const init = new URL('./fixtures/init.js', import.meta.url)

for (const kind of kinds) {
  describe(`filesystems and workers of kind '${kind}'`, () => {
    let folder: string
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'forkfs-workers-'))
      await writeFile(join(folder, 'a.txt'), 'from the parent')
    })
    afterEach(() => rm(folder, { recursive: true }))

    it('an instance in arguments, nested too, arrives as an instance of the worker', () => withWorker({ kind }, async worker => {
      const fs = filesystem('local')
      const seen = await worker.call<{ text: string, same: boolean, owner: object }>(tasks, 'readWith', [{ deep: [fs, new Map([['fs', fs]])] }, join(folder, 'a.txt')])
      assert.equal(seen.text, 'from the parent')
      assert.equal(seen.same, true)
      assert.deepEqual(seen.owner, worker.owner)
    }))

    it('an instance in a result and in workerData arrives live', () => withWorker({ kind, init, workerData: { mode: 'ok', fs: filesystem('local') } }, async worker => {
      const back = await worker.call<{ fs: { readText (path: string): Promise<string> } }>(init, 'data')
      assert.equal(back.fs, filesystem('local'))
      assert.equal(await back.fs.readText(join(folder, 'a.txt')), 'from the parent')
    }))

    it('calls begin in their order also while the first instance is being revived', () => withWorker({ kind }, async worker => {
      const fs = filesystem('local')
      const before = await worker.call<number>(tasks, 'next')
      const answers = await Promise.all([worker.call(tasks, 'next', [fs]), worker.call(tasks, 'next'), worker.call(tasks, 'next', [{}]), worker.call(tasks, 'next', [fs])])
      assert.deepEqual(answers, [before + 1, before + 2, before + 3, before + 4])
    }))

    it('data that contains itself many times arrives', () => withWorker({ kind }, async worker => {
      const round: unknown[] = []
      for (let index = 0; index < 40; index++) round.push(round)
      const back = await worker.call<unknown[]>(tasks, 'echo', [round])
      assert.equal(back[39], back)
    }))

    it('an FsError from the worker keeps code, operation and path', () => withWorker({ kind }, async worker => {
      const error = await failure(worker.call(tasks, 'readWith', [{ deep: [filesystem('local'), new Map()] }, join(folder, 'none')]))
      assert.ok(isFsError(error, 'ENOENT'))
      assert.equal(error.path, join(folder, 'none'))
    }))
  })
}

for (const kind of separate) {
  it(`resetForFork() in the parent rejects calls with FORKFS_RESET and ends a worker of kind '${kind}'`, async () => {
    const worker = await startWorker({ kind })
    const pool = await createPool({ kind, size: 1 })
    const calls = [failure(worker.call(tasks, 'never')), failure(pool.call(tasks, 'never'))]
    const report = resetForFork()
    assert.equal(report.pending >= 2, true)
    assert.equal(report.clients >= 2, true)
    for (const error of await Promise.all(calls)) assert.ok(isFsError(error, 'FORKFS_RESET'))
    assert.ok(isFsError(await failure(worker.call(tasks, 'add', [1, 1])), 'FORKFS_RESET'))
    assert.equal(worker.alive, false)
    if (kind === 'process') assert.ok(await eventually(() => !processExists(worker.owner.pid), 2000))
    await worker.close()
    await pool.close()
  })
}
