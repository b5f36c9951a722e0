// Functions in threads and processes: answers, errors, output, deadlines, aborts and deaths: node dist/examples/workers.js
import { setTimeout as delay } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'
import { fileURLToPath } from 'node:url'
import { filesystem, isFsError } from 'forkfs'
import type { FileSystem } from 'forkfs'
import { startS3Server } from 'forkfs/testing'
import { createPool, getCallContext, startWorker } from 'forkfs/workers'

/** Runs in a worker. `fs` is the worker's own instance; its credentials came from the parent, over a channel of their own. */
export async function count (fs: FileSystem, path: string): Promise<number> {
  return (await fs.readText(path)).split(' ').length
}

export function reject (): never { throw new RangeError('no such shard') }

/** Never gives its thread back: nobody but its parent can end it. */
export function spin (): never { for (;;); }

/** Ends early where its caller has no use for it any more. */
export async function patient (): Promise<void> { await delay(60_000, undefined, { signal: getCallContext().signal }) }

export function die (): never { process.exit(7) }

async function main (): Promise<void> {
  await using server = await startS3Server({ buckets: ['books'] })
  const { endpoint, region, accessKeyId, secretAccessKey } = server
  const fs = filesystem('s3', { endpoint, region, credentials: { accessKeyId, secretAccessKey } })
  await fs.pipe(Object.fromEntries([1, 2, 3].map(n => [`books/${n}.txt`, 'word '.repeat(n * 100).trim()])))

  for (const kind of ['thread', 'process', 'in-process'] as const) {
    await using worker = await startWorker({ kind })
    console.log(kind, await worker.call(import.meta.url, 'count', [fs, 'books/1.txt']))
  }

  await using pool = await createPool({ kind: 'process', size: 2, onTimeout: (_module, name) => { console.log('too late:', name) } })
  const paths = await fs.find('books')
  console.log('pool', await Promise.all(paths.map(async path => pool.call<number>(import.meta.url, 'count', [fs, path]))))

  const failure = async (name: string, options?: { readonly timeoutMs?: number, readonly signal?: AbortSignal }): Promise<string> => {
    try {
      await pool.call(import.meta.url, name, [], options)
      return 'none'
    } catch (error) {
      return isFsError(error) ? error.code : String(error)
    }
  }
  console.log('thrown', await failure('reject'))
  console.log('deadline', await failure('spin', { timeoutMs: 200 })) // its worker was killed, and is replaced
  console.log('abort', await failure('patient', { signal: AbortSignal.timeout(100) }))
  console.log('death', await failure('die'))
  console.log('and on', await pool.call(import.meta.url, 'count', [fs, 'books/3.txt']))
  await fs.close()
}

// Not awaited: `in-process` imports this very module, which would wait for itself.
if (isMainThread && fileURLToPath(import.meta.url) === process.argv[1]) void main()
