import assert from 'node:assert/strict'
import { startGcsServer } from '../../servers/index.js'
import { GcsCalls, namesOf, object, reasonOf } from './gcs-support.js'
import type { GcsServer } from '../../servers/index.js'
import type { GcsReply } from './gcs-support.js'

describe('generations and preconditions of the GCS server', () => {
  let server: GcsServer
  let gcs: GcsCalls
  let generation: string

  beforeEach(async () => {
    server = await startGcsServer({ buckets: ['test', { name: 'kept', versioning: true }] })
    gcs = new GcsCalls(server.endpoint)
    generation = await server.put('test', 'a', 'old')
  })
  afterEach(() => server.close())

  it('grow with each write, strictly', async () => {
    let before = BigInt(generation)
    for (let i = 0; i < 50; i++) {
      const next = BigInt(await server.put('test', 'a', String(i)))
      assert.ok(next > before)
      before = next
    }
    assert.ok(before > 1_600_000_000_000_000n)
  })

  /** Each verb on the object `a`, or with it as its target. */
  const verbs: readonly (readonly [string, (query: string) => Promise<GcsReply>])[] = [
    ['insert', query => gcs.insert('test', 'a', 'new', {}, `&${query}`)],
    ['media insert', query => gcs.call('POST', `/upload/storage/v1/b/test/o?uploadType=media&name=a&${query}`, { body: 'new' })],
    ['start of an upload', query => gcs.post(`/upload/storage/v1/b/test/o?uploadType=resumable&name=a&${query}`)],
    ['delete', query => gcs.call('DELETE', `${object('test', 'a')}?${query}`)],
    ['patch', query => gcs.call('PATCH', `${object('test', 'a')}?${query}`, { body: '{}' })],
    ['update', query => gcs.call('PUT', `${object('test', 'a')}?${query}`, { body: '{}' })],
    ['rewrite', query => gcs.post(`${object('test', 'b')}/rewriteTo/b/test/o/a?${query}`)],
    ['copy', query => gcs.post(`${object('test', 'b')}/copyTo/b/test/o/a?${query}`)],
    ['move', query => gcs.post(`${object('test', 'b')}/moveTo/o/a?${query}`)],
    ['compose', query => gcs.post(`${object('test', 'a')}/compose?${query}`, { sourceObjects: [{ name: 'b' }] })],
    ['rewrite, of its source', query => gcs.post(`${object('test', 'a')}/rewriteTo/b/test/o/c?${query.replaceAll('if', 'ifSource')}`)],
    ['move, of its source', query => gcs.post(`${object('test', 'a')}/moveTo/o/c?${query.replaceAll('if', 'ifSource')}`)]
  ]
  for (const [name, run] of verbs) {
    it(`are held to by ${name}`, async () => {
      await server.put('test', 'b', 'source')
      for (const query of ['ifGenerationMatch=0', 'ifGenerationMatch=7', `ifGenerationNotMatch=${generation}`, 'ifMetagenerationMatch=2', 'ifMetagenerationNotMatch=1']) {
        const reply = await run(query)
        assert.deepEqual([query, reply.status, reasonOf(reply)], [query, 412, 'conditionNotMet'])
      }
      assert.equal((await run('ifGenerationMatch=x')).status, 400)
      assert.equal(Buffer.from((await server.get('test', 'a'))!).toString(), 'old')
      const done = await run(`ifGenerationMatch=${generation}&ifMetagenerationMatch=1&ifGenerationNotMatch=5`)
      assert.ok([200, 204].includes(done.status), String(done.status))
    })
  }

  it('are 0 where nothing is: a mismatch and a metageneration fit nothing', async () => {
    for (const query of ['ifGenerationNotMatch=5', 'ifGenerationNotMatch=0', 'ifMetagenerationMatch=1', 'ifMetagenerationNotMatch=1', `ifGenerationMatch=${generation}`]) {
      assert.equal((await gcs.insert('test', 'new', 'x', {}, `&${query}`)).status, 412)
    }
    assert.equal((await gcs.insert('test', 'new', 'x', {}, '&ifGenerationMatch=0')).status, 200)
  })

  it('are held to by reads: 412 for a match, 304 for a mismatch', async () => {
    for (const read of [(query: string) => gcs.info('test', 'a', `?${query}`), (query: string) => gcs.media('test', 'a', {}, `&${query}`)]) {
      assert.equal((await read('ifGenerationMatch=5')).status, 412)
      assert.equal((await read('ifMetagenerationMatch=5')).status, 412)
      const same = await read(`ifGenerationNotMatch=${generation}`)
      assert.deepEqual([same.status, same.body.byteLength], [304, 0])
      assert.equal((await read('ifMetagenerationNotMatch=1')).status, 304)
      assert.equal((await read(`ifGenerationMatch=${generation}&ifMetagenerationMatch=1`)).status, 200)
    }
    const { headers } = await gcs.media('test', 'a')
    assert.equal((await gcs.media('test', 'a', { 'if-none-match': headers.etag })).status, 304)
    assert.equal((await gcs.media('test', 'a', { 'if-match': 'other' })).status, 412)
  })

  it('change the metageneration with a patch, and nothing else', async () => {
    const patched = await gcs.call('PATCH', object('test', 'a'), { body: '{"metadata":{"k":"v"},"contentType":"x/y"}' })
    assert.deepEqual([patched.json['generation'], patched.json['metageneration'], patched.json['metadata']], [generation, '2', { k: 'v' }])
    const removed = await gcs.call('PATCH', object('test', 'a'), { body: '{"metadata":{"k":null}}' })
    assert.deepEqual([removed.json['metadata'], removed.json['contentType'], removed.json['metageneration']], [undefined, 'x/y', '3'])
    const replaced = await gcs.call('PUT', object('test', 'a'), { body: '{"cacheControl":"no-store"}' })
    assert.deepEqual([replaced.json['contentType'], replaced.json['cacheControl']], [undefined, 'no-store'])
    assert.deepEqual([(await gcs.media('test', 'a')).headers['x-goog-metageneration'], (await gcs.media('test', 'a', {}, `&generation=${generation}`)).status], ['4', 200])
  })

  it('stay in a bucket with versions: readable, listed, deleted one by one', async () => {
    const old = await server.put('kept', 'v', 'one')
    const young = await server.put('kept', 'v', 'two')
    assert.equal((await gcs.media('kept', 'v', {}, `&generation=${old}`)).body.toString(), 'one')
    assert.equal((await gcs.call('DELETE', object('kept', 'v'))).status, 204)
    assert.deepEqual([(await gcs.info('kept', 'v')).status, namesOf(await gcs.get('/storage/v1/b/kept/o'))], [404, []])
    const all = await gcs.get('/storage/v1/b/kept/o?versions=true&fields=items(name,generation,timeDeleted)')
    const items = all.json['items'] as readonly { readonly generation: string, readonly timeDeleted?: string }[]
    assert.deepEqual(items.map(one => [one.generation, one.timeDeleted === undefined]), [[old, false], [young, false]])
    assert.equal((await gcs.call('DELETE', '/storage/v1/b/kept')).status, 409)
    await gcs.call('DELETE', `${object('kept', 'v')}?generation=${old}`)
    await server.put('kept', 'w', 'x')
    assert.deepEqual(namesOf(await gcs.get('/storage/v1/b/kept/o?versions=true')), ['v', 'w'])
    assert.equal((await gcs.media('kept', 'v', {}, `&generation=${old}`)).status, 404)
    assert.equal((await gcs.media('kept', 'v', {}, `&generation=${young}`)).body.toString(), 'two')
  })

  it('delete one generation of a bucket without versions, and only that', async () => {
    assert.equal((await gcs.call('DELETE', `${object('test', 'a')}?generation=5`)).status, 404)
    assert.equal((await gcs.call('DELETE', `${object('test', 'a')}?generation=${generation}`)).status, 204)
    assert.equal(await server.get('test', 'a'), undefined)
  })

  it('do not help against a hold', async () => {
    await gcs.call('PATCH', object('test', 'a'), { body: '{"temporaryHold":true}' })
    for (const reply of [await gcs.call('DELETE', object('test', 'a')), await gcs.insert('test', 'a', 'x')]) {
      assert.deepEqual([reply.status, reasonOf(reply)], [403, 'objectUnderActiveHold'])
    }
  })
})
