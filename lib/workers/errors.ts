import { FsError, isFsError, withContext } from '../errors/index.js'
import { registerErrorClass } from '../errors/codec.js'

/** How a worker ended. A process that was killed has a signal and no exit code. */
export interface Exit {
  /** Null: a signal ended it, or its connection was lost. */
  readonly exitCode: number | null
  /** 'SIGKILL' and the like; null for a thread, and for an end of its own. */
  readonly signal: string | null
  /** What a thread reported as it died. */
  readonly error?: Error | undefined
}

/** Which call an error is about. */
export interface Call {
  /** The verb of the worker: call, run, store, load. */
  readonly operation?: string | undefined
  /** `module#function` of a call, the name of a variable. */
  readonly path?: string | undefined
}

/** What a call is called in errors. A module may be all its source (`data:`): its beginning tells which. */
export function callPath (module: string, name: string): string {
  return `${module.length > 300 ? `${module.slice(0, 300)}…` : module}#${name}`
}

/** The same failure as the end of one of the calls that it ended. */
export function endOf (call: Call, error: Error): Error {
  if (error instanceof WorkerDiedError) {
    const { condition, exitCode, signal, stderr, cause } = error
    return new WorkerDiedError(condition, { ...call, exitCode, signal, stderr, cause })
  }
  return isFsError(error) ? withContext(error, { operation: call.operation ?? '', path: call.path }) : error
}

/**
 * The worker ended with calls under way, or before them. An exit code of 0 is no answer either. `operation` and `path` name the call that has
 * no answer: 'call' and 'file:///app/tasks.js#resize'. Several were under way: each rejects with its own, and any of them may be the cause.
 */
export class WorkerDiedError extends FsError {
  declare readonly code: 'FORKFS_WORKER_DIED'
  /** Null: a signal ended it, or its connection was lost. */
  readonly exitCode: number | null
  /** What ended a process, for example 'SIGKILL'; null otherwise. */
  readonly signal: string | null
  /** The last 64 KiB that it wrote there. */
  readonly stderr: string

  constructor (condition: string, fields: Exit & Call & { readonly stderr: string, readonly cause?: unknown }) {
    super('FORKFS_WORKER_DIED', condition, { operation: fields.operation, path: fields.path, retry: 'may', cause: fields.cause })
    this.exitCode = fields.exitCode
    this.signal = fields.signal
    this.stderr = fields.stderr
  }

  static {
    Object.defineProperty(this.prototype, 'name', { value: 'WorkerDiedError', writable: true, configurable: true })
  }
}

/** What went wrong: the entry or `init` could not be imported, `init` threw, the worker ended, was not there in time, could not be started. */
export type BootstrapFailure = 'import' | 'init' | 'exit' | 'timeout' | 'spawn'

/** The worker never became ready. `output` is what it printed. */
export class WorkerBootstrapError extends FsError {
  declare readonly code: 'FORKFS_WORKER_BOOTSTRAP'
  /** How far it came. */
  readonly kind: BootstrapFailure
  /** What it printed until then, stdout and stderr, at most 64 KiB. */
  readonly output: string

  constructor (kind: BootstrapFailure, condition: string, fields: { readonly output?: string | undefined, readonly cause?: unknown } = {}) {
    super('FORKFS_WORKER_BOOTSTRAP', condition, { operation: 'startWorker', cause: fields.cause })
    this.kind = kind
    this.output = fields.output ?? ''
  }

  static {
    Object.defineProperty(this.prototype, 'name', { value: 'WorkerBootstrapError', writable: true, configurable: true })
  }
}

const text = (value: unknown): string => typeof value === 'string' ? value : ''

registerErrorClass('WorkerDiedError', {
  matches: error => isFsError(error, 'FORKFS_WORKER_DIED'),
  hidden: ['condition'],
  create: (message, { condition, operation, path, exitCode, signal, stderr }) => new WorkerDiedError(text(condition) || message, {
    operation: text(operation),
    path: typeof path === 'string' ? path : undefined,
    exitCode: typeof exitCode === 'number' ? exitCode : null,
    signal: typeof signal === 'string' ? signal : null,
    stderr: text(stderr)
  })
})
registerErrorClass('WorkerBootstrapError', {
  matches: error => isFsError(error, 'FORKFS_WORKER_BOOTSTRAP'),
  hidden: ['condition'],
  create: (message, { condition, kind, output }) =>
    new WorkerBootstrapError(text(kind) as BootstrapFailure, text(condition) || message, { output: text(output) })
})

/** How it ended, in words. */
export function describeExit (exit: Exit): string {
  if (exit.signal !== null) return `was ended by ${exit.signal}`
  const error = exit.error === undefined ? '' : ` (${exit.error.message})`
  return exit.exitCode === null ? `lost its connection${error}` : `ended with exit code ${exit.exitCode}${error}`
}

/** Own field, enumerable: what the worker printed while it failed. */
export function attachOutput<E extends Error> (error: E, output: string): E {
  if (output !== '') Object.defineProperty(error, 'output', { value: output, enumerable: true, writable: true, configurable: true })
  return error
}
