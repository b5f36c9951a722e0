import { realm } from './realm.js'
import type { OwnerTag } from './realm.js'

/** What one room does for an owner that is dead. */
export type ReleaseHook = (owner: OwnerTag) => Promise<void> | void

/** The parent's route of finalizers: called for each thread or child that has died. @returns a function that takes it back */
export function onRelease (hook: ReleaseHook): () => void {
  realm.releases.add(hook)
  return () => { realm.releases.delete(hook) }
}

/** Run every hook, also when some fail. @throws AggregateError of what failed */
export async function runReleaseHooks (owner: OwnerTag): Promise<void> {
  const errors: unknown[] = []
  for (const hook of realm.releases) {
    try { await hook(owner) } catch (error) { errors.push(error) }
  }
  if (errors.length > 0) throw new AggregateError(errors, 'not everything of a dead owner could be released')
}
