import type { IncomingMessage, ServerResponse } from 'node:http'
import { Bytes, BytesWriter } from './bytes.js'
import type { FaultAction, FaultSubject } from './faults.js'

export type Headers = Record<string, string | string[]>

/** An answer before it is sent (and perhaps spoilt): all of it is known, so that every fault can be made from it. */
export interface Reply {
  readonly status: number
  readonly headers: Headers
  /** Length and content of the body; a HEAD request shows the length only. */
  readonly body?: Bytes | undefined
  /** No Content-Length: as chunks. */
  readonly chunked?: boolean | undefined
}

/** The connection of a request has ended: nobody waits for its reply. */
export class Gone extends Error {
  override readonly name = 'Gone'
}

/** One request with its reply to be. */
export class Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly method: string
  /** The request target as sent: nothing decoded, nothing normalised. */
  readonly target: string
  readonly headers: Headers
  subject: FaultSubject
  actions: readonly FaultAction[] = []
  /** A fault of ours ended the connection. */
  spoilt = false
  #expectsContinue: boolean
  #body: Promise<Bytes> | undefined
  #writer: BytesWriter | undefined

  constructor (req: IncomingMessage, res: ServerResponse, expectsContinue: boolean) {
    this.req = req
    this.res = res
    this.method = req.method ?? 'GET'
    this.target = req.url ?? '/'
    this.headers = req.headers as Headers
    this.subject = { method: this.method, operation: this.method }
    this.#expectsContinue = expectsContinue
  }

  /** One header's value; repeated lines joined as Node does. */
  header (name: string): string | undefined {
    const value = this.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }

  /** The Range header, unless a fault makes the server ignore it; it stays part of what was signed. */
  get range (): string | undefined { return this.actions.some(({ type }) => type === 'ignoreRange') ? undefined : this.header('range') }

  /** The whole request body. Waits for all of it; rejects with {@link Gone} when the client breaks off. */
  body (): Promise<Bytes> {
    return this.#body ??= this.#read()
  }

  /** What of the body has come after {@link Exchange.body} was called: all of it, or the start that came before its connection ended. */
  arrived (): Bytes { return this.#writer?.finish() ?? Bytes.empty }

  /** Throw away what is left of the request body, so that an early answer is not lost to a connection reset. */
  async drain (): Promise<void> {
    if (this.#expectsContinue) { // the client may or may not send the body now: the connection cannot be used again
      this.res.shouldKeepAlive = false
      return
    }
    if (this.#body !== undefined || this.req.readableEnded) return
    this.req.resume()
    await this.#until(done => this.req.once('end', done))
  }

  /** Read that many bytes of the request body and stop. */
  async readSome (bytes: number): Promise<void> {
    this.#continue()
    let seen = 0
    if (bytes === 0 || this.req.readableEnded) return
    await this.#until(done => {
      this.req.on('data', (piece: Buffer) => { if ((seen += piece.byteLength) >= bytes) done() })
      this.req.once('end', done)
    })
    this.req.pause()
  }

  /** Wait; rejects with {@link Gone} at once when the connection ends. Without `ms`: until it ends. */
  sleep (ms?: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    return this.#until(done => { if (ms !== undefined) timer = setTimeout(done, ms) }).finally(() => clearTimeout(timer))
  }

  /** Write to the reply and wait until there is room for more. */
  async write (chunk: Uint8Array): Promise<void> {
    if (this.res.destroyed) throw new Gone()
    if (!this.res.write(chunk)) await this.#until(done => this.res.once('drain', done))
  }

  async #read (): Promise<Bytes> {
    this.#continue()
    const { req } = this
    const writer = this.#writer = new BytesWriter(Number(this.header('content-length') ?? 0))
    await this.#until(done => {
      req.on('data', (piece: Buffer) => writer.push(piece))
      req.once('end', done)
    })
    if (!req.complete) throw new Gone()
    return writer.finish()
  }

  #continue (): void {
    if (!this.#expectsContinue) return
    this.#expectsContinue = false
    this.res.writeContinue()
  }

  #until (begin: (done: () => void) => void): Promise<void> {
    const { res } = this
    return new Promise((resolve, reject) => {
      if (res.destroyed || res.closed) {
        reject(new Gone())
        return
      }
      const gone = (): void => reject(new Gone())
      res.once('close', gone)
      begin(() => {
        res.removeListener('close', gone)
        resolve()
      })
    })
  }
}
