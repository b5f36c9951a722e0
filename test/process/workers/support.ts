/** What the tests of workers share. */
import { startWorker } from '../../../lib/workers/index.js'
import type { RemoteWorker, RemoteWorkerOptions, WorkerKind } from '../../../lib/workers/index.js'

export const tasks = new URL('./fixtures/tasks.js', import.meta.url)
export const kinds: readonly WorkerKind[] = ['thread', 'process', 'in-process']
export const separate: readonly WorkerKind[] = ['thread', 'process']

/** A worker for the length of `fn`; afterwards nothing is left of it, whatever happened. */
export async function withWorker<T> (options: RemoteWorkerOptions, fn: (worker: RemoteWorker) => Promise<T>): Promise<T> {
  const worker = await startWorker(options)
  try {
    return await fn(worker)
  } finally {
    await worker.close({ force: true })
  }
}

/** What `promise` rejects with. */
export async function failure (promise: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await promise
  } catch (error) {
    return error as Error & Record<string, unknown>
  }
  throw new Error('Expected a rejection')
}

/** Run `fn` while what workers print does not reach the terminal. Gives what they printed. */
export async function muffled (fn: () => Promise<void>): Promise<{ stdout: string, stderr: string }> {
  const printed = { stdout: '', stderr: '' }
  const names = ['stdout', 'stderr'] as const
  const originals = names.map(name => Object.getOwnPropertyDescriptor(process[name], 'write'))
  for (const name of names) {
    Object.defineProperty(process[name], 'write', {
      value: (chunk: string | Uint8Array) => {
        printed[name] += Buffer.from(chunk as Uint8Array).toString()
        return true
      },
      configurable: true,
      writable: true
    })
  }
  try {
    await fn()
  } finally {
    names.forEach((name, index) => {
      const original = originals[index]
      if (original === undefined) delete (process[name] as { write?: unknown }).write
      else Object.defineProperty(process[name], 'write', original)
    })
  }
  return printed
}
