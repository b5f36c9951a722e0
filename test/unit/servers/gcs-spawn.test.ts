import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { isFsError } from '../../../lib/errors/index.js'
import { spawnGcsServer, startGcsServer } from '../../servers/index.js'
import { GcsCalls } from './gcs-support.js'
import type { GcsServer } from '../../servers/index.js'

for (const [name, start] of [['startGcsServer()', startGcsServer], ['spawnGcsServer()', spawnGcsServer]] as const) {
  describe(name, () => {
    let server: GcsServer
    let gcs: GcsCalls

    beforeEach(async () => {
      server = await start({ projectId: 'mine', buckets: ['test', { name: 'kept', versioning: true }] })
      gcs = new GcsCalls(server.endpoint)
    })
    afterEach(() => server.close())

    it('says where it is and who may ask', async () => {
      assert.equal(server.endpoint, `http://127.0.0.1:${server.port}`)
      assert.deepEqual([server.host, server.projectId, server.pid === process.pid], ['127.0.0.1', 'mine', name === 'startGcsServer()'])
      assert.equal((await gcs.get('/storage/v1/b/test', { authorization: `Bearer ${server.accessToken}` })).status, 200)
      const { serviceAccount } = await server.credentials()
      assert.deepEqual([serviceAccount.project_id, serviceAccount.token_uri], ['mine', `${server.endpoint}/token`])
      assert.deepEqual((await server.credentials()).serviceAccount, serviceAccount)
    })

    it('is seeded, read and listed past HTTP', async () => {
      const big = randomBytes(20 << 20)
      const generation = await server.put('test', 'big', big)
      await server.put('test', 'a', 'text', { contentType: 'text/plain', metadata: { n: '1' } })
      await server.putMany('test', ['c', 'b'], 'same')
      assert.deepEqual(Buffer.from((await server.get('test', 'big'))!), big)
      assert.deepEqual([await server.get('test', 'none'), await server.generation('test', 'none'), await server.generation('test', 'big')], [undefined, undefined, generation])
      assert.deepEqual([await server.keys('test'), await server.keys('test', 'b')], [['a', 'b', 'big', 'c'], ['b', 'big']])
      const { json } = await gcs.info('test', 'a')
      assert.deepEqual([json['contentType'], json['metadata']], ['text/plain', { n: '1' }])
      assert.deepEqual((await gcs.media('test', 'big')).body, big)
    })

    it('knows the uploads that are open, counts, records and forgets', async () => {
      const session = await gcs.begin('test', 'up')
      assert.deepEqual((await server.uploads('test')).map(({ key, persisted }) => [key, persisted, session.includes('upload_id=')]), [['up', 0, true]])
      await server.addFault({ match: { operation: 'uploads.put' }, action: { type: 'status', status: 503 } })
      assert.equal((await gcs.chunk(session, 'bytes 0-0/1', 'x')).status, 503)
      const seen = await server.counters()
      assert.deepEqual([seen.operations, seen.faults, (await server.requests()).length], [{ 'uploads.start': 1, 'uploads.put': 1 }, 1, 2])
      await server.resetCounters()
      assert.equal((await server.counters()).requests, 0)
    })

    it('rejects a bucket that is not there, and a rule that makes no sense', async () => {
      await assert.rejects(server.put('none', 'a', 'x'))
      await assert.rejects(server.addFault({ action: { type: 'nothing' } as never }), TypeError)
    })

    it('closes once, with requests in the middle', async () => {
      await server.addFault({ action: { type: 'stall', at: 'headers' } })
      const waiting = assert.rejects(gcs.info('test', 'a'), { code: 'ECONNRESET' })
      await server.reached({ inFlight: 1 })
      await Promise.all([server.close(), server.close()])
      await waiting
      await assert.rejects(gcs.info('test', 'a'), { code: 'ECONNREFUSED' })
    })
  })
}

it('startGcsServer() in this process cannot be paused, resumed or killed', async () => {
  await using server = await startGcsServer()
  for (const call of [() => server.pause(), () => server.resume(), () => server.kill()]) {
    await assert.rejects(call(), error => isFsError(error, 'FORKFS_NOT_SUPPORTED'))
  }
})

it('spawnGcsServer() is gone after kill(), and says so', async () => {
  const server = await spawnGcsServer()
  await server.kill()
  await assert.rejects(new GcsCalls(server.endpoint).get('/storage/v1/b/test'), { code: 'ECONNREFUSED' })
  await assert.rejects(server.counters(), error => isFsError(error, 'FORKFS_CLOSED'))
  await server.close()
})
