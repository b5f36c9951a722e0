/** Checkpoints on a store with counters and faults, read by real processes and threads, in a temporary folder of the test's own. */
import type { ChildProcess } from 'node:child_process'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { Checkpoint } from '../../../lib/checkpoint/index.js'
import { clearInstanceCache, filesystem } from '../../../lib/index.js'
import type { FileSystem } from '../../../lib/index.js'
import { forkfsPath } from '../../../lib/owner/private-directory.js'
import { optionsOf, pattern } from '../../implementations/s3/support.js'
import { Actor as Obedient, forkCluster, inTemporaryFolder, startChild } from '../../process/support.js'
import { startS3Server } from '../../servers/index.js'
import type { S3Server } from '../../servers/index.js'
import type { Command } from './fixtures/actor.js'

export { contentsOf } from './fixtures/actor.js'
export { code, MiB, pattern } from '../../implementations/s3/support.js'

const program = fileURLToPath(new URL('./fixtures/actor.js', import.meta.url))

export interface Contents { readonly path: string, readonly names: readonly string[], readonly digest: string }
type Kind = 'process' | 'cluster' | 'thread'

/** One that uses checkpoints elsewhere. */
export class Actor extends Obedient<Command> {
  async open (path: string, more: Omit<Command, 'verb' | 'path'> = {}): Promise<Contents[]> { return this.ask({ verb: 'open', path, ...more }) }

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
    const whole = { ...process.env, FORKFS_TEST_S3: JSON.stringify(this.options), ...env }
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
  if (kind === 'cluster') return forkCluster(program, {}, env).process
  return startChild(program, { env, via })
}

/** A store with an empty bucket `data`, and a temporary folder that all actors share. */
export function onStage (fn: (stage: Stage) => Promise<void>, { tmp = 'tmp' }: { /** Name of the temporary folder. */ readonly tmp?: string } = {}): Promise<void> {
  return inTemporaryFolder('forkfs-checkpoint-', async folder => {
    const stage = new Stage(folder, await startS3Server({ buckets: ['data'], opaqueEtags: false }))
    try {
      await fn(stage)
    } finally {
      await Promise.all(stage.actors.map(actor => actor.kill()))
      await clearInstanceCache()
      await stage.server.close()
    }
  }, tmp)
}
