import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { GcsFileSystem } from '../../../implementations/gcs/index.js'
import { canonical } from '../../../lib/filesystem/options.js'
import { filesystem, isFileSystem, resetForFork } from '../../../lib/index.js'
import { askParent } from '../../../lib/owner/index.js'
import { startWorker } from '../../../lib/workers/index.js'
import type { FaultRule, GcsServer } from '../../servers/index.js'
import { code, MiB, openFaulty, optionsOf, pattern } from './support.js'
import type { Options } from './support.js'

const large = 20 * MiB

describe('GCS: owners (G26)', function () {
  this.timeout(20_000)
  let server: GcsServer
  let fs: GcsFileSystem
  let open: (options?: Options) => GcsFileSystem
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
    read: ['objects.getMedia', { type: 'stall', at: 'body', afterBytes: MiB }],
    list: ['objects.list', { type: 'stall', at: 'headers' }],
    write: ['objects.insert', { type: 'stall', at: 'headers' }],
    upload: ['uploads.put', { type: 'stall', at: 'headers' }],
    handle: ['uploads.put', { type: 'stall', at: 'headers' }],
    retry: ['objects.get', { type: 'status', status: 503, headers: { 'Retry-After': '3600' } }]
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
      assert.equal((await server.counters()).operations['uploads.cancel'], undefined)
    })
  }

  it('works on after a reset, with a new client', async () => {
    const file = await fs.open('test/small')
    const writing = await fs.open('test/new', 'w')
    const entries = fs.list('test')
    await entries.next()
    await server.addFault({ action: { type: 'stall', at: 'headers' }, match: { operation: 'objects.getMedia' } })
    const pending = fs.catFile('test/small')
    const refused = assert.rejects(pending, code('FORKFS_RESET'))
    await server.reached({ operations: { 'objects.getMedia': 1 } })
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
    await server.addFault({ action: { type: 'stall', at: 'headers' }, match: { operation: 'objects.getMedia' }, times: 1 })
    const other = open()
    const refused = assert.rejects(fs.catFile('test/small'), code('FORKFS_RESET'))
    await server.reached({ operations: { 'objects.getMedia': 1 } })
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
    await server.addFault({ action: { type: 'delay', ms: 60 }, match: { operation: 'objects.getMedia' } })
    const reading = fs.catFile('test/small')
    await server.reached({ operations: { 'objects.getMedia': 1 } })
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
    const options = optionsOf(server) as Parameters<typeof filesystem<'gs'>>[1]
    assert.equal(filesystem('gs', options), filesystem('gs', { ...options }))
    assert.equal(filesystem('gs', options), filesystem('gcs', { ...options, checksums: true }))
    {
      await using fresh = filesystem('gs', { ...options, fresh: true })
      await fresh.info('test/small')
    }
    await noSockets()
  })

  it('G25: keeps its secrets', async () => {
    const { inspect } = await import('node:util')
    const { serviceAccount } = await server.credentials()
    const { client_email, private_key } = serviceAccount
    const keyed = open({ credentials: { client_email, private_key } })
    await keyed.pipeFile('test/x', 'x') // a custom endpoint that is not trusted with a token gets none
    const failure = await keyed.catFile('test/none').catch((error: unknown) => error)
    const everything = { depth: 9, showHidden: true }
    const all = [inspect(keyed, everything), JSON.stringify(keyed), JSON.stringify(structuredClone(keyed)), keyed.token, inspect(failure, everything)]
    for (const shown of all) assert.ok(!shown.includes('PRIVATE') && !shown.includes(private_key.slice(40, 80)))
    assert.ok(all[1]!.includes(client_email))
    assert.deepEqual(Object.keys(keyed), ['$forkfs'])
    const shared = open({ credentials: { client_email, private_key }, shareCredentials: true })
    assert.ok(JSON.stringify(shared).includes(JSON.stringify(private_key)))
  })

  it('answers workers with its token, and with another when the store refused that', async () => {
    const module = join(folder, 'tokens.mjs')
    const shared = globalThis as unknown as { forkfsTestCalls?: number }
    shared.forkfsTestCalls = 0
    await writeFile(module, 'export default async () => ({ token: `token-${++globalThis.forkfsTestCalls}` })')
    const described = open({ credentialsModule: module, useAuthWithCustomEndpoint: true })
    const key = canonical(described.toJSON().$forkfs['options'])
    const ask = async (refused?: string): Promise<string> => (await askParent('gs:credentials', { key, refused }) as { token: string }).token
    assert.deepEqual([await ask(), await ask(), await ask('token-1'), await ask('token-1'), await ask()], ['token-1', 'token-1', 'token-2', 'token-2', 'token-2'])
    assert.equal(await askParent('gs:credentials', { key: 'unknown' }), undefined)
    delete shared.forkfsTestCalls
  })

  it('G26: rejects 64 requests and an upload with FORKFS_RESET, then works on with a new token', async () => {
    await using strict = await openFaulty({ anonymous: false })
    const module = join(folder, 'strict.mjs')
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
    const module = join(folder, 'renewed.mjs')
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
    const module = join(folder, 'parent.mjs')
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
      const other = new Other(optionsOf(server))
      assert.equal(isFileSystem(other), true)
      assert.notEqual(Other, GcsFileSystem)
      await server.addFault({ action: { type: 'stall', at: 'headers' }, match: { operation: 'objects.getMedia' }, times: 1 })
      const pending = assert.rejects(other.catFile('test/small'), code('FORKFS_RESET'))
      await server.reached({ operations: { 'objects.getMedia': 1 } })
      resetForFork()
      await pending
      await noSockets()
      assert.equal((await other.catFile('test/small')).length, 10_000)
      await other.close()
    } finally {
      await rm(copy, { recursive: true })
    }
  })

  it('counts what it does', async () => {
    await fs.catFile('test/small')
    const { requests, retries, bytesIn, sockets } = fs.stats
    assert.deepEqual({ requests, retries, bytesIn, sockets }, { requests: 1, retries: 0, bytesIn: 10_000, sockets: 1 })
    await fs.pipeFile('test/x', 'abc')
    assert.ok(fs.stats.bytesOut > 3)
  })
})
