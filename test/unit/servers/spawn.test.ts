import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { isFsError } from '../../../lib/errors/index.js'
import { spawnS3Server, startS3Server } from '../../servers/index.js'
import { raw } from './support.js'
import type { S3Server } from '../../servers/index.js'

for (const [name, start] of [['startS3Server()', startS3Server], ['spawnS3Server()', spawnS3Server]] as const) {
  describe(name, () => {
    let server: S3Server

    beforeEach(async () => { server = await start({ anonymous: true, region: 'eu-west-1', minPartBytes: 1 }) })
    afterEach(() => server.close())

    it('says where it is and who may ask', () => {
      assert.equal(server.endpoint, `http://127.0.0.1:${server.port}`)
      assert.deepEqual([server.host, server.region, server.pid === process.pid], ['127.0.0.1', 'eu-west-1', name === 'startS3Server()'])
      assert.match(server.accessKeyId, /^test-access-key-/)
      assert.match(server.secretAccessKey, /^test-secret-key-/)
    })

    it('is seeded, read and listed past HTTP', async () => {
      const big = randomBytes(20 << 20)
      await server.put('test', 'big', big)
      await server.put('test', 'a', 'text', { 'Content-Type': 'text/plain', 'x-amz-meta-n': '1' })
      await server.putMany('test', ['c', 'b'], 'same')
      assert.deepEqual(Buffer.from((await server.get('test', 'big'))!), big)
      assert.equal(await server.get('test', 'missing'), undefined)
      assert.deepEqual(await server.keys('test'), ['a', 'b', 'big', 'c'])
      assert.deepEqual(await server.keys('test', 'b'), ['b', 'big'])
      const reply = await raw(server.endpoint, '/test/a')
      assert.deepEqual([reply.body.toString(), reply.headers['content-type'], reply.headers['x-amz-meta-n']], ['text', 'text/plain', '1'])
      assert.deepEqual((await raw(server.endpoint, '/test/big')).body, big)
    })

    it('rejects a bucket that is not there, and a rule that makes no sense', async () => {
      await assert.rejects(server.put('none', 'a', 'x'))
      await assert.rejects(server.addFault({ action: { type: 'nothing' } as never }), TypeError)
    })

    it('knows the uploads that are open', async () => {
      const begun = await raw(server.endpoint, '/test/up?uploads', { method: 'POST' })
      const uploadId = /<UploadId>([^<]+)/.exec(begun.body.toString())![1]!
      await raw(server.endpoint, `/test/up?partNumber=3&uploadId=${uploadId}`, { method: 'PUT', body: '12345' })
      assert.deepEqual(await server.uploads('test'), [{ key: 'up', uploadId, parts: { 3: 5 } }])
    })

    it('counts, records and starts again', async () => {
      await server.put('test', 'a', 'x'.repeat(1000))
      await server.addFault({ match: { key: /^a$/ }, action: { type: 'status', status: 503 } })
      for (let i = 0; i < 3; i++) await raw(server.endpoint, '/test/a', { headers: { 'x-tag': String(i) } })
      const seen = await server.counters()
      assert.deepEqual([seen.requests, seen.operations, seen.gets, seen.statuses, seen.faults], [3, { GetObject: 3 }, { 'test/a': 3 }, { 200: 2, 503: 1 }, 1])
      assert.equal(seen.sockets.ever, 3)
      assert.ok(seen.bytes.out > 2000 && seen.bytes.in > 60)
      const [first] = await server.requests()
      assert.deepEqual([first!.method, first!.target, first!.operation], ['GET', '/test/a', 'GetObject'])
      assert.ok(first!.rawHeaders.includes('x-tag'))
      await server.resetCounters()
      const fresh = await server.counters()
      assert.deepEqual([fresh.requests, fresh.operations, fresh.bytes.out], [0, {}, 0])
    })

    it('adds its latency to each reply', async () => {
      await using slow = await start({ anonymous: true, latencyMs: 50 })
      const from = performance.now()
      await raw(slow.endpoint, '/test?list-type=2')
      assert.ok(performance.now() - from >= 45)
    })

    it('closes once, with requests in the middle', async () => {
      await server.addFault({ action: { type: 'stall', at: 'headers' } })
      const waiting = assert.rejects(raw(server.endpoint, '/test/a'), { code: 'ECONNRESET' })
      while ((await server.counters()).inFlight.now === 0) await new Promise(setImmediate)
      await Promise.all([server.close(), server.close()])
      await waiting
      await assert.rejects(raw(server.endpoint, '/test/a'), { code: 'ECONNREFUSED' })
    })
  })
}

describe('startS3Server() in this process', () => {
  it('cannot be paused, resumed or killed', async () => {
    await using server = await startS3Server()
    for (const call of [() => server.pause(), () => server.resume(), () => server.kill()]) {
      await assert.rejects(call(), error => isFsError(error, 'FORKFS_NOT_SUPPORTED'))
    }
  })
})

describe('spawnS3Server() in its process', () => {
  it('answers nothing while paused, and all afterwards', async () => {
    await using server = await spawnS3Server({ anonymous: true })
    await server.put('test', 'a', 'x')
    await server.pause()
    let answered = false
    const reply = raw(server.endpoint, '/test/a').then(got => {
      answered = true
      return got
    })
    await new Promise(resolve => setTimeout(resolve, 100)) // the stopped process cannot tell that it got nothing
    assert.equal(answered, false)
    await server.resume()
    assert.equal((await reply).body.toString(), 'x')
  })

  it('closes while paused', async () => {
    const server = await spawnS3Server()
    await server.pause()
    await server.close()
    assert.equal(isAlive(server.pid), false)
  })

  it('is gone after kill(), and says so', async () => {
    const server = await spawnS3Server({ anonymous: true })
    await server.kill()
    assert.equal(isAlive(server.pid), false)
    await assert.rejects(raw(server.endpoint, '/test/a'), { code: 'ECONNREFUSED' })
    await assert.rejects(server.counters(), error => isFsError(error, 'FORKFS_CLOSED'))
    await server.close()
  })

  it('ends by itself when its parent is killed', async () => {
    const parent = fork(new URL('./fixtures/spawns.child.js', import.meta.url), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] })
    const [{ pid }] = await once(parent, 'message') as [{ pid: number }]
    assert.equal(isAlive(pid), true)
    parent.kill('SIGKILL')
    await once(parent, 'exit')
    while (isAlive(pid)) await new Promise(resolve => setTimeout(resolve, 5)) // mocha's limit ends a wait in vain
  })
})

function isAlive (pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
