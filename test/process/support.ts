/** Processes and threads that do what they are told, in a temporary folder of the test's own, and are killed. */
import { fork, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import cluster from 'node:cluster'
import type { ClusterSettings, Worker as ClusterWorker } from 'node:cluster'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Reply } from './obey.js'

type Send = (message: unknown, sent: (error: Error | null) => void) => void

/** One that obeys (see obey.ts), seen from the test. `C`: what it can be told. */
export class Actor<C extends object> {
  readonly ready: Promise<void>
  readonly exited: Promise<unknown>
  readonly #send: Send
  readonly #end: () => unknown
  #over = false
  #next = 1
  readonly #waiting = new Map<number, (reply: Reply) => void>()

  constructor (peer: ChildProcess | Worker) {
    this.exited = once(peer, 'exit').then(() => { this.#over = true })
    this.ready = this.heard(0)
    peer.on('message', (reply: Reply) => { this.#waiting.get(reply.id)?.(reply) })
    if (peer instanceof Worker) {
      this.#send = message => { peer.postMessage(message) }
      this.#end = () => peer.terminate()
    } else {
      this.#send = (message, sent) => { peer.send(message as object, sent) }
      this.#end = () => peer.kill('SIGKILL')
    }
  }

  /** Resolves when it has sent a message of this id. */
  heard (id: number): Promise<void> { return new Promise(resolve => { this.#waiting.set(id, () => { resolve() }) }) }

  /** Settles as its work does. A killed one never answers. */
  ask<T = unknown> (command: C): Promise<T> {
    const id = this.#next++
    let fail: (error: unknown) => void
    const answer = new Promise<T>((resolve, reject) => {
      fail = reject
      this.#waiting.set(id, ({ value, error }) => {
        if (error === undefined) resolve(value as T)
        else reject(Object.assign(new Error(error.message), { code: error.code }))
      })
    })
    this.#send({ id, ...command }, error => {
      if (error === null) return
      answer.catch(() => {}) // it was killed meanwhile: who does not wait for the answer did that
      fail(error)
    })
    return answer
  }

  async kill (): Promise<void> {
    if (!this.#over) this.#end()
    await this.exited
  }
}

/** A process. */
export class ObedientChild<C extends object> extends Actor<C> {
  readonly child: ChildProcess
  /** What it printed there, if that is piped. */
  stderr = ''

  constructor (child: ChildProcess) {
    super(child)
    this.child = child
    child.stderr?.on('data', chunk => { this.stderr += String(chunk) })
  }
}

export interface ChildOptions {
  readonly env?: NodeJS.ProcessEnv | undefined
  /** A command that runs it: `unshare`, `setpriv`. */
  readonly via?: readonly string[] | undefined
  readonly stderr?: 'inherit' | 'pipe' | undefined
}

/** A process with a channel, and with the temporary folder that this one has now. */
export function startChild (program: string, { env = {}, via = [], stderr = 'inherit' }: ChildOptions = {}): ChildProcess {
  const options = { env: { ...process.env, ...env }, stdio: ['ignore', 'inherit', stderr, 'ipc'] as ['ignore', 'inherit', 'inherit' | 'pipe', 'ipc'] }
  return via.length === 0 ? fork(program, options) : spawn(via[0]!, [...via.slice(1), process.execPath, program], options)
}

/** A worker of the cluster module. Its settings stay for those that come after it, other tests' among them: all that any test sets are said anew. */
export function forkCluster (exec: string, settings: Omit<ClusterSettings, 'exec'> = {}, env?: NodeJS.ProcessEnv): ClusterWorker {
  cluster.setupPrimary({ args: [], execArgv: [], serialization: 'json', cwd: process.cwd(), ...settings, exec })
  return cluster.fork(env)
}

/** `work` with a new folder which this process and its children take for the machine's temporary one. `name`: one inside of it is. */
export async function inTemporaryFolder<T> (prefix: string, work: (folder: string) => Promise<T>, name = ''): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), prefix))
  const before = process.env.FORKFS_TMPDIR
  process.env.FORKFS_TMPDIR = name === '' ? folder : join(folder, name)
  try {
    await mkdir(process.env.FORKFS_TMPDIR, { recursive: true })
    return await work(folder)
  } finally {
    if (before === undefined) delete process.env.FORKFS_TMPDIR
    else process.env.FORKFS_TMPDIR = before
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** While `work` runs, timers of this thread that are to fire after `ms`, or up to a second less, fire at once: for limits that no test can wait for. */
export async function inHaste<T> (ms: number, work: () => Promise<T>): Promise<T> {
  const real = globalThis.setTimeout
  const hasty = (callback: (...args: unknown[]) => void, delay?: number, ...args: unknown[]): NodeJS.Timeout => {
    return real(callback, delay !== undefined && delay > ms - 1000 && delay <= ms ? 300 : delay, ...args)
  }
  globalThis.setTimeout = Object.assign(hasty, real)
  try {
    return await work()
  } finally {
    globalThis.setTimeout = real
  }
}

/** Dead ones that nobody has collected yet (their parent went first) do not count. */
export function processExists (pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !existsSync('/proc/self/stat') || !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ')
  } catch {
    return false
  }
}
