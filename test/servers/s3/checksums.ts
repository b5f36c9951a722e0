import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { S3Error } from './errors.js'
import { md5 } from './store.js'
import type { Bytes } from '../bytes.js'

/** A stored checksum; `value` is what the header carries. */
export interface Checksum {
  readonly algorithm: string
  readonly value: string
  readonly type: 'FULL_OBJECT' | 'COMPOSITE'
}

export const algorithms: readonly string[] = ['crc32', 'crc32c', 'sha1', 'sha256', 'crc64nvme']

const digestBytes: Readonly<Record<string, number>> = { crc32: 4, crc32c: 4, sha1: 20, sha256: 32, crc64nvme: 8 }

/** The digest, or undefined for crc64nvme, which is stored as the client says. */
export function digest (algorithm: string, body: Bytes): Buffer | undefined {
  if (algorithm === 'crc64nvme') return undefined
  if (algorithm === 'crc32') return uint32(body.chunks.reduce((crc, chunk) => crc32(chunk, crc), 0))
  if (algorithm === 'crc32c') return uint32(crc32c(body))
  const hash = createHash(algorithm)
  for (const chunk of body.chunks) hash.update(chunk)
  return hash.digest()
}

function uint32 (value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32BE(value >>> 0)
  return buffer
}

let table: Uint32Array | undefined

function crc32c (body: Bytes): number {
  if (table === undefined) {
    table = new Uint32Array(256)
    for (let i = 0; i < 256; i++) {
      let c = i
      for (let bit = 0; bit < 8; bit++) c = (c & 1) === 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1
      table[i] = c
    }
  }
  let crc = 0xffffffff
  for (const chunk of body.chunks) {
    for (let i = 0; i < chunk.length; i++) crc = table[(crc ^ chunk[i]!) & 0xff]! ^ (crc >>> 8)
  }
  return ~crc >>> 0
}

/** The one `x-amz-checksum-*` among headers and trailers. More than one is refused, as S3 does. */
export function givenChecksum (headers: Readonly<Record<string, string | string[] | undefined>>): { algorithm: string, value: string } | undefined {
  const given = algorithms.filter(algorithm => headers[`x-amz-checksum-${algorithm}`] !== undefined)
  if (given.length > 1) throw new S3Error('InvalidRequest', { message: 'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.' })
  const algorithm = given[0]
  return algorithm === undefined ? undefined : { algorithm, value: String(headers[`x-amz-checksum-${algorithm}`]) }
}

/**
 * Hold the body to the given checksum.
 * @throws S3Error InvalidRequest when the value is no digest, BadDigest when it differs
 */
export function verifyChecksum (body: Bytes, given: { algorithm: string, value: string } | undefined): Checksum | undefined {
  if (given === undefined) return undefined
  const { algorithm, value } = given
  const bytes = Buffer.from(value, 'base64')
  if (bytes.byteLength !== digestBytes[algorithm] || bytes.toString('base64') !== value) {
    throw new S3Error('InvalidRequest', { message: `Value for x-amz-checksum-${algorithm} header is invalid.` })
  }
  const computed = digest(algorithm, body)
  if (computed !== undefined && !computed.equals(bytes)) {
    throw new S3Error('BadDigest', { message: `The ${algorithm.toUpperCase()} you specified did not match the calculated checksum.` })
  }
  return { algorithm, value, type: 'FULL_OBJECT' }
}

/** The MD5 of the body, held to Content-MD5 where it was sent. */
export function verifyMd5 (body: Bytes, contentMd5: string | undefined): Buffer {
  const computed = md5(body)
  if (contentMd5 === undefined) return computed
  const bytes = Buffer.from(contentMd5, 'base64')
  if (bytes.byteLength !== 16) throw new S3Error('InvalidDigest')
  if (!bytes.equals(computed)) throw new S3Error('BadDigest', { detail: { ExpectedDigest: contentMd5, CalculatedDigest: computed.toString('base64') } })
  return computed
}

/** The checksum of checksums of a multipart object. */
export function compositeChecksum (algorithm: string, parts: readonly string[]): Checksum {
  const joined = Buffer.concat(parts.map(part => Buffer.from(part, 'base64')))
  const whole = algorithm === 'crc32' ? uint32(crc32(joined)) : undefined
  const value = whole ?? (algorithm.startsWith('sha') ? createHash(algorithm).update(joined).digest() : undefined)
  return { algorithm, value: `${(value ?? joined.subarray(0, 8)).toString('base64')}-${parts.length}`, type: 'COMPOSITE' }
}
