import assert from 'node:assert/strict'
import { collectGarbage } from '../../garbage.js'
import { listingSuite } from '../object-store/listing.js'
import { code, gcs, openFaulty } from './support.js'
import type { FaultyStore } from './support.js'

const padded = (index: number): string => String(index).padStart(7, '0')

describe('GCS: listing and removing many', function () {
  this.timeout(120_000)
  listingSuite(gcs)
})

describe('GCS: requests of listing and removing', function () {
  this.timeout(60_000)
  let running: FaultyStore
  beforeEach(async () => { running = await openFaulty() })
  afterEach(() => running.close())
  const operations = async (): Promise<Readonly<Record<string, number>>> => (await running.server.counters()).operations

  it('G6: lists 10,000 objects in order with one request for each page, naming the fields', async () => {
    const { fs, server } = running
    const names = Array.from({ length: 10_000 }, (_, index) => padded(index))
    await server.putMany('test', names, 'x')
    const seen: string[] = []
    for await (const { name } of fs.list('test', { recursive: true })) seen.push(name.slice('test/'.length))
    assert.deepEqual(seen, names)
    const requests = await server.requests()
    assert.ok(requests.length <= 11, `${requests.length} requests`)
    for (const { target } of requests) assert.match(target, /[?&]fields=nextPageToken/)
  })

  it('carries in a listing what FileInfo names and the storage class, asks for no more and without indents; info() has the rest', async () => {
    const { fs, server } = running
    await fs.pipeFile('test/d/a', 'text', { contentType: 'text/plain', metadata: { k: 'v' } })
    const { name, size, type, modified, created, etag, generation, storageClass, ...rest } = await fs.info('test/d/a')
    assert.deepEqual(Object.keys(rest).sort(), ['contentType', 'crc32c', 'md5', 'metadata', 'metageneration'])
    const entry = { name, size, type, modified, created, etag, generation, storageClass }
    assert.deepEqual(await fs.ls('test/d'), [entry])
    assert.deepEqual(await fs.find('test', { detail: true }), new Map([[name, entry]]))
    for (const { operation, target } of await server.requests()) {
      if (operation !== 'objects.list') continue
      const query = new URL(target, 'http://h').searchParams
      assert.deepEqual([query.get('fields'), query.get('prettyPrint')], ['nextPageToken,prefixes,items(name,size,updated,timeCreated,generation,storageClass)', 'false'])
    }
  })

  it('G6: stops to ask when nobody reads on', async () => {
    const { fs, server } = running
    await server.putMany('test', Array.from({ length: 5000 }, (_, index) => padded(index)), 'x')
    let seen = 0
    for await (const _ of fs.list('test')) if (++seen === 10) break
    assert.equal((await operations())['objects.list'], 1)
  })

  it('G6: takes empty pages and refuses a token that does not move on', async () => {
    const { fs, server } = running
    await server.putMany('test', Array.from({ length: 2500 }, (_, index) => `d/${padded(index)}`), 'x')
    await server.addFault({ action: { type: 'emptyPage' }, match: { operation: 'objects.list', nth: 1 } })
    assert.equal((await fs.find('test/d')).length, 2500)
    await server.clearFaults()
    await server.addFault({ action: { type: 'json', set: { nextPageToken: 'same' } }, match: { operation: 'objects.list', nth: 1 } })
    await assert.rejects(fs.find('test/d'), { name: 'FsError' })
  })

  it('G7: keeps the heap flat over 100,000 keys', async function () {
    const { fs, server } = running
    await server.putMany('test', Array.from({ length: 100_000 }, (_, index) => padded(index)), 'x')
    let seen = 0
    let first = 0
    let most = 0
    for await (const _ of fs.list('test', { recursive: true })) {
      if (++seen % 10_000 !== 0) continue
      collectGarbage()
      const { heapUsed } = process.memoryUsage()
      if (first === 0) first = heapUsed
      most = Math.max(most, heapUsed)
    }
    assert.equal(seen, 100_000)
    assert.ok(most - first < 8 * 1024 * 1024, `the heap grew by ${most - first} bytes`)
  })

  it('G21: removes 1,050 objects in 2 pages and 11 batches, after one look at what is named, and not their neighbours', async () => {
    const { fs, server } = running
    await server.putMany('test', Array.from({ length: 1050 }, (_, index) => `del/${padded(index)}`), 'x')
    await server.putMany('test', ['del2/x', 'del.txt'], 'x')
    await fs.rm('test/del/', { recursive: true })
    const sizes = (await server.requests()).filter(({ operation }) => operation === 'objects.list').map(({ target }) => new URL(target, 'http://h').searchParams.get('maxResults'))
    assert.deepEqual(sizes, ['1', '1000', '1000'])
    assert.deepEqual(await operations(), { 'objects.get': 1, 'objects.list': 3, batch: 11 })
    assert.deepEqual(await server.keys('test'), ['del.txt', 'del2/x'])
  })

  it('G21: removes a file and the prefix of its name in one go, and not their neighbours', async () => {
    const { fs, server } = running
    await server.putMany('test', ['del', 'del/a', 'del/b', 'del2/x', 'del.txt'], 'x')
    await fs.rm('test/del', { recursive: true })
    assert.deepEqual(await server.keys('test'), ['del.txt', 'del2/x'])
  })

  it('G21: asks again for parts of a batch that are missing or failed, whatever their order', async () => {
    const { fs, server } = running
    const names = Array.from({ length: 250 }, (_, index) => `d/${padded(index)}`)
    await server.putMany('test', names, 'x')
    await server.addFault({ action: { type: 'shuffle' }, match: { operation: 'batch' }, times: 10 })
    await server.addFault({ action: { type: 'omit' }, match: { operation: 'objects.delete', nth: 3 } })
    await server.addFault({ action: { type: 'status', status: 503 }, match: { operation: 'objects.delete', nth: 120 } })
    await server.addFault({ action: { type: 'status', status: 429 }, match: { operation: 'objects.delete', nth: 200 } })
    await fs.rm('test/d', { recursive: true })
    assert.deepEqual(await server.keys('test'), [])
  })

  it('G21: takes what others removed meanwhile for removed, without asking for each object again', async () => {
    const { fs, server } = running
    await server.putMany('test', Array.from({ length: 150 }, (_, index) => `d/${padded(index)}`), 'x')
    for (const nth of [5, 140]) await server.addFault({ action: { type: 'status', status: 404, applied: true }, match: { operation: 'objects.delete', nth } })
    await fs.rm('test/d', { recursive: true })
    assert.deepEqual(await server.keys('test'), [])
    assert.deepEqual((await server.requests()).filter(({ operation }) => operation === 'objects.delete'), [])
  })

  it('G21: removes the rest when one object is refused, then rejects with the refusal', async () => {
    const { fs, server } = running
    const names = Array.from({ length: 150 }, (_, index) => padded(index))
    await server.putMany('test', names, 'x')
    await server.addFault({ action: { type: 'status', status: 403 }, match: { operation: 'objects.delete', key: names[77]! }, times: 10 })
    await assert.rejects(fs.rm(names.map(name => `test/${name}`)), code('EACCES', { path: `test/${names[77]}` }))
    assert.deepEqual(await server.keys('test'), [names[77]])
  })

  for (const status of [501, 404, 405]) {
    it(`G21: removes one by one where batches are answered with ${status}, and remembers that`, async () => {
      const { fs, server } = running
      await server.putMany('test', Array.from({ length: 120 }, (_, index) => padded(index)), 'x')
      await server.addFault({ action: { type: 'status', status }, match: { operation: 'batch' }, times: 10 })
      await fs.rm('test/0*', { recursive: true })
      assert.deepEqual(await server.keys('test'), [])
      const asked = (await operations())['batch']!
      await server.putMany('test', ['a', 'b'], 'x')
      await fs.rm(['test/a', 'test/b'])
      assert.equal((await operations())['batch'], asked)
    })
  }
})
