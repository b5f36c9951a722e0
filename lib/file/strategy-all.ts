import type { Fetch, ReadStrategy } from './ranges.js'
import { SharedFetch } from './shared-fetch.js'

/** The whole file at the first read, kept until close. Memory: the size of the file. A failed fetch leaves nothing behind. */
export function wholeFile (fetch: Fetch, size: number): ReadStrategy {
  let whole: SharedFetch | undefined
  const forget = (failed: SharedFetch): void => { if (whole === failed) whole = undefined }
  return {
    async read (start, end, signal, into) {
      signal?.throwIfAborted()
      if (whole === undefined || whole.cancelled) whole = new SharedFetch(0, size, own => fetch(0, size, own), forget)
      const data = await whole.wait(signal)
      if (into === undefined) return data.slice(start, end)
      into.set(data.subarray(start, end))
      return into.subarray(0, end - start) as typeof data
    },
    async close (reason) {
      const ended = whole?.cancel(reason)
      whole = undefined
      await ended
    }
  }
}
