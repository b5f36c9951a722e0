/** What the store's side has to say at the end. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Counters } from '../../test/servers/index.js'
import type { DemoStore } from './stores.js'

const waitMsMost = 3000
const stepMs = 20

/** GETs of each shard since the counters were reset. */
export function requestsPerShard ({ gets }: Counters, paths: readonly string[]): { readonly least: number, readonly most: number } {
  const counts = paths.map(path => gets[path] ?? 0)
  return { least: Math.min(...counts), most: Math.max(...counts) }
}

/** Connections that the server still holds, and uploads nobody finished. The ends of connections take a moment to arrive there. */
export async function leftovers (server: DemoStore['server'], bucket: string): Promise<{ readonly sockets: number, readonly uploads: number }> {
  let { sockets } = await server.counters()
  for (let waited = 0; sockets.open > 0 && waited < waitMsMost; waited += stepMs) {
    await sleep(stepMs)
    sockets = (await server.counters()).sockets
  }
  return { sockets: sockets.open, uploads: (await server.uploads(bucket)).length }
}
