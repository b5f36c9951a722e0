/**
 * What `promise` settles to, or the signal's reason if that comes first: for waits that know of no signal (credentials). Leaves
 * no listener behind; what the promise does later is nobody's.
 */
export function orAborted<T> (promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => { reject(signal.reason) }
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    const done = (): void => { signal.removeEventListener('abort', abort) }
    promise.then(value => { done(); resolve(value) }, (error: unknown) => { done(); reject(error) })
  })
}
