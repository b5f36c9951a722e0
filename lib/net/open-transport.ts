import type { Dispatcher } from 'undici'
import { DirectTransport } from './direct/index.js'
import type { Transport } from './transport.js'
import { proxyFromEnvironment, UndiciTransport } from './undici.js'

export interface TransportOptions {
  /** 'direct': sockets of our own. 'undici': undici's. @defaultValue 'auto', which is 'direct' where that can be */
  readonly transport?: 'auto' | 'undici' | 'direct' | undefined
  /** Connections to one origin. */
  readonly connections: number
  readonly ca?: string | undefined
  readonly dispatcher?: Dispatcher | undefined
}

/**
 * What moves the bytes of one owner. A dispatcher of the caller's and proxies are undici's matter, and on Windows the system
 * writes into a buffer after the read was given up.
 */
export async function openTransport ({ transport, dispatcher, ...options }: TransportOptions): Promise<Transport> {
  const direct = transport !== 'undici' && dispatcher === undefined && process.platform !== 'win32' && !proxyFromEnvironment(process.env)
  return direct ? new DirectTransport(options) : UndiciTransport.open({ ...options, dispatcher })
}
