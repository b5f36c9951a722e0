// A worker that declares itself a new owner in its first line: node dist/examples/reset-at-worker-init.js [URL of a folder]
// Without a URL it uses an S3 server that it starts for itself.
import { once } from 'node:events'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { isFsError, resetForFork, revive, urlToFs } from 'forkfs'
import type { FileSystem } from 'forkfs'
import { startS3Server } from 'forkfs/testing'

async function parent (): Promise<void> {
  const [url] = process.argv.slice(2)
  await using server = url === undefined ? await startS3Server({ buckets: ['data'] }) : undefined
  const credentials = server && { accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey }
  const s3 = server && { endpoint: server.endpoint, region: server.region, credentials, shareCredentials: true }
  const [fs, path] = await urlToFs(`${url ?? 's3://data'}/greeting.txt`, { s3 })
  await fs.writeText(path, 'hello')
  await once(new Worker(new URL(import.meta.url), { workerData: { fs, path } }), 'exit')
  await fs.close()
}

async function worker (): Promise<void> {
  console.log('at the start', counts(resetForFork()))

  const { fs, path } = revive(workerData) as { fs: FileSystem, path: string }
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
