/** Owners that are killed. */
import { fork, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { forkfsPath } from '../../../lib/owner/private-directory.js'
import type { Command } from './fixtures/owner.child.js'

const file = fileURLToPath(new URL('./fixtures/owner.child.js', import.meta.url))

interface Reply { readonly id: number, readonly value?: unknown, readonly error?: { readonly code?: string, readonly message: string } }

export class Owner {
  readonly child: ChildProcess
  readonly ready: Promise<void>
  readonly exited: Promise<unknown>
  /** What it printed on stderr. */
  stderr = ''
  #next = 1
  readonly #waiting = new Map<number, (reply: Reply) => void>()

  constructor (child: ChildProcess) {
    this.child = child
    this.exited = once(child, 'exit')
    this.ready = new Promise(resolve => { this.#waiting.set(0, () => { resolve() }) })
    child.stderr!.on('data', chunk => { this.stderr += String(chunk) })
    child.on('message', (reply: Reply) => { this.#waiting.get(reply.id)?.(reply) })
  }

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

export class Machine {
  readonly folder: string
  readonly owners: Owner[] = []

  constructor (folder: string) { this.folder = folder }

  get roots (): string { return join(forkfsPath(this.folder), 'roots') }
  get journals (): string { return join(forkfsPath(this.folder), 'journal') }

  async owner (env: Record<string, string> = {}, via: readonly string[] = []): Promise<Owner> {
    const options = { env: { ...process.env, FORKFS_TMPDIR: this.folder, ...env }, stdio: ['ignore', 'inherit', 'pipe', 'ipc'] as ['ignore', 'inherit', 'pipe', 'ipc'] }
    const owner = new Owner(via.length === 0 ? fork(file, options) : spawn(via[0]!, [...via.slice(1), process.execPath, file], options))
    this.owners.push(owner)
    await owner.ready
    return owner
  }
}

/** A temporary folder that this process and its children take for the machine's. */
export async function onMachine (fn: (machine: Machine) => Promise<void>): Promise<void> {
  const machine = new Machine(await mkdtemp(join(tmpdir(), 'forkfs-resources-')))
  const before = process.env.FORKFS_TMPDIR
  process.env.FORKFS_TMPDIR = machine.folder
  try {
    await fn(machine)
  } finally {
    await Promise.all(machine.owners.map(owner => owner.kill()))
    if (before === undefined) delete process.env.FORKFS_TMPDIR
    else process.env.FORKFS_TMPDIR = before
    await rm(machine.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Nothing there at all counts as an empty folder. */
export async function namesIn (folder: string): Promise<string[]> {
  return existsSync(folder) ? (await readdir(folder)).sort() : []
}

/** Until the condition holds; false after the limit. Polled: nobody tells of the end of somebody else's process. */
export async function eventually (condition: () => boolean, limitMs: number): Promise<boolean> {
  for (const end = Date.now() + limitMs; Date.now() < end; await delay(10)) {
    if (condition()) return true
  }
  return condition()
}

/** The process ids of the trackers that `parent` started, or that were started by a process that is gone. */
export async function trackers (): Promise<number[]> {
  const found: number[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      if (readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').includes('forkfs-tracker') && !readFileSync(`/proc/${name}/stat`, 'latin1').includes(') Z ')) found.push(Number(name))
    } catch { /* it ended meanwhile */ }
  }
  return found
}
