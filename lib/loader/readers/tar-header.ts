/**
 * One 512-byte header block: v7, ustar (POSIX.1-1988) and GNU. Fields: name 0+100, size 124+12, checksum 148+8, type 156,
 * magic 257+6, version 263+2, prefix 345+155 (ustar only: GNU keeps times there), GNU "more sparse headers follow" 482.
 */
import { isUtf8 } from 'node:buffer'

export const blockSize = 512

/** Filled anew for each header, so that tiny members cost no garbage. */
export interface TarHeader {
  /** Only zero bytes: the end mark. */
  zero: boolean
  /** Character code of the type flag. */
  type: number
  size: number
  name: string
  /** A GNU sparse map goes on in the next block. */
  extended: boolean
}

export function newHeader (): TarHeader {
  return { zero: false, type: 0, size: 0, name: '', extended: false }
}

/** @returns what is wrong, or undefined */
export function readHeader (bytes: Buffer, at: number, into: TarHeader): string | undefined {
  let sum = 0
  let high = 0 // bytes that are negative where a char is signed, as in some old writers
  for (let i = at, end = at + blockSize; i < end; i += 4) {
    const a = bytes[i]!
    const b = bytes[i + 1]!
    const c = bytes[i + 2]!
    const d = bytes[i + 3]!
    sum += a + b + c + d
    high += (a >> 7) + (b >> 7) + (c >> 7) + (d >> 7)
  }
  into.zero = sum === 0
  if (into.zero) return undefined
  for (let i = at + 148; i < at + 156; i++) {
    const byte = bytes[i]!
    sum += 32 - byte
    high -= byte >> 7
  }
  const stored = readNumber(bytes, at + 148, at + 156)
  if (stored !== sum && stored !== sum - 256 * high) return 'the tar header has a wrong checksum'
  into.type = bytes[at + 156]!
  into.size = readNumber(bytes, at + 124, at + 136)
  if (!(into.size >= 0)) return 'the tar header has an unusable size'
  into.extended = bytes[at + 482] !== 0
  into.name = readName(bytes, at)
  return undefined
}

function readName (bytes: Buffer, at: number): string {
  const name = decode(bytes, at, at + 100)
  // 'ustar\0': with 'ustar ' (GNU) the prefix field holds times
  if (bytes[at + 345] === 0 || bytes[at + 262] !== 0 || bytes[at + 257] !== 117 || bytes.toString('latin1', at + 257, at + 262) !== 'ustar') return name
  return decode(bytes, at + 345, at + 500) + '/' + name
}

/** Text up to the first NUL: UTF-8, or else Latin-1, so that no two names become one. */
export function decode (bytes: Buffer, start: number, end: number): string {
  let stop = start
  let seen = 0
  while (stop < end) {
    const byte = bytes[stop]!
    if (byte === 0) break
    seen |= byte
    stop++
  }
  if (seen < 128 || !isUtf8(bytes.subarray(start, stop))) return bytes.toString('latin1', start, stop)
  return bytes.toString('utf8', start, stop)
}

/** Octal digits, or base 256 where the highest bit is set (GNU). NaN: not a number, negative, or not exact in a double. */
function readNumber (bytes: Buffer, start: number, end: number): number {
  if (bytes[start]! >= 128) return readBase256(bytes, start, end)
  let at = start
  while (at < end && bytes[at] === 32) at++
  let value = 0
  for (; at < end; at++) {
    const byte = bytes[at]!
    if (byte === 0 || byte === 32) break
    if (byte < 48 || byte > 55) return NaN
    value = value * 8 + byte - 48
  }
  return value
}

function readBase256 (bytes: Buffer, start: number, end: number): number {
  let value = bytes[start]! & 0x7f
  if (bytes[start]! & 0x40) return NaN // negative
  for (let at = start + 1; at < end; at++) {
    value = value * 256 + bytes[at]!
    if (value > Number.MAX_SAFE_INTEGER) return NaN
  }
  return value
}
