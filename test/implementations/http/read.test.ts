import assert from 'node:assert/strict'
import { header, equalBytes, pattern, rejects, Stage } from './support.js'

const MiB = 1024 * 1024
const stage = new Stage()
const data = pattern(300_000)

describe('http: reading with ranges', () => {
  afterEach(() => stage.end())

  it('catFile() gives a whole file in one request', async () => {
    const server = await stage.server({ files: { 'a.bin': data } })
    equalBytes(await stage.fs().catFile(`${server.endpoint}/a.bin`), data)
    assert.equal((await server.counters()).requests, 1)
  })

  it('catFile() gives each kind of slice as slice() would', async () => {
    const server = await stage.server({ files: { 'a.bin': data } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    const past = [[299_990, 400_000], [300_000, 300_010], [400_000, 400_010]] as const
    for (const [start, end] of [[0, 10], [5, 5], [100, 200], ...past, [0, -1], [-10, undefined], [-400_000, undefined], [100, undefined], [-20, -10]] as const) {
      equalBytes(await fs.catFile('a.bin', { start, end }), data.slice(start, end))
    }
  })

  it('catFile() asks for parts in parallel and pins them to the first version when the file is long', async () => {
    const long = pattern(20 * MiB + 7)
    const server = await stage.server({ files: { 'long.bin': long } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    equalBytes(await fs.catFile('long.bin'), long)
    const requests = await server.requests()
    assert.deepEqual(requests.map(request => header(request, 'range')).sort(), ['bytes=0-8388607', `bytes=16777216-${long.length - 1}`, 'bytes=8388608-16777215'])
    assert.equal(requests.filter(request => header(request, 'if-match') !== undefined).length, 2)
    equalBytes(await fs.catFile('long.bin', { start: 3, end: 18 * MiB }), long.subarray(3, 18 * MiB))
    equalBytes(await fs.catFile('long.bin', { start: -(9 * MiB) }), long.subarray(-(9 * MiB)))
  })

  it('catFile() gives nothing when the file is empty', async () => {
    const server = await stage.server({ files: { empty: '' } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    for (const range of [{}, { start: 0, end: 10 }, { start: 5 }, { start: -5 }]) assert.equal((await fs.catFile('empty', range)).length, 0)
    server.set({ ranges: false })
    assert.equal((await fs.catFile('empty')).length, 0)
    assert.equal((await fs.catFile('empty', { start: 0, end: 10 })).length, 0)
  })

  it('catRanges() reads several files with one request for what lies near', async () => {
    const server = await stage.server({ files: { 'a.bin': data, 'b.bin': data.subarray(7) } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    const [a, b, c] = await fs.catRanges([{ path: 'a.bin', start: 10, end: 20 }, { path: 'b.bin', start: 5, end: 9 }, { path: 'a.bin', start: 30, end: 40 }])
    equalBytes(a, data.subarray(10, 20))
    equalBytes(b, data.subarray(12, 16))
    equalBytes(c, data.subarray(30, 40))
    assert.equal((await server.counters()).requests, 2)
  })

  it('open() with `firstBytes` takes the front, size and version with one request, and pins the rest to it', async () => {
    const server = await stage.server({ files: { 'a.bin': data, empty: '' } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    const file = await fs.open('a.bin', 'r', { cache: 'none', firstBytes: 1000 })
    assert.equal(file.size, data.length)
    equalBytes(await file.readRange(10, 20), data.subarray(10, 20))
    equalBytes(await file.readRange(0, 1000), data.subarray(0, 1000))
    assert.equal((await server.counters()).requests, 1)
    equalBytes(await file.readRange(500, 1500), data.subarray(500, 1500))
    server.put('a.bin', data.slice().reverse())
    await rejects(file.readRange(0, 10), 'FORKFS_CHANGED')
    await file.close()
    equalBytes(await fs.withFile('empty', 'r', empty => empty.readFile(), { firstBytes: 10 }), new Uint8Array(0))
    await rejects(fs.open('none', 'r', { firstBytes: 10 }), 'ENOENT')
    await assert.rejects(fs.open('a.bin', 'r', { firstBytes: -1 }), RangeError)
    await rejects(fs.open('a.bin', 'r', { firstBytes: 10, ifMatch: '"other"' }), 'FORKFS_CHANGED')
    server.set({ gzip: 'always' })
    equalBytes(await fs.withFile('a.bin', 'r', encoded => encoded.readFile(), { firstBytes: 10 }), data.slice().reverse())
  })

  it('open() pins its reads and rejects with FORKFS_CHANGED when the file changes underneath', async () => {
    for (const etag of [true, false, 'weak'] as const) {
      const server = await stage.server({ etag })
      server.put('a.bin', data, { modified: 1_700_000_000_000 })
      const file = await stage.fs().open(`${server.endpoint}/a.bin`, 'r', { cache: 'none' })
      equalBytes(await file.readRange(0, 10), data.subarray(0, 10))
      server.put('a.bin', data.slice().reverse(), { modified: 1_700_000_100_000 })
      await rejects(file.readRange(10, 20), 'FORKFS_CHANGED')
      await file.close()
    }
  })

  it('catFile() rejects with FORKFS_CHANGED when the server ignores If-Match and answers with another ETag', async () => {
    const server = await stage.server({ files: { 'a.bin': data } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    const { etag } = await fs.info('a.bin')
    await server.addFault({ match: { method: 'GET' }, action: { type: 'changeEtag' } })
    await rejects(fs.catFile('a.bin', { start: 1, end: 5, ifMatch: etag }), 'FORKFS_CHANGED')
    equalBytes(await fs.catFile('a.bin', { start: 1, end: 5, ifMatch: etag }), data.subarray(1, 5))
    await rejects(fs.catFile('a.bin', { ifMatch: '"other"' }), 'FORKFS_CHANGED')
  })

  it('catFile() rejects with FORKFS_PROTOCOL when Content-Range is missing or not what was asked for', async () => {
    const server = await stage.server({ files: { 'a.bin': data } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    for (const action of [{ type: 'wrongContentRange' }, { type: 'noContentRange' }] as const) {
      await server.addFault({ action, times: 3 })
      const error = await rejects(fs.catFile('a.bin', { start: 10, end: 20 }), 'FORKFS_PROTOCOL')
      assert.equal(error.retry, 'exhausted')
      await server.addFault({ action, times: 3 })
      await rejects(fs.catFile('a.bin'), 'FORKFS_PROTOCOL')
      await server.addFault({ action })
      equalBytes(await fs.catFile('a.bin', { start: 10, end: 20 }), data.subarray(10, 20))
    }
  })

  it('reads a range whose reply is chunked', async () => {
    const server = await stage.server({ files: { 'a.bin': data }, contentLength: false })
    const fs = stage.fs({ baseUrl: server.endpoint })
    equalBytes(await fs.catFile('a.bin', { start: 10, end: 2000 }), data.subarray(10, 2000))
    equalBytes(await fs.catFile('a.bin'), data)
  })

  it('reads one after another keep their connection', async () => {
    const server = await stage.server({ files: { 'a.bin': data } })
    for (const switches of [{ ranges: true }, { ranges: false }, { ranges: false, contentLength: false }]) {
      server.set(switches)
      await server.resetCounters()
      const fs = stage.fs({ baseUrl: server.endpoint })
      for (let count = 0; count < 15; count++) equalBytes(await fs.catFile('a.bin'), data)
      const { ever } = (await server.counters()).sockets
      assert.ok(ever <= 3, `${ever} connections`)
      await fs.close()
      await server.reached({ sockets: 0 })
    }
  })

  it('get() downloads a file of many parts', async () => {
    const { mkdtemp, readFile, rm } = await import('node:fs/promises')
    const folder = await mkdtemp('/tmp/forkfs-http-')
    try {
      const long = pattern(17 * MiB)
      const server = await stage.server({ files: { 'long.bin': long } })
      await stage.fs().get(`${server.endpoint}/long.bin`, `${folder}/copy`)
      equalBytes(await readFile(`${folder}/copy`), long)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('refuses every write without a request', async () => {
    const server = await stage.server({ files: { a: 'x' } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    await rejects(fs.pipeFile('b', 'x'), 'FORKFS_NOT_SUPPORTED')
    await rejects(fs.open('b', 'w'), 'FORKFS_NOT_SUPPORTED')
    await rejects(fs.mkdir('b'), 'FORKFS_NOT_SUPPORTED')
    await rejects(fs.sign('a'), 'FORKFS_NOT_SUPPORTED')
    await rejects(fs.touch('b'), 'FORKFS_NOT_SUPPORTED')
    assert.equal((await server.counters()).requests, 0)
  })
})
