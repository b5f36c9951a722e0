import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { S3FileSystem } from '../../../implementations/s3/index.js'
import type { S3Server, S3ServerOptions } from '../../servers/index.js'
import { gate } from '../../conformance/gate.js'
import { code, openFaulty } from './support.js'
import type { Options } from './support.js'

describe('S3: repairs', () => {
  let server: S3Server
  let fs: S3FileSystem
  let open: (options?: Options) => S3FileSystem
  let close: (() => Promise<void>) | undefined
  const start = async (options: S3ServerOptions = {}): Promise<void> => {
    ({ server, fs, open, close } = await openFaulty({ buckets: ['test', { name: 'west', region: 'us-west-2' }, { name: 'public', publicRead: true }], ...options }))
    for (const bucket of ['test', 'west', 'public']) await server.put(bucket, 'key', bucket)
    await server.resetCounters()
  }
  afterEach(async () => {
    await close?.()
    close = undefined
  })
  const statuses = async (): Promise<Readonly<Record<string, number>>> => (await server.counters()).statuses

  it('follows a bucket to its region once, and remembers', async () => {
    await start()
    assert.equal(await fs.readText('west/key'), 'west')
    assert.deepEqual(await statuses(), { 200: 1, 301: 1 })
    await fs.pipeFile('west/other', 'x')
    assert.equal((await fs.ls('west')).length, 2)
    assert.deepEqual(await statuses(), { 200: 3, 301: 1 })
    assert.equal(await fs.readText('test/key'), 'test')
    assert.deepEqual(await statuses(), { 200: 4, 301: 1 })
  })

  it('follows a HEAD, which carries no document', async () => {
    await start()
    assert.equal((await fs.info('west/key')).size, 4)
    assert.deepEqual(await statuses(), { 200: 1, 301: 1 })
    assert.equal(await open().isDirectory('west'), true)
  })

  it('follows a signature for the wrong region', async () => {
    await start()
    const elsewhere = open({ region: 'eu-central-1' })
    assert.equal(await elsewhere.readText('test/key'), 'test')
    assert.deepEqual(await statuses(), { 200: 1, 400: 1 })
    assert.equal((await open({ region: 'eu-central-1' }).info('test/key')).size, 4)
  })

  it('follows many requests at once, none of which is lost', async () => {
    await start()
    const texts = await Promise.all(Array.from({ length: 40 }, () => fs.readText('west/key')))
    assert.ok(texts.every(text => text === 'west'))
  })

  it('goes to the same region once only', async () => {
    await start()
    await server.addFault({ action: { type: 'redirect', region: 'eu-north-1' }, match: { operation: 'GetObject' }, times: 10 })
    await assert.rejects(fs.readText('test/key'), code('FORKFS_REGION'))
    assert.ok((await server.counters()).requests <= 3)
  })

  it('does not follow a redirect that names no region', async () => {
    await start()
    await server.addFault({ action: { type: 'redirect' }, match: { operation: 'GetObject' }, times: 10 })
    await assert.rejects(fs.readText('test/key'), code('FORKFS_REGION'))
    assert.equal((await server.counters()).requests, 1)
    await server.clearFaults()
    await server.addFault({ action: { type: 'redirect', to: 'http://127.0.0.1:1/elsewhere', status: 301 }, match: { operation: 'GetObject' } })
    await assert.rejects(fs.readText('test/key'), code('FORKFS_REGION'))
  })

  it('learns the time of the store from a refusal, once for all', async () => {
    await start()
    await server.setClock(-3 * 3600_000)
    assert.equal(await fs.readText('test/key'), 'test')
    assert.deepEqual(await statuses(), { 200: 1, 403: 1 })
    assert.equal(await fs.readText('test/key'), 'test')
    assert.deepEqual(await statuses(), { 200: 2, 403: 1 })
    const response = await fetch(await fs.sign('test/key'))
    assert.equal(await response.text(), 'test')
    const many = open()
    await Promise.all(Array.from({ length: 40 }, () => many.readText('test/key')))
    assert.equal((await open().info('test/key')).size, 4) // a HEAD says only 403
  })

  it('gives up on a store whose clock runs away', async () => {
    await start()
    await server.addFault({ action: { type: 'clockSkew', ms: 3600_000 }, match: { operation: 'GetObject' }, times: 100 })
    await assert.rejects(fs.readText('test/key'), code('FORKFS_CLOCK_SKEW'))
    assert.equal((await server.counters()).requests, 2)
  })

  it('tells wrong keys from forbidden ones', async () => {
    await start()
    const { accessKeyId, secretAccessKey } = server
    for (const credentials of [{ accessKeyId, secretAccessKey: 'wrong' }, { accessKeyId: 'unknown', secretAccessKey }]) {
      const other = open({ credentials })
      await assert.rejects(other.readText('test/key'), (error: Error) => {
        assert.equal((error as Error & { code: string }).code, 'FORKFS_CREDENTIALS')
        assert.ok(!JSON.stringify(error).includes(secretAccessKey) && !error.stack!.includes(secretAccessKey))
        return true
      })
    }
    await assert.rejects(open({ credentials: 'anonymous' }).readText('test/key'), code('EACCES'))
    assert.equal(await open({ credentials: 'anonymous' }).readText('public/key'), 'public')
  })

  it('asks for new keys once when many requests find the old ones expired', async () => {
    const session = { accessKeyId: 'temporary', secretAccessKey: 'one', sessionToken: 'first' }
    await start({ credentials: [session] })
    const folder = await mkdtemp(join(tmpdir(), 'forkfs-test-'))
    const module = join(folder, 'provider.mjs')
    await writeFile(module, 'export default () => globalThis.forkfsTestProvide()')
    const shared = globalThis as unknown as { forkfsTestProvide?: () => unknown }
    let calls = 0
    const refused = gate()
    try {
      shared.forkfsTestProvide = () => {
        calls++
        return session
      }
      const rotating = open({ credentials: undefined, credentialsModule: pathToFileURL(module).href })
      assert.equal(await rotating.readText('test/key'), 'test')
      assert.equal(calls, 1)
      await server.setCredentials([{ ...session, expiresAt: Date.now() - 1 }, { accessKeyId: 'temporary-2', secretAccessKey: 'two', sessionToken: 'second' }])
      shared.forkfsTestProvide = async () => {
        calls++
        await refused.opened
        return { accessKeyId: 'temporary-2', secretAccessKey: 'two', sessionToken: 'second' }
      }
      await server.resetCounters()
      const reading = Array.from({ length: 40 }, () => rotating.readText('test/key'))
      await server.reached({ operations: { GetObject: 40 } })
      refused.open()
      assert.ok((await Promise.all(reading)).every(text => text === 'test'))
      assert.equal(calls, 2)
      await server.setCredentials([])
      await assert.rejects(rotating.readText('test/key'), code('FORKFS_CREDENTIALS'))
    } finally {
      delete shared.forkfsTestProvide
      await rm(folder, { recursive: true })
    }
  })

  it('settles with the reason of a signal while a credential provider does not answer: reads and signatures', async () => {
    await start()
    const folder = await mkdtemp(join(tmpdir(), 'forkfs-test-'))
    const module = join(folder, 'stuck.mjs')
    await writeFile(module, 'export default () => globalThis.forkfsTestProvide()')
    const shared = globalThis as unknown as { forkfsTestProvide?: () => unknown }
    const asked = gate()
    shared.forkfsTestProvide = () => {
      asked.open()
      return new Promise(() => {})
    }
    try {
      const stuck = open({ credentials: undefined, credentialsModule: module, timeoutMs: 5000 })
      const controller = new AbortController()
      const { signal } = controller
      const reason = new Error('enough')
      const waiting = [stuck.readText('test/key', { signal }), stuck.sign('test/key', { signal })].map(work => assert.rejects(work, error => error === reason))
      await asked.opened
      controller.abort(reason)
      await Promise.all(waiting)
    } finally {
      delete shared.forkfsTestProvide
      await rm(folder, { recursive: true })
    }
  })
})
