/** The worker's side: builds each filesystem from its descriptor, once, and makes the calls that are sent to it. */
import { parentPort, workerData } from 'node:worker_threads'
import { encodeError, revive } from '../../../lib/index.js'
import type { WorkerAnswer, WorkerCall } from './worker.js'

const { modules } = workerData as { readonly modules: readonly string[] }
const ready = Promise.all(modules.map(name => import(name) as Promise<unknown>))

type Callable = Record<string, (...args: readonly unknown[]) => unknown>

async function answer ({ id, fs, verb, iterate, args }: WorkerCall): Promise<WorkerAnswer> {
  try {
    await ready
    const instance = revive(fs) as Callable
    const called = instance[verb]!(...args)
    if (!iterate) return { id, result: await called }
    const items: unknown[] = []
    for await (const item of called as AsyncIterable<unknown>) items.push(item)
    return { id, result: items }
  } catch (error) {
    return { id, error: encodeError(error) }
  }
}

parentPort?.on('message', (call: WorkerCall) => {
  void answer(call).then(reply => { parentPort?.postMessage(reply) })
})
