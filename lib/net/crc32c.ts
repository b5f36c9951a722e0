/**
 * CRC-32C (Castagnoli, RFC 3720 B.4), which Google Cloud Storage keeps of every object. Node has CRC-32 only. Long data are folded to a short
 * piece where there is WebAssembly (see crc32c-fold.ts); what is left is looked up in tables, eight bytes at a time.
 */
import { foldedBefore, leastFolded, openFold } from './crc32c-fold.js'
import type { Fold } from './crc32c-fold.js'

const polynomial = 0x82f63b78
const slices = 8

let tables: Int32Array | undefined

function createTables (): Int32Array {
  const made = new Int32Array(256 * slices)
  for (let byte = 0; byte < 256; byte++) {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1
    made[byte] = value
  }
  for (let i = 256; i < made.length; i++) made[i] = (made[i - 256]! >>> 8) ^ made[made[i - 256]! & 255]!
  return made
}

const none = new Int32Array(0)
const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

let opened: { readonly fold: Fold | undefined } | undefined

/** The CRC-32C of bytes, an unsigned number; `before` is that of the bytes in front of them. */
export function crc32c (data: Uint8Array, before = 0): number {
  if (data.length < leastFolded) return plainCrc32c(data, before)
  opened ??= { fold: openFold() }
  return opened.fold === undefined ? plainCrc32c(data, before) : plainCrc32c(opened.fold(data, before), foldedBefore)
}

/** The same without WebAssembly. */
export function plainCrc32c (data: Uint8Array, before = 0): number {
  const t = tables ??= createTables()
  let crc = ~before
  let at = 0
  const aligned = littleEndian ? Math.min(data.length, -data.byteOffset & 3) : data.length
  while (at < aligned) crc = (crc >>> 8) ^ t[(crc ^ data[at++]!) & 255]!
  const words = data.length - at < slices ? none : new Int32Array(data.buffer, data.byteOffset + at, (data.length - at) >>> 2)
  const pairs = words.length & ~1
  for (let i = 0; i < pairs; i += 2) {
    const a = words[i]! ^ crc
    const b = words[i + 1]!
    crc = t[1792 | (a & 255)]! ^ t[1536 | ((a >>> 8) & 255)]! ^ t[1280 | ((a >>> 16) & 255)]! ^ t[1024 | (a >>> 24)]! ^
      t[768 | (b & 255)]! ^ t[512 | ((b >>> 8) & 255)]! ^ t[256 | ((b >>> 16) & 255)]! ^ t[b >>> 24]!
  }
  at += pairs * 4
  while (at < data.length) crc = (crc >>> 8) ^ t[(crc ^ data[at++]!) & 255]!
  return ~crc >>> 0
}

/** A linear map over GF(2): the image of each of the 32 bits. */
type Matrix = Int32Array<ArrayBuffer>

function times (matrix: Matrix, vector: number): number {
  let sum = 0
  for (let bit = 0, rest = vector; rest !== 0; bit++, rest >>>= 1) if (rest & 1) sum ^= matrix[bit]!
  return sum
}

function squared (matrix: Matrix): Matrix {
  return matrix.map(column => times(matrix, column))
}

/** powers[n] puts 2^n zero bytes behind what a CRC stands for. */
let powers: Matrix[] | undefined

function createPowers (): Matrix[] {
  let matrix = Int32Array.from({ length: 32 }, (_, bit) => bit === 0 ? polynomial : 1 << (bit - 1)) // one zero bit
  for (let doubled = 0; doubled < 3; doubled++) matrix = squared(matrix)
  const made = [matrix]
  while (made.length < 53) made.push(squared(made.at(-1)!))
  return made
}

/** The CRC-32C of two pieces in a row, from theirs: parts that were read in parallel are checked as one. */
export function joinCrc32c (first: number, second: number, secondLength: number): number {
  powers ??= createPowers()
  let crc = first
  for (let bit = 0, rest = secondLength; rest > 0; bit++, rest = Math.floor(rest / 2)) if (rest % 2 === 1) crc = times(powers[bit]!, crc)
  return (crc ^ second) >>> 0
}

/** As GCS writes it: base64 of the four bytes, the highest first. */
export function crc32cText (crc: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc)
  return bytes.toString('base64')
}
