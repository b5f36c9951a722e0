import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { rollup } from '@rollup/wasm-node'
import type { OwnerTag } from '../../lib/index.js'
import { Stage } from './support.js'

const run = promisify(execFile)
const here = fileURLToPath(new URL('./', import.meta.url))

/** One CommonJS file, as a snapshot wants it; undici can not be part of one and is found at run time. */
async function bundle (input: string, file: string): Promise<void> {
  const require = createRequire(import.meta.url)
  const packages = new Map([['p-limit', require.resolve('p-limit')], ['yocto-queue', createRequire(require.resolve('p-limit')).resolve('yocto-queue')]])
  const built = await rollup({
    input,
    external: id => id.startsWith('node:') || id === 'undici' || id === '@aws-sdk/client-s3',
    plugins: [{ name: 'packages', resolveId: (id: string) => packages.get(id) ?? null }]
  })
  await built.write({ file, format: 'cjs', inlineDynamicImports: true })
  await built.close()
}

interface Woken {
  readonly before: { readonly owner: OwnerTag, readonly token: string }
  readonly after: { readonly owner: OwnerTag, readonly token: string }
  readonly ended: readonly string[]
  readonly undisturbed: { readonly opened: number, readonly closed: number, readonly dropped: number }
  readonly refused: readonly string[]
  readonly rebuilt: number
  readonly again: string
  readonly fresh: boolean
  readonly kept: string
  readonly text: string
}

describe('owners: a startup snapshot, which wakes in another process', function () {
  this.timeout(60_000) // it bundles and builds a snapshot
  const stage = new Stage()
  const woken: Woken[] = []
  const outputs: string[] = []
  before(async () => {
    const folder = await stage.folder()
    const server = await stage.s3({ anonymous: true })
    await server.put('test', 'a', Buffer.from('awake'))
    const [app, blob] = [join(folder, 'app.cjs'), join(folder, 'app.blob')]
    await bundle(join(here, 'fixtures/snapshot.js'), app)
    await run(process.execPath, ['--snapshot-blob', blob, '--build-snapshot', app], { cwd: here })
    for (let time = 0; time < 2; time++) {
      const { stdout } = await run(process.execPath, ['--snapshot-blob', blob, server.endpoint], { cwd: dirname(here), timeout: 15_000 })
      outputs.push(stdout)
      woken.push(JSON.parse(stdout.split('\n')[0]!) as Woken)
    }
  })
  after(() => stage.end())

  it('F2: has a new owner each time it wakes, and instances that were held work on', () => {
    const [one, two] = woken as [Woken, Woken]
    for (const { before, after, kept, text } of woken) {
      assert.deepEqual([kept, text], ['in memory', 'awake'])
      assert.notEqual(after.owner.realm, before.owner.realm)
      assert.notEqual(after.owner.pid, before.owner.pid)
      assert.notEqual(after.token, before.token)
      assert.equal(after.owner.epoch, before.owner.epoch + 1)
    }
    assert.deepEqual(one.before, two.before)
    assert.notEqual(one.after.owner.realm, two.after.owner.realm)
    assert.notEqual(one.after.token, two.after.token)
  })

  it('F2: refuses every verb of an instance with onForeignOwner \'throw\', and ends files, iterators and calls of the builder with FORKFS_RESET', () => {
    for (const { refused, ended } of woken) {
      assert.deepEqual(refused, ['FORKFS_FOREIGN_OWNER'])
      assert.deepEqual([ended.length, new Set(ended)], [7, new Set(['FORKFS_RESET'])])
    }
  })

  it('F3: has an empty instance cache, and neither closes nor destroys what the builder had open; the next use opens anew', () => {
    for (const { fresh, undisturbed, rebuilt } of woken) {
      assert.equal(fresh, true)
      assert.deepEqual(undisturbed, { opened: 1, closed: 0, dropped: 0 })
      assert.equal(rebuilt, 2)
    }
  })

  it('F17: runs no finalizer of the builder', () => {
    for (const output of outputs) assert.equal(output.trim().split('\n').length, 1)
  })

  it('F20: a limiter whose slot was taken by a call of the builder has it free again', () => {
    for (const { again } of woken) assert.equal(again, 'fulfilled')
  })
})
