/**
 * A server over bare sockets with everything prepared: objects, a listing, and uploads that are read and forgotten, as S3 and as Google
 * Cloud Storage tell of them. It checks no signature. argv[2]: { sizes, delayMs }; prints its port as soon as it listens and ends with its standard input.
 */
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { bucket, checkpointKey, servedPath } from '../sizes.js'
import type { Sizes } from '../types.js'
import { Checksums, describe, isGcs, ListPages, mediaHeaders, objectOf, takeInsert } from './gcs.js'
import type { Reply } from './gcs.js'
import { Objects } from './objects.js'
import type { Stored } from './objects.js'
import { RequestReader } from './request.js'
import type { Head } from './request.js'

const { sizes, delayMs } = JSON.parse(process.argv[2]!) as { readonly sizes: Sizes, readonly delayMs: number }
const objects = new Objects(sizes)
const pages = new ListPages(sizes.keys)
const checksums = new Checksums()
const checkpointPath = `/${bucket}/${checkpointKey}/`
/** Bytes of the checkpoint that were asked for. */
let served = 0
const etag = 'ETag: "00000000000000000000000000000001"\r\n'

function send (socket: Socket, status: string, headers: string, body = ''): void {
  socket.write(`HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`)
}

/** Until there is room again, or nobody to send to. */
function drained (socket: Socket): Promise<void> {
  return new Promise(resolve => {
    const done = (): void => {
      socket.off('drain', done).off('close', done)
      resolve()
    }
    socket.on('drain', done).on('close', done)
  })
}

async function sendObject (socket: Socket, { method, path, range }: Head, stored: Stored | undefined, headers: string): Promise<void> {
  if (stored === undefined) { send(socket, '404 Not Found', ''); return }
  const start = range?.start ?? 0
  const end = Math.min(range?.end ?? stored.length, stored.length)
  if (start >= end) { send(socket, '416 Range Not Satisfiable', `Content-Range: bytes */${stored.length}\r\n`); return }
  const status = range === undefined ? '200 OK' : '206 Partial Content'
  const partial = range === undefined ? '' : `Content-Range: bytes ${start}-${end - 1}/${stored.length}\r\n`
  socket.cork()
  socket.write(`HTTP/1.1 ${status}\r\nContent-Length: ${end - start}\r\n${partial}${headers}Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nAccept-Ranges: bytes\r\n\r\n`)
  if (method === 'HEAD') { socket.uncork(); return }
  if (path.startsWith(checkpointPath)) served += end - start
  for (const slice of stored.slices(start, end)) {
    const room = socket.write(slice)
    if (room) continue
    socket.uncork()
    if (socket.destroyed) return
    await drained(socket)
    socket.cork()
  }
  socket.uncork()
}

function sendList (socket: Socket, query: URLSearchParams): void {
  const page = objects.page(query.get('continuation-token') ?? 'page0', query.get('prefix') ?? '')
  if (page === undefined) send(socket, '400 Bad Request', '')
  else send(socket, '200 OK', 'Content-Type: application/xml\r\n', page)
}

function takeUpload (socket: Socket, { method, path, query }: Head): void {
  const xml = 'Content-Type: application/xml\r\n'
  const key = `<Bucket>${bucket}</Bucket><Key>${path.slice(bucket.length + 2)}</Key>`
  if (method === 'PUT') send(socket, '200 OK', etag)
  else if (query.has('uploads')) send(socket, '200 OK', xml, `<InitiateMultipartUploadResult>${key}<UploadId>upload</UploadId></InitiateMultipartUploadResult>`)
  else send(socket, '200 OK', xml, `<CompleteMultipartUploadResult>${key}<ETag>&quot;00000000000000000000000000000001-1&quot;</ETag></CompleteMultipartUploadResult>`)
}

function sendReply (socket: Socket, { status, headers, body }: Reply): void { send(socket, status, headers, body) }

async function answerGcs (socket: Socket, head: Head, bodyBytes: number): Promise<void> {
  const path = objectOf(head.path)
  const stored = path === undefined ? undefined : objects.get(path)
  if (head.method === 'PUT' || head.method === 'POST') sendReply(socket, takeInsert(head, bodyBytes, checksums))
  else if (head.method === 'DELETE') send(socket, '204 No Content', '')
  else if (path === undefined) sendReply(socket, pages.page(head))
  else if (head.query.get('alt') === 'media') await sendObject(socket, head, stored, stored === undefined ? '' : mediaHeaders(stored, checksums))
  else sendReply(socket, describe(decodeURIComponent(path.slice(bucket.length + 2)), stored, checksums))
}

async function answer (socket: Socket, head: Head, bodyBytes: number): Promise<void> {
  if (isGcs(head.path)) await answerGcs(socket, head, bodyBytes)
  else if (head.method === 'PUT' || head.method === 'POST') takeUpload(socket, head)
  else if (head.method === 'DELETE') send(socket, '204 No Content', '')
  else if (head.path === servedPath) send(socket, '200 OK', 'Content-Type: application/json\r\n', String(served))
  else if (head.query.has('list-type')) sendList(socket, head.query)
  else await sendObject(socket, head, objects.get(head.path), etag)
}

const server = createServer({ noDelay: true }, socket => {
  const reply = (head: Head, bodyBytes: number): void => { answer(socket, head, bodyBytes).catch(() => { socket.destroy() }) }
  const reader = new RequestReader(
    delayMs === 0 ? reply : (head, bodyBytes) => { setTimeout(reply, delayMs, head, bodyBytes) },
    () => { socket.write('HTTP/1.1 100 Continue\r\n\r\n') }
  )
  socket.on('data', chunk => { reader.feed(chunk) })
  socket.on('error', () => { socket.destroy() })
})

server.listen(0, '127.0.0.1', 1024, () => { process.stdout.write(`${(server.address() as AddressInfo).port}\n`) })
process.stdin.on('end', () => { process.exit() }).resume()
