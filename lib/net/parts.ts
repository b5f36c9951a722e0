import { allowListeners } from '../owner/index.js'

/** A part of a file: half-open, in bytes. */
export interface Part { readonly start: number, readonly end: number }

/** Cut [start, end) into parts of at most `partBytes`, in order. */
export function planParts (start: number, end: number, partBytes: number): Part[] {
  const parts: Part[] = []
  for (let at = start; at < end; at += partBytes) parts.push({ start: at, end: Math.min(end, at + partBytes) })
  return parts
}

/**
 * Run `work` over the parts with at most `lanes` under way. The first failure aborts the others, and nothing is left under
 * way when this rejects with it.
 */
export async function overParts (parts: readonly Part[], lanes: number, outer: AbortSignal, work: (part: Part, signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController()
  allowListeners(controller.signal)
  const forward = (): void => { controller.abort(outer.reason) }
  if (outer.aborted) throw outer.reason
  outer.addEventListener('abort', forward, { once: true })
  let next = 0
  let failed = false
  let failure: unknown
  const lane = async (): Promise<void> => {
    while (!failed && next < parts.length) {
      const part = parts[next++]!
      try {
        await work(part, controller.signal)
      } catch (error) {
        if (!failed) { failed = true; failure = error }
        controller.abort(error)
      }
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(lanes, parts.length) }, lane))
  } finally {
    outer.removeEventListener('abort', forward)
  }
  if (failed) throw failure
}
