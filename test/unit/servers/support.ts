import { connect } from 'node:net'
import { request } from 'node:http'
import { once } from 'node:events'
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'

export interface RawReply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Code of the error that ended the body early. */
  readonly broken: string | undefined
}

export interface RawRequest {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: Uint8Array | string
}

/** One request on a connection of its own, its target sent exactly as given. Rejects when no head comes back. */
export async function raw (endpoint: string, target: string, { method = 'GET', headers = {}, body }: RawRequest = {}): Promise<RawReply> {
  const { hostname, port } = new URL(endpoint)
  const outgoing = request({ host: hostname, port, path: target, method, headers, agent: false })
  const arrived = once(outgoing, 'response')
  outgoing.end(body)
  const [response] = await arrived
  outgoing.on('error', () => {}) // in Node 24 a reply that breaks off fails its request, too
  const chunks: Buffer[] = []
  let broken: string | undefined
  response.on('data', (chunk: Buffer) => chunks.push(chunk))
  response.on('error', (error: NodeJS.ErrnoException) => { broken = error.code })
  await new Promise(resolve => response.once('close', resolve))
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks), broken }
}

/** Bytes to a socket as they are, and all bytes that come back until the server ends the connection. */
export async function rawSocket (port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
  socket.write(text)
  await once(socket, 'close')
  return Buffer.concat(chunks).toString('latin1')
}

/** The content of an element in a document. */
export function element (xml: Buffer | string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml.toString())?.[1]
}

/** What a call rejected with, by the SDK's name of it and the status. */
export async function refusal (call: Promise<unknown>): Promise<{ name: string, status: number | undefined }> {
  try {
    await call
  } catch (error) {
    const { name, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } }
    return { name, status: $metadata?.httpStatusCode }
  }
  return { name: 'resolved', status: undefined }
}
