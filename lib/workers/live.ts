import { onReset } from '../owner/index.js'

/** A worker, or something else that must not outlive its owner. */
export interface Tracked {
  /** @returns how many calls were lost */
  drop (mode: 'drop' | 'forget'): number
}

const live = new Set<Tracked>()

/** A reset of this thread drops its workers: they answer to the owner that was. */
function dropAll (mode: 'drop' | 'forget'): { readonly clients: number, readonly pending: number } {
  const dropped = [...live]
  live.clear()
  return { clients: dropped.length, pending: dropped.reduce((sum, worker) => sum + worker.drop(mode), 0) }
}

export function track (worker: Tracked): void {
  if (live.size === 0) onReset(dropAll) // adding it again is nothing
  live.add(worker)
}

export function untrack (worker: Tracked): void {
  live.delete(worker)
}
