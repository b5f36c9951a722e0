import { gzipSync } from 'node:zlib'
import { randomBytes, randomUUID } from 'node:crypto'
import { Bytes } from './bytes.js'
import { findAction } from './faults.js'
import type { Exchange, Headers, Reply } from './exchange.js'
import type { FaultAction } from './faults.js'

const pieceBytes = 1 << 20

/** Send a reply, spoilt as the exchange's faults say. Settles when it is written or its connection is gone. */
export async function send (exchange: Exchange, reply: Reply): Promise<void> {
  const { actions, res } = exchange
  if (actions.length === 0) {
    await sendPlain(exchange, reply)
    return
  }
  const held = findAction(actions, 'stall')
  if (held?.at === 'headers' && held.applied !== false) await exchange.sleep(held.ms)
  const late = findAction(actions, 'delay')
  if (late?.applied === true) await exchange.sleep(late.ms)
  const shaped = actions.reduce<Reply>(reshape, reply)
  const breaks = findAction(actions, 'reset') ?? findAction(actions, 'cut')
  if (breaks !== undefined && breaks.afterBytes === undefined) {
    breakOff(exchange, breaks.type)
    return
  }
  if (await beforeHead(exchange)) return
  if (findAction(actions, 'http10') !== undefined) {
    writeHead10(exchange, shaped, findAction(actions, 'http10')!.length === true)
  } else {
    writeHead(exchange, shaped, findAction(actions, 'wrongLength')?.by ?? (findAction(actions, 'wrongLength') === undefined ? 0 : 1))
  }
  if (exchange.method === 'HEAD') res.end()
  else await sendBody(exchange, shaped.body ?? Bytes.empty)
}

/** What comes in place of a head or before it. @returns true where nothing follows */
async function beforeHead (exchange: Exchange): Promise<boolean> {
  const { actions, res } = exchange
  const noHttp = findAction(actions, 'noHttp')
  if (noHttp !== undefined) {
    res.socket?.write(noHttp.text ?? 'SSH-2.0-OpenSSH_9.6\r\n')
    breakOff(exchange, 'cut')
    return true
  }
  const interim = findAction(actions, 'interim')
  for (let left = interim?.count ?? (interim === undefined ? 0 : 1); left > 0; left--) {
    res.socket?.write('HTTP/1.1 103 Early Hints\r\nLink: </style>; rel=preload\r\n\r\n')
    await exchange.sleep(interim?.tickMs ?? 1)
  }
  const slow = findAction(actions, 'slowHead')
  if (slow === undefined) return false
  exchange.spoilt = true
  res.socket?.write('HTTP/1.1 200 OK\r\n')
  for (;;) {
    res.socket?.write('x-slow: 1\r\n')
    await exchange.sleep(slow.tickMs ?? 10) // ends with the connection
  }
}

async function sendPlain (exchange: Exchange, reply: Reply): Promise<void> {
  const { res } = exchange
  const body = reply.body ?? Bytes.empty
  writeHead(exchange, reply, 0)
  if (exchange.method === 'HEAD' || body.size === 0) {
    res.end()
    return
  }
  const { chunks } = body
  if (chunks.length === 1 && body.size <= pieceBytes) {
    res.end(chunks[0])
    return
  }
  for (const piece of pieces(body, pieceBytes)) await exchange.write(piece)
  res.end()
}

/** The reply's body as the faults want it, after its head has been written. */
async function sendBody (exchange: Exchange, body: Bytes): Promise<void> {
  const { actions } = exchange
  const breaks = findAction(actions, 'reset') ?? findAction(actions, 'cut')
  const held = findAction(actions, 'stall')
  const trickle = findAction(actions, 'trickle')
  const write = await bodyWriter(exchange)
  const pause = held?.at === 'body' ? Math.min(held.afterBytes ?? 0, body.size) : undefined
  const end = breaks === undefined ? body.size : Math.min(breaks.afterBytes ?? 0, body.size)
  const size = trickle === undefined ? pieceBytes : trickle.bytesPerTick ?? 1
  if (pause !== undefined) {
    for (const piece of pieces(body.slice(0, Math.min(pause, end)), size)) await write(piece)
    await exchange.sleep(held?.ms)
  }
  for (const piece of pieces(body.slice(pause ?? 0, end), size)) {
    await write(piece)
    if (trickle !== undefined) await exchange.sleep(trickle.tickMs ?? 10)
  }
  if (breaks !== undefined) {
    await flushed(exchange)
    breakOff(exchange, breaks.type)
  } else if (findAction(actions, 'http10') !== undefined || findAction(actions, 'wrongLength') !== undefined) {
    breakOff(exchange, 'cut')
  } else {
    exchange.res.end()
  }
}

/** How to write body bytes: through Node, or below it where Node would keep the promises of the head. */
async function bodyWriter (exchange: Exchange): Promise<(piece: Uint8Array) => Promise<void>> {
  const { actions, res } = exchange
  const raw = findAction(actions, 'http10') !== undefined || findAction(actions, 'wrongLength') !== undefined
  if (!raw) return piece => exchange.write(piece)
  await flushed(exchange)
  return async piece => {
    if (res.socket?.write(piece) === false) await new Promise<void>(resolve => res.socket?.once('drain', resolve).once('close', resolve))
  }
}

function writeHead (exchange: Exchange, reply: Reply, wrongBy: number): void {
  const { res } = exchange
  const size = reply.body?.size ?? 0
  const headers: Headers = { ...reply.headers }
  if (reply.chunked !== true && reply.status !== 204 && reply.status !== 304 && headers['Content-Length'] === undefined) {
    headers['Content-Length'] = String(Math.max(size + wrongBy, 0))
  }
  res.writeHead(reply.status, headers)
  if (exchange.actions.length > 0 && exchange.method !== 'HEAD') res.flushHeaders()
}

/** Node writes HTTP/1.1 status lines only: this head goes to the socket. */
function writeHead10 (exchange: Exchange, reply: Reply, length: boolean): void {
  const lines = [`HTTP/1.0 ${reply.status} ${reply.status < 300 ? 'OK' : 'Error'}`, 'Connection: close']
  const headers: Headers = { Date: new Date().toUTCString(), ...reply.headers }
  if (length) headers['Content-Length'] ??= String(reply.body?.size ?? 0)
  else delete headers['Content-Length']
  for (const [name, value] of Object.entries(headers)) {
    for (const one of Array.isArray(value) ? value : [value]) lines.push(`${name}: ${one}`)
  }
  exchange.spoilt = true
  exchange.res.socket?.write(lines.join('\r\n') + '\r\n\r\n')
  if (exchange.method === 'HEAD') exchange.res.socket?.end()
}

function flushed (exchange: Exchange): Promise<void> {
  const { socket } = exchange.res
  if (socket === null || socket.destroyed) return Promise.resolve()
  return new Promise(resolve => socket.write('', () => resolve()))
}

/** End the connection by a reset or by a clean FIN. */
export function breakOff (exchange: Exchange, how: 'reset' | 'cut'): void {
  exchange.spoilt = true
  const { socket } = exchange.res
  if (how === 'reset') socket?.resetAndDestroy()
  else socket?.end(() => socket.destroySoon())
}

/** Body in views of at most `most` bytes. */
function * pieces (body: Bytes, most: number): Generator<Uint8Array> {
  for (const chunk of body.chunks) {
    for (let at = 0; at < chunk.byteLength; at += most) yield chunk.subarray(at, Math.min(at + most, chunk.byteLength))
  }
}

type Reshape<T extends FaultAction['type']> = (reply: Reply, action: Extract<FaultAction, { readonly type: T }>) => Reply

function reshape (reply: Reply, action: FaultAction): Reply {
  const make = shapes[action.type] as Reshape<FaultAction['type']> | undefined
  return make === undefined ? reply : make(reply, action as never)
}

const shapes: { readonly [T in FaultAction['type']]?: Reshape<T> } = {
  wrongContentRange: (reply, { value }) => {
    const [, start, end, size] = /^bytes (\d+)-(\d+)\/(.+)$/.exec(String(reply.headers['Content-Range'] ?? '')) ?? []
    return withHeaders(reply, { 'Content-Range': value ?? `bytes ${Number(start ?? 0) + 1}-${Number(end ?? 0) + 1}/${size ?? '*'}` })
  },
  noContentRange: reply => {
    const { 'Content-Range': _, ...headers } = reply.headers
    return { ...reply, headers }
  },
  changeEtag: (reply, { value }) => withHeaders(reply, { ETag: value ?? `"${randomUUID().replaceAll('-', '')}"` }),
  garbage: (reply, { text }) => ({ ...reply, body: Bytes.of(text ?? randomBytes(512)) }),
  entities: reply => ({ ...reply, body: Bytes.of(withEntities(reply.body?.toString() ?? '')) }),
  gzip: reply => ({ ...withHeaders(reply, { 'Content-Encoding': 'gzip' }), body: Bytes.of(gzipSync((reply.body ?? Bytes.empty).toUint8Array())) }),
  chunked: reply => ({ ...reply, chunked: true }),
  header: (reply, { name, value }) => {
    const others = Object.entries(reply.headers).filter(([one]) => one.toLowerCase() !== name.toLowerCase())
    return { ...reply, headers: { ...Object.fromEntries(others), ...(value === undefined ? {} : { [name]: typeof value === 'string' ? value : [...value] }) } }
  },
  json: (reply, { set }) => ({ ...reply, body: Bytes.of(JSON.stringify({ ...JSON.parse(reply.body?.toString() ?? '{}') as object, ...set })) }),
  flipByte: (reply, { at = 0 }) => {
    const { body = Bytes.empty } = reply
    const flipped = body.slice(at, at + 1).toUint8Array().map(byte => byte ^ 1)
    return { ...reply, body: Bytes.of(body.slice(0, at), flipped, body.slice(at + 1)) }
  },
  headerFlood: (reply, { count = 2000 }) => {
    const flood: Headers = {}
    for (let i = 0; i < count; i++) flood[`x-flood-${i}`] = 'f'.repeat(48)
    return withHeaders(reply, flood)
  }
}

function withHeaders (reply: Reply, headers: Headers): Reply {
  return { ...reply, headers: { ...reply.headers, ...headers } }
}

const doctype = '<!DOCTYPE x [<!ENTITY a "boom"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">' +
  '<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;"><!ENTITY file SYSTEM "file:///etc/passwd">]>'

/** Ten lines that unfold to some kilobytes, and a file: enough to see whether a reader unfolds at all. */
function withEntities (xml: string): string {
  const start = xml.startsWith('<?xml') ? xml.indexOf('?>') + 2 : 0
  const inside = xml.indexOf('>', start) + 1
  const first = inside === 0 ? '<Error>&e;&file;</Error>' : xml.slice(start, inside) + '<Name>&e;&file;</Name>' + xml.slice(inside)
  return xml.slice(0, start) + doctype + first
}
