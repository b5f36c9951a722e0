import { drainFinalizers } from '../owner/index.js'
import { clearInstanceCache } from './instances.js'

/**
 * For an application's own signal handlers: let work under way end, finish or abort what is open (see the finalizers), close
 * every cached client. Resolves after `timeoutMs` at the latest, whatever still hangs.
 * @defaultValue timeoutMs 10,000
 */
export async function shutdown (options: { readonly timeoutMs?: number | undefined } = {}): Promise<void> {
  const { timeoutMs = 10_000 } = options
  if (typeof timeoutMs !== 'number') throw new TypeError(`Expected \`timeoutMs\` to be a number of milliseconds >= 0, got (${typeof timeoutMs})`)
  if (!(timeoutMs >= 0)) throw new RangeError(`Expected \`timeoutMs\` to be a number of milliseconds >= 0, got \`${timeoutMs}\` (number)`)
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<void>(resolve => { timer = setTimeout(resolve, timeoutMs) })
  const work = clearInstanceCache().then(drainFinalizers)
  try {
    await Promise.race([work, limit]) // both end with this call: neither outlives it by more than the work itself
  } finally {
    clearTimeout(timer)
    work.catch(() => {})
  }
}
