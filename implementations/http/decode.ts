import { FsError } from '../../lib/errors/index.js'
import type { ReplyHead } from '../../lib/net/index.js'
import type { Bytes } from '../../lib/filesystem/types.js'
import { shownPath } from './address.js'

/** The encodings of a body that was asked for without any, in the order they were applied. */
export function encodingsOf ({ headers }: ReplyHead): string[] {
  const text = headers['content-encoding']
  if (text === undefined) return []
  return text.split(',').map(name => name.trim().toLowerCase()).filter(name => name !== '' && name !== 'identity')
}

/** Ranges count bytes of what is sent: of an encoded body they are not ranges of the file. @throws FsError FORKFS_NOT_SUPPORTED */
export function refuseEncodedRange (head: ReplyHead, path: string): void {
  const encodings = encodingsOf(head)
  if (encodings.length === 0) return
  throw new FsError('FORKFS_NOT_SUPPORTED', `the server encodes the file (${encodings.join(', ').slice(0, 60)}) although it was asked not to, and has no ranges of it: read it whole`, { path: shownPath(path), protocol: 'http' })
}

type Zlib = typeof import('node:zlib')
type Decoder = (zlib: Zlib, data: Uint8Array) => Buffer | Promise<Buffer>

function inflating (run: (zlib: Zlib, done: (error: Error | null, data: Buffer) => void, data: Uint8Array) => void): Decoder {
  return (zlib, data) => new Promise((resolve, reject) => {
    run(zlib, (error, decoded) => { if (error === null) resolve(decoded); else reject(error) }, data)
  })
}

const gunzip = inflating((zlib, done, data) => { zlib.gunzip(data, done) })
const decoders: Readonly<Record<string, Decoder>> = Object.freeze({
  gzip: gunzip,
  'x-gzip': gunzip,
  // "deflate" means the zlib format; some servers send it raw
  deflate: inflating((zlib, done, data) => { if ((data[0]! & 0x0f) === 8) zlib.inflate(data, done); else zlib.inflateRaw(data, done) }),
  br: inflating((zlib, done, data) => { zlib.brotliDecompress(data, done) })
})

/** @throws FsError FORKFS_NOT_SUPPORTED for an encoding that is not known here, FORKFS_PROTOCOL for a body that is not what it says */
export async function decode (data: Uint8Array, encodings: readonly string[], path: string): Promise<Bytes> {
  const fields = { path: shownPath(path), protocol: 'http' }
  const zlib = process.getBuiltinModule('node:zlib')
  let decoded: Uint8Array = data
  for (const name of [...encodings].reverse()) {
    const decoder = Object.hasOwn(decoders, name) ? decoders[name]! : undefined
    if (decoder === undefined) throw new FsError('FORKFS_NOT_SUPPORTED', `the server sends the content encoding '${name.slice(0, 40)}'`, fields)
    try {
      decoded = await decoder(zlib, decoded)
    } catch (cause) {
      throw new FsError('FORKFS_PROTOCOL', `the body is not valid ${name}`, { ...fields, cause })
    }
  }
  return new Uint8Array(decoded.buffer as ArrayBuffer, decoded.byteOffset, decoded.length)
}
