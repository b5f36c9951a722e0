/** The same epoch through cluster children: each gets the parent's instance and reads every n-th shard. */
import cluster from 'node:cluster'
import type { Worker } from 'node:cluster'
import { fileURLToPath } from 'node:url'
import { decodeError } from '../../lib/index.js'
import type { FileSystem } from '../../lib/index.js'
import type { Job, Report } from './cluster-child.js'
import type { EpochCheck } from './ledger.js'
import type { ProgressLine } from './progress.js'
import type { Reading, WorkerRow } from './reading.js'

export interface ClusterOptions {
  readonly fs: FileSystem
  readonly paths: readonly string[]
  readonly children: number
  /** Where the children find their own credentials: an instance that is sent away leaves its keys at home. */
  readonly env: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

export async function readInCluster ({ fs, paths, children, env, signal }: ClusterOptions, check: EpochCheck, progress: ProgressLine): Promise<Reading> {
  const register = new URL('../../lib/registry/register.js', import.meta.url).href
  const exec = fileURLToPath(new URL('./cluster-child.js', import.meta.url))
  cluster.setupPrimary({ exec, args: [], execArgv: ['--import', register], serialization: 'advanced' })
  const workers = Array.from({ length: children }, () => cluster.fork(env))
  const kill = (): void => { for (const worker of workers) worker.process.kill('SIGKILL') }
  signal.addEventListener('abort', kill, { once: true })
  try {
    const rows = await allOf(workers.map((worker, rank) => childOf(worker, { fs, shards: paths, rank, worldSize: children }, check, progress)), kill)
    return { rows, restarts: 0, seconds: progress.seconds }
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  } finally {
    signal.removeEventListener('abort', kill)
  }
}

/** All of them, or the first error once every one has ended. */
async function allOf<T> (promises: ReadonlyArray<Promise<T>>, stop: () => void): Promise<T[]> {
  for (const promise of promises) promise.catch(stop)
  const ends = await Promise.allSettled(promises)
  const failed = ends.find(end => end.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return ends.map(end => (end as PromiseFulfilledResult<T>).value)
}

/** Settles when the child has ended. */
function childOf (worker: Worker, job: Job, check: EpochCheck, progress: ProgressLine): Promise<WorkerRow> {
  return new Promise((resolve, reject) => {
    let row: WorkerRow | undefined
    let failure: Error | undefined
    worker.on('error', error => { failure ??= error })
    worker.on('message', (report: Report) => {
      if (report.kind === 'ready') worker.send(job as never)
      if (report.kind === 'failed') failure = decodeError(report.error)
      if (report.kind === 'done') row = report.row
      if (report.kind !== 'samples') return
      for (const [shard, key, hashes] of report.samples) check.take(shard, key, hashes)
      progress.advance(report.bytes)
    })
    worker.once('exit', (code, killedBy) => {
      if (failure === undefined && code === 0 && row !== undefined) resolve(row)
      else reject(failure ?? new Error(`cluster child ${worker.id} ended early (${killedBy ?? `exit code ${code}`})`))
    })
  })
}
