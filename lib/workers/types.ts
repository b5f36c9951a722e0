import type { ResourceLimits } from 'node:worker_threads'
import type { Verb } from '../filesystem/types.js'
import type { OwnerTag } from '../owner/index.js'

/**
 * Where calls run. `thread`: a worker thread; `process`: a child process in a group of its own; `in-process`: this thread, with the
 * same contract (values are copies, errors cross the codec), for tests and debuggers. It can not be killed, its
 * output is not captured, and env, execArgv and resourceLimits mean nothing there.
 */
export type WorkerKind = 'thread' | 'process' | 'in-process'

/** What arrives is what the array held when it was sent; results are the parent's own. */
export interface SharingOptions {
  /** Typed arrays from this size on, bytes >= 0; null: none. @defaultValue 1 MiB */
  readonly maxBytes?: number | null | undefined
  /**
   * What a worker may do with an array in its arguments. `r`: read it; threads that write to it are seen by others. `c`: its own copy, or
   * copied as it is written. `r+`: written by all workers that have it; processes need the optional peer koffi (FORKFS_NOT_SUPPORTED). @defaultValue 'r'
   */
  readonly mode?: 'r' | 'r+' | 'c' | undefined
  /**
   * Where processes put files, an absolute path (else a TypeError); one that can not be used is ENOENT, ENOTDIR, EACCES or EROFS at the start.
   * @defaultValue FORKFS_TMPDIR; else /dev/shm, then the system's folder for temporary files
   */
  readonly folder?: string | undefined
}

/** How a worker is started. An unknown name or a wrong type is a TypeError, a number out of its range a RangeError, before anything starts. */
export interface RemoteWorkerOptions {
  /** Where calls run. @defaultValue 'thread' */
  readonly kind?: WorkerKind | undefined
  /**
   * A module that runs before the first call: a URL, an absolute path or a package's name. Its default export, if a function, is called with
   * workerData. What it throws is a WorkerBootstrapError. @defaultValue none
   */
  readonly init?: string | URL | undefined
  /**
   * Cloned to `init`; filesystems in it arrive live. Never visible in arguments or environment of a process. FORKFS_UNCLONEABLE for what can not be
   * sent. @defaultValue undefined
   */
  readonly workerData?: unknown
  /** Added to a copy of this thread's environment. @defaultValue nothing */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Node's own command line options. @defaultValue those of this process, without inspector and snapshot options */
  readonly execArgv?: readonly string[] | undefined
  /**
   * Called before a timed-out call rejects, with its module and function: the caller's clean-up. Not for a call of a pool that had not begun.
   * What it throws becomes a process warning.
   * @defaultValue none
   */
  readonly onTimeout?: ((module: string, name: string) => void) | undefined
  /** Large arrays in arguments and results are shared instead of copied: see docs/shared-arrays.md. */
  readonly sharing?: SharingOptions | undefined
  /** From the start of the worker to the end of `init`, in milliseconds > 0, Infinity for none; then a WorkerBootstrapError. @defaultValue 30_000 */
  readonly bootstrapTimeoutMs?: number | undefined
  /** Deadline of each call that names none, in milliseconds > 0; then FORKFS_WORKER_TIMEOUT. @defaultValue none */
  readonly callTimeoutMs?: number | undefined
  /**
   * Node's own limits, in MiB. Threads honour all of them; processes maxOldGenerationSizeMb and stackSizeMb. A worker over its limit dies.
   * @defaultValue Node's
   */
  readonly resourceLimits?: ResourceLimits | undefined
  /**
   * Where the worker's entry file is, for bundled applications: a module that imports `forkfs/workers/bootstrap`. A file URL or an absolute path.
   * @defaultValue ours
   */
  readonly workerUrl?: string | URL | undefined
}

/** What one call takes. `signal` aborts `getCallContext().signal` in the function; the call rejects with its reason. */
export interface CallOptions extends Verb {
  /**
   * Deadline in milliseconds > 0, Infinity for none. Past it the worker is killed (nobody can tell what state it is in) and the call is
   * FORKFS_WORKER_TIMEOUT. @defaultValue callTimeoutMs
   */
  readonly timeoutMs?: number | undefined
}

/** One remote worker: pending calls settle exactly once whatever happens to it. */
export interface RemoteWorker extends AsyncDisposable {
  /** close(). */
  [Symbol.asyncDispose] (): Promise<void>
  /** Whether a call would be accepted now. */
  readonly alive: boolean
  /** The worker's own tag. */
  readonly owner: OwnerTag
  /**
   * Call an exported function of a module: a URL, an absolute path, or a bare specifier. The module is imported once. Arguments and
   * result are copies; filesystems in them arrive as live instances of the receiver. Calls run concurrently, begun in their order.
   * `getCallContext().signal` in the function follows `signal`; a function that has not ended 1 s after the abort ends with its worker.
   * @throws what the function threw, with `remoteStack` and `output`; FsError FORKFS_UNCLONEABLE (with the path of what can not be sent, a
   *   promise among it; the worker stays usable), FORKFS_WORKER_TIMEOUT, FORKFS_WORKER_DIED, FORKFS_WORKER_CLOSED, FORKFS_RESET (`path` of
   *   these is `module#function`); `signal.reason`.
   */
  call<T = unknown> (module: string | URL, name: string, args?: readonly unknown[], options?: CallOptions): Promise<T>
  /**
   * Run source text in the worker's namespace: trusted input only. Top-level declarations stay for later runs; a promise as last value is awaited.
   */
  run (source: string, options?: CallOptions): Promise<void>
  /** Set a variable of the namespace to a copy of the value. */
  store (name: string, value: unknown): Promise<void>
  /** A copy of a variable of the namespace. @throws ReferenceError where there is none */
  load (name: string): Promise<unknown>
  /**
   * Waits for calls under way, then ends the worker: politely, after 1 s by SIGTERM, after 2 s by SIGKILL. With `force` calls under way
   * reject with FORKFS_WORKER_CLOSED and the worker is killed with all that it started.
   */
  close (options?: { readonly force?: boolean | undefined }): Promise<void>
}

/** How each worker of a pool is started, and how many. */
export interface PoolOptions extends RemoteWorkerOptions {
  /** Workers, integer >= 1. */
  readonly size: number
}

/** What one call of a pool takes. */
export interface PoolCallOptions extends CallOptions {
  /** How often the call begins anew on another worker when its own died, integer >= 0. It may then have run more than once. @defaultValue 0 */
  readonly retries?: number | undefined
  /**
   * As {@link CallOptions.timeoutMs}, over the whole of it: the wait for a worker where none lives, and all attempts. A call that has not begun
   * by then is FORKFS_WORKER_TIMEOUT, too, but no worker is killed and `onTimeout` is not called. @defaultValue callTimeoutMs
   */
  readonly timeoutMs?: number | undefined
}

/** Workers that share calls; one that died is replaced. */
export interface WorkerPool extends AsyncDisposable {
  /** close(). */
  [Symbol.asyncDispose] (): Promise<void>
  /** Workers that it was made with. */
  readonly size: number
  /** As {@link RemoteWorker.call}, on the worker with the fewest calls under way. */
  call<T = unknown> (module: string | URL, name: string, args?: readonly unknown[], options?: PoolCallOptions): Promise<T>
  /**
   * Waits for calls under way, then ends all workers; later calls are FORKFS_WORKER_CLOSED. `force`, default false: as {@link RemoteWorker.close}.
   */
  close (options?: { readonly force?: boolean | undefined }): Promise<void>
}
