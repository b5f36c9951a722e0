import { isFsError } from '../errors/index.js'

/** Whether the owner of the work is gone: then nothing is sent any more, not even to clean up. */
export function isReset (signal: AbortSignal): boolean {
  return signal.aborted && isFsError(signal.reason, 'FORKFS_RESET')
}

/**
 * Work that goes on when the caller aborts, because its answer or its effect is needed to leave nothing behind; only a reset ends
 * it.
 */
export async function unlessReset<T> (signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const own = new AbortController()
  const forward = (): void => { if (isReset(signal)) own.abort(signal.reason) }
  forward()
  signal.addEventListener('abort', forward, { once: true })
  try {
    return await work(own.signal)
  } finally {
    signal.removeEventListener('abort', forward)
  }
}
