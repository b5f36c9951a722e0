/** One round: a folder for all its temporary files, its place in the store, the process that is killed, and what is found wrong. */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { filesystem } from '../../lib/index.js'
import type { FileSystem } from '../../lib/index.js'
import { optionsOf } from '../../test/implementations/s3/support.js'
import type { S3Server } from '../../test/servers/index.js'
import type { Random } from '../soak/random.js'
import type { Step } from './child.js'
import { markedEnvironment } from './leftovers.js'
import type { Fault, Problem } from './types.js'

export const bucket = 'kill'
/** A wait that takes longer hangs: all that is waited for has a bound of its own, and the machine may be busy. */
const patienceMs = 25_000
const pollMs = 5
/** Node's exit code where nothing is left to do but an await. */
const unsettled = 13

/** The round is over, and the reason is among its problems. */
export class Over extends Error {}

export class Child {
  readonly process: ChildProcess
  readonly steps: Step[] = []
  readonly ended: Promise<void>
  readonly #listeners = new Set<() => void>()
  errors = ''

  constructor (child: ChildProcess) {
    this.process = child
    child.stderr!.setEncoding('utf8').on('data', (text: string) => { this.errors = `${this.errors}${text}`.slice(-2000) })
    child.on('message', (step: Step) => {
      this.steps.push(step)
      this.#tell()
    })
    this.ended = once(child, 'exit').then(() => { this.#tell() })
  }

  get isOver (): boolean { return this.process.exitCode !== null || this.process.signalCode !== null }
  /** What it said last. */
  get stage (): string { return this.steps.at(-1)?.step ?? 'start' }
  /** How it ended. */
  get end (): string { return `${this.process.signalCode ?? this.process.exitCode}` }

  #tell (): void { for (const listener of this.#listeners) listener() }

  said (step: string): readonly unknown[] { return this.steps.filter(each => each.step === step).map(({ data }) => data) }

  /** Until the condition holds, or the process has ended. */
  async until (condition: () => boolean): Promise<void> {
    if (condition() || this.isOver) return
    await new Promise<void>(resolve => {
      const listener = (): void => {
        if (!condition() && !this.isOver) return
        this.#listeners.delete(listener)
        resolve()
      }
      this.#listeners.add(listener)
    })
  }

  tell (command: string): void { if (this.process.connected) this.process.send(command, () => {}) } // it may have ended meanwhile
}

export interface SceneParts { readonly number: number, readonly random: Random, readonly folder: string, readonly tmp: string, readonly server: S3Server }

export class Scene {
  readonly random: Random
  /** For files of the user's. */
  readonly folder: string
  /** FORKFS_TMPDIR of all processes of this round, this one included. */
  readonly tmp: string
  readonly server: S3Server
  /** Of all keys of this round. */
  readonly prefix: string
  readonly problems: Problem[] = []
  readonly #children: Child[] = []
  killed = false
  story = 'nothing was killed'

  constructor ({ number, random, folder, tmp, server }: SceneParts) {
    this.random = random
    this.folder = folder
    this.tmp = tmp
    this.server = server
    this.prefix = `r${number}`
  }

  /** With keys that travel: the store is this script's. */
  get options (): Record<string, unknown> { return { ...optionsOf(this.server), shareCredentials: true, retry: { attempts: 3, baseMs: 5, maxMs: 100 } } }
  get fs (): FileSystem { return filesystem('s3', this.options) }

  wrong (fault: Fault, text: string): void { this.problems.push({ fault, text }) }
  check (holds: boolean, fault: Fault, text: string): void { if (!holds) this.wrong(fault, text) }

  /** @throws Over: it has not come in time */
  async within<T> (what: string, work: Promise<T>, limitMs = patienceMs): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        this.wrong('hung', `${what} has not come in ${limitMs / 1000} s`)
        reject(new Over())
      }, limitMs)
    })
    try {
      return await Promise.race([work, late])
    } finally {
      clearTimeout(timer)
    }
  }

  /** A process at work. It says its steps, see child.ts. */
  start (program: string, job: unknown): Child {
    const file = fileURLToPath(new URL(`./children/${program}.js`, import.meta.url))
    const env = { ...markedEnvironment(this.folder), FORKFS_TMPDIR: this.tmp }
    const child = new Child(fork(file, [JSON.stringify(job)], { env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] }))
    this.#children.push(child)
    return child
  }

  /** A moment of the child's work: after one of so many steps, or the one after which it rests, and up to so many milliseconds later. */
  async moment (child: Child, steps: number, spreadMs: number, rest = ''): Promise<void> {
    const count = this.random.below(steps + 1)
    const pauseMs = this.random.next() < 0.3 ? 0 : this.random.next() ** 2 * spreadMs // early moments are the busy ones
    await this.within(`step ${count} of the child`, child.until(() => child.steps.length >= count || child.stage === rest))
    if (pauseMs > 0 && !child.isOver) await delay(pauseMs)
  }

  /** A moment of the store's: when it has been asked for so many of an operation since the round began. Polled: the child may end before. */
  async request (child: Child, operation: string, count: number, spreadMs: number): Promise<void> {
    await this.within(`${operation} ${count}`, (async () => {
      while (!child.isOver && child.stage !== 'done' && ((await this.server.counters()).operations[operation] ?? 0) < count) await delay(pollMs)
    })())
    await delay(this.random.next() * spreadMs)
  }

  signal (): NodeJS.Signals { return this.random.of(['SIGKILL', 'SIGKILL', 'SIGKILL', 'SIGTERM', 'SIGINT']) }

  /** A process of the round, now. What became of it is the caller's to see. */
  strike (child: Child, how: string, act: () => void): void {
    this.killed = !child.isOver
    this.story = `${how} at step ${child.steps.length} ('${child.stage}')`
    if (this.killed) act()
  }

  async kill (child: Child, signal: NodeJS.Signals = this.signal()): Promise<void> {
    this.strike(child, signal, () => child.process.kill(signal))
    await this.within('the end of the killed process', child.ended)
  }

  /** The natural end of a process that was left alive. @returns whether it came to that: it has made its report then */
  async left (child: Child): Promise<boolean> {
    await this.within('the natural end of the process', child.ended)
    const { exitCode } = child.process
    if (exitCode === unsettled) this.wrong('hung', 'the process that was left alive waited for what never settled')
    else if (exitCode !== 0) this.wrong('torn', `the process that was left alive ended with ${child.end}: ${child.errors}`)
    return exitCode === 0
  }

  /** Until the store is done with what dead clients asked of it. Polled: it counts, it does not tell. */
  async quiet (): Promise<void> {
    await this.within('the end of all requests', (async () => {
      while ((await this.server.counters()).inFlight.now > 0) await delay(pollMs)
    })())
  }

  /** No upload of this round that costs anything. */
  async checkUploads (): Promise<void> {
    for (const { key, parts } of await this.server.uploads(bucket)) {
      const count = Object.keys(parts).length
      if (key.startsWith(`${this.prefix}/`) && count > 0) this.wrong('leaked', `an upload of ${key} with ${count} parts`)
    }
  }

  /** Answers of the store that come late, so that kills fall between them. */
  async slow (operations: readonly string[], mostMs: number): Promise<void> {
    for (const operation of operations) {
      const action = { type: 'delay', ms: 1 + this.random.below(mostMs), applied: this.random.next() < 0.5 } as const
      await this.server.addFault({ match: { operation }, action })
    }
  }

  /** Whoever is left of the round after all. */
  async end (): Promise<void> {
    for (const child of this.#children) if (!child.isOver) child.process.kill('SIGKILL')
    await Promise.all(this.#children.map(child => child.ended))
  }
}
