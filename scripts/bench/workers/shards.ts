/**
 * A worker over bare undici. 'download': reads shards and counts. 'samples': the least a loader does: cuts tar members of a stream, hands blocks
 * of them to the parent by transfer, and fills the blocks that come back.
 */
import { parentPort, workerData } from 'node:worker_threads'

export interface ShardTask {
  readonly mode: 'download' | 'samples'
  readonly undici: string
  readonly endpoint: string
  readonly paths: readonly string[]
}

/** Members of a block: start and end of each in turn. */
export interface SampleBlock { readonly buffer: ArrayBuffer, readonly members: readonly number[] }
export interface WorkerEnd { readonly end: true, readonly bytes: number }

const blockBytes = 1024 * 1024
const { mode, undici, endpoint, paths } = workerData as ShardTask
const port = parentPort!
const free: ArrayBuffer[] = []
let wake: (() => void) | undefined
let blocks = 0

port.on('message', (buffer: ArrayBuffer) => {
  free.push(buffer)
  wake?.()
})

/** Up to 64 blocks are on the way; then the parent has to give one back. */
async function block (): Promise<Uint8Array> {
  if (free.length === 0 && blocks++ < 64) return new Uint8Array(blockBytes)
  while (free.length === 0) await new Promise<void>(resolve => { wake = resolve })
  return new Uint8Array(free.pop()!)
}

function sizeAt (block: Uint8Array, at: number): number {
  let size = 0
  for (let index = at + 124; index < at + 135; index++) size = size * 8 + (block[index]! & 7)
  return size
}

/** Whole members of a full block. @returns where the first that is cut off begins */
function cut (block: Uint8Array, length: number, members: number[]): number {
  let at = 0
  while (at + 512 <= length && block[at] !== 0) {
    const size = sizeAt(block, at)
    const next = at + 512 + Math.ceil(size / 512) * 512
    if (next > length) return at
    members.push(at + 512, at + 512 + size)
    at = next
  }
  return block[at] === 0 && at + 512 <= length ? length : at
}

async function samples (body: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0
  let current = await block()
  let length = 0
  const flush = async (last: boolean): Promise<void> => {
    const members: number[] = []
    const rest = cut(current, length, members)
    const next = last ? new Uint8Array(0) : await block()
    if (!last) next.set(current.subarray(rest, length))
    length -= rest
    const { buffer } = current as Uint8Array<ArrayBuffer>
    port.postMessage({ buffer, members } satisfies SampleBlock, [buffer])
    current = next
  }
  for await (const chunk of body) {
    bytes += chunk.length
    for (let at = 0; at < chunk.length;) {
      if (length === blockBytes) await flush(false)
      const part = chunk.subarray(at, at + blockBytes - length)
      current.set(part, length)
      length += part.length
      at += part.length
    }
  }
  await flush(true)
  return bytes
}

async function download (body: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0
  for await (const chunk of body) bytes += chunk.length
  return bytes
}

const { Pool } = await import(undici) as typeof import('undici')
const dispatcher = new Pool(endpoint, { connections: 1 })
let total = 0
for (const path of paths) {
  const { body } = await dispatcher.request({ path: `/${path}`, method: 'GET' })
  total += await (mode === 'download' ? download(body) : samples(body))
}
await dispatcher.close()
port.postMessage({ end: true, bytes: total } satisfies WorkerEnd)
port.close()
