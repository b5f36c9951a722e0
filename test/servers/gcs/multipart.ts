import { invalid } from './errors.js'

export interface Part {
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  /** A view on the whole. */
  readonly body: Buffer
}

/** The boundary that a multipart content type names; undefined for any other type. */
export function boundaryOf (contentType: string | undefined): string | undefined {
  const [, quoted, bare] = /^multipart\/[\w-]+\s*;(?:.*;)?\s*boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(contentType ?? '') ?? []
  return quoted ?? bare?.replaceAll('\'', '')
}

/**
 * The parts of a multipart body. Lines may end in LF alone. What stands before the first boundary and after the last is ignored.
 * @throws GcsError 400 for a body without its last boundary
 */
export function parseMultipart (bytes: Uint8Array, boundary: string): Part[] {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const mark = Buffer.from(`--${boundary}`)
  const parts: Part[] = []
  let at = nextMark(all, mark, 0)
  while (at >= 0) {
    const after = at + mark.byteLength
    if (all[after] === 45 && all[after + 1] === 45) return parts
    const start = all.indexOf(10, after) + 1
    at = nextMark(all, mark, start)
    if (start === 0 || at < 0) break
    const end = all[at - 2] === 13 ? at - 2 : at - 1
    parts.push(parsePart(all.subarray(start, Math.max(end, start))))
  }
  throw invalid('Malformed multipart body.', undefined, 'badRequest')
}

/** Where a boundary begins a line; -1 where none does. */
function nextMark (all: Buffer, mark: Buffer, from: number): number {
  let at = all.indexOf(mark, from)
  while (at > 0 && all[at - 1] !== 10) at = all.indexOf(mark, at + 1)
  return at
}

/** Headers, an empty line, the body. */
export function parsePart (all: Buffer): Part {
  const headers: Record<string, string> = {}
  let at = 0
  for (;;) {
    const end = all.indexOf(10, at)
    const line = all.subarray(at, end < 0 ? all.byteLength : end).toString('utf8').trimEnd()
    at = end < 0 ? all.byteLength : end + 1
    if (line === '') return { headers, body: all.subarray(at) }
    const colon = line.indexOf(':')
    if (colon < 1) throw invalid('Malformed multipart body.', undefined, 'badRequest')
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
}
