import { isFsError } from '../errors/index.js'
import { eachBulk, withSignal } from './bulk.js'
import type { Core } from './core.js'
import { pages } from './list-tree.js'
import { checkDepth, directoryInfo, isBelow, isEntered, parent } from './paths.js'
import type { FileInfo } from './types.js'

export interface FindOptions {
  /** Levels below the path, integer >= 1. @defaultValue no limit */
  readonly maxDepth?: number | undefined
  /** Directories too, the path itself included (unless it is the nameless root ''). @defaultValue false */
  readonly withDirectories?: boolean | undefined
  /** Map names to infos. @defaultValue false */
  readonly detail?: boolean | undefined
}

/** A listed entry. `derived`: a directory that no listing named, only the names below it; it may be told of repeatedly. */
export type Visit = (entry: FileInfo, derived: boolean) => void

export interface VisitOptions {
  readonly maxDepth?: number | undefined
  /** As in `ListOptions.prefix`: a hint for names directly below the starting directory. */
  readonly prefix?: string | undefined
  /** Derive the directories that a recursive listing leaves out. */
  readonly directories?: boolean | undefined
  /** What the entries of a page have left to do; the next page waits for it. */
  readonly afterPage?: ((core: Core) => Promise<void>) | undefined
}

/**
 * Files below a path, and directories on request, in the order of their UTF-16 code units; with `detail` a Map in that order.
 * The path of a file gives that file, a missing one nothing. Where an object and a prefix have the same name, the object stands.
 * Links to directories are directories and not followed, unless one is the path itself.
 *
 * Cost: one recursive listing; with `maxDepth` one listing per directory, down to that depth only, `core.concurrency` at once.
 * One `info` more where nothing was listed, or the info of a real directory is asked for. Memory: the result.
 *
 * @throws RangeError for a maxDepth below 1 · FsError of a listing that failed: a result is complete or there is none. Only
 * what vanished while it was listed (ENOENT, ENOTDIR) is left out.
 */
export function find (core: Core, path: string, options?: FindOptions & { readonly detail?: false | undefined }): Promise<string[]>
export function find (core: Core, path: string, options: FindOptions & { readonly detail: true }): Promise<Map<string, FileInfo>>
export function find (core: Core, path: string, options?: FindOptions): Promise<string[] | Map<string, FileInfo>>
export async function find (core: Core, path: string, options: FindOptions = {}): Promise<string[] | Map<string, FileInfo>> {
  const { maxDepth, withDirectories = false, detail = false } = options
  checkDepth(maxDepth)
  return present(await findEntries(core, core.normalize(path), { maxDepth, withDirectories, detail }), detail)
}

/** find() of a normalised path, unsorted. Without `detail` the infos of the path itself may be a stand-in, which saves a request. */
export async function findEntries (core: Core, path: string, options: FindOptions): Promise<Map<string, FileInfo>> {
  const { maxDepth, withDirectories = false, detail = true } = options
  const found = new Map<string, FileInfo>()
  const listed = await visitTree(core, path, { maxDepth, directories: withDirectories }, (entry, derived) => {
    if (entry.type !== 'directory' || withDirectories) keep(found, entry, derived)
  })
  if (listed && !withDirectories) return found
  const self = await describeRoot(core, path, listed, detail)
  if (self !== undefined && (self.type !== 'directory' || (withDirectories && path !== ''))) keep(found, self, false)
  return found
}

/**
 * Call `visit` for everything below a normalised path and tell whether there was anything. A path that is no directory, or
 * that is missing, counts as empty.
 */
export async function visitTree (core: Core, path: string, options: VisitOptions, visit: Visit): Promise<boolean> {
  return options.maxDepth === undefined ? visitWhole(core, path, options, visit) : visitLevels(core, path, options, options.maxDepth, visit)
}

async function visitWhole (core: Core, path: string, { prefix, directories = false, afterPage }: VisitOptions, visit: Visit): Promise<boolean> {
  let listed = false
  let last = path // the directory last derived: neighbours share it in the sorted listings of stores, so that this test is cheap
  for await (const page of pages(core, path, { recursive: true, prefix })) {
    for (const entry of page) {
      listed = true
      if (directories) {
        const directory = parent(entry.name)
        for (let above = directory; above !== last && isBelow(above, path) && !isBelow(last, above); above = parent(above)) visit(directoryInfo(above), true)
        last = directory
      }
      visit(entry, false)
    }
    await afterPage?.(core)
  }
  return listed
}

async function visitLevels (core: Core, path: string, { prefix, afterPage }: VisitOptions, maxDepth: number, visit: Visit): Promise<boolean> {
  let listed = false
  let level = [path]
  for (let depth = 1; level.length > 0; depth++) {
    const below: string[] = []
    await eachAtOnce(core, level, async (directory, bound) => {
      for await (const page of pages(bound, directory, { recursive: false, prefix: depth === 1 ? prefix : undefined })) {
        for (const entry of page) {
          listed = true
          visit(entry, false)
          if (depth < maxDepth && isEntered(entry)) below.push(entry.name)
        }
        await afterPage?.(bound)
      }
    })
    level = below
  }
  return listed
}

/** Do `work` for all items, `core.concurrency` at once, on a core whose signal aborts with the first error of any of them. */
export async function eachAtOnce<T> (core: Core, items: readonly T[], work: (item: T, bound: Core) => Promise<void>): Promise<void> {
  const { concurrency, signal } = core
  await eachBulk(items, (item, _index, inner) => work(item, withSignal(core, inner)), { concurrency, signal })
}

/** Add an entry to a result by the rule of names that are both: an object before a listed directory before a derived one. */
export function keep (found: Map<string, FileInfo>, entry: FileInfo, derived: boolean): void {
  const known = derived || entry.type === 'directory' ? found.get(entry.name) : undefined
  if (known === undefined || (!derived && known.type === 'directory')) found.set(entry.name, entry)
}

/** The result in the order of its names. */
export function present (found: Map<string, FileInfo>, detail: boolean): string[] | Map<string, FileInfo> {
  const names = [...found.keys()]
  // Stores mostly list in order: a million names cost a second to sort.
  if (names.every((name, index) => index === 0 || names[index - 1]! <= name)) return detail ? found : names
  names.sort()
  return detail ? new Map(names.map(name => [name, found.get(name)!])) : names
}

/** What is at the starting path; undefined where nothing is. Something below it proves a directory without a request. */
export async function describeRoot (core: Core, path: string, listed: boolean, detail: boolean): Promise<FileInfo | undefined> {
  if (listed && (!detail || !core.capabilities.emptyDirectories)) return directoryInfo(path)
  return infoIfThere(core, path)
}

/** `core.info`, undefined where nothing is. */
export async function infoIfThere (core: Core, path: string): Promise<FileInfo | undefined> {
  core.signal.throwIfAborted()
  return core.info(path).catch((error: unknown) => {
    if (isFsError(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  })
}
