/** Between a process and its tracker: a mark, a length, JSON. The mark lets a reader find its way again after garbage. */
export type TrackerFrame =
  | { readonly verb: 'register', readonly kind: 'file' | 'folder', readonly path: string }
  | { readonly verb: 'unregister', readonly path: string }

const mark = Buffer.from('FKT1')
const headBytes = 8
const maxBytes = 1 << 20

export function encodeFrame (frame: TrackerFrame): Buffer {
  const body = Buffer.from(JSON.stringify(frame))
  const head = Buffer.alloc(headBytes)
  mark.copy(head)
  head.writeUInt32BE(body.length, 4)
  return Buffer.concat([head, body])
}

function toFrame (body: Buffer): TrackerFrame | undefined {
  try {
    const { verb, kind, path } = JSON.parse(body.toString('utf8')) as Record<string, unknown>
    if (typeof path !== 'string') return undefined
    if (verb === 'unregister') return { verb, path }
    if (verb === 'register' && (kind === 'file' || kind === 'folder')) return { verb, kind, path }
  } catch { /* no JSON */ }
  return undefined
}

/** Gives each whole frame to `deliver`; what is none is skipped. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)
  readonly #deliver: (frame: TrackerFrame) => void

  constructor (deliver: (frame: TrackerFrame) => void) { this.#deliver = deliver }

  push (chunk: Uint8Array): void {
    let rest = Buffer.concat([this.#rest, chunk])
    for (;;) {
      const start = rest.indexOf(mark)
      if (start === -1) {
        rest = rest.subarray(Math.max(0, rest.length - mark.length + 1))
        break
      }
      rest = rest.subarray(start)
      if (rest.length < headBytes) break
      const length = rest.readUInt32BE(4)
      if (length > maxBytes) { rest = rest.subarray(mark.length); continue }
      if (rest.length < headBytes + length) break
      const frame = toFrame(rest.subarray(headBytes, headBytes + length))
      if (frame !== undefined) this.#deliver(frame)
      rest = rest.subarray(frame === undefined ? mark.length : headBytes + length)
    }
    this.#rest = rest
  }
}
