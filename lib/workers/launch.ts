import { decodeError } from '../errors/codec.js'
import { FsError } from '../errors/index.js'
import type { OwnerTag } from '../owner/index.js'
import { describeExit, WorkerBootstrapError } from './errors.js'
import type { Exit } from './errors.js'
import type { Host, StartHost } from './hosts/host.js'
import { startInProcess } from './hosts/in-process.js'
import { startProcess } from './hosts/process.js'
import { startThread } from './hosts/thread.js'
import type { ResolvedWorkerOptions } from './options.js'
import { Peer } from './peer.js'
import type { PeerHandlers } from './peer.js'
import { agreeOnSharing } from './sharing.js'
import type { StartBody, StartReport } from './server.js'
import type { WorkerKind } from './types.js'

const hosts: Readonly<Record<WorkerKind, StartHost>> = { thread: startThread, process: startProcess, 'in-process': startInProcess }

export interface Launched { readonly host: Host, readonly peer: Peer, readonly owner: OwnerTag }

/** Start it and see it through its init. On any failure nothing is left of it; an abort of `signal` is one. */
export async function launch (options: ResolvedWorkerOptions, handlers: PeerHandlers, share: number, signal?: AbortSignal): Promise<Launched> {
  const host = start(options)
  const peer = new Peer(host.channel, handlers)
  let timer: NodeJS.Timeout | undefined
  let ready = false
  const onAbort = (): void => { peer.lose(() => new FsError('FORKFS_WORKER_CLOSED', 'the worker was not wanted any more', { operation: 'startWorker' })) }
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    const body: StartBody = { init: options.init, workerData: options.workerData, share }
    const { answer } = peer.request('start', body, { value: options.workerData, root: 'workerData' })
    void host.exited.then(exit => { if (!ready) peer.lose(() => ended(host, exit)) })
    timer = setTimeout(() => { peer.lose(() => overdue(host, options.bootstrapTimeoutMs)) }, options.bootstrapTimeoutMs)
    const settled = await answer
    if (settled.ok === undefined) throw settled.lost()
    if (!settled.ok) throw new WorkerBootstrapError('init', 'the worker refused to start', { cause: decodeError(settled.error) })
    const report = settled.value as StartReport
    if ('failure' in report) throw await failed(host, report, options)
    if (options.sharing !== undefined) await agreeOnSharing(peer, options.kind, options.sharing)
    ready = true
    return { host, peer, owner: Object.freeze(report.owner) }
  } catch (error) {
    await host.kill()
    throw error
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

function start (options: ResolvedWorkerOptions): Host {
  try {
    return hosts[options.kind](options)
  } catch (cause) {
    // Options of Node's own, which it refuses with errors that name them.
    if (cause instanceof TypeError || cause instanceof RangeError) throw cause
    throw new WorkerBootstrapError('spawn', `the worker could not be started: ${String(cause)}`, { cause })
  }
}

function output (host: Host): string { return host.output.since(0) }

function ended (host: Host, exit: Exit): FsError {
  const kind = exit.exitCode === null && exit.signal === null ? 'spawn' : 'exit'
  return new WorkerBootstrapError(kind, `the ${host.title} ${describeExit(exit)} before it was ready`, { output: output(host), cause: exit.error })
}

function overdue (host: Host, limitMs: number): FsError {
  return new WorkerBootstrapError('timeout', `the ${host.title} was not ready after ${limitMs} ms (bootstrapTimeoutMs)`, { output: output(host) })
}

async function failed (host: Host, report: Extract<StartReport, { failure: unknown }>, { init }: ResolvedWorkerOptions): Promise<FsError> {
  const cause = decodeError(report.error)
  await host.output.arrived()
  const what = report.failure === 'import' ? 'could not be imported' : 'failed'
  return new WorkerBootstrapError(report.failure, `the init module ${init ?? ''} ${what}: ${cause.message}`, { output: output(host), cause })
}
