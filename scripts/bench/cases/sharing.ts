import { execFile, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { findPackage, root } from '../places.js'
import { meter } from '../meter.js'
import { forkfs } from '../subjects.js'
import type { Case, Sample, Stage } from '../types.js'
import type { SharedArray } from '../../../lib/memmap/index.js'
import type { WorkerKind } from '../../../lib/workers/index.js'
import { ratio, wallPerOp } from './goals.js'

const MiB = 2 ** 20
const tasks = new URL('../workers/sharing-tasks.js', import.meta.url)
const run = promisify(execFile)
/** When they are measured: other cases share this process's start. */
const loadMemmap = () => import('../../../lib/memmap/index.js')
const loadWorkers = () => import('../../../lib/workers/index.js')
/** The repository has koffi: what is told of processes without it is measured where it is hidden. */
const hideKoffi = () => import('../../../test/systems/memmap/without-koffi.js')

/** Time `once` several times; what is done between is not counted. */
async function timed (rounds: number, each: (round: number) => Promise<() => Promise<unknown>>): Promise<number> {
  let wallMs = 0
  for (let round = 0; round < rounds; round++) {
    const deliver = await each(round)
    const began = performance.now()
    await deliver()
    wallMs += performance.now() - began
  }
  return wallMs
}

const oneWayBytes = 128 * MiB

async function oneWay (subject: string, { quick }: Stage): Promise<Sample> {
  const rounds = quick ? 2 : 6
  const array = new Uint8Array(oneWayBytes).fill(1)
  const done = meter()
  let wallMs: number
  if (subject === 'forkfs') {
    await hideKoffi()
    const { startWorker } = await loadWorkers()
    await using worker = await startWorker({ kind: 'process' })
    wallMs = await timed(rounds, round => {
      array[round] = 2 // another array than the one before: nothing is found again
      return Promise.resolve(() => worker.call(tasks, 'lengthOf', [array]))
    })
  } else {
    const child = fork(fileURLToPath(new URL('../workers/echo-port.js', import.meta.url)), { serialization: 'advanced' })
    wallMs = await timed(rounds, () => Promise.resolve(async () => {
      child.send(array)
      await once(child, 'message')
    }))
    child.disconnect()
    await once(child, 'exit')
  }
  return { ...done({ ops: rounds, bytes: rounds * oneWayBytes }), wallMs }
}

export const sharingOneWay: Case = {
  name: 'sharing-one-way',
  title: 'An array of 128 MiB to another process',
  how: () => 'A call with an array of 128 MiB that changed since the last one, to a worker process that has been started; Node\'s own channel ' +
    'is `child_process.fork()` with `serialization: \'advanced\'`. One way: the answer is a number.',
  unit: 'ms',
  op: 'array',
  baseline: 'ipc',
  subjects: [{ ...forkfs, label: 'forkfs `call()`' }, { id: 'ipc', label: 'Node\'s own channel' }],
  goals: [ratio('128 MiB to a process, against Node\'s own channel: so many times faster', 'ipc', 'forkfs', wallPerOp, '>= 1.6')],
  measure: oneWay
}

const koffi = ({ cache }: Stage): string | undefined => findPackage('koffi', cache) === undefined ? 'koffi is not installed there' : undefined

function joblib ({ python }: Stage): string | undefined {
  if (python === undefined) return 'no Python'
  try {
    execFileSync(python, ['-c', 'import joblib, numpy'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'no Python with joblib and numpy'
  }
}

function sizeOf ({ quick }: Stage): { readonly mebibytes: number, readonly rounds: number } { return quick ? { mebibytes: 64, rounds: 2 } : { mebibytes: 1024, rounds: 3 } }

async function born (kind: WorkerKind, length: number, rounds: number): Promise<number> {
  const [{ createPool }, { allocate, share }] = await Promise.all([loadWorkers(), loadMemmap()])
  await using pool = await createPool({ kind, size: 2 })
  const [warm] = await Promise.all([share(new Float64Array(8)), pool.call(tasks, 'echo', [1]), pool.call(tasks, 'echo', [1])])
  await Promise.all([0, 1].map(() => pool.call(tasks, 'touchShared', [warm])))
  let last: SharedArray<Float64Array> | undefined
  const wallMs = await timed(rounds, async round => {
    await last?.release()
    const made = last = await allocate(Float64Array, length)
    made.array.fill(round + 1)
    return () => Promise.all([0, 1].map(() => pool.call(tasks, 'touchShared', [made])))
  })
  await last?.release()
  return wallMs
}

/** By the arguments of calls, nothing asked for. */
async function plain (length: number, rounds: number, sharing: { readonly maxBytes: null } | undefined): Promise<number> {
  const { createPool } = await loadWorkers()
  await using pool = await createPool({ kind: 'process', size: 2, sharing })
  return await timed(rounds, round => {
    const array = new Float64Array(length).fill(round + 1)
    return Promise.resolve(() => Promise.all([0, 1].map(() => pool.call(tasks, 'touchArray', [array]))))
  })
}

async function toTwo (subject: string, stage: Stage): Promise<Sample> {
  const { mebibytes, rounds } = sizeOf(stage)
  if (subject === 'joblib') {
    const program = join(root, 'scripts/bench/workers/joblib_share.py')
    const { stdout } = await run(stage.python!, [program, String(mebibytes), String(rounds)], { maxBuffer: 1 << 20 })
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as Sample
  }
  if (subject === 'mapped' || subject === 'plain-mapped') process.chdir(stage.cache) // where koffi is found, if not in the repository
  else await hideKoffi()
  const length = mebibytes * MiB / 8
  const done = meter()
  const wallMs = subject === 'threads' ? await born('thread', length, rounds)
    : subject === 'mapped' ? await born('process', length, rounds)
      : await plain(length, rounds, subject === 'copied' ? { maxBytes: null } : undefined)
  return { ...done({ ops: rounds, bytes: 2 * rounds * length * 8 }), wallMs }
}

export const sharingToTwo: Case = {
  name: 'sharing-to-two',
  title: 'One large array to two workers',
  how: () => 'An array of 1 GiB (64 MiB with --quick) is handed to two workers that have been started; each reads one element of every page. ' +
    'Filling the array is not counted; each round has another one. joblib dumps it into shared memory and maps it in two processes.',
  unit: 'ms',
  op: 'array',
  baseline: 'copied',
  subjects: [
    { id: 'threads', label: 'forkfs, born shared, threads' },
    { id: 'mapped', label: 'forkfs, born shared, processes, koffi', missing: koffi },
    { id: 'plain-mapped', label: 'forkfs, as an argument, processes, koffi', missing: koffi },
    { id: 'plain', label: 'forkfs, as an argument, processes' },
    { id: 'copied', label: 'forkfs, `sharing: { maxBytes: null }`, processes' },
    { id: 'joblib', label: 'joblib (Python), processes', missing: joblib }
  ],
  goals: [
    ratio('1 GiB to 2 processes, against copying it: so many times faster', 'copied', 'plain', wallPerOp),
    ratio('… an array born shared, threads, against joblib: so many times faster', 'joblib', 'threads', wallPerOp, '>= 1.5'),
    ratio('… an array born shared, processes by mapping, against joblib', 'joblib', 'mapped', wallPerOp, '>= 1'),
    ratio('… an argument, processes by mapping, against joblib', 'joblib', 'plain-mapped', wallPerOp)
  ],
  measure: toTwo
}
