import type { OwnerTag } from './realm.js'

/** What one room does for an owner that is dead. */
export type ReleaseHook = (owner: OwnerTag) => Promise<void> | void

const hooks = new Set<ReleaseHook>()

/** The parent's route of finalizers: called for each thread or child that has died. @returns a function that takes it back */
export function onRelease (hook: ReleaseHook): () => void {
  hooks.add(hook)
  return () => { hooks.delete(hook) }
}

/** Run every hook, also when some fail. @throws AggregateError of what failed */
export async function runReleaseHooks (owner: OwnerTag): Promise<void> {
  const errors: unknown[] = []
  for (const hook of hooks) {
    try { await hook(owner) } catch (error) { errors.push(error) }
  }
  if (errors.length > 0) throw new AggregateError(errors, 'not everything of a dead owner could be released')
}
