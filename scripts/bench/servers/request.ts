/** The least of HTTP/1.1 that a yardstick needs: heads are cut out of a socket's bytes, bodies are counted and dropped. */
import { BodyCounter } from './body.js'

export interface Head {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly range: { readonly start: number, readonly end: number | undefined } | undefined
  /** Content-Range of a body, as it came. */
  readonly contentRange: string | undefined
  readonly host: string
}

const headEnd = Buffer.from('\r\n\r\n')

/** Feed it what a socket gives; it calls back for each request whose body has been read, with the length of that. */
export class RequestReader {
  readonly #onRequest: (head: Head, bodyBytes: number) => void
  readonly #onContinue: () => void
  #rest: Buffer = Buffer.alloc(0)
  #head: Head | undefined
  #body = new BodyCounter(0)

  constructor (onRequest: (head: Head, bodyBytes: number) => void, onContinue: () => void) {
    this.#onRequest = onRequest
    this.#onContinue = onContinue
  }

  feed (chunk: Buffer): void {
    if (this.#head !== undefined) {
      const taken = this.#body.take(chunk)
      if (!this.#body.done) return
      chunk = chunk.subarray(taken)
      this.#finish(this.#head)
    }
    if (chunk.length === 0) return
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const end = bytes.indexOf(headEnd)
    if (end === -1) {
      this.#rest = bytes
      return
    }
    this.#rest = Buffer.alloc(0)
    this.#begin(bytes.toString('latin1', 0, end))
    this.feed(bytes.subarray(end + headEnd.length))
  }

  #begin (text: string): void {
    const [method = '', target = ''] = text.slice(0, text.indexOf('\r\n')).split(' ')
    const mark = target.indexOf('?')
    const path = mark === -1 ? target : target.slice(0, mark)
    const range = /\r\nrange: *bytes=(\d+)-(\d*)/i.exec(text)
    this.#head = {
      method,
      path,
      query: new URLSearchParams(mark === -1 ? '' : target.slice(mark + 1)),
      range: range === null ? undefined : { start: Number(range[1]), end: range[2] === '' ? undefined : Number(range[2]) + 1 },
      contentRange: method === 'GET' ? undefined : /\r\ncontent-range: *([^\r]+)/i.exec(text)?.[1],
      host: /\r\nhost: *([^\r]+)/i.exec(text)?.[1] ?? ''
    }
    const hasChunks = method !== 'GET' && /\r\ntransfer-encoding: *chunked/i.test(text)
    this.#body = new BodyCounter(hasChunks ? undefined : Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0))
    if (/\r\nexpect: *100-continue/i.test(text)) this.#onContinue()
    if (this.#body.done) this.#finish(this.#head)
  }

  #finish (head: Head): void {
    this.#head = undefined
    this.#onRequest(head, this.#body.bytes)
  }
}
