import { AsyncLocalStorage } from 'node:async_hooks'
import { FsError } from '../errors/index.js'
import type { DataChannel } from './data-channel.js'

/** What a function knows about the call that runs it. */
export interface CallContext {
  /** Aborted when the caller aborts. Never aborted outside of a call, so that the same function can be called directly. */
  readonly signal: AbortSignal
}

/** What the server keeps per call. */
export interface ActiveCall extends CallContext {
  /** The worker's one data channel; see openDataChannel() for the parent's end. */
  openData (): Promise<DataChannel>
}

interface WorkersRealm {
  readonly calls: AsyncLocalStorage<ActiveCall>
  /** What a bundled entry brings along under a name of ours, because no file can be found there. */
  readonly modules: Map<string, Readonly<Record<string, unknown>>>
}

const key = Symbol.for('forkfs.workers.v1')

/** One per thread and shared by every copy of the package in it: a task's own copy must see the call that ours began. */
export function workersRealm (): WorkersRealm {
  const holder = globalThis as unknown as Record<symbol, WorkersRealm | undefined>
  const found = holder[key]
  if (found !== undefined) return found
  const made: WorkersRealm = { calls: new AsyncLocalStorage(), modules: new Map() }
  Object.defineProperty(globalThis, key, { value: made })
  return made
}

/** The call that the current function was made by; also in what it awaits and in the functions it calls. */
export function getCallContext (): CallContext {
  return workersRealm().calls.getStore() ?? { signal: new AbortController().signal }
}

/** In a function that runs in a worker: its end of the data channel. @throws FsError FORKFS_NOT_SUPPORTED outside of a call */
export async function callDataChannel (): Promise<DataChannel> {
  const call = workersRealm().calls.getStore()
  if (call === undefined) throw new FsError('FORKFS_NOT_SUPPORTED', 'there is a data channel only while a worker runs a call', { operation: 'callDataChannel' })
  return call.openData()
}
