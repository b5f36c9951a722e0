import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { meter } from '../meter.js'
import type { Case, Sample, Stage } from '../types.js'
import type { WorkerKind } from '../../../lib/workers/index.js'
import { cpuPerOp, ratio, wallPerOp } from './goals.js'

const tasks = new URL('../workers/sharing-tasks.js', import.meta.url)
const bare = new URL('../workers/echo-port.js', import.meta.url)
const message = { path: 'data/train-0001.tar', range: { start: 0, end: 1_048_576 }, tags: ['a', 'b'] }

const batches = 20

/** CPU milliseconds of another process so far; 0 where the system does not tell. */
function cpuOf (pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10 // in ticks, 100 per second on every Linux that Node runs on
  } catch {
    return 0
  }
}

/** Time of the fastest batch: how long a busy machine lets a woken thread wait is not the channel's cost. CPU of all. `pid`: of the other process, if it is one. */
async function trips (count: number, trip: () => Promise<unknown>, pid?: number): Promise<Sample> {
  for (let index = 0; index < count / 5; index++) await trip()
  const before = cpuOf(pid)
  const done = meter()
  let bestMs = Infinity
  for (let batch = 0; batch < batches; batch++) {
    const start = performance.now()
    for (let index = 0; index < count / batches; index++) await trip()
    bestMs = Math.min(bestMs, performance.now() - start)
  }
  const sample = done({ ops: count })
  return { ...sample, wallMs: bestMs * batches, cpuMs: sample.cpuMs + cpuOf(pid) - before }
}

async function called (kind: WorkerKind, count: number): Promise<Sample> {
  const { startWorker } = await import('../../../lib/workers/index.js') // when it is measured: other cases share this process's start
  await using worker = await startWorker({ kind })
  return await trips(count, () => worker.call(tasks, 'echo', [message]), kind === 'process' ? worker.owner.pid : undefined)
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

async function channel (count: number, detached: boolean): Promise<Sample> {
  const child = fork(fileURLToPath(bare), { serialization: 'advanced', detached })
  let settle: (value: unknown) => void
  child.on('message', value => { settle(value) })
  const sample = await trips(count, () => new Promise(resolve => {
    settle = resolve
    child.send(message)
  }), child.pid)
  child.disconnect()
  await once(child, 'exit')
  return sample
}

async function measure (subject: string, { quick }: Stage): Promise<Sample> {
  const count = quick ? 500 : 10_000
  if (subject === 'port') return port(count)
  if (subject === 'channel' || subject === 'session') return channel(count, subject === 'session')
  return called(subject as WorkerKind, count)
}

export const calls: Case = {
  name: 'calls',
  title: 'The round trip of a call',
  how: () => 'A small object there and back, one call after the other, against one listener on a bare `MessagePort` and on the channel of ' +
    '`child_process.fork()` with `serialization: \'advanced\'`. The fastest of 20 batches counts; CPU is that of both sides, in all of them. ' +
    'A process of ours is a session of its own, so that it can be ended with all that it started: where the machine is busy, Linux wakes those later.',
  unit: 'ops/s',
  op: 'call',
  baseline: 'port',
  subjects: [
    { id: 'thread', label: 'forkfs `call()`, thread' },
    { id: 'port', label: 'a bare MessagePort' },
    { id: 'process', label: 'forkfs `call()`, process' },
    { id: 'channel', label: 'Node\'s bare channel between processes' },
    { id: 'session', label: '… with the child in a session of its own, as ours is' }
  ],
  goals: [
    ratio('round trip of a call to a thread, against a bare MessagePort', 'thread', 'port', wallPerOp, '<= 2'),
    ratio('… CPU of both sides', 'thread', 'port', cpuPerOp),
    ratio('round trip of a call to a process, against Node\'s bare channel', 'process', 'channel', wallPerOp, '<= 2'),
    ratio('… CPU of both sides', 'process', 'channel', cpuPerOp),
    ratio('… against that channel to a session of its own', 'process', 'session', wallPerOp)
  ],
  measure
}
