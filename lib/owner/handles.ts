import type { FileHandle } from 'node:fs/promises'
import { onReset } from './reset.js'

const held = new Set<FileHandle>()

/** The handle is this owner's: a reset gives its descriptor back at once, since nobody can use it any more. @returns the handle */
export function holdHandle (handle: FileHandle): FileHandle {
  held.add(handle)
  return handle
}

/** Close a handle that was held. Idempotent; nothing after a reset. */
export async function closeHandle (handle: FileHandle): Promise<void> {
  if (held.delete(handle)) await handle.close()
}

onReset(mode => {
  // A snapshot holds none: what it woke with is no descriptor of this process.
  if (mode === 'drop') for (const handle of held) handle.close().catch(() => {})
  held.clear()
  return {}
})
