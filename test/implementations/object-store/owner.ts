import assert from 'node:assert/strict'
import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { canonical } from '../../../lib/filesystem/options.js'
import { filesystem, resetForFork } from '../../../lib/index.js'
import type { FileSystem } from '../../../lib/index.js'
import { askParent } from '../../../lib/owner/index.js'
import type { FaultRule } from '../../servers/index.js'
import { code, MiB, pattern } from '../data.js'
import type { Kind } from './kind.js'
import { faultyStage, tempFolder } from './stage.js'
import type { FaultyStage } from './stage.js'
import type { ObjectServer, SharedOptions } from './stores.js'

const run = promisify(execFile)
const large = 20 * MiB

/** What an instance does at a reset, at its end and for its workers; each test has a server with `test/small` and `test/slow`. */
export function ownerSuite<Fs extends FileSystem, Server extends ObjectServer, ServerOptions, Options extends SharedOptions> (
  kind: Kind<Fs, Server, ServerOptions, Options>
): FaultyStage<Fs, Server, Options> {
  const on = faultyStage(async () => {
    const store = await kind.openFaulty()
    await store.server.put('test', 'small', pattern(10_000))
    await store.server.put('test', 'slow', pattern(3 * MiB))
    return store
  })
  resetTests(kind, on)
  lifeTests(kind, on)
  credentialTests(kind, on)
  return on
}

function resetTests<Fs extends FileSystem, Server extends ObjectServer, ServerOptions, Options extends SharedOptions> (
  kind: Kind<Fs, Server, ServerOptions, Options>, on: FaultyStage<Fs, Server, Options>
): void {
  const { operations, protocol } = kind
  const silent = { type: 'stall', at: 'headers' } as const
  const stages: Record<string, [operation: string, action: FaultRule['action']]> = {
    read: [operations.read, { type: 'stall', at: 'body', afterBytes: MiB }],
    list: [operations.list, silent],
    write: [operations.put, silent],
    upload: [operations.part, silent],
    handle: [operations.part, silent],
    retry: [operations.look, { type: 'status', status: 503, headers: { 'Retry-After': '3600' } }]
  }
  for (const [what, [operation, action]] of Object.entries(stages)) {
    it(`lets go of everything at a reset in the middle of: ${what}`, async () => {
      const { server } = on
      await server.addFault({ action, match: { operation }, times: 100 })
      const told = JSON.stringify({ protocol, options: kind.optionsOf(server), large })
      const child = fork(new URL('./fixtures/reset.child.js', import.meta.url), [told, what], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
      const output = text(child.stdout!)
      await server.reached({ operations: { [operation]: 1 } })
      const { requests } = await server.counters()
      const start = performance.now()
      child.send('reset')
      const [status] = await once(child, 'exit') as [number | null]
      assert.ok(performance.now() - start < 3000, 'it did not end by itself')
      assert.deepEqual([status, await output], [0, 'FORKFS_RESET'])
      await server.reached({ sockets: 0 })
      const grown = (await server.counters()).requests - requests
      assert.ok(grown <= 3, `${grown} requests came after the reset`) // parts that were on their way
      assert.equal((await server.counters()).operations[operations.cancel], undefined)
    })
  }

  it('works on after a reset, with a new client', async () => {
    const { server, fs } = on
    const file = await fs.open('test/small')
    const writing = await fs.open('test/new', 'w')
    const entries = fs.list('test')
    await entries.next()
    await server.addFault({ action: silent, match: { operation: operations.read } })
    const pending = fs.catFile('test/small')
    const refused = assert.rejects(pending, code('FORKFS_RESET'))
    await server.reached({ operations: { [operations.read]: 1 } })
    const report = resetForFork()
    assert.ok(report.clients >= 1)
    await refused
    await server.reached({ sockets: 0 })
    assert.equal((await fs.catFile('test/small')).length, 10_000)
    await assert.rejects(file.readFile(), code('FORKFS_RESET'))
    await assert.rejects(writing.write('x'), code('FORKFS_RESET'))
    await assert.rejects(entries.next(), code('FORKFS_RESET'))
    assert.equal(await fs.exists('test/new'), false)
  })

  it('resets one instance alone', async () => {
    const { server, fs } = on
    await server.addFault({ action: silent, match: { operation: operations.read }, times: 1 })
    const other = on.open()
    const refused = assert.rejects(fs.catFile('test/small'), code('FORKFS_RESET'))
    await server.reached({ operations: { [operations.read]: 1 } })
    const reading = other.catFile('test/small')
    fs.reset()
    await refused
    assert.equal((await reading).length, 10_000)
    assert.equal((await fs.catFile('test/small')).length, 10_000)
  })

  it('refuses a foreign owner where it is told to', async () => {
    const strict = on.open({ onForeignOwner: 'throw' } as Options)
    await strict.info('test/small')
    resetForFork()
    await assert.rejects(strict.info('test/small'), code('FORKFS_FOREIGN_OWNER'))
  })
}

function lifeTests<Fs extends FileSystem, Server extends ObjectServer, ServerOptions, Options extends SharedOptions> (
  kind: Kind<Fs, Server, ServerOptions, Options>, on: FaultyStage<Fs, Server, Options>
): void {
  const { operations, protocol, aliases } = kind

  it('waits in close() for work under way, leaves no socket, and opens again', async () => {
    const { server, fs } = on
    await server.addFault({ action: { type: 'delay', ms: 60 }, match: { operation: operations.read } })
    const reading = fs.catFile('test/small')
    await server.reached({ operations: { [operations.read]: 1 } })
    await fs.close()
    assert.equal((await reading).length, 10_000)
    assert.equal(fs.stats.sockets, 0)
    await server.reached({ sockets: 0 })
    await Promise.all([fs.close(), fs.close()])
    assert.equal((await fs.catFile('test/small')).length, 10_000)
  })

  it('settles 1,000 reads that are aborted at random moments, with their reason', async () => {
    const { server, fs } = on
    const unhandled: unknown[] = []
    const catches = (error: unknown): void => { unhandled.push(error) }
    process.on('unhandledRejection', catches)
    let aborted = 0
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 50 }, async (_, index) => {
        const controller = new AbortController()
        const { signal } = controller
        const reason = { index }
        setTimeout(() => { controller.abort(reason) }, Math.random() * 25)
        const work = index % 3 === 0 ? fs.catFile('test/slow', { signal }) : index % 3 === 1 ? fs.catFile('test/small', { signal, end: 50 }) : fs.ls('test', { signal })
        await work.then(() => {}, (error: unknown) => {
          aborted++
          assert.equal(error, reason)
        })
      }))
    }
    assert.ok(aborted > 50)
    await fs.close()
    await server.reached({ sockets: 0 })
    assert.equal((await server.counters()).inFlight.now, 0)
    process.off('unhandledRejection', catches)
    assert.deepEqual(unhandled, [])
  })

  it('does not use a connection that was idle longer than stores keep one', async () => {
    const { server, fs } = on
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
    const options = kind.optionsOf(on.server)
    assert.equal(filesystem(protocol, options), filesystem(protocol, { ...options }))
    for (const alias of [protocol, ...aliases]) assert.equal(filesystem(protocol, options), filesystem(alias, { ...options, checksums: true }))
    {
      await using fresh = filesystem(protocol, { ...options, fresh: true })
      await fresh.info('test/small')
    }
    await on.server.reached({ sockets: 0 })
  })

  it('counts what it does', async () => {
    const { fs } = on
    await fs.catFile('test/small')
    const { requests, retries, bytesIn, sockets } = fs.stats
    assert.deepEqual({ requests, retries, bytesIn, sockets }, { requests: 1, retries: 0, bytesIn: 10_000, sockets: 1 })
    await fs.pipeFile('test/x', 'abc')
    const { bytesOut } = fs.stats
    assert.ok(kind.framesUploads ? bytesOut > 3 : bytesOut === 3, `${bytesOut} bytes`)
  })
}

function credentialTests<Fs extends FileSystem, Server extends ObjectServer, ServerOptions, Options extends SharedOptions> (
  kind: Kind<Fs, Server, ServerOptions, Options>, on: FaultyStage<Fs, Server, Options>
): void {
  const { name, more, service, from } = kind.credentials
  const folder = tempFolder()

  it('answers workers with its credentials, and with others when the store refused those', async () => {
    const module = join(folder.path, 'counting.mjs')
    const shared = globalThis as unknown as { forkfsTestCalls?: number }
    shared.forkfsTestCalls = 0
    await writeFile(module, `export default async () => ({ ...${JSON.stringify(more)}, ${name}: \`the-${'${++globalThis.forkfsTestCalls}'}\` })`)
    const described = on.open(from(module))
    const key = canonical({ options: described.toJSON().$forkfs['options'] }) // a module's keys have no name in a descriptor
    const ask = async (refused?: string): Promise<unknown> => (await askParent(service, { key, refused }) as Record<string, unknown>)[name]
    assert.deepEqual([await ask(), await ask(), await ask('the-1'), await ask('the-1'), await ask()], ['the-1', 'the-1', 'the-2', 'the-2', 'the-2'])
    assert.equal(await askParent(service, { key: 'unknown' }), undefined)
    delete shared.forkfsTestCalls
  })

  for (const [how, expected] of Object.entries({ abort: 'enough', 'reset()': 'FORKFS_RESET', 'resetForFork()': 'FORKFS_RESET' })) {
    it(`lets its process end after ${how} while a credential provider does not answer`, async () => {
      const options = { ...kind.optionsOf(on.server), ...from(fileURLToPath(new URL('./fixtures/never.js', import.meta.url))) }
      const program = fileURLToPath(new URL('./fixtures/stuck.child.js', import.meta.url))
      const { stdout } = await run(process.execPath, [program, JSON.stringify({ protocol: kind.protocol, options }), how], { timeout: 15_000, killSignal: 'SIGKILL' })
      assert.equal(stdout, `${expected},${expected}`)
    })
  }
}
