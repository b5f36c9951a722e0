import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { once } from 'node:events'
import { startGcsServer } from '../../servers/index.js'
import { GcsCalls, reasonOf } from './gcs-support.js'
import type { GcsServer } from '../../servers/index.js'

const quantum = 256 << 10
const data = randomBytes(3 * quantum + 1000)
const size = data.byteLength

describe('resumable uploads of the GCS server', () => {
  let server: GcsServer
  let gcs: GcsCalls

  beforeEach(async () => {
    server = await startGcsServer()
    gcs = new GcsCalls(server.endpoint)
  })
  afterEach(() => server.close())

  const send = (session: string, start: number, end: number, total: number | '*' = size) => gcs.chunk(session, `bytes ${start}-${end - 1}/${total}`, data.subarray(start, end))
  const stored = async (name = 'up'): Promise<boolean> => Buffer.compare(await server.get('test', name) ?? new Uint8Array(), data) === 0

  it('are nowhere to be seen before their end, and can be asked for', async () => {
    const session = await gcs.begin('test', 'up')
    const nothing = await gcs.chunk(session, `bytes */${size}`)
    assert.deepEqual([nothing.status, nothing.headers['range'], nothing.headers['content-length']], [308, undefined, '0'])
    await send(session, 0, quantum)
    assert.equal((await gcs.chunk(session, 'bytes */*')).headers['range'], `bytes=0-${quantum - 1}`)
    assert.equal((await gcs.chunk(session, `bytes */${size}`)).headers['range'], `bytes=0-${quantum - 1}`)
    assert.equal((await gcs.info('test', 'up')).status, 404)
    assert.deepEqual((await server.uploads('test')).map(({ key, persisted }) => [key, persisted]), [['up', quantum]])
    assert.equal((await send(session, quantum, size)).status, 200)
    assert.deepEqual([await stored(), await server.uploads('test')], [true, []])
  })

  it('tell the object again after their end, whatever is sent', async () => {
    const session = await gcs.begin('test', 'up')
    const done = await send(session, 0, size)
    for (const again of [await gcs.chunk(session, `bytes */${size}`), await gcs.chunk(session, 'bytes */*'), await send(session, 0, size)]) {
      assert.deepEqual([again.status, again.json['generation']], [200, done.json['generation']])
    }
  })

  it('store bytes that come twice once, and refuse a gap', async () => {
    const session = await gcs.begin('test', 'up')
    await send(session, 0, 2 * quantum)
    assert.equal((await send(session, quantum, 3 * quantum)).headers['range'], `bytes=0-${3 * quantum - 1}`)
    assert.equal((await send(session, 0, quantum)).headers['range'], `bytes=0-${3 * quantum - 1}`)
    assert.equal((await send(session, 3 * quantum + 1, size)).status, 400)
    assert.equal((await send(session, 2 * quantum, size)).status, 200)
    assert.equal(await stored(), true)
  })

  it('keep multiples of 256 KiB of what is not the end, and refuse less than one', async () => {
    const session = await gcs.begin('test', 'up')
    assert.equal((await send(session, 0, 1000)).status, 400)
    const kept = await send(session, 0, quantum + 1000)
    assert.deepEqual([kept.status, kept.headers['range']], [308, `bytes=0-${quantum - 1}`])
    assert.equal((await send(session, quantum, size)).status, 200)
    assert.equal(await stored(), true)
  })

  it('end with a question that names the size which is there, and with no other', async () => {
    const session = await gcs.begin('test', 'even')
    await send(session, 0, quantum, '*')
    assert.equal((await gcs.chunk(session, 'bytes */*')).status, 308)
    assert.equal((await gcs.chunk(session, `bytes */${quantum - 1}`)).status, 400)
    assert.deepEqual([(await gcs.chunk(session, `bytes */${quantum}`)).json['size'], (await server.get('test', 'even'))?.byteLength], [String(quantum), quantum])
    const empty = await gcs.begin('test', 'empty')
    assert.equal((await gcs.chunk(empty, 'bytes */0')).json['size'], '0')
  })

  it('hold all requests to one size, and a body to its range', async () => {
    const session = await gcs.begin('test', 'up')
    await send(session, 0, quantum)
    assert.equal((await send(session, quantum, 2 * quantum, size + 1)).status, 400)
    assert.equal((await gcs.chunk(session, `bytes ${quantum}-${2 * quantum - 1}/${size}`, data.subarray(0, quantum - 1))).status, 400)
    assert.equal((await gcs.chunk(session, 'bytes 5-4/9')).status, 400)
    assert.equal((await gcs.chunk(session, 'octets 0-1/2', 'xy')).status, 400)
    assert.equal((await send(session, quantum, size)).status, 200)
  })

  it('take a body without a range, or with an open end, as everything', async () => {
    assert.equal((await gcs.chunk(await gcs.begin('test', 'bare'), undefined, data)).status, 200)
    assert.equal((await gcs.chunk(await gcs.begin('test', 'open'), 'bytes 0-*/*', data)).status, 200)
    assert.deepEqual([await stored('bare'), await stored('open')], [true, true])
  })

  it('are cancelled for good with 499', async () => {
    const session = await gcs.begin('test', 'up')
    await send(session, 0, quantum)
    assert.equal((await gcs.call('DELETE', session)).status, 499)
    assert.deepEqual([(await send(session, quantum, size)).status, (await gcs.chunk(session, 'bytes */*')).status, await server.uploads('test')], [499, 499, []])
    assert.equal((await gcs.chunk('/upload/storage/v1/b/test/o?uploadType=resumable&upload_id=none', 'bytes */*')).status, 404)
    assert.equal(await server.get('test', 'up'), undefined)
  })

  it('check preconditions when they begin and when they end', async () => {
    const session = await gcs.begin('test', 'up', {}, '&ifGenerationMatch=0')
    await server.put('test', 'up', 'someone else')
    await assert.rejects(gcs.begin('test', 'up', {}, '&ifGenerationMatch=0'))
    const late = await send(session, 0, size)
    assert.deepEqual([late.status, reasonOf(late)], [412, 'conditionNotMet'])
    assert.equal((await gcs.chunk(session, 'bytes */*')).status, 412)
    assert.equal(Buffer.from((await server.get('test', 'up'))!).toString(), 'someone else')
  })

  it('hold the bytes to the hashes that the first or the last request names', async () => {
    const wrong = await gcs.begin('test', 'up', { crc32c: 'AAAAAA==' })
    assert.equal((await send(wrong, 0, size)).status, 400)
    const last = await gcs.begin('test', 'up')
    assert.equal((await gcs.chunk(last, `bytes 0-${size - 1}/${size}`, data, { 'x-goog-hash': 'md5=AAAAAAAAAAAAAAAAAAAAAA==' })).status, 400)
    assert.equal(await server.get('test', 'up'), undefined)
  })

  it('keep what came before the connection broke, in multiples of 256 KiB', async () => {
    const session = await gcs.begin('test', 'up')
    const socket = connect(server.port, '127.0.0.1')
    socket.write(`PUT ${session} HTTP/1.1\r\nHost: x\r\nContent-Range: bytes 0-${size - 1}/${size}\r\nContent-Length: ${size}\r\n\r\n`)
    socket.write(data.subarray(0, 2 * quantum + 5), () => socket.end())
    await once(socket.resume(), 'close')
    await server.reached({ inFlight: 0 })
    assert.equal((await gcs.chunk(session, `bytes */${size}`)).headers['range'], `bytes=0-${2 * quantum - 1}`)
    assert.equal((await send(session, 2 * quantum, size)).status, 200)
    assert.equal(await stored(), true)
  })

  describe('with faults', () => {
    it('store a part of a chunk and answer 308, or lose the answer', async () => {
      const session = await gcs.begin('test', 'up')
      await server.addFault({ match: { operation: 'uploads.put', key: 'up' }, action: { type: 'persist', bytes: quantum } })
      assert.equal((await send(session, 0, size)).headers['range'], `bytes=0-${quantum - 1}`)
      await server.addFault({ match: { operation: 'uploads.put' }, action: [{ type: 'persist', bytes: quantum }, { type: 'reset' }] })
      await assert.rejects(send(session, quantum, size), { code: 'ECONNRESET' })
      assert.equal((await gcs.chunk(session, `bytes */${size}`)).headers['range'], `bytes=0-${2 * quantum - 1}`)
    })

    it('say another Range, or none', async () => {
      const session = await gcs.begin('test', 'up')
      for (const value of [undefined, 'bytes=0-99', '0-262143', `bytes=0-${size + 5}`]) {
        await server.addFault({ match: { operation: 'uploads.query' }, action: { type: 'header', name: 'range', ...(value === undefined ? {} : { value }) } })
        assert.equal((await gcs.chunk(session, 'bytes */*')).headers['range'], value)
      }
    })

    it('end a finished upload without its answer', async () => {
      const session = await gcs.begin('test', 'up')
      await server.addFault({ match: { operation: 'uploads.put' }, action: { type: 'reset' } })
      await assert.rejects(send(session, 0, size), { code: 'ECONNRESET' })
      assert.equal(await stored(), true)
      assert.equal((await gcs.chunk(session, `bytes */${size}`)).status, 200)
    })

    it('lose the session for ever, with 404 or 410', async () => {
      for (const status of [404, 410]) {
        const session = await gcs.begin('test', 'up')
        await send(session, 0, quantum)
        await server.addFault({ match: { operation: 'uploads.put' }, action: { type: 'loseSession', status } })
        assert.deepEqual([(await send(session, quantum, size)).status, (await gcs.chunk(session, 'bytes */*')).status], [status, status])
      }
    })
  })
})
