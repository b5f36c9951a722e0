import { randomBytes } from 'node:crypto'
import { Bytes } from '../bytes.js'
import { bucketOperations } from './buckets.js'
import { copyOperations } from './copy.js'
import { S3Error, codeOf, sentence } from './errors.js'
import { listOperations } from './list.js'
import { multipartOperations } from './multipart.js'
import { objectOperations } from './objects.js'
import { operationOf, publicOperations } from './operations.js'
import { S3Request } from './request.js'
import { parseTarget } from './target.js'
import { declaration, xmlElements } from './xml.js'
import type { Exchange, Headers, Reply } from '../exchange.js'
import type { FaultSubject } from '../faults.js'
import type { Service } from '../http.js'
import type { Operation } from './operations.js'
import type { Operate } from './request.js'
import type { S3State } from './state.js'
import type { Target } from './target.js'

const operations: Readonly<Partial<Record<Operation, Operate>>> = {
  ...bucketOperations, ...listOperations, ...objectOperations, ...copyOperations, ...multipartOperations
}

const keyBytesMost = 1024

/** S3 on top of the plumbing: who asks, what for, and the common headers of every reply. */
export class S3Service implements Service {
  readonly #state: S3State
  readonly #parsed = new WeakMap<Exchange, { target: Target, operation: Operation } | { error: unknown }>()

  constructor (state: S3State) {
    this.#state = state
  }

  describe (exchange: Exchange): FaultSubject {
    const { method } = exchange
    try {
      const target = parseTarget(exchange.target, exchange.header('host') ?? '', this.#state.domains)
      const operation = operationOf(exchange, target)
      this.#parsed.set(exchange, { target, operation })
      const part = Number(target.query.get('partNumber'))
      return { method, operation, bucket: target.bucket, key: target.key, partNumber: Number.isInteger(part) && part > 0 ? part : undefined }
    } catch (error) {
      this.#parsed.set(exchange, { error })
      return { method, operation: 'Unsupported' }
    }
  }

  async handle (exchange: Exchange): Promise<Reply> {
    const parsed = this.#parsed.get(exchange)!
    if ('error' in parsed) throw parsed.error
    const { target, operation } = parsed
    const request = new S3Request(this.#state, exchange, target, this.#state.authenticator.identify(exchange, target, this.#state.now()))
    this.#permit(request, operation)
    if (operation === 'NotAllowed') throw new S3Error('MethodNotAllowed', { detail: { Method: exchange.method } })
    if (target.key !== undefined && Buffer.byteLength(target.key) > keyBytesMost) {
      throw new S3Error('KeyTooLongError', { detail: { Size: String(Buffer.byteLength(target.key)), MaxSizeAllowed: String(keyBytesMost) } })
    }
    const operate = operations[operation]
    if (operate === undefined) throw new S3Error('NotImplemented')
    const reply = await operate(request)
    await exchange.drain()
    return { ...reply, headers: this.#common(reply.headers) }
  }

  refuse (exchange: Exchange, error: unknown): Reply {
    if (!(error instanceof S3Error)) {
      process.emitWarning(error instanceof Error ? error : String(error)) // a mistake of this server: its test must see it
      return this.error(exchange, 500, 'InternalError')
    }
    return this.#document(exchange, error.status, error.code, error.message, error.detail, error.headers)
  }

  error (exchange: Exchange, status: number, code: string = codeOf(status), message: string = sentence(code)): Reply {
    return this.#document(exchange, status, code, message, {}, {})
  }

  contentName ({ operation, bucket, key }: FaultSubject): string | undefined {
    return operation === 'GetObject' ? `${bucket}/${key}` : undefined
  }

  /** Region and permission, before anything is looked up. */
  #permit ({ identity, target, state }: S3Request, operation: Operation): void {
    const bucket = target.bucket === undefined ? undefined : state.buckets.get(target.bucket)
    if (identity.anonymous && !state.anonymous && !(bucket?.publicRead === true && publicOperations.has(operation))) throw new S3Error('AccessDenied')
    const home = bucket?.region ?? state.region
    if (identity.region === home || (identity.anonymous && home === state.region)) return
    if (identity.region === state.region || identity.anonymous) {
      throw new S3Error('PermanentRedirect', {
        detail: { Endpoint: `${target.bucket}.s3.${home}.amazonaws.com`, Bucket: target.bucket! }, headers: { 'x-amz-bucket-region': home }
      })
    }
    throw new S3Error('AuthorizationHeaderMalformed', {
      message: `The authorization header is malformed; the region '${identity.region}' is wrong; expecting '${home}'`,
      detail: { Region: home }, headers: bucket === undefined ? {} : { 'x-amz-bucket-region': home }
    })
  }

  #document (exchange: Exchange, status: number, code: string, message: string, detail: Readonly<Record<string, string>>, headers: Headers): Reply {
    const common = this.#common({ 'Content-Type': 'application/xml', ...headers })
    const bare = exchange.method === 'HEAD' || status === 304
    if (bare) return { status, headers: common, chunked: true }
    const { bucket, key } = exchange.subject
    const resource = bucket === undefined ? '/' : key === undefined ? `/${bucket}` : `/${bucket}/${key}`
    const xml = declaration + `<Error>${xmlElements([
      ['Code', code], ['Message', message], ...(code === 'NoSuchKey' ? [['Key', key] as const] : []), ...Object.entries(detail),
      ['Resource', resource], ['RequestId', String(common['x-amz-request-id'])], ['HostId', String(common['x-amz-id-2'])]
    ])}</Error>`
    return { status, headers: common, body: Bytes.of(xml) }
  }

  #common (headers: Headers): Headers {
    const id = randomBytes(8).toString('hex').toUpperCase()
    return { 'x-amz-request-id': id, 'x-amz-id-2': `${id}-host`, Server: 'AmazonS3', Date: new Date(this.#state.now()).toUTCString(), ...headers }
  }
}
