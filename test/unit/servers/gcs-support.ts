import { raw } from './support.js'
import type { OutgoingHttpHeaders } from 'node:http'
import type { RawReply } from './support.js'

export interface GcsReply extends RawReply {
  /** The body as JSON; empty where it is none. */
  readonly json: Readonly<Record<string, unknown>>
}

export interface CallOptions {
  readonly body?: Uint8Array | string
  readonly headers?: OutgoingHttpHeaders
}

/** Requests to a GCS server as a client would make them, one connection each. */
export class GcsCalls {
  readonly endpoint: string
  readonly headers: OutgoingHttpHeaders

  constructor (endpoint: string, headers: OutgoingHttpHeaders = {}) {
    this.endpoint = endpoint
    this.headers = headers
  }

  async call (method: string, target: string, { body, headers = {} }: CallOptions = {}): Promise<GcsReply> {
    const reply = await raw(this.endpoint, target, { method, headers: { ...this.headers, ...headers }, ...(body === undefined ? {} : { body }) })
    return { ...reply, json: parse(reply) }
  }

  get (target: string, headers: OutgoingHttpHeaders = {}): Promise<GcsReply> { return this.call('GET', target, { headers }) }

  post (target: string, resource: object = {}): Promise<GcsReply> {
    return this.call('POST', target, { body: JSON.stringify(resource), headers: { 'content-type': 'application/json' } })
  }

  /** A multipart insert. `query` begins with `&`. */
  insert (bucket: string, name: string, data: Uint8Array | string, resource: { readonly contentType?: string, readonly [field: string]: unknown } = {}, query = ''): Promise<GcsReply> {
    const boundary = 'b0undary'
    const head = `--${boundary}\r\ncontent-type: application/json\r\n\r\n${JSON.stringify({ name, ...resource })}\r\n--${boundary}\r\ncontent-type: ${resource.contentType ?? 'text/plain'}\r\n\r\n`
    const body = Buffer.concat([Buffer.from(head), Buffer.from(data), Buffer.from(`\r\n--${boundary}--\r\n`)])
    return this.call('POST', `/upload/storage/v1/b/${bucket}/o?uploadType=multipart${query}`, { body, headers: { 'content-type': `multipart/related; boundary=${boundary}` } })
  }

  info (bucket: string, name: string, query = ''): Promise<GcsReply> { return this.get(`${object(bucket, name)}${query}`) }

  media (bucket: string, name: string, headers: OutgoingHttpHeaders = {}, query = ''): Promise<GcsReply> {
    return this.get(`${object(bucket, name)}?alt=media${query}`, { 'accept-encoding': 'gzip', ...headers })
  }

  /** Begin a resumable upload. @returns The target of its session */
  async begin (bucket: string, name: string, resource: object = {}, query = ''): Promise<string> {
    const reply = await this.post(`/upload/storage/v1/b/${bucket}/o?uploadType=resumable&name=${encodeURIComponent(name)}${query}`, resource)
    if (reply.status !== 200) throw new Error(`begin: ${reply.status}`)
    const { pathname, search } = new URL(reply.headers.location!)
    return pathname + search
  }

  chunk (session: string, contentRange: string | undefined, body: Uint8Array | string = '', headers: OutgoingHttpHeaders = {}): Promise<GcsReply> {
    const range = contentRange === undefined ? {} : { 'content-range': contentRange }
    return this.call('PUT', session, { body, headers: { 'content-length': Buffer.byteLength(body), ...range, ...headers } })
  }

  /** A batch of requests, each with the id of its place. */
  async batch (parts: readonly (readonly [method: string, target: string])[]): Promise<Map<string, number>> {
    const text = parts.map(([method, target], i) => `--b\r\nContent-Type: application/http\r\nContent-ID: <forkfs+${i}>\r\n\r\n${method} ${target} HTTP/1.1\r\n\r\n\r\n`).join('') + '--b--\r\n'
    const reply = await this.call('POST', '/batch/storage/v1', { body: text, headers: { 'content-type': 'multipart/mixed; boundary=b' } })
    const found = [...reply.body.toString().matchAll(/Content-ID: <response-forkfs\+(\d+)>\r\n(?:.+\r\n)*\r\nHTTP\/1\.1 (\d+)/gi)]
    return new Map(found.map(([, id, status]) => [id!, Number(status)]))
  }
}

export function object (bucket: string, name: string): string { return `/storage/v1/b/${bucket}/o/${encodeURIComponent(name)}` }

/** The names of the items of a listing. */
export function namesOf ({ json }: GcsReply): string[] {
  return (json['items'] as readonly { readonly name: string }[] | undefined ?? []).map(({ name }) => name)
}

/** The reason of an error document. */
export function reasonOf ({ json }: GcsReply): string | undefined {
  return (json['error'] as { readonly errors?: readonly { readonly reason: string }[] } | undefined)?.errors?.[0]?.reason
}

function parse ({ body }: RawReply): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(body.toString()) as Readonly<Record<string, unknown>>
  } catch {
    return {}
  }
}
