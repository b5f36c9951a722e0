import { fork } from 'node:child_process'
import { FsError } from '../../lib/errors/index.js'
import type { ChildProcess } from 'node:child_process'
import type { Counters, Reached, RecordedRequest } from './counters.js'
import type { FaultRule } from './faults.js'

/** What the parent sends. `start` names the server and gives its options; the other methods are the server's own, and those of {@link SpawnedServer}. */
export interface ChildCommand { readonly id: number, readonly method: string, readonly args: readonly unknown[] }

export interface ChildReply { readonly id: number, readonly result?: unknown, readonly error?: unknown }

/** The servers that a child can be. */
export type ServerKind = 's3' | 'gcs'

/** What is known of a server as soon as it has started. */
export interface ServerFields { readonly endpoint: string, readonly host: string, readonly port: number, readonly pid: number }

const pieceBytes = 8 << 20

/** Start a server of that kind in a child process, which ends by itself when this process does. Everything in `options` is plain data. */
export async function spawnServer<F extends ServerFields> (kind: ServerKind, options: object): Promise<{ channel: Channel, fields: F }> {
  const program = new URL('./child.js', import.meta.url)
  const child = fork(program, { serialization: 'advanced', execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const channel = new Channel(child)
  try {
    return { channel, fields: await channel.call<F>('start', [kind, options]) }
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
}

/** Calls into the child, answered by id; all fail when it ends. */
export class Channel {
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

  call<T> (method: string, args: readonly unknown[]): Promise<T> {
    if (this.ended || !this.child.connected) return Promise.reject(new FsError('FORKFS_CLOSED', 'the server has ended', { operation: method }))
    const id = this.#next++
    return new Promise<T>((resolve, reject) => {
      this.#pending.set(id, { resolve: result => resolve(result as T), reject })
      this.child.send({ id, method, args } satisfies ChildCommand, error => { if (error !== null) this.#settle({ id, error }) })
    })
  }

  #settle ({ id, result, error }: ChildReply): void {
    const call = this.#pending.get(id)
    this.#pending.delete(id)
    if (error === undefined) call?.resolve(result)
    else call?.reject(error)
  }
}

/** The control side that stores in a child have in common. */
export abstract class SpawnedServer {
  readonly endpoint: string
  readonly host: string
  readonly port: number
  readonly pid: number
  protected readonly channel: Channel
  #closing: Promise<void> | undefined

  constructor (channel: Channel, fields: ServerFields) {
    this.channel = channel
    this.endpoint = fields.endpoint
    this.host = fields.host
    this.port = fields.port
    this.pid = fields.pid
  }

  addFault (rule: FaultRule): Promise<void> { return this.channel.call('addFault', [rule]) }

  clearFaults (): Promise<void> { return this.channel.call('clearFaults', []) }

  counters (): Promise<Counters> { return this.channel.call('counters', []) }

  requests (): Promise<readonly RecordedRequest[]> { return this.channel.call('requests', []) }

  reached (wanted: Reached): Promise<void> { return this.channel.call('reached', [wanted]) }

  resetCounters (): Promise<void> { return this.channel.call('resetCounters', []) }

  putMany (bucket: string, keys: readonly string[], data: Uint8Array | string): Promise<void> {
    return this.channel.call('putMany', [bucket, keys, data])
  }

  get (bucket: string, key: string): Promise<Uint8Array | undefined> { return this.channel.call('get', [bucket, key]) }

  keys (bucket: string, prefix?: string): Promise<readonly string[]> { return this.channel.call('keys', [bucket, prefix]) }

  setClock (skewMs: number): Promise<void> { return this.channel.call('setClock', [skewMs]) }

  async pause (): Promise<void> { this.channel.child.kill('SIGSTOP') }

  async resume (): Promise<void> { this.channel.child.kill('SIGCONT') }

  async kill (): Promise<void> {
    this.channel.child.kill('SIGKILL')
    await this.channel.exited
  }

  close (): Promise<void> {
    return this.#closing ??= this.#end()
  }

  [Symbol.asyncDispose] (): Promise<void> { return this.close() }

  /** A put, in pieces where it is large: one message of a gibibyte would be more than the channel takes. */
  protected async putData<T> (bucket: string, key: string, data: Uint8Array | string, more: unknown): Promise<T> {
    if (data.length <= pieceBytes) return this.channel.call<T>('put', [bucket, key, data, more])
    const bytes = typeof data === 'string' ? Buffer.from(data, 'utf8') : data
    const sent: Promise<unknown>[] = []
    for (let at = 0; at < bytes.byteLength; at += pieceBytes) sent.push(this.channel.call('piece', [bytes.slice(at, at + pieceBytes)]))
    const put = this.channel.call<T>('putPieces', [bucket, key, more])
    await Promise.all([...sent, put])
    return put
  }

  async #end (): Promise<void> {
    const { child, exited } = this.channel
    if (!this.channel.ended) {
      child.kill('SIGCONT') // it may be paused
      await this.channel.call('close', []).catch(() => {}) // it ends all the same
      if (child.connected) child.disconnect()
    }
    await exited
  }
}
