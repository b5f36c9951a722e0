/**
 * What a worker of ours may ask its parent for (temporary credentials, so that one owner resolves them for a whole node),
 * and what the parent answers with. The channel is the workers room's; this is only the meeting point of the two, so that
 * implementations need not know of workers.
 */
type Service = (payload: unknown) => Promise<unknown>

const services = new Map<string, Service>()
let parent: ((kind: string, payload: unknown) => Promise<unknown>) | undefined
let share = 1

/** Parent side: answer the workers' questions of one kind. */
export function serveWorkers (kind: string, service: Service): void { services.set(kind, service) }

/** Parent side: the answer to one question; a worker of a worker asks on. */
export async function answerWorker (kind: string, payload: unknown): Promise<unknown> {
  const service = services.get(kind)
  const answer = await service?.(payload)
  return answer === undefined && parent !== undefined ? parent(kind, payload) : answer
}

/** Worker side, called by the bootstrap of our own workers. `workers` is how many divide what one instance may use. */
export function connectParent (ask: (kind: string, payload: unknown) => Promise<unknown>, workers: number): void {
  parent = ask
  share = Math.max(1, workers)
}

/** Whether this thread or process is a worker of ours. */
export function hasParent (): boolean { return parent !== undefined }

/** Ask the parent; undefined where there is none, or where it does not know. */
export async function askParent (kind: string, payload: unknown): Promise<unknown> { return parent?.(kind, payload) }

/** This worker's part of a limit that holds for all workers together; at least 1. */
export function shareOf (limit: number): number { return Math.max(1, Math.floor(limit / share)) }
