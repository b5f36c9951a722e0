import { FsError } from '../errors/index.js'
import type { ReplyHead } from './transport.js'

/** What a reply says about the bytes it carries. */
export interface RangeReply {
  /** Offset of the first byte. */
  readonly start: number
  /** Bytes in the body. */
  readonly length: number
  /** Size of the whole; undefined where the server does not say. */
  readonly size: number | undefined
}

/** `Range` for [start, end), RFC 9110 14.2. A negative start without an end is a suffix; nothing for the whole. */
export function rangeHeader (start: number, end: number | undefined): string | undefined {
  if (start < 0) return `bytes=${start}`
  if (end === undefined) return start === 0 ? undefined : `bytes=${start}-`
  return `bytes=${start}-${end - 1}`
}

const contentRange = /^bytes (\d+)-(\d+)\/(\d+|\*)$/
const unsatisfied = /^bytes \*\/(\d+)$/

/** The size that a 416 tells; undefined where it does not. */
export function sizeOf416 (head: ReplyHead): number | undefined {
  const match = unsatisfied.exec(head.headers['content-range'] ?? '')
  return match === null ? undefined : Number(match[1])
}

function refuse (what: string): never {
  throw new FsError('FORKFS_PROTOCOL', what, { retry: 'may' })
}

/**
 * Check that a reply is what was asked for: 206 with a fitting Content-Range (and a length that agrees), or 200 with the
 * whole where the whole was asked for. A body that could be something else is never read.
 * @throws FsError FORKFS_PROTOCOL
 */
export function checkRange (head: ReplyHead, start: number, end: number | undefined): RangeReply {
  const announced = head.headers['content-length'] === undefined ? undefined : Number(head.headers['content-length'])
  // An empty object has no range: stores answer 416, the empty whole, or a range that ends before it begins.
  if (announced === 0 && (head.status === 200 || head.headers['content-range'] === 'bytes 0--1/0')) return { start: 0, length: 0, size: 0 }
  if (head.status === 200) {
    if (start !== 0 || end !== undefined) refuse('the server ignored the range and sent the whole')
    return { start: 0, length: announced ?? -1, size: announced }
  }
  const match = contentRange.exec(head.headers['content-range'] ?? '')
  if (match === null) refuse(`a range was answered without a usable Content-Range (${head.headers['content-range'] ?? 'none'})`)
  const first = Number(match[1])
  const last = Number(match[2])
  const size = match[3] === '*' ? undefined : Number(match[3])
  const length = last - first + 1
  const wanted = start < 0 ? (size === undefined ? first : Math.max(0, size + start)) : start
  const limit = start < 0 || end === undefined ? size : size === undefined ? end : Math.min(end, size)
  if (first !== wanted || length < 1 || (limit !== undefined && last + 1 !== limit)) refuse(`Content-Range ${match[0]} is not what was asked for`)
  if (announced !== undefined && announced !== length) refuse(`Content-Range ${match[0]} and Content-Length ${announced} disagree`)
  return { start: first, length, size }
}
