import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { buffer } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { DirectTransport } from '../../../../lib/net/direct/index.js'
import { openTransport } from '../../../../lib/net/open-transport.js'
import type { Destination, ExchangeOptions, NetReply, NetRequest } from '../../../../lib/net/transport.js'
import { eventually } from '../../../eventually.js'
import { cert, key } from '../../../implementations/http/fixtures/certificate.js'

const MiB = 1 << 20
const text = (reply: NetReply): string => Buffer.from(reply.body).toString('latin1')
const plain = (body: string): string => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`

/** A server that hands over each whole request head, and its connection. */
interface Peer { readonly server: Server, readonly origin: string, readonly heads: string[], readonly sockets: Socket[] }

async function startPeer (answer: (socket: Socket, head: string) => void): Promise<Peer> {
  const heads: string[] = []
  const sockets: Socket[] = []
  const server = createServer(socket => {
    sockets.push(socket)
    let seen = ''
    socket.on('error', () => {})
    socket.on('data', chunk => {
      seen += chunk.toString('latin1')
      for (let end = seen.indexOf('\r\n\r\n'); end >= 0; end = seen.indexOf('\r\n\r\n')) {
        const head = seen.slice(0, end)
        heads.push(head)
        seen = seen.slice(end + 4 + Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0))
        answer(socket, head)
      }
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, heads, sockets }
}

async function soon (condition: () => boolean): Promise<void> { assert.ok(await eventually(condition), 'it never came about') }

describe('DirectTransport', () => {
  let peer: Peer
  let transport: DirectTransport
  let answer: (socket: Socket, head: string) => void
  beforeEach(async () => {
    answer = socket => { socket.write(plain('hello')) }
    peer = await startPeer((socket, head) => { answer(socket, head) })
    transport = new DirectTransport({ connections: 2 })
  })
  afterEach(async () => {
    transport.destroy()
    for (const socket of peer.sockets) socket.destroy()
    await new Promise(resolve => peer.server.close(resolve))
  })
  const get = (more: Partial<NetRequest> = {}): NetRequest => ({ method: 'GET', origin: peer.origin, path: '/x', headers: [], ...more })
  const options = (destination?: Destination, signal = new AbortController().signal): ExchangeOptions => (
    { signal, deadline: { at: performance.now() + 5000 }, idleMs: 5000, destination: destination === undefined ? undefined : () => destination })
  const send = (more?: Partial<NetRequest>, destination?: Destination, signal?: AbortSignal): Promise<NetReply> => transport.request(get(more), options(destination, signal))

  it('uses a connection again, the last one first, and no more than it may', async () => {
    for (let turn = 0; turn < 5; turn++) assert.equal(text(await send()), 'hello')
    assert.equal(peer.sockets.length, 1)
    await Promise.all(Array.from({ length: 20 }, () => send()))
    assert.equal(peer.sockets.length, 2)
    assert.equal(peer.heads.length, 25)
    assert.match(peer.heads[0]!, /^GET \/x HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+$/)
  })

  it('closes idle connections after a while, and at once those that the server says it will close', async () => {
    answer = socket => { socket.write('HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 0\r\n\r\n') }
    await send()
    await soon(() => transport.sockets === 0)
    answer = socket => { socket.write('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n') }
    await send()
    await soon(() => transport.sockets === 0)
    answer = socket => { socket.write('HTTP/1.1 200 OK\r\nkeep-alive: timeout=2\r\ncontent-length: 0\r\n\r\n') }
    await send()
    assert.equal(transport.sockets, 1)
    await soon(() => transport.sockets === 0)
  }).timeout(10_000)

  it('takes no byte that nobody asked for as the reply of the next request', async () => {
    await send()
    peer.sockets[0]!.write(plain('wrong'))
    await soon(() => transport.sockets === 0)
    assert.equal(text(await send()), 'hello')
    answer = socket => { socket.write(`${plain('right')}${plain('wrong')}`) }
    assert.equal(text(await send()), 'right')
    answer = socket => { socket.write(plain('next!')) }
    assert.equal(text(await send()), 'next!')
    assert.equal(peer.sockets.length, 3)
  })

  it('reads a body right to memory that nobody can take away, and never to other memory', async () => {
    const body = Buffer.alloc(2 * MiB, 7)
    let half: (() => void) | undefined
    answer = socket => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n`)
      socket.write(body.subarray(0, MiB))
      half = () => { socket.write(body.subarray(MiB)) }
    }
    for (const [name, into, held] of [['held', new Uint8Array(body.length), true], ['shared', new Uint8Array(new SharedArrayBuffer(body.length)), false]] as const) {
      const reply = send({}, { into, held })
      await soon(() => into[MiB - 1] === 7)
      half!()
      assert.equal((await reply).body.buffer, into.buffer, name)
      assert.ok(into.every(byte => byte === 7), name)
    }
    // The caller transfers its buffer in mid-read: what is its new owner's stays as it is.
    const given = new Uint8Array(body.length)
    const reply = send({}, { into: given })
    await soon(() => given[MiB - 1] === 7)
    const taken = structuredClone(given.buffer, { transfer: [given.buffer] })
    const before = Buffer.from(taken.slice(0))
    half!()
    await reply.then(() => {}, () => {})
    assert.ok(before.equals(Buffer.from(taken)))
  })

  it('writes nothing to the buffer of a read that was given up', async () => {
    const into = new Uint8Array(2 * MiB)
    const controller = new AbortController()
    let socket: Socket | undefined
    answer = given => { socket = given; given.write(`HTTP/1.1 200 OK\r\ncontent-length: ${into.length}\r\n\r\n`); given.write(Buffer.alloc(MiB, 7)) }
    const reply = send({}, { into, held: true }, controller.signal)
    await soon(() => into[100_000] === 7)
    controller.abort('enough')
    await assert.rejects(reply, error => error === 'enough')
    into.fill(1)
    socket!.write(Buffer.alloc(MiB, 9))
    await soon(() => socket!.closed)
    assert.ok(into.every(byte => byte === 1))
    assert.equal(transport.sockets, 0)
  })

  it('reads the next reply on a connection whose last body waited for a slow reader', async () => {
    answer = socket => { socket.write(plain('x'.repeat(100))) }
    for (let turn = 0; turn < 3; turn++) {
      const { body } = await transport.stream(get(), options())
      await soon(() => peer.heads.length === turn + 1)
      await new Promise(resolve => setImmediate(resolve)) // all of it is there before anybody asks
      let bytes = 0
      for await (const chunk of body) bytes += chunk.length
      assert.equal(bytes, 100)
    }
    assert.equal(peer.sockets.length, 1)
  })

  it('closes behind the part of a body that is wanted', async () => {
    answer = socket => { socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${4 * MiB}\r\n\r\n`); socket.write(Buffer.alloc(4 * MiB, 7)) }
    const { body } = await send({}, { take: MiB })
    assert.deepEqual([body.length, body.every(byte => byte === 7)], [MiB, true])
    await soon(() => transport.sockets === 0)
  })

  it('sends again over undici what it does not read, then all of that server', async () => {
    answer = socket => { socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx: 1\r\n folded\r\n\r\nhello') }
    const odd = await send().then(text, (error: Error) => error.message)
    assert.equal(peer.heads.length, 2, odd)
    assert.match(peer.heads[1]!, /connection: keep-alive/) // undici's
    answer = socket => { socket.write(plain('hello')) }
    assert.equal(text(await send()), 'hello')
    assert.match(peer.heads[2]!, /connection: keep-alive/)
  })

  it('does not send again by itself what may have been done', async () => {
    answer = socket => { socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx: 1\r\n folded\r\n\r\n') }
    await assert.rejects(send({ method: 'POST' }), { kind: 'protocol' })
    assert.equal(peer.heads.length, 1)
  })

  it('sends a change when the caller\'s code has run to its end: an abort right behind the call stops it', async () => {
    await send()
    const controller = new AbortController()
    const reply = send({ method: 'PUT', body: Buffer.from('new') }, undefined, controller.signal)
    controller.abort('no')
    await assert.rejects(reply, error => error === 'no')
    assert.equal(text(await send({ method: 'PUT', body: Buffer.from('new') })), 'hello')
    assert.deepEqual(peer.heads.map(head => head.slice(0, 3)), ['GET', 'PUT'])
    assert.match(peer.heads[1]!, /\r\ncontent-length: 3$/)
    assert.equal(peer.sockets.length, 1)
  })

  it('uses no connection again whose server answered before it had the whole request', async () => {
    const early = createServer(socket => {
      socket.on('error', () => {})
      socket.once('data', () => { socket.pause(); socket.write('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n') })
      peer.sockets.push(socket)
    })
    await once(early.listen(0, '127.0.0.1'), 'listening')
    const origin = `http://127.0.0.1:${(early.address() as AddressInfo).port}`
    const { status } = await transport.request({ method: 'PUT', origin, path: '/', headers: [], body: Buffer.alloc(32 * MiB) }, options())
    assert.equal(status, 403)
    await soon(() => transport.sockets === 0)
    for (const socket of peer.sockets) socket.destroy()
    await new Promise(resolve => early.close(resolve))
  })

  it('closes behind a HEAD unless the server is known to send no body', async () => {
    answer = socket => { socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n') }
    assert.equal((await send({ method: 'HEAD' })).headers['content-length'], '5')
    await soon(() => transport.sockets === 0)
    await send({ method: 'HEAD', keepAfterHead: true })
    await send({ method: 'HEAD', keepAfterHead: true })
    assert.equal(peer.sockets.length, 2)
  })

  for (const name of ['direct', 'undici'] as const) {
    it(`sends a body in pieces as one, over ${name}`, async () => {
      const bodies: Buffer[] = []
      const server = createHttpServer((request, response) => {
        void buffer(request).then(body => {
          bodies.push(body)
          response.end(request.headers['content-length'])
        })
      })
      await once(server.listen(0, '127.0.0.1'), 'listening')
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const over = await openTransport({ transport: name, connections: 1 })
      const [front, middle] = [new Uint8Array([0, 13, 10]), new Uint8Array(3 * MiB).fill(7)]
      for (const body of [[front, middle, new Uint8Array(0), Buffer.from('end')], [], [Buffer.alloc(0)]]) {
        const whole = Buffer.concat(body)
        assert.equal(text(await over.request({ method: 'POST', origin, path: '/', headers: [], body }, options())), String(whole.length))
        assert.ok(bodies.pop()!.equals(whole))
      }
      await over.close()
      await new Promise(resolve => server.close(resolve))
    })
  }

  it('refuses before anything is sent what would not stay one request', async () => {
    for (const more of [
      { path: '/a b' }, { path: '/a\r\nx: y' }, { headers: ['x', 'y\r\nz: 1'] }, { headers: ['x y', '1'] }, { headers: ['x', 'ł'] }, { headers: ['content-length', '5'] }, { headers: ['Transfer-Encoding', 'chunked'] }
    ]) await assert.rejects(send(more), TypeError, JSON.stringify(more))
    assert.equal(peer.sockets.length, 0)
  })

  it('tells what became of a connection', async () => {
    const closed = createServer()
    await once(closed.listen(0, '127.0.0.1'), 'listening')
    const { port } = closed.address() as AddressInfo
    await new Promise(resolve => closed.close(resolve))
    await assert.rejects(send({ origin: `http://127.0.0.1:${port}` }), { kind: 'connect' })
    answer = socket => { socket.destroy() }
    await assert.rejects(send(), { kind: 'lost' })
    answer = socket => { socket.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe') }
    await assert.rejects(send(), { kind: 'cut' })
    answer = socket => { socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe'); setImmediate(() => { socket.resetAndDestroy() }) }
    await assert.rejects(send(), { kind: 'cut' })
  })

  it('waits at close() for what is under way, and fails all at destroy()', async () => {
    const held: Socket[] = []
    answer = socket => { held.push(socket) }
    const reply = send()
    await soon(() => held.length === 1)
    const closing = transport.close()
    held[0]!.write(plain('late!'))
    assert.equal(text(await reply), 'late!')
    await closing
    await soon(() => transport.sockets === 0)
    transport = new DirectTransport({ connections: 1 })
    const three = Promise.allSettled([send(), send(), send()])
    await soon(() => held.length === 2)
    transport.destroy()
    assert.deepEqual((await three).map(({ status }) => status), ['rejected', 'rejected', 'rejected'])
    await assert.rejects(send(), { kind: 'connect' })
  })

  it('speaks TLS as Node does: names, authorities, sessions; a certificate of another is no connection', async () => {
    const seen: Array<{ readonly name: string | false | null, readonly reused: boolean }> = []
    const server = createTlsServer({ key, cert }, (socket: TLSSocket) => {
      seen.push({ name: socket.servername, reused: socket.isSessionReused() })
      peer.sockets.push(socket)
      socket.on('error', () => {})
      socket.on('data', () => { socket.write(`HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: ${MiB}\r\n\r\n`); socket.end(Buffer.alloc(MiB, 7)) })
    })
    server.on('tlsClientError', () => {})
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const origin = `https://localhost:${(server.address() as AddressInfo).port}`
    await assert.rejects(send({ origin }), { kind: 'certificate' })
    const trusting = new DirectTransport({ connections: 2, ca: cert })
    try {
      for (let turn = 0; turn < 2; turn++) {
        const { body } = await trusting.request(get({ origin }), options())
        assert.deepEqual([body.length, body.every(byte => byte === 7)], [MiB, true])
        await soon(() => trusting.sockets === 0)
      }
    } finally {
      trusting.destroy()
      await new Promise(resolve => server.close(resolve))
    }
    assert.deepEqual(seen.map(({ name }) => name), ['localhost', 'localhost'])
    assert.equal(seen[1]!.reused, true)
  })

  it('keeps no process alive with idle connections, and loads nothing of undici', async () => {
    const module = new URL('../../../../lib/net/direct/index.js', import.meta.url).href
    const code = `
      import { createRequire } from 'node:module'
      const { DirectTransport } = await import(${JSON.stringify(module)})
      const transport = new DirectTransport({ connections: 1 })
      const signal = new AbortController().signal
      const reply = await transport.request({ method: 'GET', origin: ${JSON.stringify(peer.origin)}, path: '/', headers: [] }, { signal, deadline: { at: Infinity }, idleMs: 5000 })
      console.log(JSON.stringify([reply.status, transport.sockets, Object.keys(createRequire(process.cwd() + '/x.js').cache).filter(path => path.includes('undici'))]))`
    const began = performance.now()
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code])
    assert.deepEqual(JSON.parse(stdout), [200, 1, []])
    assert.ok(performance.now() - began < 4000)
  })
})

describe('openTransport()', () => {
  it('takes undici for proxies and for dispatchers of the caller\'s', async () => {
    const direct = await openTransport({ transport: 'direct', connections: 1 })
    assert.equal(direct instanceof DirectTransport, process.platform !== 'win32')
    process.env['HTTP_PROXY'] = 'http://127.0.0.1:1'
    try {
      const proxied = await openTransport({ transport: 'direct', connections: 1 })
      assert.equal(proxied instanceof DirectTransport, false)
      await proxied.close()
    } finally {
      delete process.env['HTTP_PROXY']
    }
    await direct.close()
  })
})
