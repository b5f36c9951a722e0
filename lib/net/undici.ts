import type { Dispatcher } from 'undici'
import type { Socket } from 'node:net'
import { exchange } from './exchange.js'
import { streamExchange } from './stream-exchange.js'
import type { ExchangeOptions, NetReply, NetRequest, NetStream, Transport } from './transport.js'

export interface UndiciOptions {
  /** Connections to one origin. */
  readonly connections: number
  /** Extra certificate authorities, PEM: added to Node's own. */
  readonly ca?: string | undefined
  /** A dispatcher of the caller's: used, never closed. */
  readonly dispatcher?: Dispatcher | undefined
}

type Undici = typeof import('undici')

/** Idle connections are closed before common servers do (5 s and more): a request never meets a socket that just died. */
const keepAliveMs = 4000

function proxyFromEnvironment (env: NodeJS.ProcessEnv): boolean {
  return ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'].some(name => env[name] !== undefined && env[name] !== '')
}

/** A main function of a startup snapshot has no import(); its working directory says where packages are. */
async function loadUndici (): Promise<Undici> {
  try {
    return await import('undici')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING') throw error
    return process.getBuiltinModule('node:module').createRequire(`${process.cwd()}/snapshot.js`)('undici') as Undici
  }
}

/** The default transport: undici's dispatch interface, one agent, sockets tracked so that a reset can destroy them at once. */
export class UndiciTransport implements Transport {
  readonly #dispatcher: Dispatcher
  readonly #borrowed: boolean
  readonly #tracked = new Set<Socket>()
  #destroyed = false

  private constructor (undici: Undici | undefined, options: UndiciOptions) {
    this.#borrowed = undici === undefined
    this.#dispatcher = undici === undefined ? options.dispatcher! : this.#createAgent(undici, options)
  }

  static async open (options: UndiciOptions): Promise<UndiciTransport> {
    return new UndiciTransport(options.dispatcher === undefined ? await loadUndici() : undefined, options)
  }

  #createAgent (undici: Undici, { connections, ca }: UndiciOptions): Dispatcher {
    const tls = ca === undefined ? {} : { ca: [...process.getBuiltinModule('node:tls').rootCertificates, ca] }
    const shared = { connections, pipelining: 1, keepAliveTimeout: keepAliveMs, keepAliveMaxTimeout: keepAliveMs, headersTimeout: 0, bodyTimeout: 0 }
    if (proxyFromEnvironment(process.env)) return new undici.EnvHttpProxyAgent({ ...shared, connect: tls, requestTls: tls })
    const connect = undici.buildConnector({ ...tls, timeout: 10_000 }) as unknown as (options: object, callback: (error: Error | null, socket: Socket | null) => void) => Socket
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
    return exchange(this.#dispatcher, request, options)
  }

  stream (request: NetRequest, options: ExchangeOptions): Promise<NetStream> {
    return streamExchange(this.#dispatcher, request, options)
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
