/** redis, the optional peer: loaded on first use; only the shapes that are used are written down here. */
import { FsError, isFsError } from '../errors/index.js'
import { onReset, realm } from '../owner/index.js'

export interface RedisOptions {
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** Number of the database, integer >= 0. @defaultValue 0 */
  readonly database?: number | undefined
  /** Certificate authorities for rediss://, PEM. */
  readonly ca?: string | undefined
  /** For each command, its connection included. @defaultValue 60,000 */
  readonly timeoutMs?: number | undefined
}

/** Of a client that answers with bytes. */
export interface RedisClient {
  connect (): Promise<unknown>
  destroy (): void
  ref (): void
  unref (): void
  on (event: 'error', listener: (error: unknown) => void): unknown
  sendCommand (command: readonly string[]): Promise<unknown>
  withTypeMapping (mapping: Readonly<Record<number, unknown>>): Pick<RedisClient, 'sendCommand'>
}

interface RedisModule {
  readonly RESP_TYPES: { readonly BLOB_STRING: number }
  createClient (options: object): RedisClient
}

const peer = 'redis'

async function loadRedis (): Promise<RedisModule> {
  try {
    return await import(/* webpackIgnore: true */ peer) as RedisModule
  } catch (cause) {
    throw new FsError('FORKFS_MISSING_PEER', 'redis:// needs the package `redis`: npm install redis@6', { protocol: 'redis', cause })
  }
}

export interface RedisPlace { readonly host: string, readonly port: number, readonly tls: boolean }

const links = new Set<RedisLink>()

onReset(mode => {
  for (const link of links) link.drop(mode === 'drop')
  const clients = links.size
  links.clear()
  return { clients }
})

/** One connection of one stream: made when it is first needed, anew after a failure. It keeps nobody alive unless a command is under way. */
export class RedisLink {
  readonly #place: RedisPlace
  readonly #options: RedisOptions
  readonly #epoch = realm.epoch
  #client: { readonly whole: RedisClient, readonly bytes: Pick<RedisClient, 'sendCommand'> } | undefined
  #opening: Promise<void> | undefined
  #busy = 0
  #closed = false

  constructor (place: RedisPlace, options: RedisOptions) {
    this.#place = place
    this.#options = options
    links.add(this)
  }

  /** The answer of one reading command, sent once more over a fresh connection where the first was lost. Strings come as Buffers. */
  async command (parts: readonly string[], signal: AbortSignal | undefined): Promise<unknown> {
    try {
      return await this.#once(parts, signal)
    } catch (error) {
      if (!isFsError(error, 'FORKFS_NETWORK') || this.#closed || signal?.aborted === true) throw error
      return this.#once(parts, signal)
    }
  }

  async #once (parts: readonly string[], signal: AbortSignal | undefined): Promise<unknown> {
    signal?.throwIfAborted()
    const { timeoutMs = 60_000 } = this.#options
    let settle = (): void => {}
    try {
      return await new Promise((resolve, reject) => {
        const end = (reason: unknown): void => {
          reject(reason as Error)
          this.drop(true)
        }
        const abort = (): void => { end(signal?.reason) }
        const timer = setTimeout(() => { end(new FsError('ETIMEDOUT', `redis did not answer within ${timeoutMs} ms`, { protocol: 'redis', retry: 'may' })) }, timeoutMs)
        settle = () => {
          clearTimeout(timer)
          signal?.removeEventListener('abort', abort)
        }
        signal?.addEventListener('abort', abort, { once: true })
        this.#send(parts).then(resolve, (error: unknown) => { reject(this.#failed(error)) })
      })
    } finally {
      settle()
    }
  }

  async #send (parts: readonly string[]): Promise<unknown> {
    this.#busy++
    try {
      await this.#connected()
      const client = this.#client
      if (client === undefined) throw new Error('the connection is gone')
      client.whole.ref()
      return await client.bytes.sendCommand(parts)
    } finally {
      if (--this.#busy === 0) this.#client?.whole.unref()
    }
  }

  #connected (): Promise<void> {
    if (this.#closed) return Promise.reject(new FsError('FORKFS_CLOSED', 'the stream is closed', { protocol: 'redis' }))
    this.#opening ??= this.#connect()
    return this.#opening
  }

  async #connect (): Promise<void> {
    const { createClient, RESP_TYPES } = await loadRedis()
    if (this.#epoch !== realm.epoch || this.#closed) throw new FsError('FORKFS_CLOSED', 'the stream is closed', { protocol: 'redis' })
    const { host, port, tls } = this.#place
    const { username, password, database, ca, timeoutMs = 60_000 } = this.#options
    const whole = createClient({
      username, password, database, disableOfflineQueue: true,
      socket: { host, port, connectTimeout: timeoutMs, reconnectStrategy: false, ...(tls ? { tls: true, servername: host, ca } : {}) }
    })
    whole.on('error', () => { if (this.#client?.whole === whole) this.drop(true) }) // told by the command that meets it
    this.#client = { whole, bytes: whole.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer }) }
    await whole.connect()
  }

  /** What the server said, or that it can not be reached: then the next command begins anew. */
  #failed (error: unknown): FsError {
    if (this.#epoch !== realm.epoch) return new FsError('FORKFS_RESET', 'resetForFork() was called while this was under way', { protocol: 'redis' })
    if (isFsError(error)) {
      if (isFsError(error, 'FORKFS_MISSING_PEER')) this.#opening = undefined
      return error
    }
    const message = error instanceof Error ? error.message : String(error)
    if (/^(WRONGPASS|NOAUTH|ERR AUTH|ERR invalid password)/.test(message)) {
      this.drop(true)
      return new FsError('FORKFS_CREDENTIALS', 'redis refused the user name or password', { protocol: 'redis', cause: error })
    }
    if (message.startsWith('NOPERM')) return new FsError('EACCES', 'redis refused the command to this user', { protocol: 'redis', cause: error })
    if (message.startsWith('WRONGTYPE')) return new FsError('FORKFS_PROTOCOL', 'a key of the object holds no string', { protocol: 'redis', cause: error })
    if (/^[A-Z]+ /.test(message)) return new FsError('FORKFS_BACKEND', `redis answered ${message.split(' ')[0]}`, { protocol: 'redis', cause: error })
    this.drop(true)
    return new FsError('FORKFS_NETWORK', 'no connection to redis', { protocol: 'redis', retry: 'may', cause: error })
  }

  /** Forget the connection; `destroy`: its socket is ours to end. */
  drop (destroy: boolean): void {
    const client = this.#client
    this.#client = undefined
    this.#opening = undefined
    if (!destroy) return
    try { client?.whole.destroy() } catch { /* it was not open any more */ }
  }

  close (): void {
    this.#closed = true
    links.delete(this)
    this.drop(true)
  }
}
