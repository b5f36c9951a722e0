import { createHash } from 'node:crypto'
import type { Bytes } from '../bytes.js'
import { BytesWriter } from '../bytes.js'
import { emptySha256 } from './auth.js'
import { S3Error } from './errors.js'
import type { Exchange } from '../exchange.js'
import type { Identity } from './auth.js'

/** A request body as the client meant it, with the trailers of an aws-chunked one. */
export interface Payload {
  readonly body: Bytes
  readonly trailers: Readonly<Record<string, string>>
}

/**
 * Read the body and hold it to x-amz-content-sha256.
 * @throws S3Error XAmzContentSHA256Mismatch · IncompleteBody · SignatureDoesNotMatch (a chunk) · InvalidChunkSizeError · MissingContentLength
 */
export async function readPayload (exchange: Exchange, identity: Identity): Promise<Payload> {
  if (identity.payload.startsWith('STREAMING-')) {
    const length = exchange.header('x-amz-decoded-content-length')
    if (length === undefined || !/^\d+$/.test(length)) throw new S3Error('MissingContentLength')
    return new ChunkReader(await exchange.body(), identity).read(Number(length))
  }
  if (exchange.header('content-length') === undefined && exchange.method === 'PUT') {
    throw new S3Error(exchange.header('transfer-encoding') === undefined ? 'MissingContentLength' : 'NotImplemented')
  }
  const body = await exchange.body()
  if (identity.payload !== 'UNSIGNED-PAYLOAD' && sha256(body) !== identity.payload) {
    throw new S3Error('XAmzContentSHA256Mismatch', { detail: { ClientComputedContentSHA256: identity.payload, S3ComputedContentSHA256: sha256(body) } })
  }
  return { body, trailers: {} }
}

function sha256 (body: Bytes): string {
  const hash = createHash('sha256')
  for (const chunk of body.chunks) hash.update(chunk)
  return hash.digest('hex')
}

const leastChunk = 8192

/** The aws-chunked framing: `size[;chunk-signature=…]`, data, …, a chunk of none, trailers. */
class ChunkReader {
  readonly #raw: Uint8Array
  readonly #identity: Identity
  readonly #signed: boolean
  #signature: string
  #at = 0

  constructor (raw: Bytes, identity: Identity) {
    this.#raw = raw.toUint8Array()
    this.#identity = identity
    this.#signed = identity.payload.startsWith('STREAMING-AWS4')
    this.#signature = identity.signature
  }

  read (expected: number): Payload {
    const body = new BytesWriter(expected)
    for (let last = leastChunk; ;) {
      const [, hex, signature] = /^([0-9a-fA-F]+)(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(this.#line()) ?? []
      if (hex === undefined || this.#signed !== (signature !== undefined)) throw new S3Error('IncompleteBody')
      const size = parseInt(hex, 16)
      const data = this.#take(size)
      if (signature !== undefined) this.#verify(data, signature)
      if (size === 0) break
      if (last < leastChunk) throw new S3Error('InvalidChunkSizeError')
      last = size
      body.push(data)
      if (this.#line() !== '') throw new S3Error('IncompleteBody')
    }
    if (body.size !== expected) throw new S3Error('IncompleteBody')
    return { body: body.finish(), trailers: this.#trailers() }
  }

  #trailers (): Record<string, string> {
    const trailers: Record<string, string> = {}
    let given: string | undefined
    let text = ''
    while (this.#at < this.#raw.byteLength) {
      const line = this.#line()
      if (line === '') break
      const colon = line.indexOf(':')
      if (colon < 1) throw new S3Error('IncompleteBody')
      const name = line.slice(0, colon).toLowerCase()
      const value = line.slice(colon + 1).trim()
      if (name === 'x-amz-trailer-signature') given = value
      else {
        trailers[name] = value
        text += `${name}:${value}\n`
      }
    }
    if (this.#identity.payload === 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER') {
      const hash = createHash('sha256').update(text).digest('hex')
      const { date, scope, sign } = this.#identity
      if (sign(`AWS4-HMAC-SHA256-TRAILER\n${date}\n${scope}\n${this.#signature}\n${hash}`) !== given) throw new S3Error('SignatureDoesNotMatch')
    }
    return trailers
  }

  #verify (data: Uint8Array, signature: string): void {
    const { date, scope, sign } = this.#identity
    const hash = createHash('sha256').update(data).digest('hex')
    const text = `AWS4-HMAC-SHA256-PAYLOAD\n${date}\n${scope}\n${this.#signature}\n${emptySha256}\n${hash}`
    if (sign(text) !== signature) throw new S3Error('SignatureDoesNotMatch')
    this.#signature = signature
  }

  #line (): string {
    const end = this.#raw.indexOf(13, this.#at)
    if (end < 0 || this.#raw[end + 1] !== 10) throw new S3Error('IncompleteBody')
    const line = Buffer.from(this.#raw.buffer, this.#raw.byteOffset + this.#at, end - this.#at).toString('latin1')
    this.#at = end + 2
    return line
  }

  #take (size: number): Uint8Array {
    if (this.#at + size > this.#raw.byteLength) throw new S3Error('IncompleteBody')
    return this.#raw.subarray(this.#at, this.#at += size)
  }
}
