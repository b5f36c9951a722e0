import { setTimeout as delay } from 'node:timers/promises'

export interface RetryPolicy {
  /** Tries in all, integer >= 1. */
  readonly attempts: number
  readonly baseMs: number
  readonly maxMs: number
}

/** Full jitter: anywhere between nothing and the exponential bound, so that many clients do not come back together. */
export function backoffMs (policy: RetryPolicy, attempt: number, random: () => number = Math.random): number {
  return random() * Math.min(policy.maxMs, policy.baseMs * 2 ** (attempt - 1))
}

/** Seconds or an HTTP date (RFC 9110, 10.2.3), in milliseconds from now; undefined where there is none. */
export function retryAfterMs (value: string | undefined, now: number = Date.now()): number | undefined {
  if (value === undefined) return undefined
  if (/^\d+$/.test(value)) return Number(value) * 1000
  const at = Date.parse(value)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}

/**
 * A budget over all requests of one instance, so that retries can not multiply the load on a store that is down: a retry
 * takes 5 tokens, a success gives 1 back; 500 to begin with. An empty budget means: fail with what there is.
 */
export class RetryBudget {
  #tokens = 500
  take (): boolean {
    if (this.#tokens < 5) return false
    this.#tokens -= 5
    return true
  }

  give (): void { if (this.#tokens < 500) this.#tokens++ }
}

/** Wait, or reject with the signal's reason; leaves no listener behind. */
export async function sleep (ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal })
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  }
}
