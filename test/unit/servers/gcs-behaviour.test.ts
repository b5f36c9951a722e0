import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { startGcsServer } from '../../servers/index.js'
import { GcsCalls, namesOf, object } from './gcs-support.js'

const live = process.env['FORKFS_TEST_GCS_ENDPOINT'] ?? ''

behaviour('GCS server', false, () => startGcsServer())
if (live !== '') behaviour('fake-gcs-server', true, async () => ({ endpoint: live, close: async () => {} }))

/**
 * What a client sees: the same for this server and for fake-gcs-server, so that this one is never kinder. Where `fake` makes a difference, that
 * server differs from Google's, which this one follows.
 */
function behaviour (name: string, fake: boolean, start: () => Promise<{ readonly endpoint: string, close (): Promise<void> }>): void {
  describe(`${name} with plain requests`, function () {
    this.timeout(60_000)
    let target: { readonly endpoint: string, close (): Promise<void> }
    let gcs: GcsCalls
    let bucket: string

    before(async () => {
      target = await start()
      gcs = new GcsCalls(target.endpoint)
    })

    after(() => target.close())

    beforeEach(async () => {
      bucket = 'forkfs-' + randomBytes(6).toString('hex')
      assert.equal((await gcs.post('/storage/v1/b?project=p', { name: bucket })).status, 200)
    })

    afterEach(async () => {
      for (const one of namesOf(await gcs.get(`/storage/v1/b/${bucket}/o`))) await gcs.call('DELETE', object(bucket, one))
      assert.ok([200, 204].includes((await gcs.call('DELETE', `/storage/v1/b/${bucket}`)).status))
    })

    it('gives back what a multipart insert stored, with size, type, metadata and both hashes', async () => {
      const stored = await gcs.insert(bucket, 'a/b c', 'hello', { contentType: 'text/x', metadata: { k: 'v' } })
      assert.equal(stored.status, 200)
      const { json } = await gcs.info(bucket, 'a/b c')
      assert.deepEqual([json['name'], json['size'], json['contentType'], json['metadata']], ['a/b c', '5', 'text/x', { k: 'v' }])
      assert.deepEqual([json['crc32c'], json['md5Hash']], ['mnG7TA==', createHash('md5').update('hello').digest('base64')])
      const read = await gcs.media(bucket, 'a/b c')
      assert.deepEqual([read.status, read.body.toString(), read.headers['content-type']], [200, 'hello', 'text/x'])
      assert.equal(read.headers['x-goog-generation'], json['generation'])
      assert.match(String(read.headers['x-goog-hash']), /crc32c=mnG7TA==/)
    })

    it('stores bytes of any kind, also those that look like a boundary, and a media insert', async () => {
      const data = Buffer.concat([randomBytes(300_000), Buffer.from('\r\n--b0undar\r\n--x--b0undary--\r\n'), randomBytes(10)])
      assert.equal((await gcs.insert(bucket, 'bytes', data)).status, 200)
      assert.deepEqual((await gcs.media(bucket, 'bytes')).body, data)
      const media = await gcs.call('POST', `/upload/storage/v1/b/${bucket}/o?uploadType=media&name=m%2Fn`, { body: data, headers: { 'content-type': 'image/x' } })
      assert.deepEqual([media.status, media.json['contentType']], [200, 'image/x'])
      assert.deepEqual((await gcs.media(bucket, 'm/n')).body, data)
    })

    it('cuts ranges as HTTP says', async () => {
      await gcs.insert(bucket, 'r', '0123456789')
      const cases: readonly (readonly [string, number, string, string | undefined])[] = [
        ['bytes=2-4', 206, '234', 'bytes 2-4/10'], ['bytes=7-', 206, '789', 'bytes 7-9/10'], ['bytes=-3', 206, '789', 'bytes 7-9/10'],
        ['bytes=-30', 206, '0123456789', 'bytes 0-9/10'], ['bytes=8-100', 206, '89', 'bytes 8-9/10'], ['bytes=5-4', 200, '0123456789', undefined]
      ]
      for (const [range, status, text, contentRange] of cases) {
        const reply = await gcs.media(bucket, 'r', { range })
        assert.deepEqual([range, reply.status, reply.body.toString(), reply.headers['content-range']], [range, status, text, contentRange])
      }
      const past = await gcs.media(bucket, 'r', { range: 'bytes=10-' })
      assert.deepEqual([past.status, past.headers['content-range']], [416, 'bytes */10'])
    })

    it('answers 404 for an object or bucket that is not there', async () => {
      for (const reply of [await gcs.info(bucket, 'none'), await gcs.media(bucket, 'none'), await gcs.call('DELETE', object(bucket, 'none')), await gcs.get('/storage/v1/b/no-such-bucket/o')]) {
        assert.equal(reply.status, 404)
      }
    })

    it('keeps odd names apart', async () => {
      const names = ['a b', 'a%20b', 'a+b', 'a?b', 'a#b', 'é', 'e\u0301', 'x//y', '/lead', 'q"\'', '😀']
      for (const one of names) await gcs.insert(bucket, one, one)
      for (const one of names) assert.equal((await gcs.media(bucket, one)).body.toString(), one)
      assert.deepEqual(namesOf(await gcs.get(`/storage/v1/b/${bucket}/o`)).sort(), [...names].sort())
    })

    it('lists in order of bytes, by prefix and delimiter, in pages', async () => {
      for (const one of ['d/1', 'd/2', 'd/e/1', 'b', '\uffee', '😀']) await gcs.insert(bucket, one, 'x')
      assert.deepEqual(namesOf(await gcs.get(`/storage/v1/b/${bucket}/o`)), ['b', 'd/1', 'd/2', 'd/e/1', '\uffee', '😀'])
      const tree = await gcs.get(`/storage/v1/b/${bucket}/o?delimiter=%2F&prefix=d%2F`)
      assert.deepEqual([namesOf(tree), tree.json['prefixes']], [['d/1', 'd/2'], ['d/e/']])
      const pages: string[][] = []
      for (let token: unknown = ''; token !== undefined;) {
        const page = await gcs.get(`/storage/v1/b/${bucket}/o?maxResults=4${token === '' ? '' : `&pageToken=${encodeURIComponent(String(token))}`}`)
        pages.push(namesOf(page))
        token = page.json['nextPageToken']
      }
      assert.deepEqual(pages, [['b', 'd/1', 'd/2', 'd/e/1'], ['\uffee', '😀']])
      assert.deepEqual(namesOf(await gcs.get(`/storage/v1/b/${bucket}/o?startOffset=d%2F2&endOffset=d%2Ff`)), ['d/2', 'd/e/1'])
    })

    it('creates only where nothing is with ifGenerationMatch=0, and replaces only the generation that is named', async () => {
      const first = await gcs.insert(bucket, 'c', '1', {}, '&ifGenerationMatch=0')
      assert.equal(first.status, 200)
      assert.equal((await gcs.insert(bucket, 'c', '2', {}, '&ifGenerationMatch=0')).status, 412)
      assert.equal((await gcs.insert(bucket, 'c', '2', {}, '&ifGenerationMatch=12345')).status, 412)
      assert.equal((await gcs.insert(bucket, 'c', '2', {}, `&ifGenerationMatch=${String(first.json['generation'])}`)).status, 200)
      assert.equal((await gcs.media(bucket, 'c')).body.toString(), '2')
    })

    it('reads no generation that is gone', async () => {
      const { json } = await gcs.insert(bucket, 'g', 'old')
      const pin = `&generation=${String(json['generation'])}`
      assert.equal((await gcs.media(bucket, 'g', {}, pin)).body.toString(), 'old')
      await gcs.insert(bucket, 'g', 'new')
      assert.equal((await gcs.media(bucket, 'g', {}, pin)).status, 404)
    })

    it('takes a resumable upload in chunks and tells how far it is', async () => {
      const data = randomBytes((512 << 10) + 77)
      const session = await gcs.begin(bucket, 'up', { contentType: 'image/y' })
      const first = await gcs.chunk(session, `bytes 0-${(256 << 10) - 1}/*`, data.subarray(0, 256 << 10))
      assert.deepEqual([first.status, first.headers['range']], [308, `bytes=0-${(256 << 10) - 1}`])
      if (!fake) assert.equal((await gcs.chunk(session, 'bytes */*')).headers['range'], `bytes=0-${(256 << 10) - 1}`) // the fake would end the upload here
      const last = await gcs.chunk(session, `bytes ${256 << 10}-${data.byteLength - 1}/${data.byteLength}`, data.subarray(256 << 10))
      assert.deepEqual([last.status, last.json['size'], last.json['contentType']], [200, String(data.byteLength), 'image/y'])
      assert.deepEqual((await gcs.media(bucket, 'up')).body, data)
    })

    it('takes a resumable upload in one request', async () => {
      const data = randomBytes(700_001)
      const session = await gcs.begin(bucket, 'whole')
      assert.equal((await gcs.chunk(session, `bytes 0-${data.byteLength - 1}/${data.byteLength}`, data)).status, 200)
      assert.deepEqual((await gcs.media(bucket, 'whole')).body, data)
    })

    it('copies with type and metadata, composes, and changes metadata in place', async () => {
      await gcs.insert(bucket, 'src', 'one', { contentType: 'text/s', metadata: { a: '1' } })
      const copied = await gcs.post(`${object(bucket, 'src')}/rewriteTo/b/${bucket}/o/${encodeURIComponent('d/st')}`)
      assert.deepEqual([copied.status, copied.json['done']], [200, true])
      const { json } = await gcs.info(bucket, 'd/st')
      assert.deepEqual([json['contentType'], json['metadata'], json['md5Hash']], ['text/s', { a: '1' }, createHash('md5').update('one').digest('base64')])
      const composed = await gcs.post(`${object(bucket, 'both')}/compose`, { sourceObjects: [{ name: 'src' }, { name: 'd/st' }], destination: { contentType: 'text/c' } })
      assert.equal(composed.status, 200)
      assert.equal((await gcs.media(bucket, 'both')).body.toString(), 'oneone')
      const patched = await gcs.call('PATCH', object(bucket, 'src'), { body: '{"metadata":{"b":"2"}}', headers: { 'content-type': 'application/json' } })
      assert.deepEqual([patched.status, patched.json['metadata']], [200, { a: '1', b: '2' }])
    })

    it('carries out a batch and names each answer', async () => {
      await gcs.insert(bucket, 'x', '1')
      await gcs.insert(bucket, 'y z', '1')
      const statuses = await gcs.batch([['DELETE', object(bucket, 'x')], ['DELETE', object(bucket, 'y z')], ['DELETE', object(bucket, 'none')]])
      assert.deepEqual([...statuses], fake ? [['0', 200], ['1', 200], ['2', 404]] : [['0', 204], ['1', 204], ['2', 404]])
      assert.deepEqual(namesOf(await gcs.get(`/storage/v1/b/${bucket}/o`)), [])
    })

    it('delivers stored gzip as stored to who takes it, with ranges of the stored bytes, and inflated to others', async () => {
      const stored = gzipSync('a'.repeat(1000))
      await gcs.insert(bucket, 'z', stored, { contentEncoding: 'gzip' })
      const asStored = await gcs.media(bucket, 'z')
      assert.deepEqual([asStored.body, asStored.headers['content-encoding']], [stored, 'gzip'])
      const range = await gcs.media(bucket, 'z', { range: 'bytes=0-1' })
      assert.deepEqual([range.status, range.body], [206, stored.subarray(0, 2)])
      const inflated = await gcs.media(bucket, 'z', { 'accept-encoding': 'identity', range: 'bytes=0-1' })
      assert.deepEqual([inflated.status, inflated.body.toString(), inflated.headers['content-encoding']], [200, 'a'.repeat(1000), undefined])
      if (!fake) assert.equal(inflated.headers['content-length'], undefined)
    })

    it('knows its buckets', async () => {
      assert.equal((await gcs.get(`/storage/v1/b/${bucket}`)).json['name'], bucket)
      assert.equal((await gcs.post('/storage/v1/b?project=p', { name: bucket })).status, 409)
      assert.ok(namesOf(await gcs.get('/storage/v1/b?project=p')).includes(bucket))
      await gcs.insert(bucket, 'full', 'x')
      assert.equal((await gcs.call('DELETE', `/storage/v1/b/${bucket}`)).status, fake ? 412 : 409)
    })
  })
}
