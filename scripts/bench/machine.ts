/** The machine: what it is, how busy it is. */
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'

const ticksPerSecond = 100

export function machineText (): string {
  return `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}`
}

export function loadText (): string { return loadavg().map(load => load.toFixed(2)).join(' ') }

/** CPU seconds that anybody used since the machine started; NaN where the system does not tell. */
export function busySeconds (): number {
  try {
    const [, user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8').split('\n')[0]!.trim().split(/\s+/).map(Number)
    return (user! + nice! + system! + irq! + softirq! + steal!) / ticksPerSecond
  } catch {
    return NaN
  }
}

/** CPU seconds of a process and of those of its children that have ended. */
export function processSeconds (pid: number | 'self'): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ').map(Number)
    return (fields[11]! + fields[12]! + fields[13]! + fields[14]!) / ticksPerSecond
  } catch {
    return 0
  }
}

function sleep (ms: number): Promise<void> { return new Promise(resolve => setTimeout(resolve, ms)) }

/**
 * Wait until others use less than 10 % of the machine for half a second, at most `mostMs`.
 * @returns how long it took, and whether it got quiet
 */
export async function waitForQuiet (mostMs: number): Promise<{ readonly waitedMs: number, readonly quiet: boolean }> {
  const started = performance.now()
  if (mostMs <= 0) return { waitedMs: 0, quiet: false }
  for (;;) {
    const [busy, from] = [busySeconds(), performance.now()]
    if (Number.isNaN(busy)) return { waitedMs: 0, quiet: true }
    await sleep(500)
    const share = (busySeconds() - busy) / ((performance.now() - from) / 1000) / availableParallelism()
    const waitedMs = performance.now() - started
    if (share < 0.1) return { waitedMs, quiet: true }
    if (waitedMs >= mostMs) return { waitedMs, quiet: false }
  }
}
