/** Rounds: every subject of every case once per round, in an order that changes, each in a process of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { busySeconds, processSeconds, waitForQuiet } from './machine.js'
import type { Case, Job, Sample, Stage, Subject } from './types.js'

export interface CaseResult {
  readonly case: Case
  /** One map per round: subject -> sample. */
  readonly rounds: ReadonlyArray<Map<string, Sample>>
  /** Subjects that could not run: why. */
  readonly missing: Map<string, string>
  readonly failures: string[]
  /** Share of the machine that others used during each run kept, 0 to 1. */
  readonly foreign: number[]
}

export interface RunOptions {
  readonly rounds: number
  readonly stage: Stage
  /** Processes of the servers: their work is not foreign. */
  readonly serverPids: readonly number[]
  readonly signal: AbortSignal
  /** Where V8 profiles go. */
  readonly profile: string | undefined
  readonly say: (text: string) => void
}

const timeoutMs = 180_000
/** A run that others disturbed more than this is repeated, once. */
const foreignMost = 0.1
/** Longest wait for a quiet machine before one run, and before all of them together: on a machine that is never quiet a run must end, too. */
const waitMs = 20_000
const waitMsInAll = 300_000

/** Waits are paid from it; runs are repeated while there is some left. */
interface Patience { leftMs: number }

interface Planned { readonly result: CaseResult, readonly subject: Subject }

/** A fixed shuffle, another one each round: neighbours change, so that nobody always runs after the same one. */
function shuffled<T> (items: readonly T[], round: number): T[] {
  return items.map((item, index) => ({ item, key: (index * 7919 + round * 104_729 + 13) % 10_007 })).sort((a, b) => a.key - b.key).map(({ item }) => item)
}

export async function runRounds (cases: readonly Case[], options: RunOptions): Promise<CaseResult[]> {
  const { rounds, stage, signal, say } = options
  const results = cases.map((known): CaseResult => ({
    case: known, rounds: Array.from({ length: rounds }, () => new Map<string, Sample>()), missing: new Map(), failures: [], foreign: []
  }))
  const patience: Patience = { leftMs: stage.quick ? 0 : waitMsInAll }
  const plan: Planned[] = []
  for (const result of results) {
    for (const subject of result.case.subjects) {
      const why = subject.missing?.(stage)
      if (why === undefined) plan.push({ result, subject })
      else result.missing.set(subject.id, why)
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const [at, { result, subject }] of shuffled(plan, round).entries()) {
      signal.throwIfAborted()
      const text = await measureOnce(result, subject, round, patience, options)
      say(`round ${round + 1}/${rounds}  ${at + 1}/${plan.length}  ${result.case.name} ${subject.id}: ${text}`)
    }
  }
  return results
}

async function measureOnce (result: CaseResult, subject: Subject, round: number, patience: Patience, options: RunOptions): Promise<string> {
  const { stage, signal } = options
  for (let attempt = 0; ; attempt++) {
    const { waitedMs, quiet } = await waitForQuiet(Math.min(waitMs, patience.leftMs))
    patience.leftMs = Math.max(0, patience.leftMs - waitedMs)
    const waited = waitedMs > 3000 ? `, waited ${Math.round(waitedMs / 1000)} s for ${quiet ? '' : 'in vain '}a quiet machine` : ''
    try {
      const { sample, foreign } = await spawnJob({ case: result.case.name, subject: subject.id, stage }, options)
      if (foreign > foreignMost && attempt === 0 && patience.leftMs > 0) continue
      result.rounds[round]!.set(subject.id, sample)
      result.foreign.push(foreign)
      return `${Math.round(sample.wallMs)} ms, CPU ${Math.round(sample.cpuMs)} ms, others ${Math.round(foreign * 100)} %${waited}`
    } catch (error) {
      signal.throwIfAborted()
      const text = `failed: ${error instanceof Error ? error.message : String(error)}`
      result.failures.push(`${subject.id}, round ${round + 1}: ${text}`)
      return text
    }
  }
}

interface Measured { readonly sample: Sample, readonly foreign: number }

async function spawnJob (job: Job, { serverPids, signal, profile }: RunOptions): Promise<Measured> {
  const ours = (): number => [...serverPids, 'self' as const].reduce((sum: number, pid) => sum + processSeconds(pid), 0)
  const [busy, own, started] = [busySeconds(), ours(), performance.now()]
  const program = fileURLToPath(new URL('./child.js', import.meta.url))
  const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${join(profile, job.case, job.subject)}`]
  const child = spawn(process.execPath, ['--no-warnings', ...flags, program, JSON.stringify(job)], { stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs, signal, killSignal: 'SIGKILL' })
  let [said, complained] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => { said += text })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { complained = (complained + text).slice(-4000) })
  const [code] = await once(child, 'close') as [number | null]
  const line = said.trim().split('\n').at(-1) ?? ''
  if (code !== 0 || !line.startsWith('{')) throw new Error(reasonOf(complained) ?? `the process ended with ${code ?? 'a signal'}`)
  const seconds = (performance.now() - started) / 1000
  const foreign = (busySeconds() - busy - (ours() - own)) / seconds / availableParallelism()
  return { sample: JSON.parse(line) as Sample, foreign: Number.isNaN(foreign) ? 0 : Math.max(0, foreign) }
}

/** The line of a stack that says what happened. */
function reasonOf (text: string): string | undefined {
  return /^\s*\[?(?:Uncaught )?(\w*(?:Error|Exception)\b.*)$/m.exec(text)?.[1]?.slice(0, 300)
}
