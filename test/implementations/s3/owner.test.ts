import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { S3FileSystem } from '../../../implementations/s3/index.js'
import { canonical } from '../../../lib/filesystem/options.js'
import { filesystem, resetForFork } from '../../../lib/index.js'
import { askParent } from '../../../lib/owner/index.js'
import type { FaultRule, S3Server } from '../../servers/index.js'
import { code, MiB, openFaulty, optionsOf, pattern } from './support.js'
import type { Options } from './support.js'

const large = 20 * MiB

describe('S3: owners', function () {
  this.timeout(20_000)
  let server: S3Server
  let fs: S3FileSystem
  let open: (options?: Options) => S3FileSystem
  let close: () => Promise<void>
  let folder: string
  before(async () => { folder = await mkdtemp(join(tmpdir(), 'forkfs-test-')) })
  after(() => rm(folder, { recursive: true }))
  beforeEach(async () => {
    ({ server, fs, open, close } = await openFaulty())
    await server.put('test', 'small', pattern(10_000))
    await server.put('test', 'slow', pattern(3 * MiB))
  })
  afterEach(() => close())
  const noSockets = (): Promise<void> => server.reached({ sockets: 0 })

  const stages: Record<string, [operation: string, action: FaultRule['action']]> = {
    read: ['GetObject', { type: 'stall', at: 'body', afterBytes: MiB }],
    list: ['ListObjectsV2', { type: 'stall', at: 'headers' }],
    write: ['PutObject', { type: 'stall', at: 'headers' }],
    upload: ['UploadPart', { type: 'stall', at: 'headers' }],
    handle: ['UploadPart', { type: 'stall', at: 'headers' }],
    retry: ['HeadObject', { type: 'status', status: 503, headers: { 'Retry-After': '3600' } }]
  }
  for (const [what, [operation, action]] of Object.entries(stages)) {
    it(`lets go of everything at a reset in the middle of: ${what}`, async () => {
      await server.addFault({ action, match: { operation }, times: 100 })
      const child = fork(new URL('./fixtures/reset.child.js', import.meta.url), [JSON.stringify({ options: optionsOf(server), large }), what], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
      const output = text(child.stdout!)
      await server.reached({ operations: { [operation]: 1 } })
      const { requests } = await server.counters()
      const start = performance.now()
      child.send('reset')
      const [status] = await once(child, 'exit') as [number | null]
      assert.ok(performance.now() - start < 3000, 'it did not end by itself')
      assert.deepEqual([status, await output], [0, 'FORKFS_RESET'])
      await noSockets()
      const grown = (await server.counters()).requests - requests
      assert.ok(grown <= 3, `${grown} requests came after the reset`) // parts that were on their way
      assert.equal((await server.counters()).operations['AbortMultipartUpload'], undefined)
    })
  }

  it('works on after a reset, with a new client', async () => {
    const file = await fs.open('test/small')
    const writing = await fs.open('test/new', 'w')
    const entries = fs.list('test')
    await entries.next()
    await server.addFault({ action: { type: 'stall', at: 'headers' }, match: { operation: 'GetObject' } })
    const pending = fs.catFile('test/small')
    const refused = assert.rejects(pending, code('FORKFS_RESET'))
    await server.reached({ operations: { GetObject: 1 } })
    const report = resetForFork()
    assert.ok(report.clients >= 1)
    await refused
    await noSockets()
    assert.equal((await fs.catFile('test/small')).length, 10_000)
    await assert.rejects(file.readFile(), code('FORKFS_RESET'))
    await assert.rejects(writing.write('x'), code('FORKFS_RESET'))
    await assert.rejects(entries.next(), code('FORKFS_RESET'))
    assert.equal(await fs.exists('test/new'), false)
  })

  it('resets one instance alone', async () => {
    await server.addFault({ action: { type: 'stall', at: 'headers' }, match: { operation: 'GetObject' }, times: 1 })
    const other = open()
    const refused = assert.rejects(fs.catFile('test/small'), code('FORKFS_RESET'))
    await server.reached({ operations: { GetObject: 1 } })
    const reading = other.catFile('test/small')
    fs.reset()
    await refused
    assert.equal((await reading).length, 10_000)
    assert.equal((await fs.catFile('test/small')).length, 10_000)
  })

  it('refuses a foreign owner where it is told to', async () => {
    const strict = open({ onForeignOwner: 'throw' })
    await strict.info('test/small')
    resetForFork()
    await assert.rejects(strict.info('test/small'), code('FORKFS_FOREIGN_OWNER'))
  })

  it('waits in close() for work under way, leaves no socket, and opens again', async () => {
    await server.addFault({ action: { type: 'delay', ms: 60 }, match: { operation: 'GetObject' } })
    const reading = fs.catFile('test/small')
    await server.reached({ operations: { GetObject: 1 } })
    await fs.close()
    assert.equal((await reading).length, 10_000)
    assert.equal(fs.stats.sockets, 0)
    await noSockets()
    await Promise.all([fs.close(), fs.close()])
    assert.equal((await fs.catFile('test/small')).length, 10_000)
  })

  it('settles 1,000 reads that are aborted at random moments, with their reason', async () => {
    const unhandled: unknown[] = []
    const catches = (error: unknown): void => { unhandled.push(error) }
    process.on('unhandledRejection', catches)
    let aborted = 0
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 50 }, async (_, index) => {
        const controller = new AbortController()
        const reason = { index }
        setTimeout(() => { controller.abort(reason) }, Math.random() * 25)
        const work = index % 3 === 0 ? fs.catFile('test/slow', { signal: controller.signal }) : index % 3 === 1 ? fs.catFile('test/small', { signal: controller.signal, end: 50 }) : fs.ls('test', { signal: controller.signal })
        await work.then(() => {}, (error: unknown) => {
          aborted++
          assert.equal(error, reason)
        })
      }))
    }
    assert.ok(aborted > 50)
    await fs.close()
    await noSockets()
    assert.equal((await server.counters()).inFlight.now, 0)
    process.off('unhandledRejection', catches)
    assert.deepEqual(unhandled, [])
  })

  it('does not use a connection that was idle longer than stores keep one', async () => {
    await fs.info('test/small')
    const now = Date.now
    try {
      Date.now = () => now() + 10_000
      await fs.info('test/small')
    } finally {
      Date.now = now
    }
    assert.equal((await server.counters()).sockets.ever, 2)
  })

  it('is one instance for the same options, and closes when it is fresh', async () => {
    const options = optionsOf(server) as Parameters<typeof filesystem<'s3'>>[1]
    assert.equal(filesystem('s3', options), filesystem('s3', { ...options }))
    {
      await using fresh = filesystem('s3', { ...options, fresh: true })
      await fresh.info('test/small')
    }
    await noSockets()
  })

  it('keeps its secrets', async () => {
    const { inspect } = await import('node:util')
    await fs.info('test/small')
    const all = [inspect(fs, { depth: 9, showHidden: true }), JSON.stringify(fs), JSON.stringify(structuredClone(fs)), fs.token]
    for (const shown of all) assert.ok(!shown.includes(server.secretAccessKey))
    assert.deepEqual(Object.keys(fs), ['$forkfs'])
  })

  it('answers workers with its keys, and with others when the store refused those', async () => {
    const module = join(folder, 'keys.mjs')
    const shared = globalThis as unknown as { forkfsTestCalls?: number }
    shared.forkfsTestCalls = 0
    await writeFile(module, 'export default async () => ({ accessKeyId: `key-${++globalThis.forkfsTestCalls}`, secretAccessKey: "secret" })')
    const described = open({ credentials: undefined, credentialsModule: module })
    const key = canonical(described.toJSON().$forkfs['options'])
    const ask = async (refused?: string): Promise<string> => (await askParent('s3:credentials', { key, refused }) as { accessKeyId: string }).accessKeyId
    assert.deepEqual([await ask(), await ask(), await ask('key-1'), await ask('key-1'), await ask()], ['key-1', 'key-1', 'key-2', 'key-2', 'key-2'])
    assert.equal(await askParent('s3:credentials', { key: 'unknown' }), undefined)
    delete shared.forkfsTestCalls
  })

  it('counts what it does', async () => {
    await fs.catFile('test/small')
    const { requests, retries, bytesIn, sockets } = fs.stats
    assert.deepEqual({ requests, retries, bytesIn, sockets }, { requests: 1, retries: 0, bytesIn: 10_000, sockets: 1 })
    await fs.pipeFile('test/x', 'abc')
    assert.equal(fs.stats.bytesOut, 3)
  })
})
