import { randomBytes } from 'node:crypto'
import { Bytes } from '../bytes.js'
import { Gone } from '../exchange.js'
import { findAction } from '../faults.js'
import { checkWrite, conditionsOf } from './conditions.js'
import { GcsError } from './errors.js'
import { commit, draftOf, headerHashes } from './insert.js'
import { objectReply } from './objects.js'
import { hashesOf } from './resources.js'
import type { Reply } from '../exchange.js'
import type { GcsRequest, Operate } from './request.js'
import type { Session } from './store.js'

/** Bytes that are not the last ones are kept in multiples of this. */
const quantum = 256 << 10

async function start (request: GcsRequest): Promise<Reply> {
  const { call, state, query, bucket } = request
  const resource = await request.json()
  const draft = draftOf(request, resource, call.header('x-upload-content-type'))
  checkWrite(bucket.live(draft.name), conditionsOf(query))
  const length = call.header('x-upload-content-length')
  if (length !== undefined && !/^\d+$/.test(length)) throw refused(`Invalid X-Upload-Content-Length: ${length}`)
  const id = `AAAA${randomBytes(48).toString('base64url')}`
  state.sessions.set(id, {
    id, bucket: bucket.name, name: draft.name, fields: draft.fields, hashes: hashesOf(resource), query: new URLSearchParams(query),
    total: length === undefined ? undefined : Number(length), persisted: Bytes.empty, state: 'open', goneStatus: 404, object: undefined
  })
  const named = new URLSearchParams({ uploadType: 'resumable', name: draft.name, upload_id: id })
  const location = `${request.origin}/upload/storage/v1/b/${bucket.name}/o?${named.toString()}`
  return { status: 200, headers: { Location: location, 'x-guploader-uploadid': id } }
}

/** What a Content-Range says; a body without one is everything. */
interface Chunk {
  /** Undefined for a question: `bytes * /…`. */
  readonly start: number | undefined
  readonly length: number
  readonly total: number | undefined
}

function chunkOf (header: string | undefined, length: number): Chunk {
  if (header === undefined) return { start: 0, length, total: length }
  const [, first, last, whole] = /^bytes (?:(\d+)-(\d+|\*)|\*)\/(\d+|\*)$/.exec(header.trim()) ?? []
  if (whole === undefined) throw refused(`Failed to parse Content-Range header: ${header}`)
  const total = whole === '*' ? undefined : Number(whole)
  if (first === undefined) return { start: undefined, length: 0, total }
  if (last === '*') return { start: Number(first), length, total: total ?? Number(first) + length } // all that follows
  if (Number(last) < Number(first) || (total !== undefined && Number(last) >= total)) throw refused(`Invalid Content-Range header: ${header}`)
  return { start: Number(first), length: Number(last) - Number(first) + 1, total }
}

/** The session that a request names. @throws GcsError 404 or 410 (gone) · 499 (cancelled) */
function sessionOf ({ state, query }: GcsRequest): Session {
  const session = state.sessions.get(query.get('upload_id') ?? '')
  if (session === undefined) throw new GcsError(404, { plain: true })
  if (session.state === 'gone') throw new GcsError(session.goneStatus, { plain: true })
  if (session.state === 'cancelled') throw new GcsError(499, { plain: true })
  return session
}

/** Bytes of an upload, or a question about it, which ends it where it names the size that is there. */
async function put (request: GcsRequest): Promise<Reply> {
  const { call } = request
  const session = sessionOf(request)
  const lost = findAction(call.actions, 'loseSession')
  if (lost !== undefined) {
    session.state = 'gone'
    session.goneStatus = lost.status ?? 404
    sessionOf(request)
  }
  const { body, broken } = await received(request)
  if (session.object !== undefined) return done(request, session)
  sessionOf(request) // it may have been cancelled while the body came
  const chunk = chunkOf(call.header('content-range'), body.size)
  agree(session, chunk)
  if (broken !== undefined) { // what came before the connection broke is kept
    keep(session, chunk, wholeQuanta(session, chunk, body))
    throw broken
  }
  if (chunk.start !== undefined) add(session, chunk, body, findAction(call.actions, 'persist')?.bytes)
  const { total, persisted } = session
  if (persisted.size !== total) return { status: 308, headers: persisted.size === 0 ? {} : { Range: `bytes=0-${persisted.size - 1}` } }
  const given = headerHashes(name => call.header(name))
  session.object = commit(request.state, { ...session, hashes: [session.hashes, given] }, persisted)
  session.persisted = Bytes.empty
  return done(request, session)
}

/** Take a chunk: all of the last one, multiples of 256 KiB of the others. @param most Take that many bytes of it. @throws GcsError 400 */
function add (session: Session, chunk: Chunk, body: Bytes, most: number | undefined): void {
  const { start = 0, length } = chunk
  if (body.size !== length) {
    throw refused(`Invalid request. There were ${body.size} byte(s) in the request body. There should have been ${length} byte(s) (starting at ` +
      `offset ${start} and ending at offset ${start + length - 1}) according to the Content-Range header.`)
  }
  const last = session.total !== undefined && start + length === session.total
  if (!last && length < quantum) {
    throw refused(`Invalid request. The number of bytes uploaded is required to be equal or greater than ${quantum}, except for the final request ` +
      `(it's recommended to be the exact multiple of ${quantum}). The received request contained ${length} bytes, which does not meet this requirement.`)
  }
  keep(session, chunk, most !== undefined ? body.slice(0, most) : last ? body : wholeQuanta(session, chunk, body))
}

/** The body, or what came of it before its connection ended. */
async function received ({ call }: GcsRequest): Promise<{ body: Bytes, broken?: Gone }> {
  try {
    return { body: await call.body() }
  } catch (error) {
    if (error instanceof Gone) return { body: call.arrived(), broken: error }
    throw error
  }
}

/** The size is known from the first request that names it; others must agree. @throws GcsError 400 */
function agree (session: Session, chunk: Chunk): void {
  const { start = 0, length, total } = chunk
  const persisted = session.persisted.size
  if (start > persisted) {
    throw refused(`Invalid request.  According to the Content-Range header, the upload offset is ${start} byte(s), ` +
      `which exceeds already uploaded size of ${persisted} byte(s).`)
  }
  const known = session.total ?? total
  if ((total !== undefined && total !== known) || (known !== undefined && (start + length > known || persisted > known))) {
    throw refused(`Invalid request.  The Content-Range header says ${total ?? start + length} byte(s), the upload has ${known} byte(s).`)
  }
  session.total = known
}

/** The start of a chunk that ends on a multiple of 256 KiB of the object. */
function wholeQuanta (session: Session, { start = 0 }: Chunk, body: Bytes): Bytes {
  const end = Math.floor((start + body.size) / quantum) * quantum
  return body.slice(0, Math.max(end, session.persisted.size) - start)
}

/** Add the bytes that the session does not have yet: what it has is never stored twice. */
function keep (session: Session, { start }: Chunk, body: Bytes): void {
  const persisted = session.persisted.size
  if (start === undefined || start > persisted || start + body.size <= persisted) return
  session.persisted = Bytes.of(session.persisted, body.slice(persisted - start))
}

function done (request: GcsRequest, session: Session): Reply {
  return objectReply(request, request.state.bucket(session.bucket), session.object!)
}

function cancel (request: GcsRequest): Reply {
  const session = sessionOf(request)
  if (session.object !== undefined) throw new GcsError(404, { plain: true })
  session.state = 'cancelled'
  session.persisted = Bytes.empty
  throw new GcsError(499, { plain: true })
}

function refused (message: string): GcsError { return new GcsError(400, { message, plain: true }) }

export const resumableOperations = {
  'uploads.start': start, 'uploads.put': put, 'uploads.query': put, 'uploads.cancel': cancel
} satisfies Record<string, Operate>
