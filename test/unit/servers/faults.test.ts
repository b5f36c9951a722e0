import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { startS3Server } from '../../servers/index.js'
import { element, raw, rawSocket } from './support.js'
import type { FaultAction, FaultRule, S3Server } from '../../servers/index.js'
import type { RawReply } from './support.js'

describe('fault injection', () => {
  let server: S3Server
  const content = '0123456789'.repeat(100)

  beforeEach(async () => {
    server = await startS3Server({ anonymous: true })
    await server.put('test', 'a', content)
  })

  afterEach(() => server.close())

  const get = (target = '/test/a', headers: Record<string, string> = {}): Promise<RawReply> => raw(server.endpoint, target, { headers })
  const put = (target: string, body = 'new'): Promise<RawReply> => raw(server.endpoint, target, { method: 'PUT', body })
  const code = (call: Promise<unknown>): Promise<string | undefined> => call.then(() => 'resolved', (error: NodeJS.ErrnoException) => error.code)

  async function withFault (action: FaultAction, target?: string, headers?: Record<string, string>): Promise<RawReply> {
    await server.addFault({ action })
    return get(target, headers)
  }

  describe('rules', () => {
    const status = (code: number): FaultAction => ({ type: 'status', status: code })

    it('fire once, in order, for the requests that they fit', async () => {
      await server.addFault({ match: { operation: 'GetObject', key: 'a' }, action: status(500) })
      await server.addFault({ match: { operation: 'GetObject', key: 'a' }, action: status(503) })
      assert.equal((await get('/test/b')).status, 404)
      assert.deepEqual([(await get()).status, (await get()).status, (await get()).status], [500, 503, 200])
      assert.equal((await server.counters()).faults, 2)
    })

    it('fire as often as they say, at the nth, at each nth, by method, bucket, part and expression', async () => {
      const seen = async (rule: FaultRule, calls: () => Promise<RawReply>, count: number): Promise<number[]> => {
        await server.clearFaults()
        await server.addFault(rule)
        const statuses: number[] = []
        for (let i = 0; i < count; i++) statuses.push((await calls()).status)
        return statuses
      }
      assert.deepEqual(await seen({ times: 2, action: status(500) }, get, 3), [500, 500, 200])
      assert.deepEqual(await seen({ match: { nth: 2 }, action: status(500) }, get, 4), [200, 500, 200, 200])
      assert.deepEqual(await seen({ match: { every: 2 }, action: status(500) }, get, 4), [200, 500, 200, 500])
      assert.deepEqual(await seen({ match: { from: 3 }, action: status(500) }, get, 4), [200, 200, 500, 500])
      assert.deepEqual(await seen({ match: { method: 'PUT' }, action: status(500) }, get, 1), [200])
      assert.deepEqual(await seen({ match: { bucket: 'other' }, action: status(500) }, get, 1), [200])
      assert.deepEqual(await seen({ match: { key: /^[ab]$/ }, times: Infinity, action: status(500) }, get, 3), [500, 500, 500])
      assert.deepEqual(await seen({ match: { partNumber: 2 }, action: status(500) }, () => put('/test/a?uploadId=x&partNumber=1'), 1), [404])
      assert.deepEqual(await seen({ match: { partNumber: 2 }, action: status(500) }, () => put('/test/a?uploadId=x&partNumber=2'), 1), [500])
    })

    it('are refused when they could never fire', async () => {
      await assert.rejects(server.addFault({ action: { type: 'explode' } as unknown as FaultAction }), TypeError)
      await assert.rejects(server.addFault({ match: { op: 'GetObject' } as object, action: status(500) }), TypeError)
      await assert.rejects(server.addFault({ times: 0, action: status(500) }), RangeError)
    })

    it('name the operation of every request', async () => {
      for (const [method, target, operation] of [
        ['GET', '/', 'ListBuckets'], ['GET', '/test', 'ListObjects'], ['GET', '/test/?list-type=2', 'ListObjectsV2'], ['GET', '/test?location', 'GetBucketLocation'],
        ['GET', '/test?uploads', 'ListMultipartUploads'], ['PUT', '/other', 'CreateBucket'], ['HEAD', '/test', 'HeadBucket'], ['DELETE', '/test', 'DeleteBucket'],
        ['POST', '/test?delete', 'DeleteObjects'], ['GET', '/test/a', 'GetObject'], ['HEAD', '/test/a', 'HeadObject'], ['PUT', '/test/a', 'PutObject'],
        ['DELETE', '/test/a', 'DeleteObject'], ['POST', '/test/a?uploads', 'CreateMultipartUpload'], ['PUT', '/test/a?partNumber=1&uploadId=x', 'UploadPart'],
        ['POST', '/test/a?uploadId=x', 'CompleteMultipartUpload'], ['DELETE', '/test/a?uploadId=x', 'AbortMultipartUpload'], ['GET', '/test/a?uploadId=x', 'ListParts']
      ] as const) {
        await server.addFault({ match: { operation }, action: { type: 'status', status: 418 } })
        assert.equal((await raw(server.endpoint, target, { method })).status, 418, operation)
      }
      for (const [target, operation] of [['/test/b', 'CopyObject'], ['/test/b?partNumber=1&uploadId=x', 'UploadPartCopy']] as const) {
        await server.addFault({ match: { operation }, action: { type: 'status', status: 418 } })
        assert.equal((await raw(server.endpoint, target, { method: 'PUT', headers: { 'x-amz-copy-source': 'test/a' } })).status, 418, operation)
      }
    })
  })

  describe('statuses', () => {
    it('answer with the usual code, headers and without carrying out, unless told to', async () => {
      await server.addFault({ action: { type: 'status', status: 503, headers: { 'Retry-After': '2' } } })
      const slow = await put('/test/b')
      assert.deepEqual([slow.status, element(slow.body, 'Code'), slow.headers['retry-after']], [503, 'SlowDown', '2'])
      assert.equal(await server.get('test', 'b'), undefined)
      await server.addFault({ action: { type: 'status', status: 500, applied: true } })
      const lost = await put('/test/b')
      assert.deepEqual([lost.status, element(lost.body, 'Code')], [500, 'InternalError'])
      assert.equal(String(await server.get('test', 'b')), 'new')
    })

    it('come before the body when they are early', async () => {
      await server.addFault({ action: { type: 'status', status: 503, early: true } })
      const reply = await rawSocket(server.port, 'PUT /test/b HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nonly the beginning')
      assert.match(reply, /^HTTP\/1\.1 503 [\s\S]*Connection: close/i)
    })

    it('hide an error in a 200', async () => {
      const reply = await withFault({ type: 'errorInside', code: 'InternalError' })
      assert.deepEqual([reply.status, element(reply.body, 'Code')], [200, 'InternalError'])
    })

    it('redirect by Location or by region, and find the clock wrong', async () => {
      const away = await withFault({ type: 'redirect', to: 'http://other.invalid/x' })
      assert.deepEqual([away.status, away.headers.location], [307, 'http://other.invalid/x'])
      const region = await withFault({ type: 'redirect', region: 'eu-west-1' })
      assert.deepEqual([region.status, element(region.body, 'Code'), region.headers['x-amz-bucket-region']], [301, 'PermanentRedirect', 'eu-west-1'])
      const skewed = await withFault({ type: 'clockSkew', ms: 3_600_000 })
      assert.deepEqual([skewed.status, element(skewed.body, 'Code')], [403, 'RequestTimeTooSkewed'])
      assert.ok(Date.parse(skewed.headers.date!) - Date.now() > 3_500_000)
    })
  })

  describe('broken connections', () => {
    it('reset before the reply, inside it, and inside the request', async () => {
      assert.equal(await code(withFault({ type: 'reset' })), 'ECONNRESET')
      const inside = await withFault({ type: 'reset', afterBytes: 10 })
      assert.equal(inside.status, 200)
      assert.equal(inside.broken, 'ECONNRESET')
      assert.ok(inside.body.byteLength <= 10)
      await server.addFault({ action: { type: 'reset', of: 'request', afterBytes: 1 } })
      assert.equal(await code(put('/test/b')), 'ECONNRESET')
      assert.equal(await server.get('test', 'b'), undefined)
      await server.addFault({ action: { type: 'reset' } })
      assert.equal(await code(put('/test/b')), 'ECONNRESET')
      assert.equal(String(await server.get('test', 'b')), 'new')
    })

    it('cut cleanly, short of the length', async () => {
      await server.addFault({ action: { type: 'cut', afterBytes: 10 } })
      const reply = await rawSocket(server.port, 'GET /test/a HTTP/1.1\r\nHost: x\r\n\r\n')
      const [head, body] = reply.split('\r\n\r\n')
      assert.match(head!, /Content-Length: 1000/)
      assert.equal(body, content.slice(0, 10))
      await server.addFault({ action: { type: 'cut' } })
      assert.equal(await rawSocket(server.port, 'GET /test/a HTTP/1.1\r\nHost: x\r\n\r\n'), '')
    })

    it('are not counted as given up by the client, which what the client ends is', async () => {
      await withFault({ type: 'cut', afterBytes: 10 })
      assert.equal((await server.counters()).aborted, 0)
      await server.addFault({ action: { type: 'stall', at: 'headers' } })
      const socket = connect(server.port, '127.0.0.1')
      socket.write('GET /test/a HTTP/1.1\r\nHost: x\r\n\r\n')
      while ((await server.counters()).inFlight.now === 0) await new Promise(setImmediate)
      socket.destroy()
      while ((await server.counters()).inFlight.now === 1) await new Promise(setImmediate)
      assert.equal((await server.counters()).aborted, 1)
    })
  })

  describe('slow replies', () => {
    const elapsed = async (call: () => Promise<unknown>): Promise<number> => {
      const from = performance.now()
      await call()
      return performance.now() - from
    }

    it('stall at the connection, before the head and inside the body, for a while', async () => {
      for (const at of ['connect', 'headers', 'body'] as const) {
        const ms = await elapsed(async () => {
          const reply = await withFault({ type: 'stall', at, ms: 60, afterBytes: 5 })
          assert.equal(reply.body.toString(), content, at)
        })
        assert.ok(ms >= 55, `${at} took ${ms}`)
      }
    })

    it('stall at the connection until the faults are cleared', async () => {
      await server.addFault({ action: { type: 'stall', at: 'connect' } })
      const held = code(get())
      while ((await server.counters()).faults === 0) await new Promise(resolve => setImmediate(resolve))
      await server.clearFaults()
      assert.ok(['ECONNRESET', 'EPIPE'].includes(String(await held)))
      while ((await server.counters()).sockets.open > 0) await new Promise(resolve => setImmediate(resolve))
    })

    it('stall for ever until the server closes', async () => {
      await server.addFault({ action: { type: 'stall', at: 'body', afterBytes: 5 } })
      const socket = connect(server.port, '127.0.0.1')
      socket.write('GET /test/a HTTP/1.1\r\nHost: x\r\n\r\n')
      let got = ''
      socket.on('data', chunk => { got += chunk.toString() })
      while (!got.endsWith('\r\n\r\n01234')) await once(socket, 'data')
      await server.close()
      await once(socket, 'close')
      assert.ok(got.endsWith('\r\n\r\n01234'))
    })

    it('delay, trickle, and do two things together', async () => {
      await server.addFault({ action: [{ type: 'delay', ms: 40 }, { type: 'status', status: 500 }] })
      assert.ok(await elapsed(async () => { assert.equal((await get()).status, 500) }) >= 35)
      await server.addFault({ action: { type: 'trickle', bytesPerTick: 250, tickMs: 10 } })
      assert.ok(await elapsed(async () => { assert.equal((await get()).body.toString(), content) }) >= 30)
    })
  })

  describe('strange heads', () => {
    const ask = 'GET /test/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'

    it('are no HTTP, come after interim replies, or never end', async () => {
      await server.addFault({ action: { type: 'noHttp' } })
      assert.equal(await rawSocket(server.port, ask), 'SSH-2.0-OpenSSH_9.6\r\n')
      await server.addFault({ action: { type: 'interim', count: 2 } })
      const interim = await rawSocket(server.port, ask)
      assert.equal(interim.match(/HTTP\/1\.1 103 /g)?.length, 2)
      assert.match(interim, /HTTP\/1\.1 200 OK/)
      assert.ok(interim.endsWith(content))
      await server.addFault({ action: { type: 'slowHead', tickMs: 1 } })
      const socket = connect(server.port, '127.0.0.1')
      socket.write(ask)
      let head = ''
      while ((head.match(/x-slow/g)?.length ?? 0) < 5) head += String((await once(socket, 'data'))[0])
      assert.ok(!head.includes('\r\n\r\n'))
      socket.destroy()
      while ((await server.counters()).inFlight.now > 0) await new Promise(resolve => setImmediate(resolve))
    })
  })

  describe('wrong replies', () => {
    it('say a wrong length, longer and shorter', async () => {
      await server.addFault({ action: { type: 'wrongLength', by: 5 } })
      const long = await get()
      assert.deepEqual([long.headers['content-length'], long.body.byteLength, long.broken], ['1005', 1000, 'ECONNRESET'])
      await server.addFault({ action: { type: 'wrongLength', by: -5 } })
      const short = await rawSocket(server.port, 'GET /test/a HTTP/1.1\r\nHost: x\r\n\r\n')
      assert.match(short, /Content-Length: 995/)
      assert.equal(short.split('\r\n\r\n')[1], content)
    })

    it('shift, drop or ignore the range', async () => {
      const range = { range: 'bytes=10-19' }
      const shifted = await withFault({ type: 'wrongContentRange' }, undefined, range)
      assert.deepEqual([shifted.status, shifted.headers['content-range']], [206, 'bytes 11-20/1000'])
      assert.equal((await withFault({ type: 'wrongContentRange', value: 'bytes 0-9/10' }, undefined, range)).headers['content-range'], 'bytes 0-9/10')
      assert.equal((await withFault({ type: 'noContentRange' }, undefined, range)).headers['content-range'], undefined)
      const whole = await withFault({ type: 'ignoreRange' }, undefined, range)
      assert.deepEqual([whole.status, whole.body.byteLength], [200, 1000])
    })

    it('change the ETag each time', async () => {
      await server.addFault({ times: 2, action: { type: 'changeEtag' } })
      const tags = [(await get()).headers.etag, (await get()).headers.etag, (await get()).headers.etag]
      assert.equal(new Set(tags).size, 3)
    })

    it('are noise, or hold entities', async () => {
      const noise = await withFault({ type: 'garbage' }, '/test?list-type=2')
      assert.deepEqual([noise.status, noise.body.byteLength], [200, 512])
      assert.equal((await withFault({ type: 'garbage', text: 'not xml' }, '/test?list-type=2')).body.toString(), 'not xml')
      const bomb = (await withFault({ type: 'entities' }, '/test?list-type=2')).body.toString()
      assert.match(bomb, /^<\?xml[^>]*\?><!DOCTYPE[\s\S]*<ListBucketResult[^>]*><Name>&e;&file;<\/Name>/)
    })

    it('are compressed, chunked, of HTTP/1.0, or flooded with headers', async () => {
      const zipped = await withFault({ type: 'gzip' })
      assert.deepEqual([zipped.headers['content-encoding'], gunzipSync(zipped.body).toString()], ['gzip', content])
      const chunked = await withFault({ type: 'chunked' })
      assert.deepEqual([chunked.headers['transfer-encoding'], chunked.headers['content-length'], chunked.body.toString()], ['chunked', undefined, content])
      await server.addFault({ action: { type: 'http10' } })
      const old = await rawSocket(server.port, 'GET /test/a HTTP/1.1\r\nHost: x\r\n\r\n')
      assert.match(old, /^HTTP\/1\.0 200 OK\r\n/)
      assert.doesNotMatch(old, /Content-Length/i)
      assert.equal(old.split('\r\n\r\n')[1], content)
      assert.equal(await code(withFault({ type: 'headerFlood' })), 'HPE_HEADER_OVERFLOW')
    })
  })
})
