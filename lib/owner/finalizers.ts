import { realm } from './realm.js'
import { onReset } from './reset.js'

/**
 * Work that must happen even when nobody closes what was opened: temp files to unlink, uploads to abort. It belongs to the
 * owner that registered it; after a reset it is forgotten, never run. Routes: the natural end of the process (`drain`, may
 * await), its exit (`exit`, synchronous), and before that an error that nobody caught (`uncaught`). The youngest of the first two
 * runs first: what stands on something goes before it. Nothing runs on SIGKILL or terminate(): names and journals cover those,
 * and the parent's route (onRelease).
 */
export interface Finalizer {
  /** At `beforeExit`, and in shutdown(). */
  drain?(): Promise<void>
  /** At `exit`: synchronous, short. */
  exit?(): void
  /**
   * An error that nobody caught, synchronous: what was under way may be half done. Mostly `exit` follows; where the application handles such errors
   * the process goes on, and so does the work.
   */
  uncaught?(): void
}

interface Entry { readonly finalizer: Finalizer, readonly epoch: number }

const entries = new Set<Entry>()
let installed = false

/** Run the asynchronous route of every finalizer of this epoch, the youngest first; a failure is reported as a process warning. */
export async function drainFinalizers (): Promise<void> {
  for (const entry of [...entries].reverse()) {
    if (!entries.delete(entry) || entry.epoch !== realm.epoch) continue
    try {
      await entry.finalizer.drain?.()
      if (entry.finalizer.drain === undefined) entry.finalizer.exit?.()
    } catch (error) {
      process.emitWarning(`a finalizer failed: ${String(error)}`, 'ForkfsWarning')
    }
  }
  uninstall()
}

function atBeforeExit (): void { void drainFinalizers() }

function atExit (): void {
  for (const entry of [...entries].reverse()) {
    entries.delete(entry)
    if (entry.epoch !== realm.epoch) continue
    try { entry.finalizer.exit?.() } catch { /* the process ends: nobody is left to be told */ }
  }
}

/** A rejection that nobody handles comes here as well, where it ends the process. */
function atUncaught (): void {
  for (const { finalizer, epoch } of entries) {
    if (epoch !== realm.epoch) continue
    try { finalizer.uncaught?.() } catch { /* the first error is the one to be told */ }
  }
}

function install (): void {
  if (installed) return
  installed = true
  process.on('beforeExit', atBeforeExit)
  process.on('exit', atExit)
  process.on('uncaughtExceptionMonitor', atUncaught) // only looks on: what the process does about it stays as it is
}

function uninstall (): void {
  if (!installed || entries.size > 0) return
  installed = false
  process.off('beforeExit', atBeforeExit)
  process.off('exit', atExit)
  process.off('uncaughtExceptionMonitor', atUncaught)
}

/** @returns a function that disarms it (idempotent): call it when the work was done in good order. */
export function addFinalizer (finalizer: Finalizer): () => void {
  const entry: Entry = { finalizer, epoch: realm.epoch }
  entries.add(entry)
  install()
  return () => {
    entries.delete(entry)
    uninstall()
  }
}

onReset(() => {
  const finalizers = entries.size
  entries.clear()
  uninstall()
  return { finalizers }
})
