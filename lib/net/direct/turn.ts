import type { ExchangeHandler } from '../exchange.js'
import type { NetRequest } from '../transport.js'
import type { Connection } from './connection.js'

/** One request on its way through a connection; what its handler holds to end or to slow it. */
export class Turn {
  readonly request: NetRequest
  readonly handler: ExchangeHandler
  readonly head: string
  connection: Connection | undefined
  /** Given up before it was sent. */
  aborted = false

  constructor (request: NetRequest, handler: ExchangeHandler, head: string) {
    this.request = request
    this.handler = handler
    this.head = head
  }

  abort (): void {
    this.aborted = true
    this.connection?.destroy()
  }

  pause (): void { this.connection?.pause() }
  resume (): void { this.connection?.resume() }

  /** It ends with this error; its connection is gone, or was never there. */
  fail (error: Error): void {
    this.connection = undefined
    if (!this.aborted) this.handler.onResponseError(this, error)
  }
}
