// A worker thread that tells what it was given.
import { inspect } from 'node:util'
import { parentPort, workerData } from 'node:worker_threads'
import { isFileSystem } from '../../lib/index.js'
import type { Arrived, Sent } from './travel.js'

const { client, agent, fs, path } = workerData as Sent
const bytes = isFileSystem(fs) ? (await fs.head(path, 512)).length : 0
if (isFileSystem(fs)) await fs.close()
const shown = (value: unknown): string => inspect(value, { breakLength: Infinity, compact: true, depth: 1 })
parentPort!.postMessage({ client: shown(client), agent: shown(agent), fs: shown(fs), bytes } satisfies Arrived)
