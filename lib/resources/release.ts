import { currentOwner, sameOwner, serve } from '../owner/index.js'
import type { OwnerTag } from '../owner/index.js'
import { runReleaseHooks } from '../owner/release.js'
import { trackerService } from './tracker-mark.js'

// Whoever starts workers comes by here: theirs may track files with the help of this thread, which has loaded nothing for it yet.
serve(trackerService, async (question, from) => (await import('./tracker-client.js')).answerTracker(question, from))

/**
 * Let go of what a dead thread or child held here (locks, leases, temporary files, segments): called by our own workers and pools by
 * themselves. Files of an owner that can be seen to live are left alone; the caller's own are.
 * @throws TypeError; AggregateError of what could not be released
 */
export async function releaseOwner (owner: OwnerTag): Promise<void> {
  if (typeof owner !== 'object' || owner === null || !Number.isInteger(owner.pid) || typeof owner.realm !== 'string') {
    throw new TypeError(`Expected \`owner\` to be an owner tag, got \`${String(owner)}\` (${typeof owner})`)
  }
  if (sameOwner(owner, currentOwner())) return // a worker inside this thread has no owner of its own
  const { sweepOwner } = await import('./sweep.js')
  const outcomes = await Promise.allSettled([runReleaseHooks(owner), sweepOwner(owner)])
  const errors = outcomes.flatMap(outcome => outcome.status === 'rejected' ? [outcome.reason as unknown] : [])
  if (errors.length > 0) throw new AggregateError(errors, 'not everything of a dead owner could be released')
}
