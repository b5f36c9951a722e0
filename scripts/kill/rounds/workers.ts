/** Workers, or their parent, are killed at work: every call settles once, with a code; no process, file or segment is left. */
import type { WorkersJob, WorkersReport } from '../children/workers.js'
import type { Child, Scene } from '../scene.js'

const died = ['FORKFS_WORKER_DIED']
const closed = ['FORKFS_WORKER_DIED', 'FORKFS_WORKER_CLOSED']

export async function workersRound (scene: Scene): Promise<void> {
  const { random } = scene
  const kind = random.of(['thread', 'process'] as const)
  const strike = kind === 'thread' ? random.of(['close', 'exit'] as const) : random.of(['close', 'exit', 'SIGKILL', 'SIGKILL'] as const)
  const job: WorkersJob = { kind, strike, seed: random.below(2 ** 31) }
  const child = scene.start('workers', job)
  await scene.moment(child, 16, 80)
  if (random.next() < 0.3) await scene.kill(child)
  else await strikeWorkers(scene, child, job)
}

/** The workers die, their parent lives: told to finish, it has an answer for each call, and ends by itself. */
async function strikeWorkers (scene: Scene, child: Child, { kind, strike }: WorkersJob): Promise<void> {
  const { random } = scene
  await scene.within('the start of the workers', child.until(() => child.stage === 'ready' || child.said('ready').length > 0))
  const pids = child.said('worker') as number[]
  if (kind === 'process' && random.next() < 0.5 && pids.length > 0) {
    const signal = scene.signal()
    scene.strike(child, `${signal} to a worker`, () => { killWorker(random.of(pids), signal) })
    child.tell('finish')
  } else {
    scene.strike(child, `${strike} of ${kind} workers`, () => { child.tell('strike') })
  }
  if (!await scene.left(child)) return
  const [report] = child.said('report') as [WorkersReport]
  checkReport(scene, report, strike === 'close' ? closed : died)
}

function killWorker (pid: number, signal: NodeJS.Signals): void {
  try { process.kill(pid, signal) } catch { /* it has ended meanwhile */ }
}

function checkReport (scene: Scene, { begun, settled, answers, codes, wrong, again }: WorkersReport, expected: readonly string[]): void {
  for (const text of wrong) scene.wrong('torn', text)
  scene.check(begun === settled, 'hung', `${begun} calls began, ${settled} settled`)
  const rejected = Object.values(codes).reduce((sum, count) => sum + count, 0)
  scene.check(answers + rejected === settled, 'torn', `${settled} calls settled, ${answers} with an answer and ${rejected} with an error`)
  for (const code of Object.keys(codes)) scene.check(expected.includes(code), 'torn', `a call was rejected with ${code}`)
  scene.check(again === undefined || again === 'answered 2', 'torn', `after the kill the pool ${String(again)}`)
}
