import assert from 'node:assert/strict'
import { Agent } from 'undici'
import { filesystem, resetForFork, revive } from '../../../lib/index.js'
import type { HttpFileSystem } from '../../../implementations/http/index.js'
import { isFsError } from '../../../lib/errors/index.js'
import { equalBytes, pattern, rejects, Stage, until } from './support.js'

const MiB = 1024 * 1024
const stage = new Stage()
const data = pattern(3 * MiB)

describe('http: travel', () => {
  afterEach(() => stage.end())

  it('a descriptor holds options without secrets, and names those that stay', () => {
    const fs = filesystem('https', { baseUrl: 'http://h/d', headers: { Authorization: 'Bearer hunter2', cookie: 'hunter2', 'X-Team': 'red' } })
    assert.deepEqual(Object.keys(fs), ['$forkfs'])
    for (const text of [JSON.stringify(fs), JSON.stringify(structuredClone(fs)), fs.token, String(Reflect.get(fs, Symbol.for('nodejs.util.inspect.custom')))]) assert.ok(!text.includes('hunter2'))
    const { options, withheld, type } = fs.toJSON().$forkfs as unknown as { options: Record<string, unknown>, withheld: unknown, type: string }
    assert.equal(type, 'http')
    assert.deepEqual([options['baseUrl'], options['headers'], withheld], ['http://h/d', { 'X-Team': 'red' }, { headers: ['authorization', 'cookie'] }])
    assert.match(JSON.stringify(fs.toJSON({ credentials: true })), /Bearer hunter2/)
  })

  it('revive() of a clone gives the same instance, and http and https share one', () => {
    const fs = filesystem('http', { baseUrl: 'http://h/d', headers: { 'X-Team': 'red' } })
    assert.equal(revive(structuredClone(fs)), fs)
    assert.equal(filesystem('https', { headers: { 'X-Team': 'red' }, baseUrl: 'http://h/d' }), fs)
    const secret = filesystem('http', { baseUrl: 'http://h/d', headers: { authorization: 'x' } })
    const arrived = revive(structuredClone(secret)) as HttpFileSystem
    assert.notEqual(arrived, secret)
    assert.equal(revive(structuredClone(secret)), arrived)
    assert.deepEqual(structuredClone(arrived), structuredClone(secret))
  })

  it('a receiver without the withheld header rejects a 401 with FORKFS_CREDENTIALS', async () => {
    const server = await stage.server({ files: { a: data }, auth: { bearer: 'hunter2' } })
    const fs = filesystem('http', { baseUrl: server.endpoint, headers: { authorization: 'Bearer hunter2' } })
    equalBytes(await fs.catFile('a'), data)
    const arrived = revive(structuredClone(fs)) as HttpFileSystem
    await rejects(arrived.catFile('a'), 'FORKFS_CREDENTIALS')
    await rejects(arrived.info('a'), 'FORKFS_CREDENTIALS')
    await rejects(stage.fs({ baseUrl: server.endpoint }).catFile('a'), 'EACCES')
    await Promise.all([fs.close(), arrived.close()])
  })

  it('an instance with a dispatcher refuses to travel, and never closes it', async () => {
    const server = await stage.server({ files: { a: data } })
    const dispatcher = new Agent()
    const fs = stage.fs({ baseUrl: server.endpoint, dispatcher })
    equalBytes(await fs.catFile('a'), data)
    assert.throws(() => JSON.stringify(fs), error => isFsError(error, 'FORKFS_UNCLONEABLE'))
    assert.throws(() => structuredClone(fs), error => isFsError(error, 'FORKFS_UNCLONEABLE'))
    await fs.close()
    fs.reset()
    assert.equal(dispatcher.closed, false)
    equalBytes(await fs.catFile('a', { start: 0, end: 5 }), data.subarray(0, 5))
    await dispatcher.close()
  })
})

describe('http: owners', () => {
  afterEach(() => stage.end())

  for (const ranges of [true, false]) {
    for (const how of ['resetForFork()', 'reset()'] as const) {
      it(`${how} amid a read rejects with FORKFS_RESET at once and ends its connection when the server has ${ranges ? '' : 'no '}ranges`, async () => {
        const server = await stage.server({ files: { a: data }, ranges })
        const fs = stage.fs({ baseUrl: server.endpoint })
        for (const range of [{}, { start: 0, end: 2 * MiB }]) {
          await server.addFault({ match: { method: 'GET' }, action: { type: 'stall', at: 'body', afterBytes: 5000 } })
          const reading = fs.catFile('a', range)
          reading.catch(() => {})
          await until(() => fs.stats.sockets > 0)
          await until(async () => (await server.counters()).bytes.out > 5000)
          if (how === 'reset()') fs.reset()
          else resetForFork()
          await rejects(reading, 'FORKFS_RESET')
          assert.equal(fs.stats.sockets, 0)
          await server.reached({ sockets: 0 })
          equalBytes(await fs.catFile('a', range), data.slice(range.start, range.end))
          fs.reset()
          await server.resetCounters()
        }
      })
    }
  }

  it('a reset forgets which files have no ranges', async () => {
    const server = await stage.server({ files: { a: data }, ranges: false })
    const fs = stage.fs({ baseUrl: server.endpoint })
    await fs.catFile('a', { start: 0, end: 5 })
    resetForFork()
    server.set({ ranges: true })
    await server.resetCounters()
    equalBytes(await fs.catFile('a', { start: 7, end: 9 }), data.subarray(7, 9))
    assert.deepEqual((await server.counters()).statuses, { 206: 1 })
  })

  it('an abort amid a read settles with its reason and leaves no request', async () => {
    for (const ranges of [true, false]) {
      const server = await stage.server({ files: { a: data, 'd/x': 'x' }, ranges, head: 'refused' })
      const fs = stage.fs({ baseUrl: server.endpoint })
      const verbs: Array<(signal: AbortSignal) => Promise<unknown>> = [
        signal => fs.catFile('a', { signal }), signal => fs.catFile('a', { start: 0, end: 2 * MiB, signal }), signal => fs.catFile('a', { start: -MiB, signal }), signal => fs.ls('d', { signal })
      ]
      for (const verb of verbs) {
        for (const at of ['headers', 'body'] as const) {
          await server.addFault({ match: { method: 'GET' }, action: { type: 'stall', at, afterBytes: 10 } })
          const controller = new AbortController()
          const reason = new Error('enough')
          const pending = verb(controller.signal)
          pending.catch(() => {})
          await server.reached({ inFlight: 1 })
          controller.abort(reason)
          await assert.rejects(pending, error => error === reason)
          await server.reached({ inFlight: 0 })
        }
      }
    }
  })

  it('close() leaves no connection and a later use opens one', async () => {
    const server = await stage.server({ files: { a: pattern(12 * MiB) }, ranges: false })
    const fs = stage.fs({ baseUrl: server.endpoint })
    await fs.catFile('a', { start: 0, end: 5 })
    await fs.close()
    await server.reached({ sockets: 0 })
    assert.equal((await fs.catFile('a', { start: 0, end: 5 })).length, 5)
  })

  it('a file opened before a reset is over for ever', async () => {
    const server = await stage.server({ files: { a: data } })
    const file = await stage.fs({ baseUrl: server.endpoint }).open('a')
    resetForFork()
    await rejects(file.readRange(0, 10), 'FORKFS_RESET')
  })
})
