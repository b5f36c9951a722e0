/** Lanes seen from the main process: who does which round, and what is done about those that hang. */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { killProcesses, markedEnvironment } from './leftovers.js'
import type { RoundOrder, RoundReport } from './types.js'

/** A round that takes longer hangs: its own waits are shorter. */
const roundMs = 120_000

/** A process that does rounds. It ends with its parent. */
class Lane {
  readonly #child: ChildProcess
  readonly ended: Promise<unknown>

  constructor (folder: string) {
    const program = fileURLToPath(new URL('./lane.js', import.meta.url))
    // A group of its own: a Ctrl-C is the main process's to answer.
    this.#child = fork(program, { detached: true, env: { ...markedEnvironment(folder) }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.ended = once(this.#child, 'exit')
  }

  /** @returns whether it is ready for its first round */
  async start (): Promise<boolean> { return await this.#next() !== undefined }

  /** undefined: it hung, or died, and is gone. */
  perform (order: RoundOrder): Promise<RoundReport | undefined> {
    const report = this.#next<RoundReport>()
    this.#child.send(order, () => {}) // its end is heard
    return report
  }

  async #next<T> (): Promise<T | undefined> {
    const timer = setTimeout(() => { this.kill() }, roundMs)
    try {
      const message = once(this.#child, 'message').then(([value]) => value as T)
      return await Promise.race([message, this.ended.then(() => undefined)])
    } finally {
      clearTimeout(timer)
    }
  }

  kill (): void { this.#child.kill('SIGKILL') }
}

export interface LanesOptions {
  /** By its name all that lanes start is found. */
  readonly folder: string
  /** In which one a round has its own. */
  readonly folderOf: (order: Omit<RoundOrder, 'folder'>) => string
  readonly count: number
  readonly signal: AbortSignal
  /** The next round, undefined where there is none. */
  readonly next: () => Omit<RoundOrder, 'folder'> | undefined
  readonly done: (report: RoundReport) => void
}

/** Do rounds until there is none, or the signal ends it. */
export async function runLanes (options: LanesOptions): Promise<void> {
  await Promise.all(Array.from({ length: options.count }, () => runLane(options)))
}

async function runLane ({ folder, folderOf, signal, next, done }: LanesOptions): Promise<void> {
  let lane: Lane | undefined
  let ready = false
  const stop = (): void => { lane?.kill() }
  signal.addEventListener('abort', stop)
  try {
    while (!signal.aborted) {
      const order = next()
      if (order === undefined) return
      lane ??= new Lane(folder)
      if (!ready && !await lane.start()) {
        if (signal.aborted) return
        throw new Error('a lane did not start')
      }
      ready = true
      const own = await mkdtemp(join(folderOf(order), 'round-'))
      const report = await lane.perform({ ...order, folder: own })
      if (signal.aborted) return
      if (report === undefined) {
        await lane.ended
        lane = undefined
        ready = false
        killProcesses(own)
        await rm(own, { recursive: true, force: true, maxRetries: 5 })
      }
      done(report ?? { ...order, killed: false, story: 'the round itself', problems: [{ fault: 'hung', text: `nothing was heard of it in ${roundMs / 1000} s, or it died` }] })
    }
  } finally {
    signal.removeEventListener('abort', stop)
    lane?.kill()
    await lane?.ended
  }
}
