import { tracingChannel, channel } from 'node:diagnostics_channel'
import type { Channel, TracingChannel } from 'node:diagnostics_channel'

/** What subscribers of `tracing:forkfs:request:*` get; never headers, never a query. */
export interface RequestTrace { readonly protocol: string, readonly operation: string, readonly path: string, status?: number, bytes?: number }

interface Traced { readonly operation: string, readonly path: string }

let requests: TracingChannel<unknown, RequestTrace> | undefined

function subscribed (tracing: TracingChannel<unknown, RequestTrace>): boolean {
  return tracing.start.hasSubscribers || tracing.end.hasSubscribers || tracing.asyncStart.hasSubscribers || tracing.asyncEnd.hasSubscribers || tracing.error.hasSubscribers
}

/** Run one request under `tracing:forkfs:request`; costs a few property reads when nobody listens. */
export function trace<T extends { readonly status: number, readonly body?: unknown }> (protocol: string, call: Traced, work: () => Promise<T>): Promise<T> {
  requests ??= tracingChannel<unknown, RequestTrace>('forkfs:request')
  if (!subscribed(requests)) return work()
  const context: RequestTrace = { protocol, operation: call.operation, path: call.path }
  let reply: T
  // Node tells what the traced function returns: nothing, since replies hold URLs of sessions and whatever is in an object.
  return requests.tracePromise(async () => {
    reply = await work()
    context.status = reply.status
    if (reply.body instanceof Uint8Array) context.bytes = reply.body.length
  }, context).then(() => reply)
}

let retries: Channel | undefined

export function publishRetry (protocol: string, call: Traced, attempt: number, waitMs: number, error: unknown): void {
  retries ??= channel('forkfs:retry')
  if (retries.hasSubscribers) retries.publish({ protocol, operation: call.operation, path: call.path, attempt, waitMs, error })
}
