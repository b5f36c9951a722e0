import type { TracingChannel } from 'node:diagnostics_channel'
import type { WorkerKind } from './types.js'

/**
 * What subscribers of `tracing:forkfs:call:*` (`tracingChannel('forkfs:call')` of node:diagnostics_channel) get, in the thread that calls: one
 * object per attempt, the same in `start`, `end`, `asyncStart`, `asyncEnd` and `error`. Never arguments. Node itself adds `result` (what the call
 * resolved with) or `error` (what it rejected with). Costs nothing while nobody listens.
 */
export interface CallTrace {
  /** Where the call runs. */
  readonly kind: WorkerKind
  /** The method of the worker; calls of a pool are `call`. */
  readonly verb: 'call' | 'run' | 'store' | 'load'
  /** The module as it is imported: a URL or a bare specifier. Empty where the verb has none. */
  readonly module: string
  /** The function of a call, the variable of store and load; 'run' of a run. */
  readonly name: string
  /** Process of the worker: this one, unless `kind` is 'process'. */
  readonly pid: number
  /** Thread of the worker; 0 is the main thread of its process. */
  readonly threadId: number
}

let calls: TracingChannel<unknown, CallTrace> | undefined

/** The channel while somebody listens to it. */
export function tracedCalls (): TracingChannel<unknown, CallTrace> | undefined {
  calls ??= process.getBuiltinModule('node:diagnostics_channel').tracingChannel<unknown, CallTrace>('forkfs:call')
  const { start, end, asyncStart, asyncEnd, error } = calls
  return start.hasSubscribers || asyncEnd.hasSubscribers || error.hasSubscribers || end.hasSubscribers || asyncStart.hasSubscribers ? calls : undefined
}
