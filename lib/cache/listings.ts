import type { FileInfo } from '../filesystem/types.js'

export interface ListingsOptions {
  /** Seconds until a kept listing is asked for anew, a number > 0. @defaultValue 60 */
  readonly expirySeconds?: number | undefined
  /** Directories kept, integer >= 1; the least recently used goes first. @defaultValue 1,000 */
  readonly maxDirectories?: number | undefined
}

type Pages = AsyncIterable<readonly FileInfo[]>
interface Kept { readonly entries: readonly FileInfo[], readonly at: number }
/** A listing on its way; `entries` undefined: it will not be kept. */
interface Recording { readonly directory: string, entries: FileInfo[] | undefined }

/** Entries over all directories: one of ten million keys must not be held. About 100 MiB at most. */
const maxEntries = 250_000

/**
 * Complete listings of single directories, in memory, of one instance in one owner. Only what was read to its end is kept:
 * never a listing by prefix, a recursive one, an empty one, one that was left early, or one that a write of this instance crossed.
 * Times are those of the wall clock, so that a machine that slept does not take old listings for new ones.
 */
export class ListingCache {
  readonly #expiryMs: number
  readonly #maxDirectories: number
  /** In the order of their use. */
  readonly #kept = new Map<string, Kept>()
  readonly #recordings = new Set<Recording>()
  #count = 0

  constructor ({ expirySeconds, maxDirectories }: { readonly expirySeconds: number, readonly maxDirectories: number }) {
    this.#expiryMs = expirySeconds * 1000
    this.#maxDirectories = maxDirectories
  }

  /** The entries of a directory, where they are kept and fresh. */
  get (directory: string): readonly FileInfo[] | undefined {
    const kept = this.#kept.get(directory)
    if (kept === undefined) return undefined
    this.#forget(directory)
    const age = Date.now() - kept.at
    if (age < 0 || age >= this.#expiryMs) return undefined
    this.#put(directory, kept)
    return kept.entries
  }

  /** What the listing of its directory says of a path; undefined where none is kept or it does not name the path (which may be new). */
  find (path: string): FileInfo | undefined {
    return this.get(above(path))?.find(({ name }) => name === path)
  }

  /** The same pages; kept when they have come to their end. */
  async *remember (directory: string, pages: Pages): AsyncGenerator<readonly FileInfo[], void, undefined> {
    const recording: Recording = { directory, entries: [] }
    const at = Date.now() // of the question: the answer is not newer
    this.#recordings.add(recording)
    try {
      for await (const page of pages) {
        if (recording.entries !== undefined && recording.entries.length + page.length > maxEntries) recording.entries = undefined
        recording.entries?.push(...page)
        yield page
      }
      if (recording.entries !== undefined && recording.entries.length > 0) this.#keep(directory, recording.entries, at)
    } finally {
      this.#recordings.delete(recording)
    }
  }

  #keep (directory: string, entries: readonly FileInfo[], at: number): void {
    for (const entry of entries) Object.freeze(entry) // handed out again and again
    this.#forget(directory)
    this.#put(directory, { entries, at })
    for (const [oldest] of this.#kept) {
      if (this.#kept.size <= this.#maxDirectories && this.#count <= maxEntries) break
      this.#forget(oldest)
    }
  }

  #put (directory: string, kept: Kept): void {
    this.#kept.set(directory, kept)
    this.#count += kept.entries.length
  }

  #forget (directory: string): void {
    const kept = this.#kept.get(directory)
    if (kept === undefined) return
    this.#kept.delete(directory)
    this.#count -= kept.entries.length
  }

  /** Something changed at the path: its listing, those above (they may have got a new directory) and those below go, also the ones on their way. No path: all. */
  invalidate (path?: string): void {
    for (const recording of this.#recordings) if (path === undefined || touches(path, recording.directory)) recording.entries = undefined
    if (path === undefined) {
      this.#kept.clear()
      this.#count = 0
      return
    }
    for (const directory of [...this.#kept.keys()]) if (touches(path, directory)) this.#forget(directory)
  }
}

/** Whether a change at `path` may show in the listing of `directory`: it is the path, above it, or below it. */
function touches (path: string, directory: string): boolean {
  return path === directory || isBelow(path, directory) || isBelow(directory, path)
}

function isBelow (path: string, directory: string): boolean {
  if (directory === '' || path.startsWith(directory.endsWith('/') ? directory : directory + '/')) return path !== directory
  return false
}

/** The directory of a path: that of '/a' is '/', that of 'a' is ''. */
function above (path: string): string {
  const slash = path.lastIndexOf('/')
  return slash === 0 && path.length > 1 ? '/' : path.slice(0, Math.max(0, slash))
}
