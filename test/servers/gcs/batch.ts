import { STATUS_CODES } from 'node:http'
import { randomBytes } from 'node:crypto'
import { Bytes } from '../bytes.js'
import { findAction } from '../faults.js'
import { invalid } from './errors.js'
import { boundaryOf, parseMultipart, parsePart } from './multipart.js'
import type { Reply } from '../exchange.js'
import type { FaultAction } from '../faults.js'
import type { Call, GcsRequest } from './request.js'

const partsMost = 100

/** One request of a batch, carried out like any other. */
export type Perform = (call: Call) => Promise<{ reply: Reply, actions: readonly FaultAction[] }>

/**
 * Up to 100 requests in one. Each reply names its request by `response-` and its Content-ID; nothing says that they come in order.
 * @throws GcsError 400 for a body that is no batch
 */
export async function batch (request: GcsRequest, perform: Perform): Promise<Reply> {
  const { call } = request
  const boundary = boundaryOf(call.header('content-type'))
  if (boundary === undefined) throw invalid('Missing boundary in the content type of a batch request.', undefined, 'badRequest')
  const parts = parseMultipart((await call.body()).toUint8Array(), boundary)
  if (parts.length > partsMost) throw invalid(`The number of requests in the batch exceeds the maximum of ${partsMost}.`, undefined, 'badRequest')
  const answers: Bytes[] = []
  for (const part of parts) {
    const id = part.headers['content-id']
    const { reply, actions } = await perform(new BatchPart(call, part.body))
    if (findAction(actions, 'omit') === undefined) answers.push(written(id, reply))
  }
  if (findAction(call.actions, 'shuffle') !== undefined) answers.reverse()
  const mark = `batch_${randomBytes(12).toString('base64url')}`
  const body = Bytes.of(...answers.flatMap(answer => [`--${mark}\r\n`, answer, '\r\n']), `--${mark}--\r\n`)
  return { status: 200, headers: { 'Content-Type': `multipart/mixed; boundary=${mark}` }, body }
}

function written (id: string | undefined, { status, headers, body = Bytes.empty }: Reply): Bytes {
  const lines = [
    'Content-Type: application/http', ...(id === undefined ? [] : [`Content-ID: ${id.replace(/^<?/, start => `${start}response-`)}`]), '',
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`
  ]
  for (const [name, value] of Object.entries(headers)) for (const one of Array.isArray(value) ? value : [value]) lines.push(`${name}: ${one}`)
  return Bytes.of(`${lines.join('\r\n')}\r\nContent-Length: ${body.size}\r\n\r\n`, body)
}

/** A request inside of a batch. Its authorization is the outer one's unless it brings its own. */
class BatchPart implements Call {
  readonly method: string
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly actions: readonly FaultAction[] = []
  readonly #body: Bytes

  constructor (outer: Call, bytes: Buffer) {
    const end = bytes.indexOf(10)
    const [method, target] = bytes.subarray(0, Math.max(end, 0)).toString('utf8').trim().split(' ')
    if (method === undefined || target?.startsWith('/') !== true) throw invalid('Failed to parse batch request, no request line.', undefined, 'badRequest')
    const { headers, body } = parsePart(bytes.subarray(end + 1))
    const authorization = outer.header('authorization')
    this.method = method
    this.target = target
    this.headers = { host: outer.header('host') ?? '', ...(authorization === undefined ? {} : { authorization }), ...headers }
    this.#body = Bytes.of(body.subarray(0, Number(headers['content-length'] ?? body.byteLength)))
  }

  get range (): string | undefined { return this.header('range') }

  header (name: string): string | undefined { return this.headers[name] }

  async body (): Promise<Bytes> { return this.#body }

  arrived (): Bytes { return this.#body }
}
