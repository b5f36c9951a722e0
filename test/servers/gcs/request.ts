import { Bytes } from '../bytes.js'
import { GcsError, invalid, required } from './errors.js'
import { parseFields, select } from './fields.js'
import type { Exchange, Headers, Reply } from '../exchange.js'
import type { Mask, Schema } from './fields.js'
import type { Route } from './routes.js'
import type { GcsState } from './state.js'
import type { GcsBucket } from './store.js'

/** What an operation needs of a request: an exchange has it, and so has one part of a batch. */
export type Call = Pick<Exchange, 'method' | 'target' | 'header' | 'headers' | 'body' | 'arrived' | 'range' | 'actions'>

/** A permitted request, as the operations see it. */
export class GcsRequest {
  readonly state: GcsState
  readonly call: Call
  readonly route: Route
  readonly query: URLSearchParams

  constructor (state: GcsState, call: Call, route: Route) {
    this.state = state
    this.call = call
    this.route = route
    this.query = route.query
  }

  /** @throws GcsError 404 */
  get bucket (): GcsBucket { return this.state.bucket(this.route.bucket!) }

  get name (): string { return this.route.name! }

  /** `http://host:port` as the client spells it. */
  get origin (): string { return `http://${this.call.header('host') ?? 'localhost'}` }

  param (name: string): string | undefined { return this.query.get(name) ?? undefined }

  flag (name: string): boolean { return this.query.get(name) === 'true' }

  /** A whole number of the query. @throws GcsError 400 */
  integer (name: string): number | undefined { return wholeNumber(this.param(name), name) }

  /** A count of the query, clamped to 1…`most`; `most` where it is missing. @throws GcsError 400 */
  limit (name: string, most: number): number {
    const value = this.integer(name)
    if (value !== undefined && value < 0) throw invalid(`Invalid value: '${value}'. Values must be within the range: [0, ${2 ** 31 - 1}]`, name)
    return value === undefined || value === 0 ? most : Math.min(value, most)
  }

  mask (schema: Schema): Mask { return parseFields(this.query.get('fields'), schema) }

  /** The body as a JSON object; an empty one is `{}`. @throws GcsError 400 parseError */
  async json (): Promise<Readonly<Record<string, unknown>>> {
    return parseJson((await this.call.body()).toString())
  }
}

export type Operate = (request: GcsRequest) => Promise<Reply> | Reply

export function jsonReply (value: unknown, mask?: Mask, headers: Headers = {}): Reply {
  return { status: 200, headers: { 'Content-Type': 'application/json; charset=UTF-8', ...headers }, body: Bytes.of(JSON.stringify(select(value, mask))) }
}

/** @throws GcsError 400 parseError */
export function parseJson (text: string): Readonly<Record<string, unknown>> {
  if (text.trim() === '') return {}
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw invalid('Parse Error', undefined, 'parseError')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('Parse Error', undefined, 'parseError')
  return value as Readonly<Record<string, unknown>>
}

/** @throws GcsError 400 for what is no whole number */
export function wholeNumber (text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined
  if (!/^-?\d{1,19}$/.test(text)) throw invalid(`Invalid long value: '${text}'.`, name, 'invalidParameter')
  return Number(text)
}

/**
 * A name that an object may have.
 * @throws GcsError 400: empty, above 1,024 bytes of UTF-8, with a line break, `.` or `..`
 */
export function objectName (name: string | undefined): string {
  if (name === undefined || name === '') throw required('name')
  const bytes = Buffer.byteLength(name)
  if (bytes > 1024) throw invalid(`The maximum object length is 1024 characters, but got a name with ${bytes} characters.`, 'name')
  if (/[\r\n]/.test(name) || name === '.' || name === '..') throw invalid(`Disallowed object name: '${name}'`, 'name')
  return name
}

export function noSuchObject (bucket: string, name: string): GcsError {
  return new GcsError(404, { message: `No such object: ${bucket}/${name}` })
}
