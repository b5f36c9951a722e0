import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { CounterSet } from './counters.js'
import { Exchange, Gone } from './exchange.js'
import { FaultInjector, findAction } from './faults.js'
import { breakOff, send } from './send.js'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http'
import type { FaultAction, FaultSubject } from './faults.js'
import type { Reply } from './exchange.js'

/** Where a server listens, and how it behaves as such. What can not be listened on rejects with Node's error (EADDRINUSE, EACCES). */
export interface ServiceOptions {
  /** Address or name to listen on. @defaultValue '127.0.0.1' */
  readonly host?: string | undefined
  /** @defaultValue 0, a free one: the server's `port` says which */
  readonly port?: number | undefined
  /** Added before each reply, in milliseconds. @defaultValue 0 */
  readonly latencyMs?: number | undefined
  /** Idle connections are closed after that time, in milliseconds. @defaultValue 0, never */
  readonly keepAliveMs?: number | undefined
}

/** What a store puts on top of the plumbing. */
export interface Service {
  /** What the request is about, for rules and counters. Must not throw. */
  describe (exchange: Exchange): FaultSubject
  /** The key of a request that has it in its body: asked where a rule wants one and `describe` found none. */
  keyOf? (exchange: Exchange): Promise<string | undefined>
  /** Carry the request out. May throw what `refuse` understands. */
  handle (exchange: Exchange): Promise<Reply>
  /** The reply for an error of `handle`. */
  refuse (exchange: Exchange, error: unknown): Reply
  /** An error reply in the store's format, for faults. */
  error (exchange: Exchange, status: number, code?: string, message?: string): Reply
  /** The name under which a read of content is counted; undefined for other requests. */
  contentName (subject: FaultSubject): string | undefined
}

/** An HTTP/1.1 server with its faults and counters. Sockets are tracked: `close()` leaves none. */
export class HttpService {
  readonly faults = new FaultInjector()
  readonly counters = new CounterSet()
  readonly #service: Service
  readonly #latencyMs: number
  readonly #sockets = new Set<Socket>()
  readonly #net: Server
  readonly #http: HttpServer
  #closing: Promise<void> | undefined

  private constructor (service: Service, options: ServiceOptions) {
    this.#service = service
    this.#latencyMs = options.latencyMs ?? 0
    this.#http = createHttpServer({ keepAliveTimeout: options.keepAliveMs ?? 0, requestTimeout: 0, headersTimeout: 0, maxHeaderSize: 64 << 10 })
    this.#http.on('request', (req, res) => { this.#accept(req, res, false) })
    this.#http.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => { this.#accept(req, res, true) })
    this.#http.on('clientError', (_error, socket) => { socket.destroy() })
    // A net server in front: a connection can be held before HTTP ever sees it.
    this.#net = createServer({ allowHalfOpen: true, noDelay: true }, socket => { this.#connected(socket) })
  }

  static async start (service: Service, options: ServiceOptions): Promise<HttpService> {
    const server = new HttpService(service, options)
    server.#net.listen(options.port ?? 0, options.host ?? '127.0.0.1')
    await once(server.#net, 'listening')
    return server
  }

  get port (): number { return (this.#net.address() as AddressInfo).port }

  /** Destroy all connections and stop listening. */
  close (): Promise<void> {
    return this.#closing ??= new Promise(resolve => {
      this.#net.close(() => resolve())
      this.#http.close()
      for (const socket of this.#sockets) socket.destroy()
    })
  }

  #connected (socket: Socket): void {
    this.#sockets.add(socket)
    this.counters.socketOpened(socket)
    socket.on('error', () => {}) // a client that resets: 'close' follows
    socket.once('close', () => { this.#sockets.delete(socket) })
    const stall = findAction(this.faults.takeConnection(), 'stall')
    if (stall === undefined) {
      this.#http.emit('connection', socket)
      return
    }
    this.counters.faulted()
    socket.pause()
    this.faults.hold(() => { socket.destroy() }) // unread, it would never learn that its client is gone
    if (stall.ms === undefined) return
    const timer = setTimeout(() => {
      this.#http.emit('connection', socket)
      socket.resume()
    }, stall.ms)
    socket.once('close', () => { clearTimeout(timer) })
  }

  #accept (req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): void {
    const exchange = new Exchange(req, res, expectsContinue)
    const subject = exchange.subject = this.#service.describe(exchange)
    const request = { method: exchange.method, target: exchange.target, operation: subject.operation, rawHeaders: req.rawHeaders }
    this.counters.started(request, this.#service.contentName(subject))
    res.once('close', () => { this.counters.ended(!res.writableFinished && !exchange.spoilt) })
    req.on('error', () => {}) // the connection broke: res 'close' tells
    this.#answer(exchange).catch((error: unknown) => {
      if (!(error instanceof Gone)) res.destroy(error as Error)
    })
  }

  async #answer (exchange: Exchange): Promise<void> {
    if (this.faults.wantsKeys && exchange.subject.key === undefined && this.#service.keyOf !== undefined) {
      exchange.subject = { ...exchange.subject, key: await this.#service.keyOf(exchange) }
    }
    exchange.actions = this.faults.take(exchange.subject)
    if (exchange.actions.length > 0) this.counters.faulted()
    const reply = await this.#instead(exchange) ?? await this.#reply(exchange)
    if (reply === undefined) return
    if (this.#latencyMs > 0) await exchange.sleep(this.#latencyMs)
    this.counters.replied(reply.status)
    await send(exchange, reply)
  }

  async #reply (exchange: Exchange): Promise<Reply> {
    try {
      return await this.#service.handle(exchange)
    } catch (error) {
      if (error instanceof Gone) throw error
      await exchange.drain()
      return this.#service.refuse(exchange, error)
    }
  }

  /** What a fault answers in place of the operation, or after it; undefined when the operation's own reply goes out. */
  async #instead (exchange: Exchange): Promise<Reply | undefined> {
    const { actions } = exchange
    const delay = findAction(actions, 'delay')
    if (delay !== undefined && delay.applied !== true) await exchange.sleep(delay.ms)
    const stall = findAction(actions, 'stall')
    if (stall?.at === 'headers' && stall.applied === false) await exchange.sleep(stall.ms)
    const reset = findAction(actions, 'reset')
    if (reset?.of === 'request') {
      await exchange.readSome(reset.afterBytes ?? 0)
      breakOff(exchange, 'reset')
      throw new Gone()
    }
    const substitute = actions.find(action => action.type in substitutes)
    if (substitute === undefined) return undefined
    if ('applied' in substitute && substitute.applied === true) await this.#reply(exchange)
    else if ('early' in substitute && substitute.early === true) exchange.res.shouldKeepAlive = false
    else await exchange.drain()
    return substitutes[substitute.type]!(this.#service, exchange, substitute as never)
  }
}

type Substitute<T extends FaultAction['type']> = (service: Service, exchange: Exchange, action: Extract<FaultAction, { readonly type: T }>) => Reply

const substitutes: { readonly [T in FaultAction['type']]?: Substitute<T> } & Record<string, Substitute<never> | undefined> = {
  status: (service, exchange, { status, code, message, headers }) => {
    const reply = service.error(exchange, status, code, message)
    return { ...reply, headers: { ...reply.headers, ...headers } }
  },
  errorInside: (service, exchange, { code, message }) => ({ ...service.error(exchange, 500, code, message), status: 200 }),
  redirect: (service, exchange, { to, region, status }) => {
    const reply = service.error(exchange, status ?? (to === undefined ? 301 : 307))
    const location = to === undefined ? {} : { Location: to }
    return { ...reply, headers: { ...reply.headers, ...location, ...(region === undefined ? {} : { 'x-amz-bucket-region': region }) } }
  },
  clockSkew: (service, exchange, { ms }) => {
    const reply = service.error(exchange, 403, 'RequestTimeTooSkewed')
    return { ...reply, headers: { ...reply.headers, Date: new Date(Date.now() + ms).toUTCString() } }
  }
}
