import { Bytes } from '../bytes.js'
import { S3Error } from './errors.js'
import { readPayload } from './payload.js'
import { xmlDocument } from './xml.js'
import type { Exchange, Headers, Reply } from '../exchange.js'
import type { Identity } from './auth.js'
import type { Payload } from './payload.js'
import type { S3State } from './state.js'
import type { Bucket } from './store.js'
import type { Query, Target } from './target.js'
import type { XmlContent } from './xml.js'

/** An authenticated request, as the operations see it. */
export class S3Request {
  readonly state: S3State
  readonly exchange: Exchange
  readonly target: Target
  readonly identity: Identity
  #payload: Promise<Payload> | undefined

  constructor (state: S3State, exchange: Exchange, target: Target, identity: Identity) {
    this.state = state
    this.exchange = exchange
    this.target = target
    this.identity = identity
  }

  get query (): Query { return this.target.query }

  get key (): string { return this.target.key! }

  /** @throws S3Error NoSuchBucket */
  get bucket (): Bucket {
    return this.state.bucket(this.target.bucket!)
  }

  header (name: string): string | undefined { return this.exchange.header(name) }

  payload (): Promise<Payload> {
    return this.#payload ??= readPayload(this.exchange, this.identity)
  }

  /** A number of the query, clamped to 0…`most`; `most` where it is missing. @throws S3Error InvalidArgument */
  limit (name: string, most = 1000): number {
    const value = this.query.get(name)
    if (value === undefined || value === '') return most
    if (!/^\d{1,10}$/.test(value) || Number(value) > 2 ** 31 - 1) {
      throw new S3Error('InvalidArgument', { message: `Provided ${name} not an integer or within integer range`, detail: { ArgumentName: name, ArgumentValue: value } })
    }
    return Math.min(Number(value), most)
  }
}

export type Operate = (request: S3Request) => Promise<Reply> | Reply

export function xmlReply (root: string, content: XmlContent | string, headers: Headers = {}): Reply {
  return { status: 200, headers: { 'Content-Type': 'application/xml', ...headers }, body: Bytes.of(xmlDocument(root, content)) }
}

export function isoTime (ms: number): string { return new Date(ms).toISOString() }
