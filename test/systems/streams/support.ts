/** Streams on a store with faults, in a temporary folder of the test's own. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { clearInstanceCache } from '../../../lib/index.js'
import { forkfsPath } from '../../../lib/owner/private-directory.js'
import type { StreamOptions } from '../../../lib/streams/index.js'
import { optionsOf } from '../../implementations/s3/support.js'
import { inTemporaryFolder } from '../../process/support.js'
import { startS3Server } from '../../servers/index.js'
import type { S3Server, S3ServerOptions } from '../../servers/index.js'
import type { Task } from './fixtures/stream.child.js'

export { code, MiB, pattern } from '../../implementations/s3/support.js'

export interface Ended { readonly code: number | null, readonly signal: string | null, readonly lines: readonly string[], readonly errors: string }

export class Child {
  readonly process: ChildProcess
  readonly ended: Promise<Ended>
  readonly #lines: string[] = []
  readonly #waiting = new Map<string, () => void>()
  #errors = ''

  constructor (task: Task, folder: string, execArgv: readonly string[], shell: string | undefined) {
    const program = fileURLToPath(new URL('./fixtures/stream.child.js', import.meta.url))
    const command = [process.execPath, ...execArgv, program, JSON.stringify(task)]
    const [file, ...args] = shell === undefined ? command : ['/bin/sh', '-c', `${shell}; exec "$@"`, 'sh', ...command]
    this.process = spawn(file!, args, { env: { ...process.env, FORKFS_TMPDIR: folder }, stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000, killSignal: 'SIGKILL' })
    this.process.stderr!.setEncoding('utf8').on('data', (text: string) => { this.#errors += text })
    createInterface(this.process.stdout!).on('line', line => {
      this.#lines.push(line)
      this.#waiting.get(line)?.()
    })
    this.ended = once(this.process, 'close').then(([code, signal]) => ({ code: code as number | null, signal: signal as string | null, lines: this.#lines, errors: this.#errors }))
  }

  /** Resolves when it has printed this line. */
  async said (line: string): Promise<void> {
    if (this.#lines.includes(line)) return
    await new Promise<void>((resolve, reject) => {
      this.#waiting.set(line, resolve)
      void this.ended.then(({ errors }) => { reject(new Error(`it ended without '${line}': ${errors}`)) })
    })
  }

  async kill (): Promise<Ended> {
    this.process.kill('SIGKILL')
    return this.ended
  }
}

export class Place {
  readonly folder: string
  readonly server: S3Server
  readonly children: Child[] = []

  constructor (folder: string, server: S3Server) {
    this.folder = folder
    this.server = server
  }

  /** How this process, or a child, reaches the store. */
  get options (): StreamOptions { return { s3: { ...optionsOf(this.server), retry: { attempts: 2, baseMs: 1, maxMs: 20 } } } }

  child (task: Omit<Task, 'options'> & { readonly options?: StreamOptions }, more: { readonly execArgv?: readonly string[], readonly shell?: string, readonly tmp?: string } = {}): Child {
    const child = new Child({ ...task, options: { ...this.options, ...task.options } }, more.tmp ?? this.folder, more.execArgv ?? [], more.shell)
    this.children.push(child)
    return child
  }

  /** Staged files of all owners. */
  async staged (): Promise<string[]> {
    const roots = join(forkfsPath(this.folder), 'roots')
    const names = await readdir(roots, { recursive: true }).catch(() => [])
    return names.filter(name => name.endsWith('.staged')).map(name => join(roots, name))
  }

  /** Folders of owners. */
  async roots (): Promise<string[]> { return readdir(join(forkfsPath(this.folder), 'roots')).catch(() => []) }

  /** What is open in journals: lines by kind. */
  async journalled (): Promise<string[]> {
    const folder = join(forkfsPath(this.folder), 'journal')
    const open = new Map<string, string>()
    for (const name of await readdir(folder).catch(() => [])) {
      for (const line of (await readFile(join(folder, name), 'utf8')).split('\n').slice(1)) {
        const entry = JSON.parse(line) as { id?: string, kind?: string, done?: string }
        if (entry.done === undefined) open.set(entry.id!, entry.kind!)
        else open.delete(entry.done)
      }
    }
    return [...open.values()].sort()
  }

  /** Everything that journals hold. */
  async journalText (): Promise<string> {
    const folder = join(forkfsPath(this.folder), 'journal')
    const names = await readdir(folder).catch(() => [])
    return (await Promise.all(names.map(name => readFile(join(folder, name), 'utf8')))).join('\n')
  }

  async text (key: string): Promise<string | undefined> {
    const bytes = await this.server.get('data', key)
    return bytes === undefined ? undefined : Buffer.from(bytes).toString()
  }
}

/** A store with an empty bucket `data`, and a temporary folder that this process and its children use. */
export function onPlace (fn: (place: Place) => Promise<void>, server: S3ServerOptions = {}): Promise<void> {
  return inTemporaryFolder('forkfs-streams-', async folder => {
    const place = new Place(folder, await startS3Server({ buckets: ['data'], opaqueEtags: false, ...server }))
    try {
      await fn(place)
    } finally {
      await Promise.all(place.children.map(child => child.kill()))
      await clearInstanceCache()
      await place.server.close()
    }
  })
}

/** What Node warns of while fn runs: warnings of forkfs, and of signals with too many listeners. */
export async function warningsIn (fn: () => Promise<void>): Promise<Array<Error & { readonly code?: string }>> {
  const warnings: Array<Error & { readonly code?: string }> = []
  const listen = (warning: Error): void => { if (['ForkfsWarning', 'MaxListenersExceededWarning'].includes(warning.name)) warnings.push(warning) }
  process.on('warning', listen)
  try {
    await fn()
    await new Promise(resolve => { setImmediate(resolve) }) // warnings come on the next tick
  } finally {
    process.off('warning', listen)
  }
  return warnings
}

/** Their texts. */
export async function warningsOf (fn: () => Promise<void>): Promise<string[]> { return (await warningsIn(fn)).map(({ message }) => message) }
