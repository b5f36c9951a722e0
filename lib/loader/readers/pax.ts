/** PAX extended headers (POSIX.1-2001): records "length key=value\n". Only what decides names and sizes is kept. */
import { decode } from './tar-header.js'

export interface PaxValues {
  path?: string | undefined
  size?: number | undefined
  sparse?: boolean | undefined
}

/** Adds the records of one header to `into`; an empty value takes a key away. @returns what is wrong, or undefined */
export function readPax (bytes: Buffer, into: PaxValues): string | undefined {
  let at = 0
  while (at < bytes.length) {
    if (bytes[at] === 0) return undefined // padded by some writers
    const space = bytes.indexOf(32, at)
    const length = space < 0 || space - at > 7 ? NaN : Number(bytes.toString('latin1', at, space))
    const end = at + length
    const equals = bytes.indexOf(61, space + 1)
    if (!Number.isInteger(length) || end > bytes.length || bytes[end - 1] !== 10 || equals < 0 || equals >= end - 1) {
      return 'the pax header is malformed'
    }
    const problem = keep(bytes.toString('latin1', space + 1, equals), bytes, equals + 1, end - 1, into)
    if (problem !== undefined) return problem
    at = end
  }
  return undefined
}

function keep (key: string, bytes: Buffer, start: number, end: number, into: PaxValues): string | undefined {
  if (key === 'path') into.path = start === end ? undefined : decode(bytes, start, end)
  else if (key.startsWith('GNU.sparse.')) into.sparse = true
  else if (key === 'size') {
    if (start === end) { into.size = undefined; return undefined }
    const text = bytes.toString('latin1', start, end)
    const size = /^[0-9]{1,16}$/.test(text) ? Number(text) : NaN
    if (!Number.isSafeInteger(size)) return 'the pax header has an unusable size'
    into.size = size
  }
  return undefined
}
