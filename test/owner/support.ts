/** What the scenarios share: real workers that are told what to do, servers, folders; all of it is gone with the test. */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Worker as ClusterWorker } from 'node:cluster'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { decodeError, filesystem, resetForFork } from '../../lib/index.js'
import type { CommonOptions } from '../../lib/index.js'
import type { S3FileSystem, S3Options } from '../../implementations/s3/index.js'
import { eventually } from '../eventually.js'
import { forkCluster } from '../process/support.js'
import { spawnS3Server, startFileServer, startS3Server } from '../servers/index.js'
import type { FileServer, FileServerOptions, S3Server, S3ServerOptions } from '../servers/index.js'

export { outcome, verbs } from './fixtures/outcomes.js'

export interface Order { readonly id: number, readonly deed: string, readonly args: readonly unknown[] }
export interface Answer { readonly id: number, readonly result?: unknown, readonly error?: unknown }

export type ActorKind = 'thread' | 'process' | 'cluster child'
export const actorKinds: readonly ActorKind[] = ['thread', 'process', 'cluster child']
export const processKinds = ['process', 'cluster child'] as const

export interface ActorOptions {
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly execArgv?: readonly string[] | undefined
  readonly cwd?: string | undefined
}

interface Channel {
  readonly pid: number
  send (order: Order): void
  kill (signal: NodeJS.Signals): void
  readonly exited: Promise<void>
}

const program = fileURLToPath(new URL('./fixtures/actor.js', import.meta.url))
const { FORKFS_CONFIG: _config, ...environment } = process.env

/** One worker. Deeds are the exports of fixtures/deeds.ts; arguments and results cross the channel as they are. */
export class Actor {
  readonly #channel: Channel
  readonly #pending = new Map<number, { resolve: (value: unknown) => void, reject: (error: unknown) => void }>()
  #next = 1

  constructor (channel: Channel) {
    this.#channel = channel
    void channel.exited.then(() => {
      for (const { reject } of this.#pending.values()) reject(new Error('the actor has ended'))
      this.#pending.clear()
    })
  }

  get pid (): number { return this.#channel.pid }
  get exited (): Promise<void> { return this.#channel.exited }

  answered ({ id, result, error }: Answer): void {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (error === undefined) pending?.resolve(result)
    else pending?.reject(decodeError(error))
  }

  do<T = unknown> (deed: string, ...args: readonly unknown[]): Promise<T> {
    const id = this.#next++
    return new Promise<T>((resolve, reject) => {
      this.#pending.set(id, { resolve: value => { resolve(value as T) }, reject })
      this.#channel.send({ id, deed, args })
    })
  }

  /** worker.terminate(), or SIGKILL: no code of the worker runs any more. */
  async kill (): Promise<void> {
    this.#channel.kill('SIGKILL')
    await this.exited
  }

  freeze (): void { this.#channel.kill('SIGSTOP') }
  thaw (): void { this.#channel.kill('SIGCONT') }
}

async function startThread ({ env, execArgv }: ActorOptions): Promise<Actor> {
  const worker = new Worker(program, { env: { ...environment, ...env } as NodeJS.Dict<string>, execArgv: [...execArgv ?? []] })
  const exited = new Promise<void>(resolve => { worker.once('exit', () => { resolve() }) })
  const actor = new Actor({ pid: process.pid, send: order => { worker.postMessage(order) }, kill: () => { void worker.terminate() }, exited })
  await once(worker, 'message')
  worker.on('message', (answer: Answer) => { actor.answered(answer) })
  return actor
}

async function started (child: ChildProcess | ClusterWorker, processOf: ChildProcess): Promise<Actor> {
  const exited = new Promise<void>(resolve => { processOf.once('exit', () => { resolve() }) })
  const killWithUs = (): void => { processOf.kill('SIGKILL') }
  process.once('exit', killWithUs) // a frozen child does not see its parent end
  void exited.then(() => { process.off('exit', killWithUs) })
  const actor = new Actor({ pid: processOf.pid!, send: order => { child.send(order as never) }, kill: signal => { processOf.kill(signal) }, exited })
  await once(child, 'message')
  child.on('message', (answer: Answer) => { actor.answered(answer) })
  return actor
}

function startProcess ({ env, execArgv, cwd }: ActorOptions): Promise<Actor> {
  const child = fork(program, { serialization: 'advanced', env: { ...environment, ...env }, execArgv: [...execArgv ?? []], cwd })
  return started(child, child)
}

function startClusterChild ({ env, execArgv, cwd }: ActorOptions): Promise<Actor> {
  const worker = forkCluster(program, { serialization: 'advanced', execArgv: [...execArgv ?? []], cwd: cwd ?? process.cwd() }, env)
  return started(worker, worker.process)
}

const starters: Readonly<Record<ActorKind, (options: ActorOptions) => Promise<Actor>>> = { thread: startThread, process: startProcess, 'cluster child': startClusterChild }

export type StoreOptions = S3Options & CommonOptions

/** Everything that a test starts. */
export class Stage {
  readonly #endings: Array<() => Promise<unknown>> = []

  later (end: () => Promise<unknown>): void { this.#endings.push(end) }

  async actor (kind: ActorKind, options: ActorOptions = {}): Promise<Actor> {
    const actor = await starters[kind](options)
    this.later(() => actor.kill())
    return actor
  }

  async folder (): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'forkfs-owner-'))
    this.later(() => rm(path, { recursive: true, force: true }))
    return path
  }

  async s3 (options?: S3ServerOptions): Promise<S3Server> {
    const server = await startS3Server(options)
    this.later(() => server.close())
    return server
  }

  /** An S3 server in a process of its own: one that can be frozen and killed. */
  async spawnedS3 (options?: S3ServerOptions): Promise<S3Server> {
    const server = await spawnS3Server(options)
    this.later(() => server.close())
    return server
  }

  /** A port where no connection is ever made: its queue is full and nobody takes from it. Undefined where the system makes them all the same. */
  async deafPort (): Promise<number | undefined> {
    const worker = new Worker(new URL('./fixtures/deaf.js', import.meta.url))
    this.later(() => worker.terminate())
    const [port] = await once(worker, 'message') as [number]
    for (let waiting = 0; waiting < 16; waiting++) {
      const socket = connect({ port, host: '127.0.0.1' })
      this.later(async () => Promise.resolve(socket.destroy()))
      const made = await Promise.race([once(socket, 'connect').then(() => true), delay(1000, false)])
      if (!made) return port
    }
    return undefined
  }

  async files (options?: FileServerOptions): Promise<FileServer> {
    const server = await startFileServer(options)
    this.later(() => server.close())
    return server
  }

  /** An instance on a server, dropped with the test; short waits between tries. */
  fs (server: S3Server, options: StoreOptions = {}): S3FileSystem {
    const fs = filesystem('s3', { ...optionsOf(server), retry: { baseMs: 1, maxMs: 20 }, fresh: true, ...options }) as S3FileSystem
    this.later(async () => { fs.reset() })
    return fs
  }

  async end (): Promise<void> {
    for (const end of this.#endings.splice(0).reverse()) await end()
    resetForFork()
  }
}

export function optionsOf ({ endpoint, region, accessKeyId, secretAccessKey }: S3Server): StoreOptions {
  return { endpoint, region, credentials: { accessKeyId, secretAccessKey } }
}

/** Ask until it is so: for what another process or a server learns a moment later. */
export async function until (condition: () => boolean | Promise<boolean>, what = 'the condition'): Promise<void> {
  if (!await eventually(condition, 10_000)) throw new Error(`${what} did not come true within 10 s`)
}

/** How many requests of an operation a server has seen. */
export async function seen (server: S3Server, operation: string): Promise<number> {
  return (await server.counters()).operations[operation] ?? 0
}

export { MiB, pattern } from '../implementations/data.js'
