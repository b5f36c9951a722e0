import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStream, withStream } from '../../../lib/streams/index.js'
import type { ObjectStream, StreamOptions } from '../../../lib/streams/index.js'
import { startFileServer } from '../../servers/index.js'
import { code, MiB, onPlace, pattern } from './support.js'

const text = '0123456789abcdefghij'

async function bytesOf (stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** The same text at a local path, on http, on s3 and in memory. */
async function everywhere (fn: (uri: string, options: StreamOptions) => Promise<void>): Promise<void> {
  await onPlace(async place => {
    const local = join(place.folder, 'a')
    await writeFile(local, text)
    await place.server.put('data', 'a', text)
    await withStream('memory://streams/read', 'w', async stream => { await stream.write(text) })
    const files = await startFileServer({ files: { a: text } })
    try {
      for (const uri of [local, `${files.endpoint}/a`, 's3://data/a', 'memory://streams/read']) await fn(uri, place.options)
    } finally {
      await files.close()
    }
  })
}

describe('a stream that is read', function () {
  this.timeout(30_000)

  it('rejects wrong flags and ranges before any I/O (A13)', async () => {
    await onPlace(async place => {
      const ranges = [{ begin: -1 }, { end: -1 }, { begin: -2, end: -1 }, { begin: 5, end: 3 }, { begin: 3, end: 3 }, { end: 0 }, { begin: 0.5 }, { end: NaN }]
      for (const range of ranges) await assert.rejects(openStream('s3://data/a', 'r', { ...place.options, ...range }), RangeError, JSON.stringify(range))
      for (const range of [{ begin: '1' }, { end: null }]) await assert.rejects(openStream('s3://data/a', 'r', { ...place.options, ...range } as object), TypeError)
      for (const flags of ['rb', 'x', '', 7]) await assert.rejects(openStream('s3://data/a', flags as 'r', place.options), TypeError)
      for (const wrong of [{ begin: 1 }, { end: 1 }, { onDispose: 'close' }, { onUploadError: true }, { s3cfg: 7 }, { redis: 'no' }, { partBytes: '1' }, { signal: {} }, { nonsense: 1 }, { region: 'x' }]) {
        await assert.rejects(openStream('s3://data/a', 'w', { ...place.options, ...wrong } as object), TypeError, JSON.stringify(wrong))
      }
      await assert.rejects(withStream('s3://data/a', 'r', undefined as never, place.options), TypeError)
      await assert.rejects(openStream('s3://data/a', 'r', { ...place.options, allowedProtocols: ['gs'] }), code('FORKFS_NOT_ALLOWED'))
      await assert.rejects(openStream('redis://127.0.0.1:1/a', 'r', { allowedProtocols: ['s3'] }), code('FORKFS_NOT_ALLOWED'))
      assert.deepEqual([await place.staged(), (await place.server.counters()).requests], [[], 0])
    })
  })

  it('gives [begin, end) from its position, by offsets of the source, as a whole and as a Node stream', async () => {
    await everywhere(async (uri, options) => {
      const stream = await openStream(uri, 'r', { ...options, begin: 3, end: 12 })
      assert.equal(stream.size, 9)
      const buffer = Buffer.alloc(5)
      const next = async (): Promise<string> => buffer.toString('latin1', 0, (await stream.read(buffer)).bytesRead)
      assert.deepEqual([await next(), await next(), await next()], ['34567', '89ab', ''])
      assert.equal((await stream.read(buffer, 0, 5, 10)).bytesRead, 2)
      await assert.rejects(stream.read(buffer, 0, 1, 2), RangeError)
      const range = async (start: number, end: number): Promise<string> => Buffer.from(await stream.readRange(start, end)).toString()
      assert.deepEqual([await range(5, 7), await range(0, 5), await range(10, 99), await range(0, 2), await range(15, 18), await range(-11, -8)], ['56', '34', 'ab', '', '', '9ab'])
      assert.equal(await stream.readFile('utf8'), '3456789ab')
      const streamed = async (start?: number, end?: number): Promise<string> => String(await bytesOf(stream.createReadStream({ start, end })))
      assert.deepEqual([await streamed(), await streamed(5, 6), await streamed(0, 3), await streamed(10), await streamed(0, 1), await streamed(15)], ['3456789ab', '56', '3', 'ab', '', ''])
      assert.equal((await stream.stat()).size, text.length)
      await stream.close()
      await assert.rejects(stream.readFile(), code('FORKFS_CLOSED'))
    })
  })

  it('gives fewer bytes at the end of the source, never padding (A14)', async () => {
    await everywhere(async (uri, options) => {
      await withStream(uri, 'r', async stream => {
        const buffer = Buffer.alloc(8, '.')
        assert.deepEqual([(await stream.read(buffer)).bytesRead, buffer.toString()], [4, 'ghij....'])
        assert.equal((await stream.read(buffer)).bytesRead, 0)
      }, { ...options, begin: 16, end: 99 })
      await withStream(uri, 'r', async stream => { assert.deepEqual([stream.size, await stream.readFile('utf8')], [0, '']) }, { ...options, begin: 30 })
    })
  })

  it('rejects when the body is cut off, or is not the range that was asked for (A14)', async () => {
    await onPlace(async place => {
      const files = await startFileServer({ files: { a: pattern(MiB) } })
      try {
        await place.server.put('data', 'a', pattern(MiB))
        for (const action of [{ type: 'cut', afterBytes: 100 }, { type: 'wrongContentRange' }, { type: 'noContentRange' }] as const) {
          for (const [uri, server, operation] of [[`${files.endpoint}/a`, files, 'GET'], ['s3://data/a', place.server, 'GetObject']] as const) {
            await server.addFault({ times: Infinity, match: { operation }, action })
            const retry = { attempts: 2, baseMs: 1, maxMs: 5 }
            await assert.rejects(withStream(uri, 'r', stream => stream.readRange(2000, 3000), { s3: place.options.s3, http: { retry } }),
              code(action.type === 'cut' ? 'FORKFS_TRUNCATED' : 'FORKFS_PROTOCOL'), `${uri} ${action.type}`)
            await server.clearFaults()
          }
        }
        await place.server.addFault({ times: Infinity, match: { operation: 'GetObject' }, action: { type: 'ignoreRange' } })
        await assert.rejects(withStream('s3://data/a', 'r', stream => stream.readRange(2000, 3000), place.options), code('FORKFS_PROTOCOL'))
      } finally {
        await files.close()
      }
    })
  })

  it('follows redirects, and sends credentials to no other host (A15)', async () => {
    const seen: string[] = []
    const target = createServer((request, response) => {
      seen.push(String(request.headers.authorization))
      const body = Buffer.from(text)
      response.writeHead(request.headers.range === undefined ? 200 : 206, {
        'content-length': body.length, 'accept-ranges': 'bytes', etag: '"1"', ...(request.headers.range === undefined ? {} : { 'content-range': `bytes 0-${body.length - 1}/${body.length}` })
      })
      response.end(request.method === 'HEAD' ? undefined : body)
    })
    await new Promise<void>(resolve => { target.listen(0, '127.0.0.1', resolve) })
    const origin = `http://127.0.0.1:${(target.address() as AddressInfo).port}`
    const first: string[] = []
    const source = createServer((request, response) => {
      first.push(String(request.headers.authorization))
      response.writeHead(302, { location: `${origin}/b` }).end()
    })
    await new Promise<void>(resolve => { source.listen(0, '127.0.0.1', resolve) })
    try {
      const uri = `http://localhost:${(source.address() as AddressInfo).port}/a`
      assert.equal(await withStream(uri, 'r', stream => stream.readFile('utf8'), { http: { headers: { authorization: 'Bearer secret' } } }), text)
      assert.ok(first.length > 0 && first.every(value => value === 'Bearer secret'))
      assert.ok(seen.length > 0 && seen.every(value => value === 'undefined'))
    } finally {
      target.closeAllConnections()
      source.closeAllConnections()
      await Promise.all([target, source].map(server => new Promise(resolve => server.close(resolve))))
    }
  })

  it('is opened again as independent readers that make up the whole (A16)', async () => {
    await onPlace(async place => {
      const content = Buffer.from(pattern(3 * MiB + 7))
      await place.server.put('data', 'a', content)
      const stream = await openStream('s3://data/a', 'r', place.options)
      const step = Math.ceil(content.length / 4)
      const readers = await Promise.all([0, 1, 2, 3].map(index => stream.reopen({ begin: index * step, end: (index + 1) * step })))
      await stream.close()
      const parts = await Promise.all(readers.map(reader => bytesOf(reader.createReadStream())))
      assert.deepEqual(Buffer.concat(parts), content)
      assert.deepEqual(readers.map(({ stats }) => stats.bytes), parts.map(({ length }) => length))
      assert.ok(readers.every(({ stats }) => stats.requests >= 1))
      const same: ObjectStream = await readers[1]!.reopen()
      assert.equal(same.size, step)
      await assert.rejects(same.reopen({ begin: step * 3 }), RangeError)
      await Promise.all([...readers, same].map(reader => reader.close()))
    })
  })

  it('gives lines of its range', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'forkfs-streams-'))
    try {
      await writeFile(join(folder, 'lines'), 'one\ntwo\nthree\n')
      const lines: string[] = []
      await withStream(join(folder, 'lines'), 'r', async stream => { for await (const line of stream.readLines()) lines.push(line) }, { begin: 4, end: 10 })
      assert.deepEqual(lines, ['two', 'th'])
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('counts retries as its own', async () => {
    await onPlace(async place => {
      await place.server.put('data', 'a', text)
      await place.server.addFault({ match: { operation: 'GetObject' }, action: { type: 'status', status: 503 } })
      const [one, other] = await Promise.all([openStream('s3://data/a', 'r', place.options), openStream('s3://data/a', 'r', place.options)])
      assert.equal(await one.readFile('utf8'), text)
      assert.equal(await other.readFile('utf8'), text)
      assert.deepEqual([one.stats.bytes, one.stats.retries, other.stats.bytes, other.stats.retries], [20, 1, 20, 0])
      await Promise.all([one.close(), other.close()])
    })
  })
})
