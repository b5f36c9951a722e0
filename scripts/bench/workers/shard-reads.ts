/** A worker in which an instance that travelled reads shards, a few reads ahead, each into one of its buffers, and drops the bytes. */
import { parentPort, workerData } from 'node:worker_threads'
import type { FileHandle, FileSystem, revive as Revive } from '../../../lib/index.js'
import type { WorkerEnd } from './shards.js'

export interface ShardReadTask {
  /** URL of the library. */
  readonly module: string
  /** The instance, as its descriptor. */
  readonly fs: unknown
  readonly paths: readonly string[]
}

const readBytes = 4 * 1024 * 1024
const readsAtOnce = 3
const buffers = Array.from({ length: readsAtOnce }, () => new Uint8Array(readBytes))

async function readAll (file: FileHandle): Promise<number> {
  let [next, bytes] = [0, 0]
  const lane = async (buffer: Uint8Array): Promise<void> => {
    while (next < file.size!) {
      const position = next
      next += readBytes
      const { bytesRead } = await file.read(buffer, 0, Math.min(readBytes, file.size! - position), position)
      bytes += bytesRead
    }
  }
  await Promise.all(buffers.map(lane))
  return bytes
}

const { module, fs: descriptor, paths } = workerData as ShardReadTask
const { revive } = await import(module) as { readonly revive: typeof Revive }
const fs = revive(descriptor) as FileSystem
let total = 0
for (const path of paths) {
  await using file = await fs.open(path, 'r', { cache: 'none' })
  total += await readAll(file)
}
await fs.close()
parentPort!.postMessage({ end: true, bytes: total } satisfies WorkerEnd)
