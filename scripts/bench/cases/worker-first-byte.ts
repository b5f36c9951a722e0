import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { libraryUrl, peerUrl } from '../places.js'
import { median, meter } from '../meter.js'
import { bucket, smallBytes, smallKey } from '../sizes.js'
import { accessKeyId, forkfs, openForkfs, region, sdk, secretAccessKey, undici } from '../subjects.js'
import type { Case, Sample, Stage } from '../types.js'
import type { FirstByteTask } from '../workers/first-byte.js'
import { ratio, value, wallPerOp } from './goals.js'

async function taskOf (subject: string, { endpoint, cache }: Stage): Promise<FirstByteTask> {
  const common = { subject, endpoint, path: `${bucket}/${smallKey(1)}`, keys: { accessKeyId, secretAccessKey }, region }
  if (subject !== 'forkfs') return { ...common, module: peerUrl(subject === 'sdk' ? '@aws-sdk/client-s3' : 'undici', cache) }
  return { ...common, module: libraryUrl('index'), fs: (await openForkfs(endpoint)).toJSON({ credentials: true }) }
}

async function start (task: FirstByteTask): Promise<number> {
  const started = performance.now()
  // What the client warns about costs time, but not to the one who waits.
  const worker = new Worker(new URL('../workers/first-byte.js', import.meta.url), { workerData: task, execArgv: ['--no-warnings'] })
  const [bytes] = await once(worker, 'message') as [number]
  const wallMs = performance.now() - started
  if (bytes !== smallBytes) throw new Error(`Expected ${smallBytes} bytes, got ${bytes}`)
  await once(worker, 'exit')
  return wallMs
}

async function measure (subject: string, stage: Stage): Promise<Sample> {
  const task = await taskOf(subject, stage)
  await start(task)
  const done = meter()
  const times: number[] = []
  const count = stage.quick ? 3 : 9
  for (let index = 0; index < count; index++) times.push(await start(task))
  const sample = done({ ops: 1 })
  return { ...sample, wallMs: median(times), cpuMs: sample.cpuMs / count }
}

export const workerFirstByte: Case = {
  name: 'worker-first-byte',
  title: 'From the start of a worker thread to its first byte',
  how: () => 'A worker thread is started, imports the client, makes it (forkfs: revives the instance it was sent) and reads an object of 10 KiB; the median of nine workers per round, one after the other.',
  unit: 'ms',
  op: 'worker',
  baseline: 'undici',
  subjects: [forkfs, { ...undici, label: 'undici alone, unsigned' }, sdk],
  goals: [
    ratio('a worker\'s first byte, against undici alone', 'forkfs', 'undici', wallPerOp, '<= 1.3'),
    ratio('… against the SDK', 'forkfs', 'sdk', wallPerOp),
    value('… in milliseconds', 'forkfs', wallPerOp, 'ms')
  ],
  measure
}
