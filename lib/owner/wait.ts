import { Scope } from './scope.js'

/** For a promise that events settle: `begin` starts waiting and returns what stops it; an abort rejects with the signal's reason. */
export function until<T> (signal: AbortSignal, begin: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    if (signal.aborted) { reject(signal.reason); return }
    let stop = (): void => {}
    let over = false
    const end = (): void => {
      over = true
      signal.removeEventListener('abort', abort)
      stop()
    }
    const abort = (): void => { end(); reject(signal.reason) }
    signal.addEventListener('abort', abort, { once: true })
    stop = begin(value => { end(); resolve(value) }, error => { end(); reject(error) })
    if (over) stop()
  })
}

/** Abortable; keeps the process alive, as waiting for something does. */
export function pause (ms: number, signal: AbortSignal): Promise<void> {
  return until<void>(signal, resolve => {
    const timer = setTimeout(resolve, ms)
    return () => { clearTimeout(timer) }
  })
}

/** Longer ones would fire at once: Node's timers take 31 bits. */
const maxTimeoutMs = 2_147_483_647

export interface Bounds {
  readonly operation: string
  readonly path: string
  readonly signal?: AbortSignal | undefined
  /** Infinity: no limit. */
  readonly timeoutMs: number
  /** What it rejects with when the time is over. */
  late (): unknown
}

/**
 * Work that ends: with the caller's abort (`signal.reason`), at the deadline, at a reset (FORKFS_RESET). The signal that `work` gets
 * aborts in each case, and after abort or deadline the promise settles only when the work has.
 */
export async function bounded<T> (group: object, bounds: Bounds, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  bounds.signal?.throwIfAborted()
  const scope = new Scope(group, bounds.operation, bounds.path, bounds.signal)
  const timer = bounds.timeoutMs > maxTimeoutMs ? undefined : setTimeout(() => { scope.stop(bounds.late()) }, bounds.timeoutMs)
  try {
    return await scope.run(() => work(scope.signal))
  } finally {
    clearTimeout(timer)
  }
}
