import assert from 'node:assert/strict'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { GcsFileSystem } from '../../../implementations/gcs/index.js'
import { isFileSystem, resetForFork } from '../../../lib/index.js'
import { startWorker } from '../../../lib/workers/index.js'
import { ownerSuite } from '../object-store/owner.js'
import { tempFolder } from '../object-store/stage.js'
import { code, gcs, MiB, openFaulty, optionsOf } from './support.js'

describe('GCS: owners (G26)', function () {
  this.timeout(20_000)
  const on = ownerSuite(gcs)
  const folder = tempFolder()

  it('G25: keeps its secrets', async () => {
    const { serviceAccount } = await on.server.credentials()
    const { client_email, private_key } = serviceAccount
    const keyed = on.open({ credentials: { client_email, private_key } })
    await keyed.pipeFile('test/x', 'x') // a custom endpoint that is not trusted with a token gets none
    const failure = await keyed.catFile('test/none').catch((error: unknown) => error)
    const everything = { depth: 9, showHidden: true }
    const all = [inspect(keyed, everything), JSON.stringify(keyed), JSON.stringify(structuredClone(keyed)), keyed.token, inspect(failure, everything)]
    for (const shown of all) assert.ok(!shown.includes('PRIVATE') && !shown.includes(private_key.slice(40, 80)))
    assert.ok(all[1]!.includes(client_email))
    assert.deepEqual(Object.keys(keyed), ['$forkfs'])
    const shared = on.open({ credentials: { client_email, private_key }, shareCredentials: true })
    assert.ok(JSON.stringify(shared).includes(JSON.stringify(private_key)))
  })

  it('G26: rejects 64 requests and an upload with FORKFS_RESET, then works on with a new token', async () => {
    await using strict = await openFaulty({ anonymous: false })
    const module = join(folder.path, 'strict.mjs')
    const shared = globalThis as unknown as { forkfsStrictCalls?: number }
    shared.forkfsStrictCalls = 0
    await writeFile(module, `export default async () => { globalThis.forkfsStrictCalls++; return { token: ${JSON.stringify(strict.server.accessToken)} } }`)
    const keyed = strict.open({ credentialsModule: module, useAuthWithCustomEndpoint: true })
    await keyed.pipeFile('test/a', 'a')
    await strict.server.addFault({ action: { type: 'stall', at: 'headers' }, times: 100 })
    const works = [...Array.from({ length: 63 }, () => keyed.catFile('test/a')), keyed.pipeFile('test/large', new Uint8Array(9 * MiB))]
    const refused = works.map(work => assert.rejects(work, code('FORKFS_RESET')))
    await strict.server.reached({ operations: { 'objects.getMedia': 40 } })
    resetForFork()
    await Promise.all(refused)
    await strict.server.clearFaults()
    assert.equal(await keyed.readText('test/a'), 'a')
    assert.equal(shared.forkfsStrictCalls, 2)
    delete shared.forkfsStrictCalls
  })

  it('G20: renews a refused token once for 64 requests at the same time', async () => {
    await using strict = await openFaulty({ anonymous: false })
    const { authorizedUser } = await strict.server.credentials()
    const module = join(folder.path, 'renewed.mjs')
    const body = new URLSearchParams({ grant_type: 'refresh_token', ...authorizedUser }).toString()
    await writeFile(module, `export default async () => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const reply = await fetch(${JSON.stringify(`${strict.server.endpoint}/token`)}, { method: 'POST', headers, body: ${JSON.stringify(body)} })
      const { access_token: token, expires_in } = await reply.json()
      return { token, expiration: new Date(Date.now() + expires_in * 1000) }
    }`)
    const keyed = strict.open({ credentialsModule: module, useAuthWithCustomEndpoint: true })
    await keyed.pipeFile('test/a', 'a')
    await strict.server.revokeTokens()
    const texts = await Promise.all(Array.from({ length: 64 }, () => keyed.readText('test/a')))
    assert.deepEqual(new Set(texts), new Set(['a']))
    assert.equal((await strict.server.counters()).operations['token'], 2)
  })

  it('G25: reads and writes in a thread and in a process of ours, with the token of its parent', async () => {
    await using strict = await openFaulty({ anonymous: false })
    const module = join(folder.path, 'parent.mjs')
    await writeFile(module, `import { threadId } from 'node:worker_threads'
      export default async () => {
        if (threadId !== 0 || process.pid !== ${process.pid}) throw new Error('asked in a worker')
        return { token: ${JSON.stringify(strict.server.accessToken)} }
      }`)
    const keyed = strict.open({ credentialsModule: module, useAuthWithCustomEndpoint: true })
    await keyed.pipeFile('test/a', 'from the parent')
    for (const kind of ['thread', 'process'] as const) {
      await using worker = await startWorker({ kind })
      const task = new URL('./fixtures/worker-task.js', import.meta.url)
      assert.equal(await worker.call(task, 'copy', [keyed, 'test/a', `test/${kind}`]), 'from the parent')
      assert.equal(await keyed.readText(`test/${kind}`), 'from the parent')
    }
  })

  it('resets the instances of every copy of the package in its thread', async () => {
    const root = new URL('../../../', import.meta.url)
    const copy = await mkdtemp(fileURLToPath(new URL('copy-', root)))
    try {
      for (const part of ['lib', 'implementations']) await cp(new URL(part, root), join(copy, part), { recursive: true })
      const { GcsFileSystem: Other } = await import(pathToFileURL(join(copy, 'implementations/gcs/index.js')).href) as typeof import('../../../implementations/gcs/index.js')
      const { server } = on
      const other = new Other(optionsOf(server))
      assert.equal(isFileSystem(other), true)
      assert.notEqual(Other, GcsFileSystem)
      await server.addFault({ action: { type: 'stall', at: 'headers' }, match: { operation: 'objects.getMedia' }, times: 1 })
      const pending = assert.rejects(other.catFile('test/small'), code('FORKFS_RESET'))
      await server.reached({ operations: { 'objects.getMedia': 1 } })
      resetForFork()
      await pending
      await server.reached({ sockets: 0 })
      assert.equal((await other.catFile('test/small')).length, 10_000)
      await other.close()
    } finally {
      await rm(copy, { recursive: true })
    }
  })
})
