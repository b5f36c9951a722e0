import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import type { Progress } from '../../../lib/index.js'
import { equalBytes, header, pattern, rejects, Stage, until } from './support.js'

const MiB = 1024 * 1024
const stage = new Stage()
const data = pattern(300_000)

async function inFolder (work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'forkfs-http-'))
  try { await work(folder) } finally { await rm(folder, { recursive: true }) }
}

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
    await server.reached({ inFlight: 0 })
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
    await inFolder(async folder => {
      const long = pattern(20 * MiB)
      const server = await stage.server({ files: { 'long.bin': long }, ranges: false })
      const fs = stage.fs({ baseUrl: server.endpoint })
      await fs.catFile('long.bin', { start: 0, end: 1 })
      await server.resetCounters()
      await fs.get('long.bin', `${folder}/copy`)
      equalBytes(await readFile(`${folder}/copy`), long)
      assert.ok(((await server.counters()).operations['GET'] ?? 0) <= 2)
    })
  })

  it('get() streams a file of unknown length to its place, a piece at a time', async () => {
    await inFolder(async folder => {
      const long = pattern(48 * MiB)
      const server = await stage.server({ files: { 'long.bin': long }, ranges: false, contentLength: false })
      const fs = stage.fs({ baseUrl: server.endpoint })
      const before = process.memoryUsage().arrayBuffers
      let most = 0
      const told = { size: 0, advanced: 0 }
      const child: Progress = {
        setSize: size => { told.size = size },
        advance: by => { told.advanced += by; most = Math.max(most, process.memoryUsage().arrayBuffers - before) }
      }
      await fs.get('long.bin', `${folder}/copy`, { progress: { setSize: () => {}, advance: () => {}, branch: () => child } })
      equalBytes(await readFile(`${folder}/copy`), long)
      assert.deepEqual(told, { size: long.length, advanced: long.length })
      assert.equal((await server.counters()).requests, 3) // HEAD, the head of a GET because that told no length, GET
      assert.ok(most < 24 * MiB, `${most} bytes were held`)
    })
  })

  it('get() begins a file of unknown length again when its body breaks off, and takes over nothing of the first attempt', async () => {
    await inFolder(async folder => {
      const server = await stage.server({ files: { a: data }, ranges: false, contentLength: false, etag: false, lastModified: false })
      const fs = stage.fs({ baseUrl: server.endpoint })
      await server.addFault({ match: { method: 'GET', from: 2 }, action: { type: 'cut', afterBytes: 200_000 }, times: 1 }) // the first one only asks for the length
      let [advanced, size] = [0, 0]
      const child: Progress = {
        setSize: bytes => { size = bytes },
        advance: by => {
          if (advanced === 0) server.put('a', data.subarray(0, 1000))
          advanced += by
        }
      }
      await fs.get('a', `${folder}/a`, { progress: { setSize: () => {}, advance: () => {}, branch: () => child } })
      assert.ok(advanced > 1000)
      assert.equal(size, 1000)
      equalBytes(await readFile(`${folder}/a`), data.subarray(0, 1000))
      await server.addFault({ match: { method: 'GET', from: 2 }, action: { type: 'cut', afterBytes: 500 }, times: 10 })
      await rejects(fs.get('a', `${folder}/b`), 'FORKFS_TRUNCATED')
      assert.deepEqual(await readdir(folder), ['a'])
    })
  })

  it('get() decodes an encoded body on its way to the file', async () => {
    await inFolder(async folder => {
      const server = await stage.server({ files: { 'd/gzip': data }, gzip: 'always' })
      const fs = stage.fs({ baseUrl: server.endpoint })
      await fs.get('d/gzip', `${folder}/gzip`)
      server.set({ gzip: false })
      const encoded = { deflate: ['deflate', deflateSync(data)], raw: ['deflate', deflateRawSync(data)], br: ['br', brotliCompressSync(data)], twice: ['gzip, br', brotliCompressSync(gzipSync(data))] } as const
      for (const [name, [encoding, body]] of Object.entries(encoded)) server.put(name, body, { headers: { 'Content-Encoding': encoding } })
      for (const name of Object.keys(encoded)) await fs.get(name, `${folder}/${name}`)
      for (const name of ['gzip', ...Object.keys(encoded)]) equalBytes(await readFile(`${folder}/${name}`), data)
      server.put('odd', data, { headers: { 'Content-Encoding': 'lzma' } })
      server.put('broken', data, { headers: { 'Content-Encoding': 'gzip' } })
      await rejects(fs.get('odd', `${folder}/odd`), 'FORKFS_NOT_SUPPORTED')
      await rejects(fs.get('broken', `${folder}/broken`), 'FORKFS_PROTOCOL')
      assert.deepEqual((await readdir(folder)).sort(), ['br', 'deflate', 'gzip', 'raw', 'twice'])
    })
  })

  it('get() of a file of unknown length stops with the reason of its signal and leaves nothing', async () => {
    await inFolder(async folder => {
      const server = await stage.server({ files: { a: pattern(4 * MiB) }, ranges: false, contentLength: false })
      const controller = new AbortController()
      const reason = { enough: true }
      const progress: Progress = { setSize: () => {}, advance: () => {}, branch: () => ({ setSize: () => {}, advance: () => { controller.abort(reason) } }) }
      await assert.rejects(stage.fs({ baseUrl: server.endpoint }).get('a', `${folder}/a`, { signal: controller.signal, progress }), error => error === reason)
      assert.deepEqual(await readdir(folder), [])
    })
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
