import assert from 'node:assert/strict'
import { collectGarbage } from '../../garbage.js'
import { gzipSync } from 'node:zlib'
import { resetForFork } from '../../../lib/index.js'
import type { FileHandle } from '../../../lib/index.js'
import { openStream } from '../../../lib/streams/index.js'
import type { FileServer, FileServerOptions } from '../../servers/index.js'
import { equalBytes, pattern, rejects, Stage, until } from './support.js'

const MiB = 1024 * 1024
const stage = new Stage()
const data = pattern(5 * MiB + 77)
const unknown: FileServerOptions = { ranges: false, contentLength: false }
const unversioned: FileServerOptions = { ...unknown, etag: false, lastModified: false }

/** How often the body was asked for, without the look at the head. */
async function bodies (server: FileServer): Promise<number> {
  return (await server.requests()).filter(({ method }) => method === 'GET').length
}

async function readOn (file: FileHandle, bytes: number): Promise<Uint8Array> {
  const { bytesRead, buffer } = await file.read(new Uint8Array(bytes))
  return buffer.subarray(0, bytesRead)
}

async function collected (stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** The most that lies in buffers of this process, garbage left out, while the stream is read. */
async function mostHeld (stream: AsyncIterable<Uint8Array>, length: number): Promise<number> {
  collectGarbage()
  const before = process.memoryUsage().arrayBuffers
  let most = 0
  let read = 0
  for await (const chunk of stream) {
    read += chunk.length
    if (Math.floor(read / (8 * MiB)) === Math.floor((read - chunk.length) / (8 * MiB))) continue
    collectGarbage()
    await new Promise(resolve => setImmediate(resolve)) // what one collection found is given back behind it
    collectGarbage()
    most = Math.max(most, process.memoryUsage().arrayBuffers - before)
  }
  assert.equal(read, length)
  return most
}

describe('http: files of unknown length', function () {
  this.timeout(60_000)
  afterEach(() => stage.end())

  it('createReadStream(), readable() and FileHandle give all of it with one reading each', async () => {
    const server = await stage.server({ ...unknown, files: { a: data } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    await fs.info('a')
    for (const read of [
      () => collected(fs.createReadStream('a')),
      () => collected(fs.readable('a')),
      () => fs.withFile('a', 'r', file => file.readFile()),
      () => fs.withFile('a', 'r', file => collected(file.createReadStream())),
      () => fs.withFile('a', 'r', file => file.readRange(0, 100 * MiB))
    ]) {
      const before = await bodies(server)
      equalBytes(await read(), data)
      assert.ok(await bodies(server) - before <= 2, 'info() may look at the head of a GET')
    }
    equalBytes(await collected(fs.createReadStream('a', { start: 10, end: 2 * MiB })), data.subarray(10, 2 * MiB + 1))
    equalBytes(await collected(fs.readable('a', { start: 3 * MiB })), data.subarray(3 * MiB))
  })

  it('createReadStream(), readable() and FileHandle hold a window of it, however long it is', async () => {
    const long = pattern(48 * MiB)
    const server = await stage.server({ ...unknown, files: { long } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    for (const stream of [fs.createReadStream('long'), fs.readable('long')]) {
      const most = await mostHeld(stream, long.length)
      assert.ok(most < 36 * MiB, `${most} bytes were held`)
    }
    await fs.withFile('long', 'r', async file => {
      assert.equal(file.size, undefined)
      async function * steps (): AsyncGenerator<Uint8Array, void, undefined> {
        const buffer = new Uint8Array(MiB)
        for (let read = await file.read(buffer); read.bytesRead > 0; read = await file.read(buffer)) yield buffer.subarray(0, read.bytesRead)
      }
      const most = await mostHeld(steps(), long.length)
      assert.ok(most < 36 * MiB, `${most} bytes were held`)
    })
  })

  it('a read that goes on, skips or goes back a little takes the reading at hand', async () => {
    const server = await stage.server({ ...unversioned, files: { a: data } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    await fs.withFile('a', 'r', async file => {
      const before = await bodies(server)
      equalBytes(await readOn(file, 10), data.subarray(0, 10))
      equalBytes(await readOn(file, 10), data.subarray(10, 20))
      equalBytes(await file.readRange(3 * MiB, 3 * MiB + 5), data.subarray(3 * MiB, 3 * MiB + 5))
      equalBytes(await file.readRange(3 * MiB - 1000, 3 * MiB + 1000), data.subarray(3 * MiB - 1000, 3 * MiB + 1000))
      equalBytes(await file.readRange(data.length - 5, data.length + 5), data.subarray(-5))
      equalBytes(await file.readRange(data.length + 5, data.length + 9), new Uint8Array(0))
      const [late, early] = await Promise.all([file.readRange(data.length - 10, data.length), file.readRange(data.length - 20, data.length - 10)])
      equalBytes(late, data.subarray(-10))
      equalBytes(early, data.subarray(-20, -10))
      assert.equal(await bodies(server) - before, 1)
    })
  })

  it('a read that goes far back begins again where a version pins the file, and rejects with FORKFS_CHANGED when it is another one', async () => {
    const server = await stage.server({ ...unknown, files: { a: data } })
    await stage.fs({ baseUrl: server.endpoint }).withFile('a', 'r', async file => {
      equalBytes(await file.readRange(4 * MiB, 4 * MiB + 10), data.subarray(4 * MiB, 4 * MiB + 10))
      equalBytes(await file.readRange(10, 20), data.subarray(10, 20))
      equalBytes(await file.readRange(4 * MiB, 4 * MiB + 10), data.subarray(4 * MiB, 4 * MiB + 10))
      server.put('a', data.slice().reverse())
      await rejects(file.readRange(10, 20), 'FORKFS_CHANGED')
    })
  })

  it('a read that goes far back rejects with FORKFS_NOT_SUPPORTED where no version is told, unless all of it is held', async () => {
    const server = await stage.server({ ...unversioned, files: { a: data } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    await fs.withFile('a', 'r', async file => {
      equalBytes(await file.readRange(4 * MiB, 4 * MiB + 10), data.subarray(4 * MiB, 4 * MiB + 10))
      await rejects(file.readRange(0, 10), 'FORKFS_NOT_SUPPORTED')
      equalBytes(await file.readRange(4 * MiB + 10, 4 * MiB + 20), data.subarray(4 * MiB + 10, 4 * MiB + 20))
      equalBytes(await file.readFile(), data) // a reading of its own
      equalBytes(await collected(file.createReadStream()), data)
    })
    await fs.withFile('a', 'r', async file => {
      assert.equal(file.size, data.length)
      equalBytes(await file.readRange(-10, -1), data.subarray(-10, -1))
      equalBytes(await file.readRange(0, 10), data.subarray(0, 10))
    }, { cache: 'all' })
  })

  it('a stream goes on behind a reply that breaks off where a version pins the file', async () => {
    const server = await stage.server({ ...unknown, files: { a: data } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    await server.addFault({ match: { method: 'GET', from: 2 }, action: { type: 'cut', afterBytes: 3 * MiB }, times: 1 })
    equalBytes(await collected(fs.createReadStream('a')), data)
    assert.equal(fs.stats.retries, 1)
  })

  it('a stream rejects with FORKFS_TRUNCATED and mixes no two replies where no version is told', async () => {
    const server = await stage.server({ ...unversioned, files: { a: data } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    await server.addFault({ match: { method: 'GET', from: 2 }, action: { type: 'cut', afterBytes: 3 * MiB }, times: 1 })
    const chunks: Uint8Array[] = []
    await rejects((async () => {
      for await (const chunk of fs.createReadStream('a')) {
        chunks.push(chunk as Uint8Array)
        server.put('a', data.slice().reverse())
      }
    })(), 'FORKFS_TRUNCATED')
    const read = Buffer.concat(chunks)
    assert.ok(read.length > 0)
    equalBytes(read, data.subarray(0, read.length))
  })

  it('a first read takes bytes of one reply only when an earlier one broke off', async () => {
    const other = data.slice().reverse()
    const server = await stage.server({ ...unversioned, files: { a: data } })
    const fs = stage.fs({ baseUrl: server.endpoint, retry: { attempts: 3, baseMs: 100, maxMs: 100 } })
    await server.addFault({ match: { method: 'GET', from: 2 }, action: { type: 'cut', afterBytes: MiB / 2 }, times: 1 })
    await fs.withFile('a', 'r', async file => {
      const reading = file.readRange(0, MiB)
      await until(() => fs.stats.retries === 1)
      server.put('a', other)
      equalBytes(await reading, other.subarray(0, MiB))
    })
  })

  it('an aborted read rejects with its reason and leaves no request, and the next one begins again', async () => {
    const server = await stage.server({ ...unversioned, files: { a: data } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    await fs.withFile('a', 'r', async file => {
      await server.addFault({ match: { method: 'GET' }, action: { type: 'stall', at: 'body', afterBytes: MiB }, times: 1 })
      const controller = new AbortController()
      const reason = { enough: true }
      const before = fs.stats.bytesIn
      const reading = file.readRange(0, 2 * MiB, { signal: controller.signal })
      await until(() => fs.stats.bytesIn >= before + MiB)
      controller.abort(reason)
      await assert.rejects(reading, error => error === reason)
      await server.reached({ inFlight: 0 })
      equalBytes(await file.readRange(0, 2 * MiB), data.subarray(0, 2 * MiB))
    })
  })

  it('close() of a handle or a stream in the middle of the file leaves no socket', async () => {
    const server = await stage.server({ ...unknown, files: { a: pattern(32 * MiB) } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    const file = await fs.open('a')
    await readOn(file, 10)
    await file.close()
    for await (const _chunk of fs.createReadStream('a')) break
    const reader = fs.readable('a').getReader()
    await reader.read()
    await reader.cancel()
    await until(() => fs.stats.sockets === 0)
    await server.reached({ inFlight: 0 })
  })

  it('close() of the filesystem waits for no reader that stands still, and a pinned one goes on afterwards', async () => {
    const long = pattern(32 * MiB)
    const server = await stage.server({ ...unknown, files: { long } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    const file = await fs.open('long')
    equalBytes(await readOn(file, 2 * MiB), long.subarray(0, 2 * MiB))
    await fs.close()
    assert.equal(fs.stats.sockets, 0)
    equalBytes(await readOn(file, 2 * MiB), long.subarray(2 * MiB, 4 * MiB))
    await file.close()
  })

  it('resetForFork() ends a reading for ever and leaves no socket', async () => {
    const server = await stage.server({ ...unknown, files: { a: pattern(32 * MiB) } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    const file = await fs.open('a')
    await readOn(file, 10)
    resetForFork()
    assert.equal(fs.stats.sockets, 0)
    await assert.rejects(readOn(file, 10), { code: 'FORKFS_RESET' })
    await file[Symbol.asyncDispose]()
    await server.reached({ inFlight: 0 })
  })

  it('offsets from the end reject with FORKFS_NOT_SUPPORTED in a stream', async () => {
    const server = await stage.server({ ...unknown, files: { a: data } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    await rejects(collected(fs.readable('a', { start: -5 })), 'FORKFS_NOT_SUPPORTED')
    equalBytes(await fs.catFile('a', { start: -5 }), data.subarray(-5))
  })

  it('open() with compression and openStream() read it, too', async () => {
    const server = await stage.server({ ...unknown, files: { 'a.gz': gzipSync(data), a: data } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    await fs.withFile('a.gz', 'r', async file => {
      equalBytes(await file.readRange(3 * MiB, 4 * MiB), data.subarray(3 * MiB, 4 * MiB))
      equalBytes(await file.readFile(), data)
    }, { compression: 'infer' })
    const stream = await openStream(`${server.endpoint}/a`)
    assert.equal(stream.size, undefined)
    equalBytes(await collected(stream.createReadStream()), data)
    await stream.close()
    const part = await openStream(`${server.endpoint}/a`, 'r', { begin: MiB, end: 2 * MiB })
    equalBytes(await part.readFile(), data.subarray(MiB, 2 * MiB))
    equalBytes(await part.readRange(MiB + 5, MiB + 10), data.subarray(MiB + 5, MiB + 10))
    await part.close()
  })
})
