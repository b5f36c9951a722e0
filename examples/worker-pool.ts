// A filesystem as an argument of a pool's tasks: node dist/examples/worker-pool.js
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { currentOwner, filesystem, reviving } from 'forkfs'
import type { FileSystem } from 'forkfs'
import { startS3Server } from 'forkfs/testing'

interface Task { readonly fs: FileSystem, readonly path: string }
interface Answer { readonly words: number, readonly threadId: number }

// What crosses to the thread is a description of the filesystem; reviving() makes it this thread's own instance again,
// the same one for all tasks, with connections of its own.
export default reviving(async ({ fs, path }: Task): Promise<Answer> => {
  const words = (await fs.readText(path)).split(/\s+/).length
  return { words, threadId: currentOwner().threadId }
})

async function main (): Promise<void> {
  await using server = await startS3Server({ buckets: ['books'] })
  const { endpoint, region, accessKeyId, secretAccessKey } = server
  // Keys stay at home unless told otherwise: a worker finds its own, as usual, in its environment or role.
  const fs = filesystem('s3', { endpoint, region, credentials: { accessKeyId, secretAccessKey }, shareCredentials: true })
  await fs.pipe(Object.fromEntries([1, 2, 3, 4].map(n => [`books/${n}.txt`, 'word '.repeat(n * 1000).trim()])))

  const pool = new Piscina({ filename: fileURLToPath(import.meta.url), minThreads: 2, maxThreads: 2 })
  const paths = await fs.find('books')
  const answers = await Promise.all(paths.map(async path => await pool.run({ fs, path } satisfies Task) as Answer))
  paths.forEach((path, at) => { console.log(path, answers[at]!.words, 'words') })
  console.log('threads', new Set(answers.map(({ threadId }) => threadId)).size, 'and none of them this one:', answers.every(({ threadId }) => threadId !== 0))
  await pool.destroy()
  await fs.close()
}

if (isMainThread) await main()
