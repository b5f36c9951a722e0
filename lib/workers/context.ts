import { AsyncLocalStorage } from 'node:async_hooks'
import { FsError } from '../errors/index.js'
import { currentOwner } from '../owner/index.js'
import type { OwnerTag } from '../owner/index.js'
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

/** Answers questions of workers. `from`: who asks. */
export type ServiceHandler = (payload: unknown, from: OwnerTag) => unknown

interface Question { readonly service: string, readonly payload: unknown, readonly from: OwnerTag }

interface WorkersRealm {
  readonly calls: AsyncLocalStorage<ActiveCall>
  readonly services: Map<string, ServiceHandler>
  /** Set in workers: asks the parent. */
  askParent: ((question: Question) => Promise<unknown>) | undefined
}

const key = Symbol.for('forkfs.workers.v1')

/** One per thread and shared by every copy of the package in it: a task's own copy must see the call that ours began. */
export function workersRealm (): WorkersRealm {
  const holder = globalThis as unknown as Record<symbol, WorkersRealm | undefined>
  const found = holder[key]
  if (found !== undefined) return found
  const made: WorkersRealm = { calls: new AsyncLocalStorage(), services: new Map(), askParent: undefined }
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

/**
 * Offer something to the workers of this thread and to theirs. A later handler of the same name replaces the former.
 * @returns a function that withdraws it
 */
export function serve (service: string, handler: ServiceHandler): () => void {
  const { services } = workersRealm()
  services.set(service, handler)
  return () => { if (services.get(service) === handler) services.delete(service) }
}

/**
 * Ask the nearest parent that serves it; the answer is a copy. In a thread that is no worker its own handlers answer, so that the same
 * code runs everywhere. @throws what the handler throws; FsError FORKFS_NOT_SUPPORTED where nobody serves it
 */
export async function askParent (service: string, payload: unknown): Promise<unknown> {
  const { askParent: ask } = workersRealm()
  const question = { service, payload, from: currentOwner() }
  return ask === undefined ? answerWorker(question) : ask(question)
}

/** The parent's side: answer, or pass the question on to its own parent. */
export async function answerWorker (question: Question): Promise<unknown> {
  const { services, askParent: ask } = workersRealm()
  const handler = services.get(question.service)
  if (handler !== undefined) return await handler(question.payload, question.from)
  if (ask !== undefined) return ask(question)
  throw new FsError('FORKFS_NOT_SUPPORTED', `no parent of this worker serves '${question.service}'`, { operation: 'askParent' })
}
