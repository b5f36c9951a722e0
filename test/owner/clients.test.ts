import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Agent, getGlobalDispatcher, MockAgent, setGlobalDispatcher } from 'undici'
import { filesystem, resetForFork } from '../../lib/index.js'
import type { FileSystem } from '../../lib/index.js'
import type { S3Server } from '../servers/index.js'
import { MiB, optionsOf, outcome, pattern, processKinds, seen, Stage, until } from './support.js'

const keys = [{ accessKeyId: 'key', secretAccessKey: 'secret' }]

describe('owners: clients and their connections', function () {
  this.timeout(30_000)
  const stage = new Stage()
  let server: S3Server
  beforeEach(async () => {
    server = await stage.s3()
    await server.put('test', 'a', 'text')
  })
  afterEach(() => stage.end())

  it('F14: every verb goes through after the store has closed the connections that were idle', async () => {
    const brief = await stage.s3({ keepAliveMs: 20 })
    const fs = stage.fs(brief)
    const data = pattern(11 * MiB)
    const works: Array<() => Promise<unknown>> = [
      () => fs.pipeFile('test/a', 'text'), () => fs.readText('test/a'), () => fs.info('test/a'), () => fs.ls('test'), () => fs.cp('test/a', 'test/b'),
      () => fs.pipeFile('test/big', data), () => fs.catFile('test/big'), () => fs.rm(['test/b', 'test/big']), () => fs.find('test')
    ]
    for (const work of works) {
      await work()
      await brief.reached({ sockets: 0 })
    }
    for (let time = 0; time < 60; time++) {
      await fs.readText('test/a')
      await delay(17 + Math.random() * 6) // about when the store closes
    }
    assert.deepEqual(await brief.uploads('test'), [])
  })

  it('F14: a connection is used again whatever verb came before, HEAD too', async () => {
    const fs = stage.fs(server)
    for (let time = 0; time < 5; time++) {
      await fs.info('test/a')
      await fs.readText('test/a')
      await fs.exists('test/none')
      await fs.withFile('test/a', 'r', file => file.readRange(0, 2))
      await fs.ls('test')
      await fs.pipeFile('test/b', 'x')
    }
    const { ever, peak, open } = (await server.counters()).sockets
    assert.deepEqual([ever, open], [peak, peak])
    assert.ok(peak <= 2) // some verbs ask two things at once
  })

  it('F14: a store that dies and comes back at its place is spoken to again, by an instance that was closed too', async () => {
    const first = await stage.spawnedS3({ credentials: keys, region: 'us-east-1' })
    await first.put('test', 'a', 'first')
    const fs = stage.fs(first, { credentials: keys[0]! })
    const other = stage.fs(first, { credentials: keys[0]! })
    assert.deepEqual([await fs.readText('test/a'), await other.readText('test/a')], ['first', 'first'])
    await first.kill()
    await other.close()
    const second = await stage.spawnedS3({ credentials: keys, region: 'us-east-1', port: first.port })
    await second.put('test', 'a', 'second')
    assert.deepEqual([await fs.readText('test/a'), await other.readText('test/a')], ['second', 'second'])
  })

  for (const kind of processKinds) {
    it(`F14: a ${kind} that was frozen while its store was replaced loses no call: neither those under way nor those that are due`, async () => {
      const first = await stage.spawnedS3({ credentials: keys })
      await first.put('test', 'a', 'text')
      const fs = stage.fs(first, { credentials: keys[0]!, shareCredentials: true, idleTimeoutMs: 400, retry: { baseMs: 20 } })
      const actor = await stage.actor(kind)
      await actor.do('beginTicking', fs, 'test/a')
      await first.reached({ operations: { GetObject: 10 } })
      await first.addFault({ action: { type: 'stall', at: 'headers' }, times: 4 })
      await first.reached({ faults: 4 })
      actor.freeze()
      await first.kill()
      const second = await stage.spawnedS3({ credentials: keys, port: first.port })
      await second.put('test', 'a', 'text')
      await delay(1000) // longer than idleTimeoutMs
      actor.thaw()
      await second.reached({ operations: { GetObject: 10 } })
      const outcomes = await actor.do<Record<string, number>>('endTicking')
      assert.deepEqual(Object.keys(outcomes), ['fulfilled'])
      assert.equal(await second.get('test', 'tick').then(data => Buffer.from(data!).toString()), 'tick')
    })
  }

  it('F15: the global dispatcher of fetch and of other packages is not ours: replaced, mocked or closed it changes nothing', async () => {
    const fs = stage.fs(server)
    const before = getGlobalDispatcher()
    const mock = new MockAgent()
    mock.disableNetConnect()
    setGlobalDispatcher(mock)
    try {
      assert.equal(await fs.readText('test/a'), 'text')
      await mock.close()
      assert.equal(await stage.fs(server).readText('test/a'), 'text')
    } finally {
      setGlobalDispatcher(before)
    }
  })

  it('F15: closing one instance leaves the connections of another on the same store', async () => {
    const [one, two] = [stage.fs(server), stage.fs(server)]
    await Promise.all([one.readText('test/a'), two.readText('test/a')])
    await one.close()
    await server.reached({ sockets: 1 })
    assert.equal(await two.readText('test/a'), 'text')
    assert.equal((await server.counters()).sockets.ever, 2)
  })

  for (const how of ['close', 'destroy'] as const) {
    it(`F15: a caller's dispatcher after its ${how}() is FORKFS_CLOSED for every call, at once and without a request`, async () => {
      const dispatcher = new Agent()
      const files = await stage.files({ files: { a: 'text' } })
      const s3 = stage.fs(server, { dispatcher })
      const http = filesystem('http', { baseUrl: files.endpoint, dispatcher, fresh: true })
      assert.deepEqual([await s3.readText('test/a'), await http.readText('a')], ['text', 'text'])
      await dispatcher[how]()
      await server.resetCounters()
      await files.resetCounters()
      const { retries } = s3.stats
      for (const call of [s3.readText('test/a'), s3.ls('test'), s3.pipeFile('test/b', 'x'), http.readText('a'), http.info('a')]) assert.equal(await outcome(call), 'FORKFS_CLOSED')
      assert.equal(s3.stats.retries, retries)
      assert.deepEqual([(await server.counters()).requests, (await files.counters()).requests], [0, 0])
    })
  }

  it('F20: slots of a limit that calls of the old epoch hold are free in the new one, and what waited for one never starts', async () => {
    const fs = stage.fs(server, { maxConcurrency: 2 })
    await server.addFault({ action: { type: 'stall', at: 'headers' }, match: { operation: 'GetObject' }, times: 2 })
    const stuck = Array.from({ length: 6 }, () => outcome(fs.readText('test/a')))
    await server.reached({ faults: 2 })
    resetForFork()
    const after = Promise.all([1, 2, 3].map(() => fs.readText('test/a')))
    assert.deepEqual(new Set(await Promise.all(stuck)), new Set(['FORKFS_RESET']))
    assert.deepEqual(await after, ['text', 'text', 'text'])
    assert.equal(await seen(server, 'GetObject'), 5)
  })

  for (const kind of ['thread', ...processKinds] as const) {
    it(`F20: a ${kind} has a limit of its own: it reads on while its parent's is used up`, async () => {
      const fs = stage.fs(server, { maxConcurrency: 1, shareCredentials: true })
      const actor = await stage.actor(kind)
      await server.addFault({ action: { type: 'stall', at: 'headers' }, match: { operation: 'GetObject' }, times: 1 })
      const stuck = outcome(fs.readText('test/a'))
      await server.reached({ faults: 1 })
      assert.equal(await actor.do('read', fs, 'test/a'), 'text')
      fs.reset()
      assert.equal(await stuck, 'FORKFS_RESET')
    })
  }

  /** A module that gives the keys which its file holds, and counts in another how often it was asked. */
  async function rotating (): Promise<{ readonly module: string, give (keys: object): Promise<void>, asked (): Promise<number> }> {
    const folder = await stage.folder()
    const module = join(folder, 'rotating.mjs')
    const [given, count] = [join(folder, 'keys.json'), join(folder, 'asked')]
    await writeFile(count, '')
    await writeFile(module, `
      import { appendFile, readFile } from 'node:fs/promises'
      export default async () => {
        await appendFile(${JSON.stringify(count)}, 'x')
        const keys = JSON.parse(await readFile(${JSON.stringify(given)}, 'utf8'))
        if (keys.none) throw new Error('nobody is in')
        return keys
      }`)
    return {
      module,
      give: keys => writeFile(given, JSON.stringify(keys)),
      asked: async () => (await import('node:fs/promises')).readFile(count, 'utf8').then(text => text.length)
    }
  }
  const session = (name: string, more: object = {}): { accessKeyId: string, secretAccessKey: string, sessionToken: string } => ({ accessKeyId: name, secretAccessKey: `${name}-secret`, sessionToken: `${name}-token`, ...more })

  it('F21: keys are asked for once by all who need them, again when they end or are refused, and a failure is not remembered', async () => {
    const { module, give, asked } = await rotating()
    await server.setCredentials([session('one')])
    const fs = stage.fs(server, { credentials: undefined, credentialsModule: module, retry: { attempts: 1 } })
    const forty = (): Promise<unknown[]> => Promise.all(Array.from({ length: 40 }, () => outcome(fs.readText('test/a'))))
    await give({ none: true })
    assert.equal(await outcome(fs.readText('test/a')), 'FORKFS_CREDENTIALS')
    assert.equal(await asked(), 1)
    await give(session('one', { expiration: new Date(Date.now() + 3_600_000) }))
    assert.deepEqual(new Set(await forty()), new Set(['fulfilled']))
    assert.equal(await asked(), 2)
    await server.setCredentials([session('two')])
    await give(session('two', { expiration: new Date(Date.now() + 3_600_000) }))
    assert.deepEqual(new Set(await forty()), new Set(['fulfilled']), 'refused keys are asked for anew')
    assert.equal(await asked(), 3)
    await server.setCredentials([])
    assert.deepEqual(new Set(await forty()), new Set(['FORKFS_CREDENTIALS']))
    assert.ok(await asked() <= 5)
    await server.setCredentials([session('three')])
    await give(session('three'))
    resetForFork()
    assert.equal(await outcome(fs.readText('test/a')), 'fulfilled')
  })

  it('F21: keys that end while nobody asks are renewed with the next call, without a refusal', async () => {
    const { module, give, asked } = await rotating()
    await server.setCredentials([session('one'), session('two')])
    await give(session('one', { expiration: new Date(Date.now() + 300) }))
    const fs = stage.fs(server, { credentials: undefined, credentialsModule: module })
    await fs.readText('test/a')
    await server.setCredentials([session('two')])
    await give(session('two', { expiration: new Date(Date.now() + 3_600_000) }))
    await delay(350)
    assert.deepEqual(new Set(await Promise.all(Array.from({ length: 20 }, () => outcome(fs.readText('test/a'))))), new Set(['fulfilled']))
    assert.deepEqual([await asked(), (await server.counters()).statuses['403']], [2, undefined])
  })

  for (const kind of ['thread', ...processKinds] as const) {
    it(`F21: a ${kind} asks a provider of its own, whose module travelled by its name`, async () => {
      const { module, give, asked } = await rotating()
      await server.setCredentials([session('one')])
      await give(session('one'))
      const fs = stage.fs(server, { credentials: undefined, credentialsModule: module })
      await fs.readText('test/a')
      const actor = await stage.actor(kind)
      assert.equal(await outcome(actor.do('read', fs, 'test/a')), 'FORKFS_NOT_ALLOWED')
      assert.equal(await asked(), 1)
      assert.equal(await actor.do('readTrusting', fs, 'test/a'), 'text')
      assert.equal(await asked(), 2)
    })
  }

  it('F33: a store that is frozen ends every call with ETIMEDOUT in its time, and is spoken to again when it thaws', async () => {
    const frozen = await stage.spawnedS3()
    await frozen.put('test', 'a', 'text')
    await frozen.put('test', 'big', pattern(20 * MiB))
    const fs = stage.fs(frozen, { timeoutMs: 2500, idleTimeoutMs: 1000, retry: { attempts: 2, baseMs: 1 } })
    const file = await fs.open('test/big')
    await fs.readText('test/a')
    await frozen.pause()
    const start = performance.now()
    const calls = [
      fs.readText('test/a'), fs.info('test/a'), fs.ls('test'), fs.find('test'), fs.pipeFile('test/b', 'x'), fs.cp('test/a', 'test/c'), fs.catFile('test/big'),
      fs.list('test').next(), file.readRange(0, 5 * MiB), fs.withFile('test/d', 'w', async writing => { await writing.write('x') }), fs.catRanges([{ path: 'test/big', start: 5, end: 9 }])
    ]
    assert.deepEqual(new Set(await Promise.all(calls.map(outcome))), new Set(['ETIMEDOUT']))
    assert.ok(performance.now() - start < 10_000)
    await until(() => fs.stats.sockets === 0)
    await frozen.resume()
    assert.equal(await fs.readText('test/a'), 'text')
    assert.equal((await file.readRange(0, 5 * MiB)).length, 5 * MiB)
    await file.close()
  })

  it('F33: a connection that is never made is ETIMEDOUT after `timeoutMs`, and FORKFS_NETWORK after ten seconds where that is longer, over either transport', async function () {
    const port = await stage.deafPort()
    if (port === undefined) this.skip()
    const began = performance.now()
    const holds = async (transport: 'undici' | 'direct', timeoutMs: number, expected: string, fromMs: number, toMs: number): Promise<FileSystem> => {
      const fs = stage.fs(server, { transport, timeoutMs, endpoint: `http://127.0.0.1:${port}`, retry: { attempts: 1 } })
      assert.equal(await outcome(fs.readText('test/a')), expected, transport)
      const ms = performance.now() - began
      assert.ok(ms >= fromMs && ms < toMs, `${transport}, ${timeoutMs}: ${ms} ms`)
      return fs
    }
    const all = await Promise.all((['undici', 'direct'] as const).flatMap(transport => [holds(transport, 700, 'ETIMEDOUT', 690, 6000), holds(transport, 60_000, 'FORKFS_NETWORK', 9000, 20_000)]))
    for (const fs of all) await until(() => fs.stats.sockets === 0)
  })

  for (const limit of ['idleTimeoutMs', 'timeoutMs'] as const) {
    it(`F33: an event loop that stood still for longer than ${limit} takes the answer that has come meanwhile`, async () => {
      await server.addFault({ action: { type: 'delay', ms: 100 }, match: { operation: 'GetObject', nth: 2 } })
      const fs = stage.fs(server, { shareCredentials: true, [limit]: 1000 })
      const actor = await stage.actor('thread')
      assert.deepEqual(await actor.do('readStandingStill', fs, 'test/a', 50, 1500), { text: 'text', retries: 0 })
    })
  }

  it('F20 F33: an instance whose options travel from here is the same there: limits and times are part of it', async () => {
    const options = { ...optionsOf(server), maxConcurrency: 3, timeoutMs: 1234, idleTimeoutMs: 567 }
    const { maxConcurrency, timeoutMs, idleTimeoutMs } = filesystem('s3', options).toJSON().$forkfs['options'] as typeof options
    assert.deepEqual({ maxConcurrency, timeoutMs, idleTimeoutMs }, { maxConcurrency: 3, timeoutMs: 1234, idleTimeoutMs: 567 })
  })
})
