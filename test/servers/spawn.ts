import { fork } from 'node:child_process'
import { FsError } from '../../lib/errors/index.js'
import type { ChildProcess } from 'node:child_process'
import type { Counters, RecordedRequest } from './counters.js'
import type { FaultRule } from './faults.js'
import type { S3Credential } from './s3/auth.js'
import type { S3ServerOptions } from './s3/options.js'
import type { OpenUpload, S3Server } from './s3/server.js'

type Method = 'addFault' | 'clearFaults' | 'counters' | 'requests' | 'resetCounters' | 'put' | 'putMany' | 'get' | 'keys' | 'uploads' | 'setClock' |
  'setCredentials' | 'close'

interface Calls {
  start: [options: S3ServerOptions]
  piece: [piece: Uint8Array]
  putPieces: [bucket: string, key: string, headers: Readonly<Record<string, string>> | undefined]
}

/** What the parent sends. */
export type ChildCommand =
  | { [M in keyof Calls]: { readonly id: number, readonly method: M, readonly args: Calls[M] } }[keyof Calls]
  | { [M in Method]: { readonly id: number, readonly method: M, readonly args: Parameters<S3Server[M]> } }[Method]

export interface ChildReply { readonly id: number, readonly result?: unknown, readonly error?: unknown }

type Fields = Pick<S3Server, 'endpoint' | 'host' | 'port' | 'region' | 'accessKeyId' | 'secretAccessKey' | 'sessionToken' | 'pid'>

const pieceBytes = 8 << 20

/**
 * Start an S3 server in a child process of its own, so that it shares no event loop with the client. The child ends by itself when this
 * process does. Everything in `options` is plain data.
 */
export async function spawnS3Server (options: S3ServerOptions = {}): Promise<S3Server> {
  const program = new URL('./child.js', import.meta.url)
  const child = fork(program, { serialization: 'advanced', execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const channel = new Channel(child)
  try {
    return new SpawnedS3Server(channel, await channel.call<Fields>('start', [options]))
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
}

/** Calls into the child, answered by id; all fail when it ends. */
class Channel {
  readonly child: ChildProcess
  readonly exited: Promise<void>
  readonly #pending = new Map<number, { resolve: (result: unknown) => void, reject: (error: unknown) => void }>()
  #next = 1

  constructor (child: ChildProcess) {
    this.child = child
    // A stopped child does not see its parent end, so it is killed with it.
    const killWithUs = (): void => { child.kill('SIGKILL') }
    process.once('exit', killWithUs)
    child.on('message', (reply: ChildReply) => { this.#settle(reply) })
    this.exited = new Promise<void>(resolve => child.once('exit', () => resolve()).once('error', () => resolve())).then(() => {
      process.removeListener('exit', killWithUs)
      const ended = new FsError('FORKFS_WORKER_DIED', 'the server\'s process has ended', { operation: 'call' })
      for (const { reject } of this.#pending.values()) reject(ended)
      this.#pending.clear()
    })
  }

  get ended (): boolean { return this.child.exitCode !== null || this.child.signalCode !== null }

  call<T> (method: ChildCommand['method'], args: readonly unknown[]): Promise<T> {
    if (this.ended || !this.child.connected) return Promise.reject(new FsError('FORKFS_CLOSED', 'the server has ended', { operation: method }))
    const id = this.#next++
    return new Promise<T>((resolve, reject) => {
      this.#pending.set(id, { resolve: result => resolve(result as T), reject })
      this.child.send({ id, method, args }, error => { if (error !== null) this.#settle({ id, error }) })
    })
  }

  #settle ({ id, result, error }: ChildReply): void {
    const call = this.#pending.get(id)
    this.#pending.delete(id)
    if (error === undefined) call?.resolve(result)
    else call?.reject(error)
  }
}

class SpawnedS3Server implements S3Server {
  readonly endpoint: string
  readonly host: string
  readonly port: number
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | undefined
  readonly pid: number
  readonly #channel: Channel
  #closing: Promise<void> | undefined

  constructor (channel: Channel, fields: Fields) {
    this.#channel = channel
    this.endpoint = fields.endpoint
    this.host = fields.host
    this.port = fields.port
    this.region = fields.region
    this.accessKeyId = fields.accessKeyId
    this.secretAccessKey = fields.secretAccessKey
    this.sessionToken = fields.sessionToken
    this.pid = fields.pid
  }

  addFault (rule: FaultRule): Promise<void> { return this.#channel.call('addFault', [rule]) }

  clearFaults (): Promise<void> { return this.#channel.call('clearFaults', []) }

  counters (): Promise<Counters> { return this.#channel.call('counters', []) }

  requests (): Promise<readonly RecordedRequest[]> { return this.#channel.call('requests', []) }

  resetCounters (): Promise<void> { return this.#channel.call('resetCounters', []) }

  async put (bucket: string, key: string, data: Uint8Array | string, headers?: Readonly<Record<string, string>>): Promise<void> {
    if (data.length <= pieceBytes) {
      await this.#channel.call('put', [bucket, key, data, headers])
      return
    }
    const bytes = typeof data === 'string' ? Buffer.from(data, 'utf8') : data
    const sent: Promise<void>[] = []
    for (let at = 0; at < bytes.byteLength; at += pieceBytes) sent.push(this.#channel.call('piece', [bytes.slice(at, at + pieceBytes)]))
    sent.push(this.#channel.call('putPieces', [bucket, key, headers]))
    await Promise.all(sent)
  }

  putMany (bucket: string, keys: readonly string[], data: Uint8Array | string): Promise<void> {
    return this.#channel.call('putMany', [bucket, keys, data])
  }

  get (bucket: string, key: string): Promise<Uint8Array | undefined> { return this.#channel.call('get', [bucket, key]) }

  keys (bucket: string, prefix?: string): Promise<readonly string[]> { return this.#channel.call('keys', [bucket, prefix]) }

  uploads (bucket: string): Promise<readonly OpenUpload[]> { return this.#channel.call('uploads', [bucket]) }

  setClock (skewMs: number): Promise<void> { return this.#channel.call('setClock', [skewMs]) }

  setCredentials (credentials: readonly S3Credential[]): Promise<void> { return this.#channel.call('setCredentials', [credentials]) }

  async pause (): Promise<void> { this.#channel.child.kill('SIGSTOP') }

  async resume (): Promise<void> { this.#channel.child.kill('SIGCONT') }

  async kill (): Promise<void> {
    this.#channel.child.kill('SIGKILL')
    await this.#channel.exited
  }

  close (): Promise<void> {
    return this.#closing ??= this.#end()
  }

  [Symbol.asyncDispose] (): Promise<void> { return this.close() }

  async #end (): Promise<void> {
    const { child, exited } = this.#channel
    if (!this.#channel.ended) {
      child.kill('SIGCONT') // it may be paused
      await this.#channel.call('close', []).catch(() => {}) // it ends all the same
      if (child.connected) child.disconnect()
    }
    await exited
  }
}
