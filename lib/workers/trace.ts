import type { TracingChannel } from 'node:diagnostics_channel'
import type { WorkerKind } from './types.js'

/** What subscribers of `tracing:forkfs:call:*` get, in the thread that calls: one per attempt. Never arguments; Node itself adds `result` or `error`. */
export interface CallTrace {
  readonly kind: WorkerKind
  readonly verb: 'call' | 'run' | 'store' | 'load'
  /** Empty where the verb has none. */
  readonly module: string
  readonly name: string
  /** Of the worker. */
  readonly pid: number
  readonly threadId: number
}

let calls: TracingChannel<unknown, CallTrace> | undefined

/** The channel while somebody listens to it. */
export function tracedCalls (): TracingChannel<unknown, CallTrace> | undefined {
  calls ??= process.getBuiltinModule('node:diagnostics_channel').tracingChannel<unknown, CallTrace>('forkfs:call')
  const { start, end, asyncStart, asyncEnd, error } = calls
  return start.hasSubscribers || asyncEnd.hasSubscribers || error.hasSubscribers || end.hasSubscribers || asyncStart.hasSubscribers ? calls : undefined
}
