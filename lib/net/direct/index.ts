import type { NetConnectOpts, Socket } from 'node:net'
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import { exchange, transportError } from '../exchange.js'
import type { ExchangeHandler } from '../exchange.js'
import { streamExchange } from '../stream-exchange.js'
import { keepAliveMs } from '../transport.js'
import type { ExchangeOptions, NetReply, NetRequest, NetStream, Transport } from '../transport.js'
import { trusted, UndiciTransport } from '../undici.js'
import { windowBytes } from './connection.js'
import type { ConnectionOptions, OnRead } from './connection.js'
import { headerOf, OddReply, writeHead } from './head.js'
import { OriginPool } from './origin-pool.js'
import { Turn } from './turn.js'

export interface DirectOptions {
  /** Connections to one origin. */
  readonly connections: number
  /** Extra certificate authorities, PEM: added to Node's own. */
  readonly ca?: string | undefined
}

type Connect = ConnectionOptions['connect']
type WithOnread<T> = T & { readonly onread: OnRead }

/**
 * HTTP/1.1 over sockets of our own, for stores: bodies are read right to where they belong, without streams and without a
 * parser that copies. What a server sends otherwise than we read it goes again over undici, from then on all of its requests.
 */
export class DirectTransport implements Transport {
  readonly #options: DirectOptions
  readonly #pools = new Map<string, OriginPool>()
  readonly #sessions = new Map<string, Buffer>()
  readonly #odd = new Set<string>()
  readonly #scratch = Buffer.allocUnsafeSlow(windowBytes)
  #other: Promise<UndiciTransport> | undefined
  #opened: UndiciTransport | undefined
  #timer: NodeJS.Timeout | undefined
  #fit = true
  #destroyed = false
  #drained: (() => void) | undefined

  constructor (options: DirectOptions) { this.#options = options }

  get sockets (): number {
    let sockets = this.#opened?.sockets ?? 0
    for (const pool of this.#pools.values()) sockets += pool.sockets
    return sockets
  }

  request (request: NetRequest, options: ExchangeOptions): Promise<NetReply> {
    return this.#here(request, () => exchange(this.#send, request, options), other => other.request(request, options))
  }

  stream (request: NetRequest, options: ExchangeOptions): Promise<NetStream> {
    return this.#here(request, () => streamExchange(this.#send, request, options), other => other.stream(request, options))
  }

  async close (): Promise<void> {
    if (this.#isBusy) await new Promise<void>(resolve => { this.#drained = resolve })
    this.#destroyed = true
    for (const pool of this.#pools.values()) pool.close()
    clearTimeout(this.#timer)
    await (await this.#other)?.close()
  }

  destroy (): void {
    this.#destroyed = true
    clearTimeout(this.#timer)
    for (const pool of this.#pools.values()) pool.close(dropped())
    this.#opened?.destroy()
  }

  get #isBusy (): boolean { return [...this.#pools.values()].some(pool => pool.isBusy) }

  /** Here, and over undici what can not go here, or was answered as we do not read it. */
  #here<T> (request: NetRequest, here: () => Promise<T>, there: (other: UndiciTransport) => Promise<T>): Promise<T> {
    if (!this.#fit || this.#odd.has(request.origin)) return this.#elsewhere().then(there)
    return here().catch((error: unknown) => {
      this.#judge(request, error)
      return this.#elsewhere().then(there)
    })
  }

  /** undici, for what does not go here. */
  #elsewhere (): Promise<UndiciTransport> {
    this.#other ??= UndiciTransport.open(this.#options).then(other => {
      this.#opened = other
      if (this.#destroyed) other.destroy()
      return other
    })
    return this.#other
  }

  /** Whether this failure is our strictness, and the request does no harm when it is sent once more. @throws the failure else */
  #judge ({ origin, method }: NetRequest, error: unknown): void {
    if (!(error instanceof OddReply)) throw error
    this.#odd.add(origin)
    if (method !== 'GET' && method !== 'HEAD') throw error
  }

  readonly #send = (request: NetRequest, handler: ExchangeHandler): void => {
    try {
      if (this.#destroyed) throw dropped()
      const turn = new Turn(request, handler, writeHead(request))
      this.#poolOf(request).add(turn)
    } catch (error) {
      handler.fail(error instanceof TypeError ? error : transportError(error, 'connect', request.origin))
    }
  }

  #poolOf (request: NetRequest): OriginPool {
    const { origin } = request
    const secure = origin.startsWith('https:')
    const host = secure ? headerOf(request, 'host') ?? '' : '' // whom the certificate has to name
    const key = `${origin} ${host}`
    const known = this.#pools.get(key)
    if (known !== undefined) return known
    const pool = new OriginPool({
      connections: this.#options.connections,
      scratch: this.#scratch,
      connect: secure ? this.#secureConnector(key, origin, host) : plainConnector(origin),
      ready: secure ? 'secureConnect' : 'connect',
      onUnfit: () => { this.#fit = false },
      onIdle: () => { this.#idle() },
      onEmpty: () => {
        if (this.#pools.get(key) === pool) this.#pools.delete(key)
        this.#idle()
      }
    })
    this.#pools.set(key, pool)
    return pool
  }

  #secureConnector (key: string, origin: string, host: string): Connect {
    const { connect } = process.getBuiltinModule('node:tls')
    const target = targetOf(origin)
    const name = host === '' ? target.host : targetOf(`https://${host}`).host
    const options = { ...target, ...trusted(this.#options.ca), ALPNProtocols: ['http/1.1'], ...(process.getBuiltinModule('node:net').isIP(name) === 0 ? { servername: name } : {}) }
    return onread => {
      const session = this.#sessions.get(key)
      const socket = connect({ ...options, onread, ...(session === undefined ? {} : { session }) } as WithOnread<TlsOptions>)
      socket.on('session', (fresh: Buffer) => { this.#sessions.set(key, fresh) })
      return socket
    }
  }

  /** A connection is free or gone: who waits for the last one may go on, and idle ones do not stay for ever. */
  #idle (): void {
    if (this.#drained !== undefined && !this.#isBusy) this.#drained()
    if (this.#timer !== undefined || this.#destroyed) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      const now = performance.now()
      if ([...this.#pools.values()].filter(pool => pool.sweep(now)).length > 0) this.#idle()
    }, keepAliveMs / 2)
    this.#timer.unref()
  }
}

function dropped (): Error { return new Error('the client of this owner was dropped') }

function targetOf (origin: string): { readonly host: string, readonly port: number, readonly noDelay: true, readonly keepAlive: true, readonly keepAliveInitialDelay: number } {
  const { hostname, port, protocol } = new URL(origin)
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
  return { host, port: port === '' ? protocol === 'https:' ? 443 : 80 : Number(port), noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 }
}

function plainConnector (origin: string): Connect {
  const { connect } = process.getBuiltinModule('node:net')
  const target = targetOf(origin)
  return (onread): Socket => connect({ ...target, onread } as WithOnread<NetConnectOpts>)
}
