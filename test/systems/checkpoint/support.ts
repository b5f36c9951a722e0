/** Checkpoints on a store with counters and faults, read by real processes and threads, in a temporary folder of the test's own. */
import { fork, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import cluster from 'node:cluster'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { Checkpoint } from '../../../lib/checkpoint/index.js'
import { clearInstanceCache, filesystem } from '../../../lib/index.js'
import type { FileSystem } from '../../../lib/index.js'
import { forkfsPath } from '../../../lib/owner/private-directory.js'
import { optionsOf, pattern } from '../../implementations/s3/support.js'
import { startS3Server } from '../../servers/index.js'
import type { S3Server } from '../../servers/index.js'
import type { Command } from './fixtures/actor.js'

export { contentsOf } from './fixtures/actor.js'
export { code, MiB, pattern } from '../../implementations/s3/support.js'

const program = fileURLToPath(new URL('./fixtures/actor.js', import.meta.url))

export interface Contents { readonly path: string, readonly names: readonly string[], readonly digest: string }
interface Reply { readonly id: number, readonly value?: unknown, readonly error?: { readonly code?: string, readonly message: string } }
type Kind = 'process' | 'cluster' | 'thread'

/** One that uses checkpoints elsewhere. */
export class Actor {
  readonly ready: Promise<void>
  readonly exited: Promise<unknown>
  readonly #send: (message: Command) => void
  readonly #end: () => unknown
  #over = false
  #next = 1
  readonly #waiting = new Map<number, (reply: Reply) => void>()

  constructor (peer: ChildProcess | Worker) {
    this.exited = once(peer, 'exit').then(() => { this.#over = true })
    this.ready = new Promise(resolve => { this.#waiting.set(0, () => { resolve() }) })
    peer.on('message', (reply: Reply) => { this.#waiting.get(reply.id)?.(reply) })
    if (peer instanceof Worker) {
      this.#send = message => { peer.postMessage(message) }
      this.#end = () => peer.terminate()
    } else {
      this.#send = message => { peer.send(message, () => {}) } // it may have been killed
      this.#end = () => peer.kill('SIGKILL')
    }
  }

  /** Settles as its work does. A killed one never answers. */
  ask<T = unknown> (command: Omit<Command, 'id'>): Promise<T> {
    const id = this.#next++
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, ({ value, error }) => {
        if (error === undefined) resolve(value as T)
        else reject(Object.assign(new Error(error.message), { code: error.code }))
      })
      this.#send({ id, ...command })
    })
  }

  async open (path: string, more: Omit<Command, 'id' | 'verb' | 'path'> = {}): Promise<Contents[]> { return this.ask({ verb: 'open', path, ...more }) }

  async kill (): Promise<void> {
    if (!this.#over) this.#end()
    await this.exited
  }

  /** It has nothing more to do: its natural end. */
  async leave (): Promise<void> {
    await this.ask({ verb: 'leave' })
    await this.exited
  }
}

export class Stage {
  readonly folder: string
  readonly server: S3Server
  readonly actors: Actor[] = []

  constructor (folder: string, server: S3Server) {
    this.folder = folder
    this.server = server
  }

  /** With keys that travel: the store is a test's. */
  get options (): Record<string, unknown> { return { ...optionsOf(this.server), shareCredentials: true, retry: { attempts: 2, baseMs: 1, maxMs: 20 } } }
  get fs (): FileSystem { return filesystem('s3', this.options) }

  checkpoint (path: string): Checkpoint { return new Checkpoint(path, this.fs) }

  async actor (kind: Kind = 'process', { env = {}, via = [] }: { readonly env?: Readonly<Record<string, string>>, readonly via?: readonly string[] } = {}): Promise<Actor> {
    const whole = { ...process.env, FORKFS_TMPDIR: process.env.FORKFS_TMPDIR, FORKFS_TEST_S3: JSON.stringify(this.options), ...env }
    const actor = new Actor(begin(kind, whole, via, this.options))
    this.actors.push(actor)
    await Promise.race([actor.ready, actor.exited.then(() => { throw new Error('it ended at once') })])
    return actor
  }

  actorsOf (kinds: readonly Kind[]): Promise<Actor[]> { return Promise.all(kinds.map(kind => this.actor(kind))) }

  /** A local directory with these files. */
  async local (name: string, files: Readonly<Record<string, Uint8Array | string>> = sample): Promise<string> {
    const folder = join(this.folder, 'local', name)
    await mkdir(folder, { recursive: true })
    for (const [file, data] of Object.entries(files)) {
      await mkdir(dirname(join(folder, file)), { recursive: true })
      await writeFile(join(folder, file), data)
    }
    return folder
  }

  /** A complete checkpoint in the store; counters begin after it. */
  async persisted (path: string, files: Readonly<Record<string, Uint8Array | string>> = sample): Promise<Checkpoint> {
    const checkpoint = await Checkpoint.persist(await this.local(path.replaceAll('/', '-'), files), path, { filesystem: this.fs })
    await this.server.resetCounters()
    return checkpoint
  }

  /** Files in the store, as somebody else wrote them. */
  async stored (path: string, files: Readonly<Record<string, Uint8Array | string>> = sample): Promise<Checkpoint> {
    for (const [file, data] of Object.entries(files)) await this.server.put('data', `${path.slice('data/'.length)}/${file}`, data)
    return this.checkpoint(path)
  }

  /** How often the content of an object was asked for. */
  async gets (key: string): Promise<number> { return (await this.server.counters()).gets[key] ?? 0 }

  /** What lies in the folder of shared copies, beside its locks. */
  async copies (): Promise<string[]> {
    const names = await readdir(join(forkfsPath(process.env.FORKFS_TMPDIR), 'checkpoints')).catch(() => [])
    return names.filter(name => !name.startsWith('.'))
  }
}

export const sample: Readonly<Record<string, Uint8Array | string>> = { 'model.bin': pattern(300_000), 'shards/0.bin': pattern(1000, 2), 'shards/1.bin': pattern(1000, 3), 'config.json': '{"layers":2}' }
export const sampleNames = ['.checkpoint.json', ...Object.keys(sample)].sort()

function begin (kind: Kind, env: NodeJS.ProcessEnv, via: readonly string[], workerData: unknown): ChildProcess | Worker {
  if (kind === 'thread') return new Worker(program, { workerData, env })
  if (kind === 'cluster') {
    cluster.setupPrimary({ exec: program, args: [], silent: false })
    return cluster.fork(env).process
  }
  const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as ['ignore', 'inherit', 'inherit', 'ipc']
  return via.length === 0 ? fork(program, { env, stdio }) : spawn(via[0]!, [...via.slice(1), process.execPath, program], { env, stdio })
}

/** A store with an empty bucket `data`, and a temporary folder that all actors share. */
export async function onStage (fn: (stage: Stage) => Promise<void>, { tmp = 'tmp' }: { /** Name of the temporary folder. */ readonly tmp?: string } = {}): Promise<void> {
  const stage = new Stage(await mkdtemp(join(tmpdir(), 'forkfs-checkpoint-')), await startS3Server({ buckets: ['data'], opaqueEtags: false }))
  const before = process.env.FORKFS_TMPDIR
  process.env.FORKFS_TMPDIR = join(stage.folder, tmp)
  await mkdir(process.env.FORKFS_TMPDIR, { recursive: true })
  try {
    await fn(stage)
  } finally {
    await Promise.all(stage.actors.map(actor => actor.kill()))
    if (before === undefined) delete process.env.FORKFS_TMPDIR
    else process.env.FORKFS_TMPDIR = before
    await clearInstanceCache()
    await stage.server.close()
    await rm(stage.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}
