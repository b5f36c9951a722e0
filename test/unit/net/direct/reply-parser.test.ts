import assert from 'node:assert/strict'
import { request as nodeRequest } from 'node:http'
import { createServer as createRawServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import fc from 'fast-check'
import { maxHeadBytes, OddReply } from '../../../../lib/net/direct/head.js'
import { ReplyParser } from '../../../../lib/net/direct/reply-parser.js'
import { TransportError } from '../../../../lib/net/transport.js'
import type { NetRequest } from '../../../../lib/net/transport.js'

interface Read {
  readonly status: number | undefined
  readonly headers: Record<string, string | undefined>
  readonly body: string
  readonly ended: boolean
  readonly persists: boolean
}

/** Feeds pieces to a parser as a connection does, and ends the connection if it is told to. */
function readReply (pieces: readonly Uint8Array[], { method = 'GET', fin = false }: { readonly method?: NetRequest['method'], readonly fin?: boolean } = {}): Read {
  let status: number | undefined
  let headers: Record<string, string | undefined> = {}
  const body: Buffer[] = []
  let ended = false
  let persists = false
  const parser = new ReplyParser({
    head: head => { status = head.status; headers = head.headers },
    data: chunk => { body.push(Buffer.from(chunk)) },
    end: more => { ended = true; persists = more }
  })
  parser.begin(method)
  for (const piece of pieces) if (!ended) parser.feed(Buffer.from(piece)) // what comes behind a reply is no reply's
  if (fin && !ended) parser.finish()
  return { status, headers, body: Buffer.concat(body).toString('latin1'), ended, persists }
}

const read = (text: string, options?: Parameters<typeof readReply>[1]): Read => readReply([Buffer.from(text, 'latin1')], options)

/** Cut at these places; as many pieces as there are places, and one. */
function cut (text: string, places: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text, 'latin1')
  const sorted = [...new Set(places.map(place => place % (bytes.length + 1)))].sort((a, b) => a - b)
  return [...sorted, bytes.length].map((end, index) => bytes.subarray(sorted[index - 1] ?? 0, end))
}

const kept = 'HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: 5\r\n\r\nhello'
const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;name=value\r\nhel\r\n2\r\nlo\r\n0\r\nx-sum: 1\r\n\r\n'

describe('direct: the parser of replies', () => {
  it('reads lengths, chunks, trailers and what ends with its connection', () => {
    assert.deepEqual(read(kept), { status: 200, headers: { etag: '"x"', 'content-length': '5' }, body: 'hello', ended: true, persists: true })
    assert.deepEqual(read(chunked), { status: 200, headers: { 'transfer-encoding': 'chunked' }, body: 'hello', ended: true, persists: true })
    assert.deepEqual(read('HTTP/1.1 200 OK\r\n\r\nhel', { fin: true }), { status: 200, headers: {}, body: 'hel', ended: true, persists: false })
    assert.equal(read('HTTP/1.1 200 OK\r\n\r\nhel').ended, false)
    assert.equal(read('HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n').body, '')
    assert.deepEqual([read('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n', { method: 'HEAD' })].map(({ ended, persists }) => [ended, persists]), [[true, true]])
    assert.equal(read('HTTP/1.1 304 Not Modified\r\n\r\n').ended, true)
    assert.equal(read('HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n').status, 200)
    assert.equal(read('HTTP/1.1 308 Resume Incomplete\r\nrange: bytes=0-1\r\ncontent-length: 0\r\n\r\n').headers['range'], 'bytes=0-1')
  })

  it('passes over interim replies, and takes no other protocol', () => {
    assert.deepEqual([read(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${kept}`)].map(({ status, body }) => [status, body]), [[200, 'hello']])
    assert.throws(() => read('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n'), OddReply)
  })

  it('says when the connection can not be used again', () => {
    for (const [text, persists] of [
      ['HTTP/1.1 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 0\r\n\r\n', true],
      ['HTTP/1.1 200 OK\r\nConnection: x, Close\r\ncontent-length: 0\r\n\r\n', false],
      ['HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n', false],
      [`${kept}HTTP/1.1 200 OK`, false],
      [`${chunked}x`, false]
    ] as const) assert.deepEqual([read(text).ended, read(text).persists], [true, persists], text)
  })

  it('joins repeated headers, trims their values, and takes bytes above ASCII for UTF-8', () => {
    const { headers } = read('HTTP/1.1 200 OK\r\nA: 1\r\nVary:\t x \r\na: 2\r\nempty:\r\nname: caf\xc3\xa9\r\ncontent-length: 0\r\n\r\n')
    assert.deepEqual(headers, { a: '1, 2', vary: 'x', empty: '', name: 'café', 'content-length': '0' })
  })

  it('refuses what can be read in two ways, as odd: another parser may know better', () => {
    for (const text of [
      'HTTP/1.1 200 OK\r\nA: 1\r\n folded\r\n\r\n', 'HTTP/1.1 200 OK\r\nA : 1\r\n\r\n', 'HTTP/1.1 200 OK\r\n: 1\r\n\r\n', 'HTTP/1.1 200 OK\r\nnothing\r\n\r\n',
      'HTTP/1.1 200 OK\r\nA: 1\nB: 2\r\n\r\n', 'HTTP/1.1 200 OK\r\nA: 1\rB: 2\r\n\r\n', 'HTTP/1.1 200 OK\r\nA: \0\r\n\r\n', 'HTTP/1.1 200 O\0K\r\n\r\n',
      'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello', 'HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\nhello', 'HTTP/1.1 200 OK\r\ncontent-length: 0x5\r\n\r\n',
      'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n', 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n', 'HTTP/2 200\r\n\r\n', 'HTTP/1.1 20 OK\r\n\r\n',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\n', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\nhe\r\n',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhell\r\n'
    ]) assert.throws(() => read(text), OddReply, JSON.stringify(text))
  })

  it('refuses what is no HTTP at its first byte, and what has no end', () => {
    for (const text of ['S', 'HTXP', '\r\nHTTP/1.1 200 OK', `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(maxHeadBytes)}`, `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(maxHeadBytes)}\r\n\r\n`,
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;${'x'.repeat(2000)}`, `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n${`a: ${'x'.repeat(900)}\r\n`.repeat(30)}`
    ]) assert.throws(() => read(text), (error: unknown) => error instanceof TransportError && !(error instanceof OddReply) && error.kind === 'protocol', JSON.stringify(text.slice(0, 80)))
  })

  it('tells a connection that ends before its reply from one that ends within', () => {
    assert.throws(() => read('HTTP/1.1 2', { fin: true }), { kind: 'lost' })
    for (const text of [kept.slice(0, -1), chunked.slice(0, -1), chunked.slice(0, -8)]) assert.throws(() => read(text, { fin: true }), { kind: 'cut' }, text)
    assert.equal(read(kept, { fin: true }).body, 'hello')
  })

  it('reads the same however the bytes are cut', () => {
    for (const text of [kept, chunked, `HTTP/1.1 100 Continue\r\n\r\n${kept}`]) {
      const whole = read(text)
      fc.assert(fc.property(fc.array(fc.nat(400), { maxLength: 12 }), places => { assert.deepEqual(readReply(cut(text, places)), whole) }), { numRuns: 300 })
      assert.deepEqual(readReply(Array.from(Buffer.from(text, 'latin1'), byte => Uint8Array.of(byte))), whole)
    }
  })

  it('ends in a reply, in waiting or in a TransportError, whatever bytes come', () => {
    const bases = [kept, chunked, `${kept}${chunked}`].map(text => Buffer.from(text, 'latin1'))
    const mutation = fc.record({
      base: fc.constantFrom(...bases), at: fc.nat(200), drop: fc.nat(4), put: fc.uint8Array({ maxLength: 4 }), places: fc.array(fc.nat(400), { maxLength: 4 }), fin: fc.boolean()
    })
    fc.assert(fc.property(mutation, ({ base, at, drop, put, places, fin }) => {
      const from = at % base.length
      const text = Buffer.concat([base.subarray(0, from), put, base.subarray(from + drop)]).toString('latin1')
      const outcome = (pieces: readonly Buffer[]): unknown => {
        try {
          return { ...readReply(pieces, { fin }), persists: undefined } // whether more came with the end depends on the cuts
        } catch (error) {
          assert.ok(error instanceof TransportError, String(error))
          return 'refused'
        }
      }
      assert.deepEqual(outcome(cut(text, places)), outcome([Buffer.from(text, 'latin1')]), JSON.stringify(text))
    }), { numRuns: 2000 })
  })

  it('reads what Node\'s own parser reads, wherever both read it', async () => {
    let reply = Buffer.alloc(0)
    const server = createRawServer(socket => { socket.once('data', () => { socket.end(reply) }).on('error', () => {}) })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const byNode = async (): Promise<{ status: number, body: string } | undefined> => new Promise(resolve => {
      const request = nodeRequest({ port, agent: false }, response => {
        const body: Buffer[] = []
        response.on('data', (chunk: Buffer) => { body.push(chunk) })
        response.on('end', () => { resolve({ status: response.statusCode!, body: Buffer.concat(body).toString('latin1') }) })
        response.on('error', () => { resolve(undefined) })
      })
      request.on('error', () => { resolve(undefined) })
      request.end()
    })
    let agreed = 0
    try {
      const sample = fc.sample(fc.record({ base: fc.constantFrom(kept, chunked), at: fc.nat(200), drop: fc.nat(2), put: fc.constantFrom('', ' ', '\r', '\n', '\r\n', '0', 'a', ':', ';', '5') }), { numRuns: 200, seed: 7 })
      for (const { base, at, drop, put } of sample) {
        const text = base.slice(0, at % base.length) + put + base.slice(at % base.length + drop)
        reply = Buffer.from(text, 'latin1')
        let ours: Read | undefined
        try { ours = read(text, { fin: true }) } catch { /* stricter than Node */ }
        const theirs = await byNode()
        if (ours === undefined || !ours.ended || theirs === undefined) continue
        assert.deepEqual([ours.status, ours.body], [theirs.status, theirs.body], JSON.stringify(text))
        agreed++
      }
    } finally {
      await new Promise(resolve => server.close(resolve))
    }
    assert.ok(agreed > 30, String(agreed))
  })
})
