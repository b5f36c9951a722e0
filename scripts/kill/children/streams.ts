/** Writes streams until it is killed, or done. */
import { fileURLToPath } from 'node:url'
import { isMainThread, Worker } from 'node:worker_threads'
import { openStream, withStream } from '../../../lib/streams/index.js'
import type { ObjectStream } from '../../../lib/streams/index.js'
import { contentOf, Random } from '../../soak/random.js'
import { job, leave, listen, say } from '../child.js'
import type { Step } from '../child.js'

export interface StreamsJob {
  readonly options: Record<string, unknown>
  /** URIs whose names tell their contents; each list is written one after the other, the lists at once. */
  readonly lists: ReadonlyArray<readonly string[]>
  /** By withStream(), else by openStream() and close(). */
  readonly within: boolean
  readonly thread: boolean
  readonly seed: number
}

const work = job<StreamsJob>()

async function writeAll (uris: readonly string[], random: Random): Promise<void> {
  const options = { s3: work.options, partBytes: 5 << 20 }
  for (const uri of uris) {
    if (work.within) {
      await withStream(uri, 'w', stream => write(uri, stream, random), options)
    } else {
      const stream = await openStream(uri, 'w', options)
      await write(uri, stream, random)
      const closing = stream.close()
      say('closing', uri)
      await closing
    }
    say('closed', uri)
  }
}

async function write (uri: string, stream: ObjectStream, random: Random): Promise<void> {
  say('opened', uri)
  const content = contentOf(uri)
  for (let at = 0; at < content.byteLength;) {
    const step = 1 + random.below(content.byteLength)
    await stream.write(content.subarray(at, at + step))
    at += step
  }
  say('written', uri)
}

/** The work is done by a thread, which can be terminated. */
function inThread (): Promise<void> {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { ...work, thread: false } satisfies StreamsJob })
  worker.on('message', ({ step, data }: Step) => { say(step, data) })
  listen(command => { if (command === 'terminate') void worker.terminate() })
  return new Promise((resolve, reject) => {
    worker.once('error', reject)
    worker.once('exit', () => { resolve() })
  })
}

if (work.thread) {
  await inThread()
} else {
  if (isMainThread) listen()
  await Promise.all(work.lists.map((uris, at) => writeAll(uris, new Random(work.seed + at))))
}
say('done')
if (isMainThread) leave()
