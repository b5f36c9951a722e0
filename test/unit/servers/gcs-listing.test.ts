import assert from 'node:assert/strict'
import { startGcsServer } from '../../servers/index.js'
import { GcsCalls, namesOf, reasonOf } from './gcs-support.js'
import type { GcsServer } from '../../servers/index.js'

describe('listings of the GCS server', () => {
  let server: GcsServer
  let gcs: GcsCalls

  beforeEach(async () => {
    server = await startGcsServer({ buckets: ['test', 'another'] })
    gcs = new GcsCalls(server.endpoint)
    await server.putMany('test', ['a', 'b/', 'b/1', 'b/2', 'c/1', 'd'], 'x')
  })
  afterEach(() => server.close())

  const list = (query: string) => gcs.get(`/storage/v1/b/test/o?${query}`)

  it('count prefixes as entries of a page, and name each once', async () => {
    const seen: unknown[] = []
    let token = ''
    do {
      const page = await list(`delimiter=%2F&maxResults=2${token}`)
      seen.push([namesOf(page), page.json['prefixes']])
      token = page.json['nextPageToken'] === undefined ? '' : `&pageToken=${String(page.json['nextPageToken'])}`
    } while (token !== '')
    assert.deepEqual(seen, [[['a'], ['b/']], [['d'], ['c/']]])
  })

  it('refuse a token of another query, and one of nobody', async () => {
    const token = String((await list('maxResults=1')).json['nextPageToken'])
    assert.deepEqual(namesOf(await list(`maxResults=2&pageToken=${token}`)), ['b/', 'b/1'])
    for (const query of [`prefix=b&pageToken=${token}`, 'pageToken=Yg']) assert.equal((await list(query)).status, 400)
    assert.equal((await gcs.get(`/storage/v1/b/another/o?pageToken=${token}`)).status, 400)
  })

  it('bring the fields that are asked for, and refuse those that no object has', async () => {
    const page = await list('fields=prefixes,items(name,size)&delimiter=%2F')
    assert.deepEqual(page.json, { prefixes: ['b/', 'c/'], items: [{ name: 'a', size: '1' }, { name: 'd', size: '1' }] })
    await server.put('test', 'h', 'hello')
    assert.deepEqual((await gcs.info('test', 'h', '?fields=name,crc32c')).json, { name: 'h', crc32c: 'mnG7TA==' })
    for (const query of ['fields=items(nam)', 'fields=items(name', 'fields=items(name))', 'fields=']) {
      const reply = await list(query)
      assert.deepEqual([query, reply.status, reasonOf(reply)], [query, 400, 'invalidParameter'])
    }
  })

  it('begin and end at offsets, within a prefix', async () => {
    assert.deepEqual(namesOf(await list('startOffset=b%2F1&endOffset=d')), ['b/1', 'b/2', 'c/1'])
    assert.deepEqual(namesOf(await list('prefix=b%2F&startOffset=a')), ['b/', 'b/1', 'b/2'])
    assert.deepEqual((await list('delimiter=%2F&startOffset=b%2F2&endOffset=c')).json['prefixes'], ['b/'])
  })

  it('show an object that is called like its prefix when asked to, fit a glob, and take a delimiter of several characters', async () => {
    const trailing = await list('delimiter=%2F&includeTrailingDelimiter=true')
    assert.deepEqual([namesOf(trailing), trailing.json['prefixes']], [['a', 'b/', 'd'], ['b/', 'c/']])
    assert.deepEqual(namesOf(await list('matchGlob=%7Bb,c%7D%2F%5B1-9%5D')), ['b/1', 'b/2', 'c/1'])
    assert.deepEqual(namesOf(await list('matchGlob=*')), ['a', 'd'])
    await server.putMany('test', ['k--1', 'k--2', 'k-3'], 'x')
    const dashes = await list('prefix=k&delimiter=--')
    assert.deepEqual([namesOf(dashes), dashes.json['prefixes']], [['k-3'], ['k--']])
  })

  it('may have an empty page in the middle', async () => {
    await server.addFault({ match: { operation: 'objects.list', nth: 2 }, action: { type: 'emptyPage' } })
    const names: string[][] = []
    let token = ''
    do {
      const page = await list(`maxResults=4${token}`)
      names.push(namesOf(page))
      token = page.json['nextPageToken'] === undefined ? '' : `&pageToken=${String(page.json['nextPageToken'])}`
    } while (token !== '')
    assert.deepEqual(names, [['a', 'b/', 'b/1', 'b/2'], [], ['c/1', 'd']])
  })

  it('of buckets need a project and come in pages', async () => {
    assert.equal((await gcs.get('/storage/v1/b')).status, 400)
    const page = await gcs.get('/storage/v1/b?project=p&maxResults=1')
    assert.deepEqual(namesOf(page), ['another'])
    assert.deepEqual(namesOf(await gcs.get(`/storage/v1/b?project=p&maxResults=1&pageToken=${String(page.json['nextPageToken'])}`)), ['test'])
  })
})
