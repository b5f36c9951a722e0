import assert from 'node:assert/strict'
import cluster from 'node:cluster'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { resetForFork } from '../../../lib/index.js'
import { Actor } from '../../process/support.js'
import { tempFolder } from '../object-store/stage.js'
import type { Command } from './fixtures/reader.child.js'
import { code, MiB, openFaulty } from './support.js'
import type { FaultyStore } from './support.js'

const channels = ['tracing:forkfs:request:start', 'tracing:forkfs:request:end', 'tracing:forkfs:request:asyncStart', 'tracing:forkfs:request:asyncEnd',
  'tracing:forkfs:request:error', 'forkfs:retry', 'forkfs:reset']

/** Everything that the channels tell of while `work` runs, as text. */
async function toldOf (work: () => Promise<void>): Promise<Readonly<Record<string, string>>> {
  const told: Record<string, string> = {}
  const listen = (message: unknown, name: string | symbol): void => { told[String(name)] += inspect(message, { depth: 9, showHidden: true }) }
  for (const name of channels) {
    told[name] = ''
    subscribe(name, listen)
  }
  try {
    await work()
  } finally {
    for (const name of channels) unsubscribe(name, listen)
  }
  return told
}

describe('GCS: secrets', function () {
  this.timeout(20_000)
  const folder = tempFolder()
  let strict: FaultyStore
  let credentialsModule: string
  beforeEach(async () => {
    strict = await openFaulty({ anonymous: false })
    credentialsModule = join(folder.path, `token-${strict.server.port}.mjs`)
    await writeFile(credentialsModule, `export default async () => ({ token: ${JSON.stringify(strict.server.accessToken)} })`)
  })
  afterEach(() => strict.close())

  it('G25: reads and writes in a cluster child, which gets neither token nor session with it', async () => {
    const keyed = strict.open({ credentialsModule, useAuthWithCustomEndpoint: true })
    await keyed.pipeFile('test/a', 'from the primary')
    cluster.setupPrimary({ exec: fileURLToPath(new URL('./fixtures/reader.child.js', import.meta.url)), args: [], execArgv: [], silent: false })
    const child = new Actor<Command>(cluster.fork().process)
    try {
      await child.ready
      assert.equal(await child.ask({ fs: keyed, path: 'test/a', copyTo: 'test/cluster' }), 'from the primary')
      assert.equal(await keyed.readText('test/cluster'), 'from the primary')
      await assert.rejects(child.ask({ path: 'test/none' }), { code: 'ENOENT' })
      assert.ok(!JSON.stringify(keyed).includes(strict.server.accessToken))
    } finally {
      await child.kill()
    }
  })

  it('G25: are not told on diagnostics channels, by requests, uploads, retries, failures and resets', async () => {
    const keyed = strict.open({ credentialsModule, useAuthWithCustomEndpoint: true })
    const { server } = strict
    let session = ''
    const told = await toldOf(async () => {
      await keyed.pipeFile('test/a', 'text')
      await server.addFault({ action: { type: 'status', status: 503 }, match: { operation: 'objects.getMedia' } })
      await server.addFault({ action: { type: 'reset' }, match: { operation: 'uploads.put', nth: 2 } })
      assert.equal(await keyed.readText('test/a'), 'text')
      const file = await keyed.open('test/large', 'w', { partBytes: MiB })
      await file.write(new Uint8Array(2.5 * MiB))
      session = (await server.uploads('test'))[0]!.uploadId
      await file.close()
      await assert.rejects(keyed.readText('test/none'), code('ENOENT'))
      await server.addFault({ action: { type: 'loseSession', status: 410 }, match: { operation: 'uploads.put', nth: 3 } })
      const failing = await keyed.open('test/lost', 'w', { partBytes: MiB })
      await assert.rejects(async () => {
        await failing.write(new Uint8Array(5 * MiB))
        await failing.close()
      }, code('FORKFS_UPLOAD_FAILED'))
      await failing.abort()
      resetForFork()
      await server.clearFaults()
      assert.equal(await keyed.readText('test/a'), 'text')
    })
    for (const name of channels) assert.notEqual(told[name], '', `nothing came on ${name}`)
    const all = Object.values(told).join('')
    assert.ok(all.includes('test/large') && session.length > 8)
    for (const secret of [server.accessToken, session, 'upload_id', 'Bearer', 'authorization']) assert.ok(!all.includes(secret), `${secret.slice(0, 16)} was told`)
  })
})
