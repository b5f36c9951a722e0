/** What becomes of a client, and of a filesystem, in `workerData`. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { Agent } from 'undici'
import type { FileSystem } from '../../lib/index.js'

/** A client as people write them: its connections are private. */
class StoreClient {
  readonly #agent = new Agent()

  get (origin: string, path: string): ReturnType<Agent['request']> {
    return this.#agent.request({ origin, path, method: 'GET' })
  }
}

export interface Sent { readonly client: unknown, readonly agent: unknown, readonly fs: FileSystem, readonly path: string }

/** How each looked there, on one line, and how much could be read through the filesystem. */
export interface Arrived { readonly client: string, readonly agent: string, readonly fs: string, readonly bytes: number }

/** Send all of it to a real thread, and ask what it got. @param env where the thread finds its own credentials */
export async function sendToThread (fs: FileSystem, path: string, env: Readonly<Record<string, string>>): Promise<Arrived> {
  const sent: Sent = { client: new StoreClient(), agent: new Agent(), fs, path }
  const execArgv = ['--import', new URL('../../lib/registry/register.js', import.meta.url).href]
  const worker = new Worker(new URL('./travel-child.js', import.meta.url), { workerData: sent, execArgv, env: { ...process.env, ...env } })
  let arrived: Arrived | undefined
  worker.once('message', (message: Arrived) => { arrived = message })
  await once(worker, 'exit')
  if (arrived === undefined) throw new Error('the thread ended without an answer')
  return arrived
}
