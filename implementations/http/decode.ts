import type { Transform } from 'node:stream'
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

interface Decoder {
  whole (zlib: Zlib, data: Uint8Array, done: (error: Error | null, data: Buffer) => void): void
  /** `first` byte of the body. */
  stream (zlib: Zlib, first: number): Transform
}

/** "deflate" means the zlib format; some servers send it raw. */
const isZlib = (first: number): boolean => (first & 0x0f) === 8

const gzip: Decoder = { whole: (zlib, data, done) => { zlib.gunzip(data, done) }, stream: zlib => zlib.createGunzip() }
const decoders: Readonly<Record<string, Decoder>> = Object.freeze({
  gzip,
  'x-gzip': gzip,
  deflate: {
    whole: (zlib, data, done) => { if (isZlib(data[0]!)) zlib.inflate(data, done); else zlib.inflateRaw(data, done) },
    stream: (zlib, first) => isZlib(first) ? zlib.createInflate() : zlib.createInflateRaw()
  },
  br: { whole: (zlib, data, done) => { zlib.brotliDecompress(data, done) }, stream: zlib => zlib.createBrotliDecompress() }
})

function decoderOf (name: string, path: string): Decoder {
  const decoder = Object.hasOwn(decoders, name) ? decoders[name] : undefined
  if (decoder !== undefined) return decoder
  throw new FsError('FORKFS_NOT_SUPPORTED', `the server sends the content encoding '${name.slice(0, 40)}'`, { path: shownPath(path), protocol: 'http' })
}

function invalid (name: string, path: string, cause: unknown): FsError {
  return new FsError('FORKFS_PROTOCOL', `the body is not valid ${name}`, { path: shownPath(path), protocol: 'http', cause })
}

/** @throws FsError FORKFS_NOT_SUPPORTED for an encoding that is not known here, FORKFS_PROTOCOL for a body that is not what it says */
export async function decode (data: Uint8Array, encodings: readonly string[], path: string): Promise<Bytes> {
  const zlib = process.getBuiltinModule('node:zlib')
  let decoded: Uint8Array = data
  for (const name of [...encodings].reverse()) {
    const decoder = decoderOf(name, path)
    const given = decoded
    decoded = await new Promise<Buffer>((resolve, reject) => {
      decoder.whole(zlib, given, (error, result) => { if (error === null) resolve(result); else reject(invalid(name, path, error)) })
    })
  }
  return new Uint8Array(decoded.buffer as ArrayBuffer, decoded.byteOffset, decoded.length)
}

/** {@link decode} of a body that is not held: piece by piece. */
export function decodeChunks (body: AsyncIterable<Uint8Array>, encodings: readonly string[], path: string): AsyncIterable<Uint8Array> {
  return [...encodings].reverse().reduce((chunks, name) => decodeOne(chunks, name, path), body)
}

async function * decodeOne (body: AsyncIterable<Uint8Array>, name: string, path: string): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = decoderOf(name, path)
  const { pipeline, Readable } = process.getBuiltinModule('node:stream')
  const chunks = body[Symbol.asyncIterator]()
  let failure: { readonly error: unknown } | undefined
  const first = await chunks.next()
  if (first.done === true) return
  const next = (): Promise<IteratorResult<Uint8Array>> => chunks.next().catch((error: unknown) => {
    failure = { error }
    throw error
  })
  const input = Readable.from((async function * () {
    for (let step: IteratorResult<Uint8Array> = first; step.done !== true; step = await next()) yield step.value
  })())
  const output = pipeline(input, decoder.stream(process.getBuiltinModule('node:zlib'), first.value[0]!), () => {})
  try {
    for await (const chunk of output) yield chunk as Uint8Array
  } catch (error) {
    throw failure === undefined ? invalid(name, path, error) : failure.error // a body that broke off is another matter than a damaged one
  } finally {
    output.destroy()
  }
}
