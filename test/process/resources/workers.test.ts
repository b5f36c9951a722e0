import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { acquireLock } from '../../../lib/locks/index.js'
import { temporaryContext, tracker } from '../../../lib/resources/index.js'
import { startWorker } from '../../../lib/workers/index.js'
import { eventually } from '../../eventually.js'
import { namesIn, onMachine } from './support.js'

const tasks = new URL('./fixtures/tasks.js', import.meta.url)

describe('a worker that is ended by force', function () {
  this.timeout(20_000)

  for (const kind of ['thread', 'process'] as const) {
    it(`${kind}: leaves no temporary file, lock or tracked file, by itself`, () => onMachine(async machine => {
      const own = await temporaryContext()
      const tracked = join(machine.folder, 'tracked')
      const worker = await startWorker({ kind })
      const { file } = await worker.call<{ file: string }>(tasks, 'litter', [tracked])
      const spinning = assert.rejects(worker.call(tasks, 'spin'))
      await worker.close({ force: true })
      await spinning
      assert.ok(await eventually(() => !existsSync(dirname(dirname(file))) && !existsSync(tracked), 3000))
      const lock = await acquireLock('littered', { timeoutMs: 2000 })
      await lock.release()
      assert.ok(existsSync(own.path))
      await own.close()
    }))
  }

  it('thread: what it made after a reset of its own goes with it too', () => onMachine(async machine => {
    const worker = await startWorker({ kind: 'thread' })
    const path = await worker.call<string>(tasks, 'litterAfterReset')
    await worker.close({ force: true })
    if (process.platform === 'linux') assert.ok(await eventually(() => !existsSync(dirname(path)), 3000))
    void machine
  }))

  it('in-process: takes nothing of the thread that it ran in along', () => onMachine(async machine => {
    const own = await temporaryContext()
    const worker = await startWorker({ kind: 'in-process' })
    const tracked = join(machine.folder, 'tracked')
    await worker.call(tasks, 'litter', [tracked])
    await worker.close()
    await new Promise(resolve => { setImmediate(resolve) })
    assert.ok(existsSync(own.path))
    assert.equal((await namesIn(machine.roots)).length, 1)
    assert.equal(await tracker.release(tracked), true)
    await own.close()
  }))
})
