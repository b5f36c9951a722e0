import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { startGcsServer } from '../../servers/index.js'
import { GcsCalls, object, reasonOf } from './gcs-support.js'
import type { GcsServer } from '../../servers/index.js'

describe('copies and batches of the GCS server', () => {
  let server: GcsServer
  let gcs: GcsCalls

  beforeEach(async () => {
    server = await startGcsServer({ buckets: ['test', 'other'], rewriteBytes: 1 << 20 })
    gcs = new GcsCalls(server.endpoint)
  })
  afterEach(() => server.close())

  describe('rewrite', () => {
    const data = randomBytes((2 << 20) + 5)
    const rewrite = (query = '', resource: object = {}) => gcs.post(`${object('test', 'a')}/rewriteTo/b/other/o/${encodeURIComponent('x/y')}?${query}`, resource)

    it('needs a call for each piece, shows nothing before the last, and goes on from the same token twice', async () => {
      await server.put('test', 'a', data, { contentType: 'text/s', metadata: { k: 'v' } })
      const first = await rewrite()
      assert.deepEqual([first.json['done'], first.json['totalBytesRewritten'], first.json['objectSize']], [false, String(1 << 20), String(data.byteLength)])
      const token = String(first.json['rewriteToken'])
      const second = await rewrite(`rewriteToken=${token}`)
      assert.deepEqual((await rewrite(`rewriteToken=${token}`)).json, second.json)
      assert.equal(await server.get('other', 'x/y'), undefined)
      const last = await rewrite(`rewriteToken=${String(second.json['rewriteToken'])}`)
      assert.deepEqual([last.json['done'], last.json['rewriteToken']], [true, undefined])
      const { json } = await gcs.info('other', 'x/y')
      assert.deepEqual([json['contentType'], json['metadata'], json['generation']], ['text/s', { k: 'v' }, (last.json['resource'] as { generation: string }).generation])
      assert.deepEqual(Buffer.from((await server.get('other', 'x/y'))!), data)
    })

    it('refuses a token of another source generation, and pieces that are no mebibytes', async () => {
      await server.put('test', 'a', data)
      const token = String((await rewrite()).json['rewriteToken'])
      await server.put('test', 'a', data)
      for (const query of [`rewriteToken=${token}`, 'rewriteToken=eA', 'maxBytesRewrittenPerCall=1000']) assert.equal((await rewrite(query)).status, 400)
    })

    it('takes the fields that the request brings in place of the source\'s', async () => {
      await server.put('test', 'a', 'x', { contentType: 'text/s', metadata: { k: 'v' } })
      const { resource } = (await rewrite('', { contentType: 'text/n' })).json as { readonly resource: Readonly<Record<string, unknown>> }
      assert.deepEqual([resource['contentType'], resource['metadata']], ['text/n', undefined])
    })

    it('misses the source, its generation, or the target\'s bucket with 404', async () => {
      assert.equal((await rewrite()).status, 404)
      await server.put('test', 'a', 'x')
      assert.equal((await rewrite('sourceGeneration=5')).status, 404)
      assert.equal((await gcs.post(`${object('test', 'a')}/rewriteTo/b/none/o/x`)).status, 404)
    })
  })

  it('move takes the name away at once', async () => {
    await server.put('test', 'a', 'x', { contentType: 'text/m' })
    const moved = await gcs.post(`${object('test', 'a')}/moveTo/o/b%2Fc`)
    assert.deepEqual([moved.json['name'], moved.json['contentType'], await server.keys('test')], ['b/c', 'text/m', ['b/c']])
    assert.equal((await gcs.post(`${object('test', 'a')}/moveTo/o/d`)).status, 404)
    assert.equal((await gcs.post(`${object('test', 'b/c')}/moveTo/o/b%2Fc`)).status, 400)
  })

  it('compose joins up to 32 generations into an object without an MD5', async () => {
    const generation = await server.put('test', 'a', 'A')
    await server.put('test', 'b', 'B')
    const compose = (sourceObjects: readonly object[]) => gcs.post(`${object('test', 'c')}/compose`, { sourceObjects })
    const { json } = await compose([{ name: 'a', generation }, { name: 'b' }, { name: 'a' }])
    assert.deepEqual([json['md5Hash'], json['componentCount'], json['size']], [undefined, 3, '3'])
    const read = await gcs.media('test', 'c')
    assert.deepEqual([read.body.toString(), read.headers['x-goog-hash']], ['ABA', `crc32c=${String(json['crc32c'])}`])
    assert.equal((await compose([{ name: 'c' }, { name: 'a' }])).json['componentCount'], 4)
    for (const [sources, status] of [[[], 400], [Array(33).fill({ name: 'a' }), 400], [[{ name: 'none' }], 404], [[{ name: 'a', generation: '5' }], 404],
      [[{ name: 'a', objectPreconditions: { ifGenerationMatch: '5' } }], 412]] as const) {
      assert.equal((await compose(sources)).status, status)
    }
  })

  describe('batch', () => {
    beforeEach(() => server.putMany('test', ['a', 'b', 'c'], 'x'))
    const deletes = (names: readonly string[]) => gcs.batch(names.map(name => ['DELETE', object('test', name)] as const))

    it('answers in any order, leaves answers out, and fails one part with a rule for it', async () => {
      await server.addFault({ match: { operation: 'batch' }, action: { type: 'shuffle' } })
      await server.addFault({ match: { operation: 'objects.delete', key: 'a' }, action: { type: 'omit' } })
      await server.addFault({ match: { operation: 'objects.delete', key: 'b' }, action: { type: 'status', status: 503 } })
      assert.deepEqual([...await deletes(['a', 'b', 'c', 'none'])], [['3', 404], ['2', 204], ['1', 503]])
      assert.deepEqual([await server.keys('test'), (await server.counters()).faults], [['b'], 3])
    })

    it('is one request, of at most 100 parts', async () => {
      await deletes(['a', 'b'])
      assert.deepEqual((await server.counters()).operations, { batch: 1 })
      const many = await gcs.call('POST', '/batch/storage/v1', {
        body: `${'--b\r\n\r\nGET / HTTP/1.1\r\n\r\n'.repeat(101)}\r\n--b--`, headers: { 'content-type': 'multipart/mixed; boundary=b' }
      })
      assert.equal(many.status, 400)
    })

    it('is refused without parts that make sense', async () => {
      for (const [type, body] of [['text/plain', 'x'], ['multipart/mixed; boundary=b', '--b\r\n\r\nGET / HTTP/1.1\r\n\r\n'], ['multipart/mixed; boundary=b', '--b\r\n\r\nnonsense\r\n--b--']] as const) {
        assert.equal((await gcs.call('POST', '/batch/storage/v1', { body, headers: { 'content-type': type } })).status, 400)
      }
    })

    it('can be missing altogether', async () => {
      await server.addFault({ match: { operation: 'batch', from: 1 }, action: { type: 'status', status: 501 } })
      assert.equal((await deletes(['a'])).size, 0)
      assert.deepEqual((await server.counters()).statuses, { 501: 1 })
    })
  })

  it('inserts are held to the hashes and names that they bring', async () => {
    const md5 = createHash('md5').update('x').digest('base64')
    assert.equal((await gcs.insert('test', 'h', 'x', { md5Hash: md5 })).status, 200)
    for (const resource of [{ md5Hash: 'AAAAAAAAAAAAAAAAAAAAAA==' }, { crc32c: 'AAAAAA==' }]) {
      const reply = await gcs.insert('test', 'bad', 'x', resource)
      assert.deepEqual([reply.status, reasonOf(reply)], [400, 'invalid'])
    }
    assert.equal((await gcs.call('POST', '/upload/storage/v1/b/test/o?uploadType=media&name=bad', { body: 'x', headers: { 'x-goog-hash': 'crc32c=AAAAAA==' } })).status, 400)
    for (const name of ['', '.', '..', 'a\nb', 'a\rb', 'x'.repeat(1025)]) assert.equal((await gcs.insert('test', name, 'x')).status, 400)
    assert.equal((await gcs.insert('test', 'x'.repeat(1024), 'x')).status, 200)
    assert.equal((await gcs.insert('test', 'a', 'x', {}, '&name=b')).status, 400)
    assert.equal((await gcs.insert('none', 'a', 'x')).status, 404)
    assert.equal(await server.get('test', 'bad'), undefined)
  })
})
