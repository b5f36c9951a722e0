import { FsError } from '../../lib/errors/index.js'
import type { RangeRead } from '../../lib/filesystem/types.js'
import { crc32c, crc32cText, joinCrc32c } from '../../lib/net/crc32c.js'
import { placeOf, readObjectBeginning, readObjectRange } from '../../lib/net/index.js'
import type { NetReply, ObjectReader, ReplyHead, ReplyHeaders } from '../../lib/net/index.js'
import { objectPath } from './address.js'
import type { GcsClient } from './client.js'
import { hashOf } from './replies.js'

export interface ReadContext {
  readonly client: GcsClient
  readonly bucket: string
  readonly object: string
  /** The generation to read; undefined: the live one. */
  readonly generation: string | undefined
  readonly checksums: boolean
  readonly signal: AbortSignal
  readonly into?: Uint8Array | undefined
  readonly held?: boolean | undefined
  /** Told the headers of what was read. */
  seen (headers: ReplyHeaders): void
}

/** Bytes of [start, end) as they are stored. A range that lies behind the end is empty, not an error. */
export function readRange (context: ReadContext, start: number, end: number | undefined): Promise<RangeRead> {
  return readObjectRange(readerOf(context), start, end)
}

/** The whole up to twice `partBytes`, else the first part of it. */
export function readBeginning (context: ReadContext, partBytes: number): Promise<RangeRead> {
  return readObjectBeginning(readerOf(context), partBytes)
}

function readerOf (context: ReadContext): ObjectReader {
  const { client, bucket, object, generation, checksums, into, held, signal } = context
  const check = (head: ReplyHead): void => { checkGeneration(head, generation) }
  return {
    into,
    held,
    get: (headers, destination, read) => {
      // A stored gzip is sent as it is only to who says that he takes it; else it is inflated, and ranges are ignored.
      headers.push('accept-encoding', 'gzip')
      const query = generation === undefined ? 'alt=media' : `alt=media&generation=${generation}`
      return client.call({
        operation: 'objects.getMedia', method: 'GET', path: `${bucket}/${object}`, target: objectPath(bucket, object), query, headers, pinned: generation !== undefined,
        pardon, destination: placeOf(destination, check)
      }, signal, reply => {
        const result = read(reply)
        if (reply.status !== 416) context.seen(reply.headers)
        return result
      })
    },
    version: ({ headers }) => headers['x-goog-generation'],
    verify: reply => { if (checksums) verify(reply) }
  }
}

function pardon ({ status }: NetReply): boolean { return status === 416 }

/** Every object has a generation; what comes without one is a page of something on the way, and could not be read on. */
function checkGeneration ({ headers }: ReplyHead, wanted: string | undefined): void {
  const generation = headers['x-goog-generation']
  if (generation === undefined) throw new FsError('FORKFS_PROTOCOL', 'the answer has no generation and so is no object of a store: is a proxy in between, or the endpoint something else?', { retry: 'may' })
  if (generation !== wanted && wanted !== undefined) throw new FsError('FORKFS_CHANGED', 'the store sent another generation than the one that was asked for')
  if (headers['x-guploader-response-body-transformations']?.includes('gunzipped') === true) throw new FsError('FORKFS_PROTOCOL', 'the store inflated what it should send as stored')
}

function verify ({ headers, body }: NetReply): void {
  const sent = hashOf(headers['x-goog-hash'])
  if (sent !== undefined && crc32cText(crc32c(body)) !== sent) throw damaged()
}

function damaged (): FsError {
  return new FsError('FORKFS_CHECKSUM', 'the bytes do not fit the CRC32C that the store keeps of them', { retry: 'may' })
}

/** The checksum of an object that is read in parallel parts: each part is summed when it comes, and the sums are joined. */
export class PartsCheck {
  readonly #sums = new Map<number, { readonly crc: number, readonly length: number }>()
  #expected: string | undefined

  /** Begin anew: parts of another generation count no more. */
  begin (hash: string | undefined): void {
    this.#sums.clear()
    this.#expected = hash
  }

  add (start: number, data: Uint8Array): void {
    if (this.#expected !== undefined) this.#sums.set(start, { crc: crc32c(data), length: data.length })
  }

  /** @throws FsError FORKFS_CHECKSUM where all of `size` bytes were seen and are not what the store keeps */
  end (size: number): void {
    if (this.#expected === undefined) return
    let at = 0
    let whole = 0
    for (let part = this.#sums.get(at); part !== undefined && part.length > 0; part = this.#sums.get(at)) {
      whole = joinCrc32c(whole, part.crc, part.length)
      at += part.length
    }
    if (at === size && crc32cText(whole) !== this.#expected) throw damaged()
  }
}
