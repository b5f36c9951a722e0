import { realm } from './realm.js'
import type { DropCounts, ResetHook } from './realm.js'

/** What resetForFork() let go of. */
export interface ResetReport {
  readonly epoch: number
  /** Filesystem instances taken out of the instance cache. */
  readonly instances: number
  /** Clients and pools let go of: their sockets destroyed where this process opened them, nothing sent, nothing awaited. */
  readonly clients: number
  /** Operations of the old epoch that now reject with FORKFS_RESET. */
  readonly pending: number
  /** Finalizers forgotten, not run: their files and uploads belong to another owner. */
  readonly finalizers: number
}

/** What a part of this copy of the package drops; added by the part when it first holds something. */
type Dropper = (mode: 'drop' | 'forget') => Partial<DropCounts>

const droppers = new Set<Dropper>()

const hook: ResetHook = mode => {
  const counts: DropCounts = { instances: 0, clients: 0, pending: 0, finalizers: 0 }
  for (const drop of droppers) {
    try {
      const { instances = 0, clients = 0, pending = 0, finalizers = 0 } = drop(mode)
      counts.instances += instances
      counts.clients += clients
      counts.pending += pending
      counts.finalizers += finalizers
    } catch {
      // A reset never throws: what could not be destroyed is forgotten all the same.
    }
  }
  return counts
}

/** Have `drop` called by every reset from now on. Safe at import: it adds a function to a set. */
export function onReset (drop: Dropper): void {
  droppers.add(drop)
  realm.hooks.add(hook)
}

function reset (mode: 'drop' | 'forget'): ResetReport {
  realm.epoch++
  realm.id = undefined
  realm.secret = undefined
  realm.owner = undefined
  const report = { epoch: realm.epoch, instances: 0, clients: 0, pending: 0, finalizers: 0 }
  for (const run of realm.hooks) {
    try {
      const { instances, clients, pending, finalizers } = run(mode)
      report.instances += instances
      report.clients += clients
      report.pending += pending
      report.finalizers += finalizers
    } catch {
      // Another version's hook: the epoch has grown, which is what counts.
    }
  }
  announce(report)
  return Object.freeze(report)
}

function announce (report: ResetReport): void {
  try {
    const channel = process.getBuiltinModule('node:diagnostics_channel').channel('forkfs:reset')
    if (channel.hasSubscribers) channel.publish({ ...report })
  } catch {
    // A subscriber's error is its own.
  }
}

/**
 * Start a new epoch in this thread: forget every inherited instance, client, listing, block, lock, limiter and finalizer
 * without closing, flushing, awaiting or finalizing any of them. Sockets, timers and descriptors that this process opened
 * are destroyed at once, so that no old request goes on and nothing keeps the process alive; what a snapshot brought along
 * is only forgotten. Synchronous, repeatable (each call is a new epoch), never throws, safe as the first line of a worker.
 * Instances that the caller still holds keep working: their next use builds a fresh client for the new owner. Open handles
 * and iterators of the old epoch reject with FORKFS_RESET for ever. A request whose last byte had left may still take effect.
 */
export function resetForFork (): ResetReport {
  return reset('drop')
}

/** A startup snapshot wakes in another process, with this heap: the one true fork that Node has. Called once, at import. */
export function wakeFromSnapshot (): void {
  if (realm.wakes || !process.execArgv.includes('--build-snapshot')) return
  const { startupSnapshot } = process.getBuiltinModule('node:v8')
  if (!startupSnapshot.isBuildingSnapshot()) return
  realm.wakes = true
  startupSnapshot.addDeserializeCallback(() => { reset('forget') })
}

wakeFromSnapshot()
