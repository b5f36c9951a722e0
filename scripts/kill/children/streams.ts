/** Writes streams to the store until it is killed, or done. */
import { fileURLToPath } from 'node:url'
import { isMainThread, Worker } from 'node:worker_threads'
import { openStream } from '../../../lib/streams/index.js'
import { contentOf, Random } from '../../soak/random.js'
import { job, leave, listen, say } from '../child.js'
import type { Step } from '../child.js'

export interface StreamsJob {
  readonly options: Record<string, unknown>
  /** Keys of `bucket` whose names tell their contents; each list is written one after the other, the lists at once. */
  readonly lists: ReadonlyArray<readonly string[]>
  readonly bucket: string
  readonly thread: boolean
  readonly seed: number
}

const work = job<StreamsJob>()

async function writeAll (keys: readonly string[], random: Random): Promise<void> {
  for (const key of keys) {
    const stream = await openStream(`s3://${work.bucket}/${key}`, 'w', { s3: work.options, partBytes: 5 << 20 })
    say('opened', key)
    const content = contentOf(key)
    for (let at = 0; at < content.byteLength;) {
      const step = 1 + random.below(content.byteLength)
      await stream.write(content.subarray(at, at + step))
      at += step
    }
    say('written', key)
    const closing = stream.close()
    say('closing', key)
    await closing
    say('closed', key)
  }
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
  await Promise.all(work.lists.map((keys, at) => writeAll(keys, new Random(work.seed + at))))
}
say('done')
if (isMainThread) leave()
