/** Calls workers without end, while they, or it, are killed. Counts how each call settles. */
import { createPool } from '../../../lib/workers/index.js'
import { Random } from '../../soak/random.js'
import { job, leave, listen, say } from '../child.js'
import { valueOf } from './tasks.js'

export interface WorkersJob {
  readonly kind: 'thread' | 'process'
  readonly seed: number
  /** What it does to its own workers when it is told to strike. */
  readonly strike: 'close' | 'exit' | 'SIGKILL'
}

export interface WorkersReport {
  readonly begun: number
  readonly settled: number
  readonly answers: number
  /** Rejections by code. */
  readonly codes: Readonly<Record<string, number>>
  readonly wrong: readonly string[]
  /** Whether the pool answered once more after all; undefined: it was closed by force. */
  readonly again: string | undefined
}

const work = job<WorkersJob>()
const tasks = new URL('./tasks.js', import.meta.url)
const random = new Random(work.seed)
const lanes = 6
const largest = 400_000

const codes: Record<string, number> = {}
const wrong: string[] = []
let [begun, settled, answers] = [0, 0, 0]
let [finishing, closed] = [false, false]

const pool = await createPool({ kind: work.kind, size: 2 })

/** One call that is checked. */
async function once (): Promise<void> {
  const value = random.below(1000)
  const length = 1 + random.below(largest)
  const draw = random.below(5)
  if (draw === 0) expect('add', await pool.call(tasks, 'add', [value, 1]), value + 1)
  else if (draw === 1) expect('later', await pool.call(tasks, 'later', [random.below(40), value]), value)
  else if (draw === 2) expect('valueOf', await pool.call(tasks, 'valueOf', [new Float64Array(length).fill(value), length]), value)
  else if (draw === 3) expect('filled', valueOf(await pool.call<Float64Array>(tasks, 'filled', [length, value]), length), value)
  else expect('echo', await pool.call<string>(tasks, 'echo', ['x'.repeat(length)]).then(text => text.length), length)
}

function expect (what: string, got: unknown, wanted: unknown): void {
  answers++
  if (!Object.is(got, wanted)) wrong.push(`${what} answered ${String(got)} where it is ${String(wanted)}`)
}

async function lane (): Promise<void> {
  while (!finishing) {
    begun++
    try {
      await once()
    } catch (error) {
      const { code = String(error) } = error as { code?: string }
      codes[code] = (codes[code] ?? 0) + 1
      if (closed) return
    } finally {
      if (settled++ % 40 === 0) say('answered')
    }
  }
}

function strike (): void {
  if (work.strike === 'close') {
    closed = true
    void pool.close({ force: true })
  } else if (work.strike === 'exit') void pool.call(tasks, 'leave', [3]).catch(() => {})
  else void pool.call(tasks, 'struck', [work.strike]).catch(() => {})
}

listen(command => {
  if (command === 'strike') strike()
  finishing = true
})
if (work.kind === 'process') for (const pid of new Set(await Promise.all(Array.from({ length: 8 }, () => pool.call(tasks, 'pid'))))) say('worker', pid)
say('ready')
await Promise.all(Array.from({ length: lanes }, lane))
const again = closed ? undefined : await pool.call(tasks, 'add', [1, 1]).then(value => `answered ${String(value)}`, (error: unknown) => String(error))
await pool.close()
say('report', { begun, settled, answers, codes, wrong, again } satisfies WorkersReport)
leave()
