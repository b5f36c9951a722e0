import assert from 'node:assert/strict'
import { startGcsServer } from '../../servers/index.js'
import { GcsCalls, object, reasonOf } from './gcs-support.js'
import { rawSocket } from './support.js'
import type { GcsServer } from '../../servers/index.js'

describe('faults and errors of the GCS server', () => {
  let server: GcsServer
  let gcs: GcsCalls

  beforeEach(async () => {
    server = await startGcsServer()
    gcs = new GcsCalls(server.endpoint)
    await server.put('test', 'a', 'hello')
  })
  afterEach(() => server.close())

  it('names the operation of each request', async () => {
    const session = await gcs.begin('test', 'up')
    await gcs.chunk(session, 'bytes */*')
    await gcs.chunk(session, 'bytes 0-0/1', 'x')
    await gcs.call('DELETE', session)
    for (const [method, target] of [['GET', '/storage/v1/b'], ['POST', '/storage/v1/b'], ['GET', '/storage/v1/b/test'], ['DELETE', '/storage/v1/b/none'], ['GET', '/storage/v1/b/test/o'],
      ['GET', object('test', 'a')], ['GET', `${object('test', 'a')}?alt=media`], ['GET', `/download${object('test', 'a')}?alt=media`], ['GET', '/test/a'], ['HEAD', '/test/a'],
      ['GET', '/storage/v1/b/test/storageLayout'], ['GET', '/storage/v1/x'], ['GET', '/storage/v1/b/test/o/%zz'], ['POST', '/token']] as const) {
      await gcs.call(method, target)
    }
    assert.deepEqual((await server.requests()).map(({ operation }) => operation), ['uploads.start', 'uploads.query', 'uploads.put', 'uploads.cancel', 'buckets.list', 'buckets.insert',
      'buckets.get', 'buckets.delete', 'objects.list', 'objects.get', 'objects.getMedia', 'objects.getMedia', 'xml.get', 'xml.head', 'buckets.getStorageLayout', 'unsupported', 'unsupported', 'token'])
    assert.deepEqual((await server.counters()).gets, { 'test/a': 3 })
  })

  it('speaks of errors as Google does: a document for the JSON API, text for content', async () => {
    const reply = await gcs.info('test', 'none')
    assert.deepEqual(reply.json, { error: { code: 404, message: 'No such object: test/none', errors: [{ message: 'No such object: test/none', domain: 'global', reason: 'notFound' }] } })
    assert.ok(reply.headers['x-guploader-uploadid'] !== undefined)
    const media = await gcs.media('test', 'none')
    assert.match(media.headers['content-type']!, /^text\/html/)
    for (const [status, reason] of [[429, 'rateLimitExceeded'], [503, 'backendError'], [403, 'forbidden'], [401, 'authError']] as const) {
      await server.addFault({ action: { type: 'status', status, headers: { 'Retry-After': '7' } } })
      const failed = await gcs.info('test', 'a')
      assert.deepEqual([failed.status, reasonOf(failed), failed.headers['retry-after']], [status, reason, '7'])
    }
    await server.addFault({ action: { type: 'status', status: 403, code: 'quotaExceeded' } })
    assert.equal(reasonOf(await gcs.info('test', 'a')), 'quotaExceeded')
  })

  it('finds the key of a multipart insert in its body, for rules that ask for one', async () => {
    await server.addFault({ match: { operation: 'objects.insert', key: 'wanted' }, action: { type: 'status', status: 503 } })
    assert.equal((await gcs.insert('test', 'other', 'x')).status, 200)
    assert.equal((await gcs.insert('test', 'wanted', 'x')).status, 503)
    assert.equal(await server.get('test', 'wanted'), undefined)
    await server.addFault({ match: { key: 'wanted' }, action: { type: 'reset' } })
    await assert.rejects(gcs.insert('test', 'wanted', 'x'), { code: 'ECONNRESET' })
    assert.equal(Buffer.from((await server.get('test', 'wanted'))!).toString(), 'x')
    await server.addFault({ match: { key: 'never' }, action: { type: 'reset', of: 'request', afterBytes: 1 } })
    await assert.rejects(gcs.insert('test', 'never', 'x'), { code: 'ECONNRESET' })
    assert.equal(await server.get('test', 'never'), undefined)
  })

  it('says another header, generation or hash, and flips a byte under the right one', async () => {
    const { headers } = await gcs.media('test', 'a')
    await server.addFault({ action: { type: 'header', name: 'X-Goog-Generation', value: '1' } })
    assert.equal((await gcs.media('test', 'a')).headers['x-goog-generation'], '1')
    await server.addFault({ action: { type: 'header', name: 'x-goog-hash' } })
    assert.equal((await gcs.media('test', 'a')).headers['x-goog-hash'], undefined)
    await server.addFault({ action: { type: 'flipByte', at: 1 } })
    const flipped = await gcs.media('test', 'a')
    assert.deepEqual([flipped.body.toString(), flipped.headers['x-goog-hash']], ['hdllo', headers['x-goog-hash']])
    await server.addFault({ action: { type: 'json', set: { crc32c: 'AAAAAA==', md5Hash: undefined } } })
    const { json } = await gcs.insert('test', 'b', 'hello')
    assert.deepEqual([json['crc32c'], json['md5Hash'], json['size']], ['AAAAAA==', undefined, '5'])
    await server.addFault({ action: [{ type: 'garbage', text: '<html>' }, { type: 'header', name: 'content-type', value: 'text/html' }] })
    const html = await gcs.info('test', 'a')
    assert.deepEqual([html.status, html.body.toString(), html.headers['content-type']], [200, '<html>', 'text/html'])
  })

  it('breaks and slows replies as the other servers do', async () => {
    await server.addFault({ action: { type: 'cut', afterBytes: 2 } })
    const cut = await gcs.media('test', 'a')
    assert.deepEqual([cut.body.toString(), cut.broken], ['he', 'ECONNRESET'])
    await server.addFault({ action: { type: 'ignoreRange' } })
    assert.equal((await gcs.media('test', 'a', { range: 'bytes=1-2' })).status, 200)
    await server.addFault({ action: { type: 'wrongContentRange' } })
    assert.equal((await gcs.media('test', 'a', { range: 'bytes=1-2' })).headers['content-range'], 'bytes 2-3/5')
    await server.addFault({ action: { type: 'stall', at: 'body', afterBytes: 2, ms: 20 } })
    assert.equal((await gcs.media('test', 'a')).body.toString(), 'hello')
    await server.addFault({ action: { type: 'errorInside' } })
    const inside = await gcs.info('test', 'a')
    assert.deepEqual([inside.status, reasonOf(inside)], [200, 'backendError'])
  })

  it('sends both hashes in lines of their own', async () => {
    const text = await rawSocket(server.port, `GET ${object('test', 'a')}?alt=media HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    assert.deepEqual(text.match(/^x-goog-hash: \w+/gm), ['x-goog-hash: crc32c', 'x-goog-hash: md5'])
    assert.match(text, /^x-goog-storage-class: STANDARD\r$/m)
  })

  it('takes one write of an object in a second where it is told to', async () => {
    await using slow = await startGcsServer({ objectWritesPerSecond: 1 })
    const calls = new GcsCalls(slow.endpoint)
    assert.equal((await calls.insert('test', 'a', '1')).status, 200)
    const second = await calls.insert('test', 'a', '2')
    assert.deepEqual([second.status, reasonOf(second)], [429, 'rateLimitExceeded'])
    assert.equal((await calls.insert('test', 'b', '1')).status, 200)
    await slow.setClock(1500)
    assert.equal((await calls.insert('test', 'a', '2')).status, 200)
  })

  it('does not resolve dots in paths: no request reaches another bucket', async () => {
    for (const target of ['/storage/v1/b/test/o/.', '/storage/v1/b/test/o/..', '/storage/v1/b/test/o/%2e%2e', '/storage/v1/b/test/o/a/../a', '/storage/v1/b/x/../test/o/a']) {
      assert.equal((await gcs.get(target)).status, 404)
    }
    await server.put('test', 'x/../a', 'dots')
    assert.equal((await gcs.media('test', 'x/../a')).body.toString(), 'dots')
  })
})
