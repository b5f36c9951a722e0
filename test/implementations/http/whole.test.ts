import assert from 'node:assert/strict'
import { brotliCompressSync, deflateRawSync, deflateSync } from 'node:zlib'
import { equalBytes, header, pattern, rejects, Stage, until } from './support.js'

const MiB = 1024 * 1024
const stage = new Stage()
const data = pattern(300_000)

describe('http: servers without ranges', () => {
  afterEach(() => stage.end())

  it('catFile() gives slices of a reply that is the whole file', async () => {
    for (const contentLength of [true, false]) {
      const server = await stage.server({ files: { 'a.bin': data }, ranges: false, contentLength })
      const fs = stage.fs({ baseUrl: server.endpoint })
      equalBytes(await fs.catFile('a.bin'), data)
      for (const [start, end] of [[0, 10], [100, 200], [299_990, 400_000], [400_000, 400_010], [-10, undefined], [-400_000, undefined], [100, undefined], [5, -5]] as const) {
        equalBytes(await fs.catFile('a.bin', { start, end }), data.slice(start, end))
      }
    }
  })

  it('catFile() reads a long file with one streamed request and asks for no range again', async () => {
    const long = pattern(20 * MiB)
    const server = await stage.server({ files: { 'long.bin': long }, ranges: false })
    const fs = stage.fs({ baseUrl: server.endpoint })
    equalBytes(await fs.catFile('long.bin'), long)
    equalBytes(await fs.catFile('long.bin'), long)
    const ranges = (await server.requests()).map(request => header(request, 'range'))
    assert.deepEqual(ranges, ['bytes=0-8388607', undefined])
  })

  it('catFile() stops reading soon after the wanted range', async () => {
    const long = pattern(48 * MiB)
    const server = await stage.server({ files: { 'long.bin': long }, ranges: false })
    const fs = stage.fs({ baseUrl: server.endpoint })
    equalBytes(await fs.catFile('long.bin', { start: 1000, end: 2000 }), long.subarray(1000, 2000))
    assert.ok(fs.stats.bytesIn < 4 * MiB, `${fs.stats.bytesIn} bytes were read`)
    await until(async () => (await server.counters()).inFlight.now === 0)
    await until(() => fs.stats.sockets === 0)
  })

  it('a stream of a long file goes on with one reply instead of asking anew for each block', async () => {
    const long = pattern(12 * MiB)
    const server = await stage.server({ files: { 'long.bin': long }, ranges: false })
    const fs = stage.fs({ baseUrl: server.endpoint })
    await fs.catFile('long.bin', { start: 0, end: 1 })
    await server.resetCounters()
    const pieces: Buffer[] = []
    for await (const piece of fs.createReadStream('long.bin')) pieces.push(piece as Buffer)
    equalBytes(Buffer.concat(pieces), long)
    const { GET = 0 } = (await server.counters()).operations
    assert.ok(GET <= 2, `${GET} requests: reading ahead may begin out of order once`)
  })

  it('get() downloads a long file with one streamed request', async () => {
    const { mkdtemp, readFile, rm } = await import('node:fs/promises')
    const folder = await mkdtemp('/tmp/forkfs-http-')
    try {
      const long = pattern(20 * MiB)
      const server = await stage.server({ files: { 'long.bin': long }, ranges: false })
      const fs = stage.fs({ baseUrl: server.endpoint })
      await fs.catFile('long.bin', { start: 0, end: 1 })
      await server.resetCounters()
      await fs.get('long.bin', `${folder}/copy`)
      equalBytes(await readFile(`${folder}/copy`), long)
      assert.ok(((await server.counters()).operations['GET'] ?? 0) <= 2)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('a reader that waits its turn stops at once when it is aborted', async () => {
    const server = await stage.server({ files: { 'long.bin': pattern(12 * MiB) }, ranges: false })
    const fs = stage.fs({ baseUrl: server.endpoint })
    await fs.catFile('long.bin', { start: 0, end: 1 })
    fs.reset()
    await fs.info('long.bin')
    await server.addFault({ match: { method: 'GET' }, action: { type: 'stall', at: 'headers' }, times: 5 })
    const stalled = new AbortController()
    const waiting = new AbortController()
    const first = fs.catFile('long.bin', { start: 9 * MiB, end: 9 * MiB + 5, signal: stalled.signal })
    const second = fs.catFile('long.bin', { start: 9 * MiB, end: 9 * MiB + 5, signal: waiting.signal })
    waiting.abort(new Error('second'))
    await assert.rejects(second, { message: 'second' })
    stalled.abort(new Error('first'))
    await assert.rejects(first, { message: 'first' })
  })

  it('remembers by file: a neighbour with ranges is asked for ranges', async () => {
    const server = await stage.server({ files: { a: data, b: data } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    await server.addFault({ match: { key: 'a' }, action: { type: 'ignoreRange' } })
    equalBytes(await fs.catFile('a', { start: 1, end: 9 }), data.subarray(1, 9))
    equalBytes(await fs.catFile('b', { start: 1, end: 9 }), data.subarray(1, 9))
    equalBytes(await fs.catFile('a', { start: 1, end: 9 }), data.subarray(1, 9))
    fs.invalidateCache('a')
    equalBytes(await fs.catFile('a', { start: 1, end: 9 }), data.subarray(1, 9))
    assert.deepEqual((await server.requests()).map(request => header(request, 'range')), ['bytes=1-8', 'bytes=1-8', undefined, 'bytes=1-8'])
  })

  it('decodes an encoded body that nobody asked for, and refuses ranges of it', async () => {
    const server = await stage.server({ files: { a: data }, gzip: 'always' })
    const fs = stage.fs({ baseUrl: server.endpoint })
    equalBytes(await fs.catFile('a'), data)
    equalBytes(await fs.catFile('a'), data)
    await rejects(fs.catFile('a', { start: 5, end: 10 }), 'FORKFS_NOT_SUPPORTED')
    assert.equal((await fs.info('a')).size, undefined)
    await fs.withFile('a', 'r', async file => { equalBytes(await file.readRange(5, 10), data.subarray(5, 10)) })
    assert.ok((await server.requests()).every(request => header(request, 'accept-encoding') === 'identity'))
  })

  it('decodes each encoding, also of a reply that is a range', async () => {
    const encoded = { gzip: undefined, deflate: deflateSync(data), raw: deflateRawSync(data), br: brotliCompressSync(data) }
    const server = await stage.server({ files: { a: data } })
    server.put('deflate', encoded.deflate, { headers: { 'Content-Encoding': 'deflate' } })
    server.put('raw', encoded.raw, { headers: { 'Content-Encoding': 'deflate' } })
    server.put('br', encoded.br, { headers: { 'Content-Encoding': 'br' } })
    server.put('odd', data, { headers: { 'Content-Encoding': 'lzma' } })
    server.put('broken', data, { headers: { 'Content-Encoding': 'gzip' } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    for (const name of ['deflate', 'raw', 'br']) equalBytes(await fs.catFile(name), data)
    await rejects(fs.catFile('br', { start: 0, end: 5 }), 'FORKFS_NOT_SUPPORTED')
    await rejects(fs.catFile('odd'), 'FORKFS_NOT_SUPPORTED')
    await rejects(fs.catFile('broken'), 'FORKFS_PROTOCOL')
  })
})
