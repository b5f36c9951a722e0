/** Idle connections are closed before common servers do (5 s and more): a request never meets a socket that just died, or froze with this process. */
export const keepAliveMs = 4000
/** Longest time for a connection to come about. */
export const connectMs = 10_000

/** Reply headers, names in lower case; repeated lines are joined with ', ' (set-cookie is of no use here). */
export type ReplyHeaders = Readonly<Record<string, string | undefined>>

/** In several pieces where they lie apart: they are written one behind the other, without being joined. */
export type RequestBody = Uint8Array | readonly Uint8Array[]

/** Bytes in a body. */
export function bodyBytes (body: RequestBody | undefined): number {
  if (body === undefined || body instanceof Uint8Array) return body?.length ?? 0
  return body.reduce((sum, piece) => sum + piece.length, 0)
}

/** One HTTP request, ready to be written: nothing in it is parsed, encoded or normalised again. */
export interface NetRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE' | 'PATCH'
  /** 'https://host:port' */
  readonly origin: string
  /** Request target with query, byte for byte: it begins with '/'. */
  readonly path: string
  /** Names and values in turn, `host` included where it differs from the origin's. */
  readonly headers: readonly string[]
  readonly body?: RequestBody | undefined
  /** The server is known to send no body with a HEAD: the connection is used again. @defaultValue false */
  readonly keepAfterHead?: boolean | undefined
}

export interface ReplyHead { readonly status: number, readonly headers: ReplyHeaders }
export interface NetReply extends ReplyHead { readonly body: Uint8Array }
export interface NetStream extends ReplyHead {
  /** Chunks as they come. Ending the iteration early closes the connection. */
  readonly body: AsyncIterable<Uint8Array>
}

/** Where the body of a reply goes. */
export interface Destination {
  /** At least as long as the body; the reply's `body` is then a view of it. */
  readonly into?: Uint8Array | undefined
  /** `into` is memory that nobody can transfer or detach before the reply: bytes are read right into it. @defaultValue false */
  readonly held?: boolean | undefined
  /** More than this is refused with FORKFS_PROTOCOL. @defaultValue 64 MiB */
  readonly maxBytes?: number | undefined
  /** No more than this many bytes are wanted: the connection is closed behind them, and the reply's `body` is that much. */
  readonly take?: number | undefined
}

export interface ExchangeOptions {
  readonly signal: AbortSignal
  /** The whole of the exchange must end before it: performance.now() in milliseconds. May move while the exchange goes on. */
  readonly deadline: { readonly at: number }
  /** Longest silence of the other side in milliseconds. */
  readonly idleMs: number
  /** Asked when the head of the reply is there. May throw: the connection is closed and the exchange fails with that error. */
  readonly destination?: ((head: ReplyHead) => Destination) | undefined
}

/** How a failed exchange ended, for the decision whether it may go again. */
export class TransportError extends Error {
  /** connect: nothing was sent. certificate: nor will it be. lost: the connection ended. cut: the body ended early. deadline, idle: our clocks. protocol: not HTTP. */
  readonly kind: 'connect' | 'certificate' | 'lost' | 'cut' | 'deadline' | 'idle' | 'protocol'
  constructor (kind: TransportError['kind'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.kind = kind
  }

  static { Object.defineProperty(this.prototype, 'name', { value: 'TransportError' }) }
}

/** What moves bytes. One per owner; it pools connections by origin. */
export interface Transport {
  /** A bounded exchange: the whole body in memory. Rejects with TransportError, or with `signal.reason`. */
  request (request: NetRequest, options: ExchangeOptions): Promise<NetReply>
  /** An unbounded body, read as the consumer asks; the deadline covers the head, the idle clock the body while it is asked for. */
  stream (request: NetRequest, options: ExchangeOptions): Promise<NetStream>
  /** Connections open now. */
  readonly sockets: number
  /** Wait for what is under way, then close. */
  close (): Promise<void>
  /** Destroy every connection now; synchronous. */
  destroy (): void
}
