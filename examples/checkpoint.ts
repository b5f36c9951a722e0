// Checkpoints that are complete or absent, each downloaded once for all threads: node dist/examples/checkpoint.js [URL of a folder]
// Without a URL it uses an S3 server that it starts for itself, and counts downloads there.
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { revive, urlToFs } from 'forkfs'
import { Checkpoint } from 'forkfs/checkpoint'
import { startS3Server } from 'forkfs/testing'

async function main (): Promise<void> {
  const [url] = process.argv.slice(2)
  await using server = url === undefined ? await startS3Server({ buckets: ['data'] }) : undefined
  const credentials = server && { accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey }
  const s3 = server && { endpoint: server.endpoint, region: server.region, credentials, shareCredentials: true }
  const [fs, runs] = await urlToFs(`${url ?? 's3://data'}/runs`, { s3 })
  const folder = await mkdtemp(join(tmpdir(), 'checkpoint-'))

  // A run saves its state now and then. Killed at any moment, what it was writing is not complete, and nobody reads it
  for (const step of [1, 2, 3]) {
    await writeFile(join(folder, 'weights.txt'), `weights of step ${step}`)
    const saved = await Checkpoint.persist(folder, `${runs}/step-${step}`, { filesystem: fs })
    await saved.updateMetadata({ loss: step === 3 ? 0.1 : 1 })
    await Checkpoint.prune(runs, { keep: 2, filesystem: fs })
  }
  await rm(folder, { recursive: true })
  console.log('kept', ...(await fs.ls(runs)).map(({ name }) => name).sort().reverse())

  const latest = await Checkpoint.latestComplete(runs, fs)
  if (latest === undefined) throw new Error('there is none')
  console.log('latest', latest.path, JSON.stringify(await latest.getMetadata()))

  // It travels as a description; whoever reads it while others do gets the same copy
  const place = await latest.asDirectory(async directory => {
    const threads = [1, 2, 3].map(() => new Worker(new URL(import.meta.url), { workerData: { latest } }))
    const texts = await Promise.all(threads.map(thread => new Promise((resolve, reject) => { thread.once('message', resolve).once('error', reject) })))
    console.log('threads read', texts.join(' | '))
    return directory
  })
  if (server !== undefined) console.log('downloads', (await server.counters()).gets[`${latest.path}/weights.txt`])
  console.log('left nothing', !existsSync(place))
  await fs.close()
}

async function worker (): Promise<void> {
  const { latest } = revive(workerData) as { latest: Checkpoint }
  await latest.asDirectory(async directory => {
    parentPort!.postMessage(await readFile(join(directory, 'weights.txt'), 'utf8'))
  })
}

await (isMainThread ? main() : worker())
