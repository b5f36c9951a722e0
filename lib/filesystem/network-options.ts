import type { Dispatcher } from 'undici'
import { kinds, oneOf } from './options.js'
import type { OptionTable } from './options.js'

/** What all filesystems over HTTP take. */
export interface NetworkOptions {
  /** An undici dispatcher of the caller's: never closed by us; such an instance refuses to travel and says so. */
  readonly dispatcher?: Dispatcher | undefined
  /** Extra certificate authorities, PEM. HTTPS_PROXY and NO_PROXY are honoured. */
  readonly ca?: string | undefined
  /**
   * What moves bytes. 'direct': sockets of our own, bodies are read right to where they belong, at a fraction of the CPU; where
   * a proxy is set, on Windows, and for servers that send what it does not read, requests go over undici all the same.
   * @defaultValue 'auto': 'direct' for S3 and GCS, 'undici' for HTTP and with a `dispatcher`
   */
  readonly transport?: 'auto' | 'undici' | 'direct' | undefined
}

/** Their kinds. */
export const networkOptions: OptionTable = Object.freeze({
  ca: kinds.pem,
  transport: { ...oneOf('auto', 'undici', 'direct'), default: 'auto' },
  dispatcher: { expected: 'an undici dispatcher', check: value => typeof (value as { dispatch?: unknown } | null)?.dispatch === 'function', opaque: true }
})

/** @throws TypeError for options that exclude each other */
export function checkNetwork ({ transport, dispatcher }: NetworkOptions): void {
  if (transport === 'direct' && dispatcher !== undefined) throw new TypeError('Expected `dispatcher` without `transport: \'direct\'`, which opens connections of its own: leave one of them out')
}
