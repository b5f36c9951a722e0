import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { meter } from '../meter.js'
import type { Case, Sample, Stage } from '../types.js'
import type { WorkerKind } from '../../../lib/workers/index.js'
import { ratio, wallPerOp } from './goals.js'

const tasks = new URL('../workers/sharing-tasks.js', import.meta.url)
const bare = new URL('../workers/echo-port.js', import.meta.url)
const message = { path: 'data/train-0001.tar', range: { start: 0, end: 1_048_576 }, tags: ['a', 'b'] }

async function trips (count: number, trip: () => Promise<unknown>): Promise<Sample> {
  for (let index = 0; index < 200; index++) await trip()
  const done = meter()
  for (let index = 0; index < count; index++) await trip()
  return done({ ops: count })
}

async function called (kind: WorkerKind, count: number): Promise<Sample> {
  const { startWorker } = await import('../../../lib/workers/index.js') // when it is measured: other cases share this process's start
  await using worker = await startWorker({ kind })
  return await trips(count, () => worker.call(tasks, 'echo', [message]))
}

/** The fastest way there is: one listener, no ids. */
async function port (count: number): Promise<Sample> {
  const worker = new Worker(bare)
  let settle: (value: unknown) => void
  worker.on('message', value => { settle(value) })
  const sample = await trips(count, () => new Promise(resolve => {
    settle = resolve
    worker.postMessage(message)
  }))
  await worker.terminate()
  return sample
}

async function channel (count: number): Promise<Sample> {
  const child = fork(fileURLToPath(bare), { serialization: 'advanced' })
  let settle: (value: unknown) => void
  child.on('message', value => { settle(value) })
  const sample = await trips(count, () => new Promise(resolve => {
    settle = resolve
    child.send(message)
  }))
  child.disconnect()
  await once(child, 'exit')
  return sample
}

async function measure (subject: string, { quick }: Stage): Promise<Sample> {
  const count = quick ? 500 : 10_000
  if (subject === 'port') return port(count)
  if (subject === 'channel') return channel(count)
  return called(subject as WorkerKind, count)
}

export const calls: Case = {
  name: 'calls',
  title: 'The round trip of a call',
  how: () => 'A small object there and back, one call after the other, against one listener on a bare `MessagePort` and on the channel of ' +
    '`child_process.fork()` with `serialization: \'advanced\'`.',
  unit: 'ops/s',
  op: 'call',
  baseline: 'port',
  subjects: [
    { id: 'thread', label: 'forkfs `call()`, thread' },
    { id: 'port', label: 'a bare MessagePort' },
    { id: 'process', label: 'forkfs `call()`, process' },
    { id: 'channel', label: 'Node\'s bare channel between processes' }
  ],
  goals: [
    ratio('round trip of a call to a thread, against a bare MessagePort', 'thread', 'port', wallPerOp, '<= 2'),
    ratio('round trip of a call to a process, against Node\'s bare channel', 'process', 'channel', wallPerOp, '<= 2')
  ],
  measure
}
