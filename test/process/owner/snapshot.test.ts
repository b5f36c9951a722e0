import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { rollup } from '@rollup/wasm-node'
import type { OwnerTag } from '../../../lib/index.js'
import { startS3Server } from '../../servers/index.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../../../', import.meta.url))

/** One CommonJS file, as a snapshot wants it; undici can not be part of one and is found at run time. */
async function bundle (input: string, file: string): Promise<void> {
  const require = createRequire(join(root, 'package.json'))
  const packages = new Map([['p-limit', require.resolve('p-limit')], ['yocto-queue', createRequire(require.resolve('p-limit')).resolve('yocto-queue')]])
  const built = await rollup({
    input,
    external: id => id.startsWith('node:') || id === 'undici' || id === '@aws-sdk/client-s3',
    plugins: [{ name: 'packages', resolveId: (id: string) => packages.get(id) ?? null }]
  })
  await built.write({ file, format: 'cjs', inlineDynamicImports: true })
  await built.close()
}

interface Woken { before: { owner: OwnerTag, token: string }, after: { owner: OwnerTag, token: string }, fresh: boolean, kept: string, text: string }

describe('a startup snapshot', () => {
  it('wakes with a new owner each time, an empty instance cache, and instances that work', async function () {
    this.timeout(60_000) // it bundles and builds a snapshot
    const folder = await mkdtemp(join(tmpdir(), 'forkfs-snapshot-'))
    const server = await startS3Server({ anonymous: true })
    try {
      await server.put('test', 'a', Buffer.from('awake'))
      const app = join(folder, 'app.cjs')
      const blob = join(folder, 'app.blob')
      await bundle(fileURLToPath(new URL('./fixtures/snapshot-app.js', import.meta.url)), app)
      await run(process.execPath, ['--snapshot-blob', blob, '--build-snapshot', app], { cwd: root })
      const wake = async (): Promise<Woken> => JSON.parse((await run(process.execPath, ['--snapshot-blob', blob, server.endpoint], { cwd: dirname(fileURLToPath(import.meta.url)) })).stdout) as Woken
      const [one, two] = [await wake(), await wake()]
      for (const { before, after, fresh, kept, text } of [one, two]) {
        assert.deepEqual([fresh, kept, text], [true, 'in memory', 'awake'])
        assert.notEqual(after.owner.realm, before.owner.realm)
        assert.notEqual(after.token, before.token)
        assert.equal(after.owner.epoch, before.owner.epoch + 1)
      }
      assert.deepEqual(one.before, two.before)
      assert.notEqual(one.after.owner.realm, two.after.owner.realm)
      assert.notEqual(one.after.owner.pid, one.before.owner.pid)
    } finally {
      await server.close()
      await rm(folder, { recursive: true })
    }
  })
})
