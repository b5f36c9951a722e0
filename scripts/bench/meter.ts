/** What measuring processes measure with. */
import { readFileSync } from 'node:fs'
import type { Sample } from './types.js'

/** Clock ticks of Linux's accounting, per second; the same on every machine that Node runs on. */
const ticksPerSecond = 100

/** CPU milliseconds of children that have ended and were waited for; 0 where the system does not tell. */
function childrenMs (): number {
  try {
    const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]!.split(' ')
    return (Number(fields[13]) + Number(fields[14])) * 1000 / ticksPerSecond
  } catch {
    return 0
  }
}

function ownMs (): number {
  const { userCPUTime, systemCPUTime } = process.resourceUsage()
  return (userCPUTime + systemCPUTime) / 1000
}

/** Begin to measure; the function that comes back ends it. */
export function meter (): (counted: { readonly ops: number, readonly bytes?: number | undefined }) => Sample {
  const cpu = ownMs() + childrenMs()
  const start = performance.now()
  return ({ ops, bytes = 0 }) => {
    const wallMs = performance.now() - start
    return { ops, bytes, wallMs, cpuMs: ownMs() + childrenMs() - cpu, rssMiB: process.resourceUsage().maxRSS / 1024 }
  }
}

/** `count` tasks, `width` of them at a time. */
export async function pool (count: number, width: number, task: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) await task(next++)
  }
  await Promise.all(Array.from({ length: Math.min(width, count) }, lane))
}

/** The same numbers in every run and for every subject: xorshift32, in [0, 1). */
export function numbers (seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state / 4294967296
  }
}

export function median (values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** A buffer whose pages are there: what is measured is the client, not the kernel's first touch. */
export function touched (bytes: number): Uint8Array {
  return Buffer.alloc(bytes, 1)
}
