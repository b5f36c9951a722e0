import assert from 'node:assert/strict'
import { channel, tracingChannel } from 'node:diagnostics_channel'
import { getEventListeners, once } from 'node:events'
import { createServer as createTlsServer } from 'node:tls'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { FsError } from '../../../lib/errors/index.js'
import { NetClient } from '../../../lib/net/index.js'
import type { NetCall, NetClientOptions } from '../../../lib/net/index.js'
import { resetForFork } from '../../../lib/owner/index.js'
import { startFileServer } from '../../servers/index.js'
import type { FileServer } from '../../servers/index.js'
import { cert, key } from '../../implementations/http/fixtures/certificate.js'

for (const transport of ['undici', 'direct'] as const) describe(`net: client over '${transport}'`, () => {
  const options: NetClientOptions = { protocol: 'test', transport, maxConcurrency: 4, retry: { attempts: 3, baseMs: 1, maxMs: 5 }, timeoutMs: 5000, idleTimeoutMs: 5000 }
  let server: FileServer
  let net: NetClient
  const signal = new AbortController().signal
  before(async () => {
    server = await startFileServer()
    server.put('a', 'hello')
    server.put('big', Buffer.alloc(4 << 20, 7))
    server.put('huge', Buffer.alloc(32 << 20, 7))
  })
  after(() => server.close())
  beforeEach(async () => {
    net = new NetClient(options)
    await server.clearFaults()
    await server.resetCounters()
  })
  afterEach(async () => {
    await net.close()
    assert.equal(getEventListeners(signal, 'abort').length, 0)
  })
  const call = (path = '/a', more: Partial<NetCall> = {}): NetCall => ({
    operation: 'GET',
    path,
    idempotent: true,
    build: () => ({ method: 'GET', origin: server.endpoint, path, headers: [] }),
    judge: ({ status }) => status < 300 ? undefined : { error: new FsError(status >= 500 ? 'FORKFS_BACKEND' : 'ENOENT', 'no', { retry: status >= 500 ? 'may' : 'never' }) },
    ...more
  })

  it('brings a reply, puts it where it is wanted, refuses more than there is room for', async () => {
    const reply = await net.send(call(), signal)
    assert.equal(Buffer.from(reply.body).toString(), 'hello')
    assert.equal(reply.body.constructor, Uint8Array)
    const into = new Uint8Array(8)
    const placed = await net.send(call('/a', { destination: () => ({ into }) }), signal)
    assert.equal(placed.body.buffer, into.buffer)
    assert.equal(placed.body.length, 5)
    await assert.rejects(net.send(call('/a', { destination: () => ({ maxBytes: 4 }) }), signal), { code: 'FORKFS_PROTOCOL' })
    await assert.rejects(net.send(call('/a', { destination: () => { throw new RangeError('no room') } }), signal), RangeError)
  })

  it('takes the beginning of a body, and closes behind it', async () => {
    const reply = await net.send(call('/huge', { destination: () => ({ take: 1000 }) }), signal)
    assert.deepEqual([reply.body.length, reply.body.every(byte => byte === 7)], [1000, true])
    assert.ok((await server.counters()).bytes.out < 32 << 20)
    assert.equal((await net.send(call('/a', { destination: () => ({ take: 5 }) }), signal)).body.length, 5)
    assert.equal((await net.send(call('/a', { destination: () => ({ take: 50 }) }), signal)).body.length, 5)
  })

  it('gives a long body its deadline again for each MiB, and no more than that', async () => {
    const place = { destination: () => ({ maxBytes: 8 << 20 }) }
    const slow = { ...options, timeoutMs: 250 } // 1 s for 4 MiB
    await server.addFault({ action: { type: 'trickle', bytesPerTick: 256 << 10, tickMs: 20 } })
    const patient = new NetClient(slow)
    assert.equal((await patient.send(call('/big', place), signal)).body.length, 4 << 20) // 320 ms at least
    await server.addFault({ action: { type: 'trickle', bytesPerTick: 32 << 10, tickMs: 20 } })
    const start = performance.now()
    await assert.rejects(patient.send(call('/big', place), signal), { code: 'ETIMEDOUT' })
    const took = performance.now() - start
    assert.ok(took >= 1000 && took < 2500, `${took} ms`)
    await server.addFault({ action: { type: 'trickle', bytesPerTick: 32 << 10, tickMs: 20 } })
    await assert.rejects(patient.send(call('/big'), signal), { code: 'ETIMEDOUT' }) // nobody asked for so much
    assert.ok(performance.now() - start - took < 1000)
    await patient.close()
  })

  it('gives a long upload its deadline again for each MiB', async () => {
    const patient = new NetClient({ ...options, timeoutMs: 250 })
    const body = Buffer.alloc(4 << 20)
    await server.addFault({ action: { type: 'status', status: 200 }, times: 2 })
    await server.addFault({ action: [{ type: 'delay', ms: 400 }, { type: 'status', status: 200 }], times: 2 })
    const put = call('/new', { build: () => ({ method: 'PUT', origin: server.endpoint, path: '/new', headers: [], body }) })
    assert.equal((await patient.send(put, signal)).status, 200)
    assert.equal((await patient.send(put, signal)).status, 200)
    assert.equal((await patient.send(put, signal)).status, 200)
    await assert.rejects(patient.send(call(), signal), { code: 'ETIMEDOUT' })
    await patient.close()
  })

  it('does not count the wait for a slot as time of the request', async () => {
    const narrow = new NetClient({ ...options, maxConcurrency: 1, timeoutMs: 400 })
    await server.addFault({ action: { type: 'delay', ms: 150 }, times: 5 })
    const replies = await Promise.all(Array.from({ length: 5 }, () => narrow.send(call(), signal)))
    assert.deepEqual(replies.map(({ status }) => status), [200, 200, 200, 200, 200])
    await narrow.close()
  })

  it('does not send again what may have been done, unless that does no harm', async () => {
    await server.addFault({ action: { type: 'reset' } })
    await assert.rejects(net.send(call('/a', { idempotent: false }), signal), { code: 'FORKFS_NETWORK', retry: 'never' })
    assert.equal((await server.counters()).requests, 1)
    const dead = call('/a', { idempotent: false, build: () => ({ method: 'GET', origin: 'http://127.0.0.1:1', path: '/', headers: [] }) })
    await assert.rejects(net.send(dead, signal), { code: 'FORKFS_NETWORK', retry: 'exhausted' })
    assert.equal(net.stats.requests, 4)
  })

  it('repairs at most twice, and asks again at once', async () => {
    let repairs = 0
    const broken = call('/none', { judge: () => ({ error: new FsError('EACCES', 'no'), repair: () => Promise.resolve(++repairs < 10) }) })
    await assert.rejects(net.send(broken, signal), { code: 'EACCES' })
    assert.equal(repairs, 2)
    assert.equal((await server.counters()).requests, 3)
  })

  it('ends waits for a request that is not built, and for repairs, with the signal', async () => {
    const reason = new Error('enough')
    const never = new Promise<never>(() => {})
    for (const stuck of [call('/a', { build: () => never }), call('/a', { judge: () => ({ error: new FsError('EACCES', 'no'), repair: () => never }) })]) {
      const controller = new AbortController()
      const sending = net.send(stuck, controller.signal)
      setTimeout(() => { controller.abort(reason) }, 20)
      await assert.rejects(sending, error => error === reason)
      assert.equal(getEventListeners(controller.signal, 'abort').length, 0)
    }
  })

  it('streams a body as it is asked for, without a clock while it is not', async () => {
    const slow = new NetClient({ ...options, idleTimeoutMs: 50, timeoutMs: 50 })
    const { body, status } = await slow.stream(call('/big'), signal)
    assert.equal(status, 200)
    let length = 0
    for await (const chunk of body) {
      if (length === 0) await new Promise(resolve => setTimeout(resolve, 120))
      length += chunk.length
    }
    assert.equal(length, 4 << 20)
    assert.equal(slow.stats.bytesIn, 4 << 20)
    await slow.close()
  })

  it('lets go of a stream that is left, read or not', async () => {
    for (const read of [true, false]) {
      const { body } = await net.stream(call('/big'), signal)
      const iterator = body[Symbol.asyncIterator]()
      if (read) await iterator.next()
      await iterator.return!()
      while (net.stats.sockets > 0) await new Promise(resolve => setTimeout(resolve, 2))
    }
  })

  it('ends a stream with an error where it is cut or stalls', async () => {
    const impatient = new NetClient({ ...options, idleTimeoutMs: 50 })
    const drain = async (): Promise<void> => { for await (const chunk of (await impatient.stream(call('/big'), signal)).body) assert.ok(chunk.length > 0) }
    await server.addFault({ action: { type: 'cut', afterBytes: 1000 } })
    await assert.rejects(drain(), { code: 'FORKFS_TRUNCATED' })
    await server.addFault({ action: { type: 'stall', at: 'body', afterBytes: 1000 } })
    await assert.rejects(drain(), { code: 'ETIMEDOUT' })
    await impatient.close()
  })

  it('destroys what is under way at a reset, and works on', async () => {
    await server.addFault({ action: { type: 'stall', at: 'headers' } })
    const pending = assert.rejects(net.send(call('/a', { idempotent: false }), signal))
    while ((await server.counters()).requests === 0) await new Promise(resolve => setTimeout(resolve, 2))
    resetForFork()
    assert.equal(net.stats.sockets, 0)
    await pending
    assert.equal((await net.send(call(), signal)).status, 200)
  })

  it('tells subscribers of requests and retries, without headers or queries', async () => {
    const events: unknown[] = []
    const listen = (message: unknown): void => { events.push(message) }
    const tracing = tracingChannel('forkfs:request')
    tracing.asyncEnd.subscribe(listen)
    channel('forkfs:retry').subscribe(listen)
    await server.addFault({ action: { type: 'status', status: 503 } })
    await net.send(call('/a'), signal)
    tracing.asyncEnd.unsubscribe(listen)
    channel('forkfs:retry').unsubscribe(listen)
    const [retry, request] = events as Array<Record<string, unknown>>
    assert.deepEqual([retry!['protocol'], retry!['operation'], retry!['attempt']], ['test', 'GET', 1])
    assert.deepEqual([request!['protocol'], request!['path'], request!['status'], request!['bytes']], ['test', '/a', 200, 5])
  })

  it('trusts a further authority beside those of Node, and no other', async () => {
    const proxy = createTlsServer({ key, cert }, socket => {
      const inner = connect(server.port, '127.0.0.1')
      socket.on('error', () => {}).pipe(inner).on('error', () => {}).pipe(socket)
    }).listen(0, '127.0.0.1')
    proxy.on('tlsClientError', () => {})
    await once(proxy, 'listening')
    const secure = call('/a', { build: () => ({ method: 'GET', origin: `https://127.0.0.1:${(proxy.address() as AddressInfo).port}`, path: '/a', headers: [] }) })
    const trusting = new NetClient({ ...options, ca: cert })
    assert.equal((await trusting.send(secure, signal)).status, 200)
    await trusting.close()
    const { retries } = net.stats
    await assert.rejects(net.send(secure, signal), { code: 'FORKFS_NETWORK', retry: 'never' })
    assert.equal(net.stats.retries, retries) // no further attempt makes it valid
    proxy.close()
  })
})
