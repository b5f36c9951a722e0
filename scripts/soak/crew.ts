/** The workers: each is asked for one stretch of work after another, some are killed in it and made anew. */
import { setTimeout as delay } from 'node:timers/promises'
import { isFsError } from '../../lib/index.js'
import type { FileSystem } from '../../lib/index.js'
import { startWorker } from '../../lib/workers/index.js'
import type { S3Server } from '../../test/servers/index.js'
import type { RemoteWorker } from '../../lib/workers/index.js'
import { mixSeed, Random } from './random.js'
import type { Report, Task } from './work.js'

const program = new URL('./work.js', import.meta.url)
const stretchMs = 700
/** A stretch that takes longer hangs: every request in it has a deadline. */
const hangMs = 90_000

export interface Totals {
  readonly done: Record<string, number>
  readonly codes: Record<string, number>
  readonly wrong: string[]
  /** Bytes of memory by worker: its process, at the end of its last stretch. */
  readonly rss: Map<number, number>
  aborted: number
  bytes: number
  kills: number
  /** Uploads that killed workers left. */
  orphans: number
}

export function newTotals (): Totals {
  return { done: {}, codes: {}, wrong: [], rss: new Map(), aborted: 0, bytes: 0, kills: 0, orphans: 0 }
}

function add (into: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(more)) into[name] = (into[name] ?? 0) + count
}

export interface CrewOptions {
  readonly fs: FileSystem
  readonly server: S3Server
  readonly bucket: string
  readonly shared: readonly string[]
  readonly seed: number
  readonly signal: AbortSignal
  readonly totals: Totals
}

/** One place of the crew until the signal ends it: a worker, and after its death another. */
export async function manPlace (place: number, options: CrewOptions): Promise<void> {
  const { server, bucket, seed, signal, totals } = options
  const random = new Random(mixSeed(seed, place))
  for (let generation = 0; !signal.aborted; generation++) {
    const outlived = await oneLife(place, generation, random, options).catch((error: unknown) => {
      totals.wrong.push(`worker ${place}: ${error instanceof Error ? error.stack ?? error.message : String(error)}`)
      return false
    })
    // What the dead one was uploading is nobody's now.
    if (!outlived) totals.orphans += await server.expireUploads(bucket, `w${place}/`)
  }
}

/** @returns whether the worker lived to the end of the soak */
async function oneLife (place: number, generation: number, random: Random, { fs, bucket, shared, seed, signal, totals }: CrewOptions): Promise<boolean> {
  const kind = place % 2 === 0 ? 'thread' : 'process'
  const worker = await startWorker({ kind })
  try {
    for (let stretch = 0; !signal.aborted; stretch++) {
      const task: Task = { fs, own: `${bucket}/w${place}`, shared, seed: mixSeed(seed, place, generation, stretch), milliseconds: stretchMs }
      if (random.next() < 0.08) {
        await killed(worker, kind, task, random, totals)
        return false
      }
      take(totals, place, kind, await worker.call<Report>(program, 'work', [task], { timeoutMs: hangMs }))
    }
    return true
  } finally {
    await worker.close({ force: !worker.alive })
  }
}

function take (totals: Totals, place: number, kind: string, report: Report): void {
  add(totals.done, report.done)
  add(totals.codes, report.codes)
  totals.wrong.push(...report.wrong)
  totals.aborted += report.aborted
  totals.bytes += report.bytes
  if (kind === 'process') totals.rss.set(place, report.rss)
}

/** Give it work and end it in the midst of it: SIGKILL for a process, terminate() for a thread. */
async function killed (worker: RemoteWorker, kind: string, task: Task, random: Random, totals: Totals): Promise<void> {
  const working = worker.call<Report>(program, 'work', [task], { timeoutMs: hangMs }).then(() => undefined, (error: unknown) => error)
  await delay(random.below(stretchMs))
  totals.kills++
  if (kind === 'process') process.kill(worker.owner.pid, 'SIGKILL')
  else await worker.close({ force: true })
  const error = await working
  if (error !== undefined && !isFsError(error, 'FORKFS_WORKER_DIED', 'FORKFS_WORKER_CLOSED')) totals.wrong.push(`a killed worker's call came to ${String(error)}`)
}
