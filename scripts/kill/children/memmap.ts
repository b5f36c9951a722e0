/** Shares arrays with its workers without end, until it, or they, are killed. */
import { share } from '../../../lib/memmap/index.js'
import { makeSegment, preparePlaces } from '../../../lib/resources/segments/index.js'
import { createPool } from '../../../lib/workers/index.js'
import type { WorkerPool } from '../../../lib/workers/index.js'
import { Random } from '../../soak/random.js'
import { job, leave, listen, say } from '../child.js'

export interface MemmapJob {
  readonly kind: 'thread' | 'process'
  /** Also under names, as for processes that can not see our /proc: what a tracker watches. */
  readonly named: boolean
  readonly seed: number
}

/** What it says of a shared array: how another process finds it, and the value that it is full of. */
export interface SharedStep { readonly descriptor: unknown, readonly value: number, readonly length: number }
export interface MemmapReport { readonly wrong: readonly string[], readonly codes: readonly string[] }

const work = job<MemmapJob>()
const tasks = new URL('./tasks.js', import.meta.url)
const random = new Random(work.seed)
const wrong: string[] = []
const codes = new Set<string>()
let finishing = false

listen(() => { finishing = true })

/** An array under a name of its own, for as long as this process lives. */
async function holdNamed (): Promise<void> {
  makeSegment(Buffer.alloc(200_000, 7), await preparePlaces({ named: true }))
  say('named')
}

async function shareOnce (pool: WorkerPool): Promise<void> {
  const length = 140_000 + random.below(100_000)
  const value = random.below(1000)
  const shared = await share(new Float64Array(length).fill(value))
  try {
    say('shared', { descriptor: JSON.parse(JSON.stringify(shared)) as unknown, value, length } satisfies SharedStep)
    const reads = [...Array.from({ length: 3 }, () => pool.call<number>(tasks, 'valueOfShared', [shared, length])), pool.call<number>(tasks, 'valueOf', [shared.array, length])]
    for (const { status, ...outcome } of await Promise.allSettled(reads)) {
      if (status === 'rejected') codes.add((outcome as { reason: { code?: string } }).reason.code ?? String((outcome as { reason: unknown }).reason))
      else if ((outcome as { value: number }).value !== value) wrong.push(`a worker read ${(outcome as { value: number }).value} in an array of ${value}`)
    }
    say('read')
  } finally {
    await shared.release()
  }
}

const pool = await createPool({ kind: work.kind, size: 2 })
if (work.kind === 'process') for (const pid of new Set(await Promise.all(Array.from({ length: 8 }, () => pool.call(tasks, 'pid'))))) say('worker', pid)
say('ready')
if (work.named) await holdNamed()
while (!finishing) await Promise.all([shareOnce(pool), shareOnce(pool)])
await pool.close()
say('report', { wrong, codes: [...codes] } satisfies MemmapReport)
leave()
