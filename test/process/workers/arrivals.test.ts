import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { Checkpoint } from '../../../lib/checkpoint/index.js'
import { share } from '../../../lib/memmap/index.js'
import type { SharedArray } from '../../../lib/memmap/index.js'
import { filesystem } from '../../../lib/registry/typed.js'
import { kinds, withWorker } from './support.js'
import type { Things } from './fixtures/strangers.js'

const strangers = new URL('./fixtures/strangers.js', import.meta.url)
const revive = new URL('../../../lib/registry/revive.js', import.meta.url).href
const register = new URL('../../../lib/registry/register.js', import.meta.url).href

interface Used { readonly names: readonly string[], readonly total: number }

describe('a module that imports neither forkfs/checkpoint nor forkfs/memmap', () => {
  let folder: string
  let shared: SharedArray<Float64Array>
  let things: Things
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'forkfs-arrivals-'))
    await mkdir(join(folder, 'run'))
    await writeFile(join(folder, 'run', 'model.bin'), 'weights')
    shared = await share(new Float64Array(1 << 18).fill(2))
    things = { checkpoint: Checkpoint.fromDirectory(join(folder, 'run')), list: [shared] }
  })
  afterEach(async () => {
    await shared.release()
    await rm(folder, { recursive: true })
  })

  const check = ({ names, total }: Used): void => { assert.deepEqual([names, total], [['model.bin'], 1 << 19]) }

  for (const kind of kinds) {
    it(`gets a Checkpoint and a SharedArray in arguments, and gives one back, ${kind}`, () => withWorker({ kind }, async worker => {
      const used = await worker.call<Used & { checkpoint: Checkpoint }>(strangers, 'use', [things])
      check(used)
      assert.ok(used.checkpoint instanceof Checkpoint)
      assert.equal(used.checkpoint.path, things.checkpoint.path)
    }))

    it(`gets them in workerData, ${kind}`, () => withWorker({ kind, init: strangers, workerData: things }, async worker => {
      check(await worker.call<Used>(strangers, 'useReceived'))
    }))

    it(`gets them in the order of the calls while their systems are loaded, ${kind}`, () => withWorker({ kind }, async worker => {
      const tasks = new URL('./fixtures/tasks.js', import.meta.url)
      const before = await worker.call<number>(tasks, 'next')
      const fs = filesystem('local')
      const args: unknown[][] = [[shared], [], [things.checkpoint], [fs], [{}], [things]]
      assert.deepEqual(await Promise.all(args.map(list => worker.call(tasks, 'next', list))), args.map((_, index) => before + 1 + index))
    }))
  }

  for (const [how, module, execArgv] of [['revive()', revive, []], ['--import forkfs/register', undefined, ['--import', register]]] as const) {
    it(`gets them in a thread of another pool by ${how}`, async () => {
      const thread = new Worker(new URL('./fixtures/stranger.child.js', import.meta.url), { workerData: { module }, execArgv: [...execArgv] })
      try {
        const answered = once(thread, 'message')
        thread.postMessage(things)
        check((await answered)[0] as Used)
      } finally {
        await thread.terminate()
      }
    })
  }

  it('loads neither for a filesystem alone', async () => {
    const coverage = join(folder, 'coverage')
    const env = { NODE_V8_COVERAGE: coverage } // at its end a process writes what it loaded
    await withWorker({ kind: 'process', env }, async worker => {
      assert.equal(await worker.call(strangers, 'readText', [filesystem('local'), join(folder, 'run', 'model.bin')]), 'weights')
      await worker.close()
    })
    const [file] = await readdir(coverage)
    const { result } = JSON.parse(await readFile(join(coverage, file!), 'utf8')) as { result: ReadonlyArray<{ url: string }> }
    const loaded = (part: string): boolean => result.some(({ url }) => url.includes(part))
    assert.deepEqual(['/lib/registry/revive.js', '/lib/checkpoint/', '/lib/memmap/'].map(loaded), [true, false, false])
  })
})
