// A worker that declares itself a new owner in its first line: node dist/examples/reset-at-worker-init.js
import { once } from 'node:events'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { filesystem, isFsError, resetForFork, revive } from 'forkfs'
import type { FileSystem } from 'forkfs'
import { startS3Server } from 'forkfs/testing'

const path = 'data/greeting.txt'

async function parent (): Promise<void> {
  await using server = await startS3Server({ buckets: ['data'] })
  const { endpoint, region, accessKeyId, secretAccessKey } = server
  const fs = filesystem('s3', { endpoint, region, credentials: { accessKeyId, secretAccessKey }, shareCredentials: true })
  await fs.writeText(path, 'hello')
  await once(new Worker(new URL(import.meta.url), { workerData: { fs } }), 'exit')
  await fs.close()
}

async function worker (): Promise<void> {
  console.log('at the start', counts(resetForFork()))

  const { fs } = revive(workerData) as { fs: FileSystem }
  console.log('read', await fs.readText(path))
  const handle = await fs.open(path)

  // Whoever calls it later, perhaps a library that knows nothing of us: connections are dropped, not closed, and nothing is awaited.
  console.log('later', counts(resetForFork()))

  // The instance in the variable works on, for the new owner …
  console.log('read again', await fs.readText(path), 'in epoch', fs.owner.epoch)
  // … but what was open stays dead, and says so.
  await handle.readFile().catch((error: unknown) => { console.log('the open file:', isFsError(error) ? error.code : error) })
  await fs.close()
}

function counts ({ instances, clients }: ReturnType<typeof resetForFork>): string {
  return `dropped ${instances} instances, ${clients} clients`
}

await (isMainThread ? parent() : worker())
