import { randomBytes } from 'node:crypto'
import { Bytes } from '../bytes.js'
import { Gone } from '../exchange.js'
import { findAction } from '../faults.js'
import { batch } from './batch.js'
import { bucketOperations } from './buckets.js'
import { copyOperations } from './copy.js'
import { credentialOperations } from './credentials.js'
import { GcsError, errorDocument, invalid, reasonOf, sentenceOf } from './errors.js'
import { insertOperations, multipartName } from './insert.js'
import { listOperations } from './list.js'
import { mediaOperations } from './media.js'
import { objectOperations } from './objects.js'
import { permit } from './permit.js'
import { GcsRequest } from './request.js'
import { resumableOperations } from './resumable.js'
import { routeOf } from './routes.js'
import { isSigned, verifySigned } from './signed.js'
import { xmlError, xmlOperations } from './xml-api.js'
import type { Exchange, Headers, Reply } from '../exchange.js'
import type { FaultAction, FaultSubject } from '../faults.js'
import type { HttpService, Service } from '../http.js'
import type { Call, Operate } from './request.js'
import type { Operation, Route } from './routes.js'
import type { GcsState } from './state.js'

const operations: Readonly<Partial<Record<Operation, Operate>>> = {
  ...bucketOperations, ...listOperations, ...objectOperations, ...mediaOperations, ...insertOperations, ...resumableOperations, ...copyOperations,
  ...credentialOperations, ...xmlOperations
}

/** GCS on top of the plumbing: who asks, what for, and the common headers of every reply. */
export class GcsService implements Service {
  readonly #state: GcsState
  /** The server's rules and counters, which the parts of a batch meet too. Set when it has started. */
  plumbing: Pick<HttpService, 'faults' | 'counters'> | undefined
  readonly #routes = new WeakMap<Call, Route>()

  constructor (state: GcsState) {
    this.#state = state
  }

  describe (exchange: Call): FaultSubject {
    const { method } = exchange
    try {
      const route = routeOf(method, exchange.target, exchange.header('content-range'))
      this.#routes.set(exchange, route)
      const id = route.query.get('upload_id')
      return { method, operation: route.operation, bucket: route.bucket, key: route.name ?? (id === null ? undefined : this.#state.sessions.get(id)?.name) }
    } catch {
      return { method, operation: 'unsupported' }
    }
  }

  /** A multipart upload has its object's name inside. */
  async keyOf (exchange: Exchange): Promise<string | undefined> {
    const route = this.#routes.get(exchange)
    if (route?.operation !== 'objects.insert') return undefined
    return multipartName(new GcsRequest(this.#state, exchange, route)).catch((error: unknown) => {
      if (error instanceof GcsError) return undefined // the operation will say so
      throw error
    })
  }

  async handle (exchange: Exchange): Promise<Reply> {
    const reply = await this.#perform(exchange)
    await exchange.drain()
    return { ...reply, headers: this.#common(reply.headers) }
  }

  async #perform (call: Call): Promise<Reply> {
    const route = this.#routes.get(call)
    if (route === undefined) throw invalid('Invalid request target.', undefined, 'badRequest')
    if (isSigned(route)) verifySigned(this.#state, call, route)
    else permit(this.#state, call, route)
    const request = new GcsRequest(this.#state, call, route)
    if (route.operation === 'batch') return batch(request, part => this.#performPart(part))
    const operate = operations[route.operation]
    if (operate === undefined) throw new GcsError(404)
    return operate(request)
  }

  /** A part of a batch, with its own rules: what fits there is a status, a delay, and the loss of its reply. */
  async #performPart (part: Call): Promise<{ reply: Reply, actions: readonly FaultAction[] }> {
    const subject = this.describe(part)
    const actions = subject.operation === 'batch' ? [] : this.plumbing?.faults.take(subject) ?? []
    if (actions.length > 0) this.plumbing?.counters.faulted()
    const status = findAction(actions, 'status')
    const delay = findAction(actions, 'delay')
    if (delay !== undefined) await new Promise(resolve => setTimeout(resolve, delay.ms))
    let reply: Reply | undefined
    if (status === undefined || status.applied === true) {
      reply = await this.#perform(part).catch((error: unknown) => this.#refusal(part, error))
    }
    if (status !== undefined) reply = this.error(part, status.status, status.code, status.message)
    return { reply: reply!, actions }
  }

  refuse (exchange: Exchange, error: unknown): Reply {
    const reply = this.#refusal(exchange, error)
    return { ...reply, headers: this.#common(reply.headers) }
  }

  #refusal (call: Call, error: unknown): Reply {
    if (error instanceof Gone) throw error
    if (!(error instanceof GcsError)) {
      process.emitWarning(error instanceof Error ? error : String(error)) // a mistake of this server: its test must see it
      return this.error(call, 500)
    }
    return this.#document(call, error)
  }

  error (call: Call, status: number, code: string = reasonOf(status), message: string = sentenceOf(status)): Reply {
    const reply = this.#document(call, new GcsError(status, { reason: code, message }))
    return { ...reply, headers: this.#common(reply.headers) }
  }

  contentName ({ operation, bucket, key }: FaultSubject): string | undefined {
    return operation === 'objects.getMedia' || operation === 'xml.get' ? `${bucket}/${key}` : undefined
  }

  #document (call: Call, error: GcsError): Reply {
    const { status, headers, message } = error
    if (call.method === 'HEAD' || status === 304) return { status, headers, chunked: true }
    if (this.#routes.get(call)?.operation.startsWith('xml.') === true) return xmlError(error)
    if (error.plain) return { status, headers: { 'Content-Type': 'text/html; charset=UTF-8', ...headers }, body: Bytes.of(message) }
    const document = errorDocument(status, error.reason, message, error.location)
    return { status, headers: { 'Content-Type': 'application/json; charset=UTF-8', ...headers }, body: Bytes.of(JSON.stringify(document)) }
  }

  #common (headers: Headers): Headers {
    const id = randomBytes(24).toString('base64url')
    return { 'x-guploader-uploadid': id, Server: 'UploadServer', Date: new Date(this.#state.now()).toUTCString(), Vary: 'Origin', ...headers }
  }
}
