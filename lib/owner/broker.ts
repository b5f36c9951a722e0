import { FsError } from '../errors/index.js'
import { currentOwner, realm } from './realm.js'
import type { OwnerTag } from './realm.js'

/**
 * What a worker of ours may ask its parent for (temporary credentials, so that one owner resolves them for a whole node),
 * and what the parent answers with. The channel is the workers room's; this is where both sides meet, so that
 * implementations need not know of workers. Kept in the realm: all copies of the package in a thread share it.
 */

/** Answers questions of workers; undefined: another handler may know. `from`: who asks. */
export type ServiceHandler = (payload: unknown, from: OwnerTag) => unknown
export interface Question { readonly service: string, readonly payload: unknown, readonly from: OwnerTag }

/**
 * Offer something to the workers of this thread and to theirs. Each copy of the package in a thread may have a handler of the same
 * name: the latest is asked first.
 * @returns a function that withdraws it
 */
export function serve (service: string, handler: ServiceHandler): () => void {
  const { services } = realm
  services.set(service, [handler, ...services.get(service) ?? []])
  return () => {
    const left = (services.get(service) ?? []).filter(other => other !== handler)
    if (left.length > 0) services.set(service, left)
    else services.delete(service)
  }
}

/** Worker side, called by the bootstrap of our own workers. */
export function connectParent (ask: (question: Question) => Promise<unknown>): void { realm.askParent = ask }

/** Whether this thread or process is a worker of ours. */
export function hasParent (): boolean { return realm.askParent !== undefined }

/**
 * Ask the nearest parent that serves it; the answer is a copy. In a thread that is no worker its own handlers answer, so that
 * the same code runs everywhere. @throws what the handler throws; FsError FORKFS_NOT_SUPPORTED where nobody serves it
 */
export async function askParent (service: string, payload: unknown): Promise<unknown> {
  const question = { service, payload, from: currentOwner() }
  return (realm.askParent === undefined ? answerWorker(question) : realm.askParent(question))
}

/** The parent's side: answer, or pass the question on to its own parent. */
export async function answerWorker (question: Question): Promise<unknown> {
  const { services, askParent: ask } = realm
  const handlers = services.get(question.service)
  for (const handler of handlers ?? []) {
    const answer = await handler(question.payload, question.from)
    if (answer !== undefined) return answer
  }
  if (handlers !== undefined) return undefined
  if (ask !== undefined) return ask(question)
  throw new FsError('FORKFS_NOT_SUPPORTED', `no parent of this worker serves '${question.service}'`, { operation: 'askParent' })
}

/** How many workers divide what one instance may use; set by the bootstrap. */
export function divideAmong (workers: number): void { realm.share = Math.max(1, workers) }

/** This worker's part of a limit that holds for all workers together; at least 1. */
export function shareOf (limit: number): number { return Math.max(1, Math.floor(limit / realm.share)) }
