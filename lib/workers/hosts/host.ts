import type { MessagePort } from 'node:worker_threads'
import type { Channel } from '../channel.js'
import type { DataChannel } from '../data-channel.js'
import type { Exit } from '../errors.js'
import type { Output } from '../output.js'
import type { ResolvedWorkerOptions } from '../options.js'

/** The parent's side of one worker, whatever it runs in. */
export interface Host {
  readonly channel: Channel
  readonly output: Output
  /** What is called in errors: "worker process 1234". */
  readonly title: string
  /** Resolves once, when the worker is gone and every answer that it had sent was delivered. Never rejects. */
  readonly exited: Promise<Exit>
  /** Called once. `port`: what the worker needs to open its end, to be transferred to it. */
  openData (): { readonly data: DataChannel, readonly port?: MessagePort }
  /** Wait for a worker that was asked to leave; then less and less politely. */
  stop (): Promise<void>
  /** At once, by force. Resolves when it is gone. */
  kill (): Promise<void>
  ref (): void
  unref (): void
}

export type StartHost = (options: ResolvedWorkerOptions) => Host

/** How long each step of the ladder waits: asked to leave, SIGTERM, SIGKILL. */
export const stepMs = 1000

/** Whether the promise settled in time. The timer does not outlive the wait. */
export async function within (ms: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>(resolve => { timer = setTimeout(() => { resolve(false) }, ms) })
  try {
    return await Promise.race([promise.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}
