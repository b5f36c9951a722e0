/** Those who share arrays are killed: readers see whole arrays or a typed error, and nothing is left of memory, files and trackers. */
import { setTimeout as delay } from 'node:timers/promises'
import '../../../lib/memmap/index.js'
import type { SharedArray } from '../../../lib/memmap/index.js'
import { isFsError, revive } from '../../../lib/index.js'
import { valueOf } from '../children/tasks.js'
import type { MemmapJob, MemmapReport, SharedStep } from '../children/memmap.js'
import type { Child, Scene } from '../scene.js'

export async function memmapRound (scene: Scene): Promise<void> {
  const { random } = scene
  const kind = random.next() < 0.7 ? 'process' as const : 'thread' as const
  const job: MemmapJob = { kind, named: random.next() < 0.4, seed: random.below(2 ** 31) }
  const child = scene.start('memmap', job)
  await scene.moment(child, 20, 60)
  const draw = random.next()
  if (kind === 'process' && draw < 0.4) await killWorkers(scene, child)
  else {
    readLast(scene, child)
    await scene.kill(child)
    if (kind === 'process' && draw < 0.6) for (const pid of child.said('worker') as number[]) killPid(pid, 'SIGKILL')
  }
  readLast(scene, child) // whoever heard of it before may still try
}

/** One worker, or all: the parent goes on with new ones, and ends by itself when it is told to. */
async function killWorkers (scene: Scene, child: Child): Promise<void> {
  const { random } = scene
  await scene.within('the start of the workers', child.until(() => child.said('ready').length > 0))
  const pids = child.said('worker') as number[]
  const signal = scene.signal()
  const chosen = random.next() < 0.5 ? pids.slice(0, 1) : pids
  scene.strike(child, `${signal} to ${chosen.length} of ${pids.length} workers`, () => { for (const pid of chosen) killPid(pid, signal) })
  await delay(random.below(30))
  readLast(scene, child)
  child.tell('finish')
  if (!await scene.left(child)) return
  const [report] = child.said('report') as [MemmapReport]
  for (const text of report.wrong) scene.wrong('torn', text)
  for (const code of report.codes) scene.check(code === 'FORKFS_WORKER_DIED', 'torn', `a call was rejected with ${code}`)
}

function killPid (pid: number, signal: NodeJS.Signals): void {
  try { process.kill(pid, signal) } catch { /* it has ended meanwhile */ }
}

/** What a stranger finds by the newest descriptor: the whole array, or that it is gone. */
function readLast (scene: Scene, child: Child): void {
  const last = child.said('shared').at(-1) as SharedStep | undefined
  if (last === undefined) return
  try {
    const shared = revive(structuredClone(last.descriptor)) as SharedArray<Float64Array>
    const value = valueOf(shared.array, last.length)
    scene.check(value === last.value, 'torn', `a reader found ${value} in an array of ${last.value}`)
    void shared.release()
  } catch (error) {
    scene.check(isFsError(error, 'FORKFS_STALE_SEGMENT'), 'torn', `a reader got ${String(error)}`)
  }
}
