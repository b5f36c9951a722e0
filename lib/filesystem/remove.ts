import { realpath } from 'node:fs/promises'
import { FsError, isFsError } from '../errors/index.js'
import { batches, deleteBatch, eachBulk, withSignal } from './bulk.js'
import { isLocal } from './copy-mapping.js'
import { expandEntries } from './expand.js'
import { basename, checkDepth, depth, isPattern, isBelow, join, parent, relative } from './paths.js'
import { usingProgress } from './progress.js'
import type { Core, ListOptions } from './core.js'
import type { FileInfo, Progress } from './types.js'

export interface RemoveOptions {
  /** Directories with all that is below them. @defaultValue false */
  readonly recursive?: boolean | undefined
  /** Only so many levels below a directory, integer >= 1; directories that are empty then go too. @defaultValue no limit */
  readonly maxDepth?: number | undefined
  /** Files; the size grows as listings tell of more. */
  readonly progress?: Progress | undefined
}

/** Pages of one listing that are deleted at once. */
const pagesInFlight = 2
/** A directory that fills while it is emptied is emptied again so often. */
const attempts = 3

/** What is to go: names that nobody needs to look at any more, and trees. */
interface Targets { readonly names: string[], readonly trees: FileInfo[] }
type Counter = (found: number, removed: number) => void

/**
 * Remove files, and directories with `recursive`. Everything named is checked before anything is removed: a missing path is
 * ENOENT, a directory without `recursive` EISDIR (also one that a pattern matched), the root of the filesystem and (local) the
 * working directory and what it lies in are EINVAL. Patterns of which none matches anything are ENOENT too. A list of plain paths
 * without `recursive` goes straight to the store's own bulk delete, which on object stores does not tell what was missing.
 *
 * Trees are streamed: a page is listed while others are deleted, memory stays flat however many files there are (names of
 * directories are kept where the store keeps directories; they go last, the deepest first). Links are removed, never
 * followed. What others remove meanwhile counts as removed.
 */
export async function rm (core: Core, path: string | readonly string[], options: RemoveOptions = {}): Promise<void> {
  checkDepth(options.maxDepth)
  if (typeof path !== 'string' && !Array.isArray(path)) throw new TypeError(`Expected \`path\` to be a string or an array of strings, got (${typeof path})`)
  await usingProgress(options.progress, async progress => {
    const count = counter(progress)
    const { names, trees } = await collect(core, path, options)
    for (const { name } of trees) await refusePrecious(core, name)
    count(names.length, 0)
    await eachBulk(batches(names, deleteBatch), async (batch, _index, inner) => {
      await withSignal(core, inner).delete(batch)
      count(0, batch.length)
    }, { concurrency: pagesInFlight, signal: core.signal })
    for (const tree of outermost(trees)) await removeTree(core, tree, options.maxDepth, count)
  })
}

function counter (progress: Progress | undefined): Counter {
  let size = 0
  return (found, removed) => {
    if (found > 0) progress?.setSize(size += found)
    if (removed > 0) progress?.advance(removed)
  }
}

async function collect (core: Core, path: string | readonly string[], { recursive = false }: RemoveOptions): Promise<Targets> {
  const targets: Targets = { names: [], trees: [] }
  const add = (info: FileInfo): void => {
    if (info.type !== 'directory' || info['islink'] === true) targets.names.push(info.name)
    if (info.type === 'directory' ? info['islink'] !== true : recursive && !core.capabilities.emptyDirectories) targets.trees.push(info)
  }
  const plain: string[] = []
  for (const each of typeof path === 'string' ? [path] : path) {
    const name = core.normalize(each)
    if (name === core.root || name === '') throw new FsError('EINVAL', 'the root of a filesystem is not removed', { path: name })
    if (isPattern(core, name)) for (const { info } of await matches(core, each)) add(info!)
    else plain.push(name)
  }
  if (plain.length === 0 && targets.names.length === 0 && targets.trees.length === 0 && path.length > 0) throw new FsError('ENOENT', 'nothing there', { path: String(path) })
  if (typeof path === 'string' || recursive) {
    await eachBulk(plain, (name, _index, inner) => withSignal(core, inner).info(name), { concurrency: core.concurrency, signal: core.signal, fulfilled: add })
  } else targets.names.push(...plain)
  const directory = recursive ? undefined : targets.trees[0]
  if (directory !== undefined) throw new FsError('EISDIR', 'it is a directory, set `recursive` to remove all that is below it', { path: directory.name })
  return { names: [...new Set(targets.names)], trees: targets.trees }
}

async function matches (core: Core, pattern: string): ReturnType<typeof expandEntries> {
  try {
    return await expandEntries(core, pattern)
  } catch (error) {
    if (isFsError(error, 'ENOENT')) return []
    throw error
  }
}

/** A local directory that this process stands in is refused, by whatever links it is named. */
async function refusePrecious (core: Core, path: string): Promise<void> {
  if (!isLocal(core)) return
  const above = await realpath(parent(path)).catch(() => parent(path))
  const real = join(above, basename(path))
  const here = process.cwd()
  if (here === real || isBelow(here, real)) throw new FsError('EINVAL', `it is or holds the working directory '${here}'`, { path })
}

/** Trees that are not below another one of them. */
function outermost (trees: readonly FileInfo[]): FileInfo[] {
  const sorted = [...trees].sort((a, b) => a.name < b.name ? -1 : 1)
  const kept: FileInfo[] = []
  for (const tree of sorted) {
    if (!kept.some(({ name }) => name === tree.name || isBelow(tree.name, name))) kept.push(tree)
  }
  return kept
}

async function removeTree (core: Core, tree: FileInfo, maxDepth: number | undefined, count: Counter): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const directories: string[] = []
    await eachBulk(pagesOf(core, tree.name, maxDepth, directories), async (names, _index, inner) => {
      count(names.length, 0)
      await deleteAll(withSignal(core, inner), names)
      count(0, names.length)
    }, { concurrency: pagesInFlight, signal: core.signal })
    if (tree.type !== 'directory' || !core.capabilities.emptyDirectories) return
    const left = await removeDirectories(core, [...directories, tree.name])
    if (left === undefined || maxDepth !== undefined) return
    if (attempt === attempts) throw left
  }
}

/** Names of files below a directory, by pages of a delete; the names of directories go to `directories`. */
async function * pagesOf (core: Core, root: string, maxDepth: number | undefined, directories: string[]): AsyncGenerator<readonly string[], void, undefined> {
  for await (const entries of listings(core, root, maxDepth)) {
    const names: string[] = []
    for (const { name, type, islink } of entries) {
      if (type !== 'directory' || islink === true) names.push(name)
      else directories.push(name)
    }
    yield* batches(names, deleteBatch)
  }
}

async function * listings (core: Core, root: string, maxDepth: number | undefined): AsyncGenerator<readonly FileInfo[], void, undefined> {
  // staged files of writes that never ended are not part of listings, but a directory that holds one is not empty
  const options: ListOptions & { readonly temporary: true } = { recursive: maxDepth === undefined, temporary: true }
  const waiting = [root]
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    try {
      for await (const page of core.list(directory, options)) {
        yield page
        if (maxDepth === undefined) continue
        for (const { name, type, islink } of page) {
          if (type === 'directory' && islink !== true && depth(relative(name, root)) < maxDepth) waiting.push(name)
        }
      }
    } catch (error) {
      if (!isFsError(error, 'ENOENT', 'ENOTDIR')) throw error // gone meanwhile: what was asked for
    }
  }
}

/** Delete, where some may be gone by now: others remove the same tree, or a link was listed before its target. */
async function deleteAll (core: Core, names: readonly string[]): Promise<void> {
  try {
    await core.delete(names)
  } catch (error) {
    if (!isFsError(error, 'ENOENT')) throw error
    if (error.cause instanceof AggregateError && error.cause.errors.every(each => isFsError(each, 'ENOENT'))) return // all others were deleted
    for (const name of names) {
      await core.delete([name]).catch((each: unknown) => {
        if (!isFsError(each, 'ENOENT')) throw each
      })
    }
  }
}

/** Level by level from the deepest; tells the error of one that was not empty, after all others have gone. */
async function removeDirectories (core: Core, directories: readonly string[]): Promise<unknown> {
  let left: unknown
  const levels = new Map<number, string[]>()
  for (const name of directories) {
    const level = levels.get(depth(name))
    if (level === undefined) levels.set(depth(name), [name])
    else level.push(name)
  }
  for (const [, level] of [...levels].sort(([a], [b]) => b - a)) {
    await eachBulk(level, (name, _index, inner) => withSignal(core, inner).removeDirectory(name), {
      concurrency: core.concurrency,
      signal: core.signal,
      rejected: error => {
        if (isFsError(error, 'ENOTEMPTY')) left ??= error
        else if (!isFsError(error, 'ENOENT')) throw error
      }
    })
  }
  return left
}
