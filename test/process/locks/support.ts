/** Children that hold locks and are killed. */
import { fork, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from './fixtures/holder.child.js'

const file = fileURLToPath(new URL('./fixtures/holder.child.js', import.meta.url))

interface Reply { readonly id: number, readonly value?: unknown, readonly error?: { readonly code?: string, readonly message: string } }

export class Holder {
  readonly child: ChildProcess
  readonly ready: Promise<void>
  readonly exited: Promise<unknown>
  #next = 1
  readonly #waiting = new Map<number, (reply: Reply) => void>()
  readonly making: Promise<void>

  constructor (child: ChildProcess) {
    this.child = child
    this.exited = once(child, 'exit')
    this.ready = new Promise(resolve => { this.#waiting.set(0, () => { resolve() }) })
    this.making = new Promise(resolve => { this.#waiting.set(-1, () => { resolve() }) })
    child.on('message', (reply: Reply) => { this.#waiting.get(reply.id)?.(reply) })
  }

  /** Settles as the child's work does. A killed child never answers. */
  ask<T = unknown> (command: Omit<Command, 'id'>): Promise<T> {
    const id = this.#next++
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, ({ value, error }) => {
        if (error === undefined) resolve(value as T)
        else reject(Object.assign(new Error(error.message), { code: error.code }))
      })
      this.child.send({ id, ...command }, error => { if (error !== null) reject(error) }) // it was killed meanwhile
    })
  }

  async kill (): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL')
    await this.exited
  }
}

/** With temporary folders of their own, so that nothing of the machine's is seen or touched. */
export class Stage {
  readonly folder: string
  readonly holders: Holder[] = []

  constructor (folder: string) { this.folder = folder }

  get directory (): string { return join(this.folder, 'locks') }

  async holder (env: Record<string, string> = {}, via: readonly string[] = []): Promise<Holder> {
    const options = { env: { ...process.env, FORKFS_TMPDIR: this.folder, ...env }, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] as ['ignore', 'inherit', 'inherit', 'ipc'] }
    const child = via.length === 0 ? fork(file, options) : spawn(via[0]!, [...via.slice(1), process.execPath, file], options)
    const holder = new Holder(child)
    this.holders.push(holder)
    await holder.ready
    return holder
  }
}

export async function onStage (fn: (stage: Stage) => Promise<void>, name = 'forkfs-locks-'): Promise<void> {
  const stage = new Stage(await mkdtemp(join(tmpdir(), name)))
  const before = process.env.FORKFS_TMPDIR
  process.env.FORKFS_TMPDIR = stage.folder
  try {
    await fn(stage)
  } finally {
    await Promise.all(stage.holders.map(holder => holder.kill()))
    if (before === undefined) delete process.env.FORKFS_TMPDIR
    else process.env.FORKFS_TMPDIR = before
    await rm(stage.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}
