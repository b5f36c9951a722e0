/** What the processes that are killed share: they say how far they are, and hear what they are to do. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads'

/** One step of the work. `done` is the last. */
export interface Step { readonly step: string, readonly data?: unknown }

/** The job, as the lane gave it. */
export function job<T> (): T { return (isMainThread ? JSON.parse(process.argv[2]!) : workerData) as T }

export function say (step: string, data?: unknown): void {
  if (isMainThread) process.send!({ step, data } satisfies Step, () => {}) // whoever listened may be gone
  else parentPort!.postMessage({ step, data } satisfies Step)
}

const orphaned = (): void => { process.exit() }

/** Main threads: end with the lane, and do what it says. The channel itself keeps nothing alive. */
export function listen (onCommand: (command: string) => void = () => {}): void {
  process.on('disconnect', orphaned)
  process.on('message', command => {
    if (command === 'exit') process.exit(0)
    onCommand(command as string)
  })
  process.channel!.unref()
}

/** The rest is the natural end of this process. */
export function leave (): void {
  process.off('disconnect', orphaned)
  if (process.connected) process.disconnect()
}
