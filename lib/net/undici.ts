import type { Dispatcher } from 'undici'
import type { Socket } from 'node:net'
import { FsError } from '../errors/index.js'
import { exchange, transportError } from './exchange.js'
import type { ExchangeHandler } from './exchange.js'
import { loadUndici, loadUndiciCore } from './load-undici.js'
import type { UndiciCore } from './load-undici.js'
import { streamExchange } from './stream-exchange.js'
import { connectMs, keepAliveMs } from './transport.js'
import type { ExchangeOptions, NetReply, NetRequest, NetStream, Transport } from './transport.js'

export interface UndiciOptions {
  /** Connections to one origin. */
  readonly connections: number
  /** Extra certificate authorities, PEM: added to Node's own. */
  readonly ca?: string | undefined
  /** A dispatcher of the caller's: used, never closed. */
  readonly dispatcher?: Dispatcher | undefined
}

/** Options of TLS: Node's own authorities, and the one that was given. */
export function trusted (ca: string | undefined): { readonly ca?: string[] } {
  return ca === undefined ? {} : { ca: [...process.getBuiltinModule('node:tls').rootCertificates, ca] }
}

export function proxyFromEnvironment (env: NodeJS.ProcessEnv): boolean {
  return ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'].some(name => env[name] !== undefined && env[name] !== '')
}

type Loaded = UndiciCore & Partial<Pick<typeof import('undici'), 'EnvHttpProxyAgent'>>

/**
 * The transport for proxies, dispatchers of the caller's and unknown servers: undici's dispatch interface, one agent,
 * sockets tracked so that a reset can destroy them at once.
 */
export class UndiciTransport implements Transport {
  readonly #dispatcher: Dispatcher
  readonly #borrowed: boolean
  readonly #tracked = new Set<Socket>()
  #destroyed = false

  private constructor (undici: Loaded | undefined, options: UndiciOptions) {
    this.#borrowed = undici === undefined
    this.#dispatcher = undici === undefined ? options.dispatcher! : this.#createAgent(undici, options)
  }

  static async open (options: UndiciOptions): Promise<UndiciTransport> {
    if (options.dispatcher !== undefined) return new UndiciTransport(undefined, options)
    return new UndiciTransport(await (proxyFromEnvironment(process.env) ? loadUndici() : loadUndiciCore()), options)
  }

  #createAgent (undici: Loaded, { connections, ca }: UndiciOptions): Dispatcher {
    const tls = trusted(ca)
    const shared = { connections, pipelining: 1, keepAliveTimeout: keepAliveMs, keepAliveMaxTimeout: keepAliveMs, headersTimeout: 0, bodyTimeout: 0 }
    if (undici.EnvHttpProxyAgent !== undefined) return new undici.EnvHttpProxyAgent({ ...shared, connect: tls, requestTls: tls })
    const connect = undici.buildConnector({ ...tls, timeout: connectMs }) as unknown as (options: object, callback: (error: Error | null, socket: Socket | null) => void) => Socket
    return new undici.Agent({
      ...shared,
      connect: (target, callback) => {
        if (this.#destroyed) { callback(new Error('the client of this owner was dropped'), null); return }
        const socket = connect(target, callback as (error: Error | null, socket: Socket | null) => void)
        this.#tracked.add(socket)
        socket.once('close', () => { this.#tracked.delete(socket) })
      }
    })
  }

  get sockets (): number { return this.#tracked.size }

  request (request: NetRequest, options: ExchangeOptions): Promise<NetReply> {
    this.#check()
    return exchange(this.#send, request, options)
  }

  stream (request: NetRequest, options: ExchangeOptions): Promise<NetStream> {
    this.#check()
    return streamExchange(this.#send, request, options)
  }

  /** Hand a request to undici as it is; its clocks are off, ours run. */
  readonly #send = (request: NetRequest, handler: ExchangeHandler): void => {
    const { origin, path, method, headers, body, keepAfterHead } = request
    const bytes = body === undefined ? null : body instanceof Uint8Array ? body : Buffer.concat(body)
    // undici closes the connection behind a HEAD unless it is told not to: some servers send a body, which the next reply would begin with.
    const reset = method === 'HEAD' && keepAfterHead === true ? { reset: false } : {}
    try {
      this.#dispatcher.dispatch({ origin, path, method, headers: headers as string[], body: bytes, headersTimeout: 0, bodyTimeout: 0, ...reset }, handler)
    } catch (error) {
      handler.fail(transportError(error, 'connect', origin))
    }
  }

  /** Ours is opened again when it is needed; a caller's is not ours to open. */
  #check (): void {
    const { closed, destroyed } = this.#dispatcher as Partial<Record<'closed' | 'destroyed', unknown>>
    if (!this.#borrowed || (closed !== true && destroyed !== true)) return
    throw new FsError('FORKFS_CLOSED', 'the `dispatcher` that the filesystem was given is closed; make another one with an open dispatcher')
  }

  async close (): Promise<void> {
    if (this.#borrowed || this.#destroyed) return
    await this.#dispatcher.close()
    for (const socket of this.#tracked) socket.destroy()
  }

  destroy (): void {
    if (this.#borrowed || this.#destroyed) return
    this.#destroyed = true
    for (const socket of this.#tracked) socket.destroy()
    this.#tracked.clear()
    this.#dispatcher.destroy().catch(() => {}) // not awaited: a reset is synchronous, and the sockets are gone
  }
}
