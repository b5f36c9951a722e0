import { FsError, isFsError, isNodeError } from '../errors/index.js'
import { batches, deleteBatch, eachBulk, expectOnError, isFatal, withSignal } from './bulk.js'
import { endsInSlash, isDirectoryTarget, planCopy } from './copy-mapping.js'
import { basename, depth, isPattern, isBelow, join, parent } from './paths.js'
import { usingBranch, usingProgress } from './progress.js'
import type { CopyPair, CopyPlan } from './copy-mapping.js'
import type { Core } from './core.js'
import type { CopyOptions, FileInfo, Progress } from './types.js'

/**
 * Copy within one store, by the store itself. Names follow {@link planCopy}. Parents are made where the store keeps
 * directories. With `recursive` a file that vanished meanwhile is passed over unless `onError` is given. A file copied onto
 * itself stays as it is. Each file is copied whole or not at all; those before a failed one stand.
 *
 * `onError`: 'raise' stops at the first error, 'omit' goes on without what failed, 'return' goes on and rejects with an
 * AggregateError of everything that failed, in input order. Progress: files; bytes in the branches.
 */
export async function cp (core: Core, source: string | readonly string[], target: string | readonly string[], options: CopyOptions = {}): Promise<void> {
  await usingProgress(options.progress, async progress => {
    const plan = await planCopy(core, core, source, target, options)
    const vanishing = options.recursive === true && options.onError === undefined
    await transferAll(plan, core, core, copyOne(plan), { ...options, progress, vanishing })
  })
}

function copyOne (plan: CopyPlan): Transfer {
  return async ({ source, target, info }, _from, core, child) => {
    if (source !== target) {
      try {
        await core.copy(source, target)
      } catch (error) {
        if (info !== undefined || !await isStray(core, source, error)) throw error
        await makeStray(plan, core, { source, target })
        return
      }
    }
    if (child === undefined) return
    const size = info?.size ?? (await core.info(target)).size ?? 0
    child.setSize(size)
    child.advance(size)
  }
}

/** Whether a copy failed because its source, which nobody had looked at, is a directory. */
async function isStray (core: Core, source: string, error: unknown): Promise<boolean> {
  if (isFatal(error) || core.signal.aborted || !isFsError(error)) return false
  return core.info(source).then(info => info.type === 'directory', () => false)
}

/** A directory named in a list, without recursion: an empty one at the target, where directories are kept. */
export async function makeStray (plan: CopyPlan, to: Core, { source, target }: CopyPair): Promise<void> {
  if (plan.strays === 'refuse') throw new FsError('EISDIR', 'it is a directory, and lists are paired file by file', { path: source })
  if (to.capabilities.emptyDirectories) await to.makeDirectories(target)
}

/** Move one file; both cores are bound to the item's signal. `child` counts bytes. */
export type Transfer = (pair: CopyPair, from: Core, to: Core, child: Progress | undefined) => Promise<void>

export interface TransferOptions extends CopyOptions {
  /** Pass over sources that are gone. */
  readonly vanishing?: boolean | undefined
}

/** Make the directories of a plan, then move its files in the window; progress counts files and is closed by the caller. */
export async function transferAll (plan: CopyPlan, from: Core, to: Core, transfer: Transfer, options: TransferOptions): Promise<void> {
  const { onError = 'raise', progress, vanishing = false, maxConcurrency: concurrency = to.concurrency } = options
  expectOnError(onError)
  const { signal } = from // the caller's, and that of its owner
  if (to.capabilities.emptyDirectories) {
    await eachBulk(directoriesOf(plan, to), (path, _index, inner) => withSignal(to, inner).makeDirectories(path), { concurrency, signal })
  }
  const failures = new Map<number, unknown>()
  const work = async (pair: CopyPair, _index: number, inner: AbortSignal): Promise<void> => {
    const [source, sink] = from === to ? [withSignal(from, inner)] : [withSignal(from, inner), withSignal(to, inner)]
    try {
      await usingBranch(progress, pair.source, pair.target, child => transfer(pair, source!, sink ?? source!, child))
    } catch (error) {
      if (vanishing && isFsError(error, 'ENOENT') && !inner.aborted && await isGone(source!, pair.source)) return
      throw error
    }
  }
  const rejected = onError === 'raise' ? undefined : (error: unknown, index: number): void => { failures.set(index, error) }
  await eachBulk(plan.files, work, { concurrency, signal, progress, rejected })
  if (onError !== 'return' || failures.size === 0) return
  const inOrder = [...failures].sort(([a], [b]) => a - b).map(([, error]) => error)
  throw new AggregateError(inOrder, `${failures.size} of ${plan.files.length} files failed`)
}

/** ENOENT may also mean the target's bucket: only a source that is really gone may be passed over. */
async function isGone (from: Core, path: string): Promise<boolean> {
  return from.info(path).then(() => false, (error: unknown) => isFsError(error, 'ENOENT'))
}

/** The directories to make, without those that are made on the way to a deeper one. */
function directoriesOf (plan: CopyPlan, to: Core): string[] {
  const all = new Set<string>()
  for (const { target } of plan.directories) all.add(target.endsWith('/') ? target.slice(0, -1) : target)
  for (const directory of plan.parents) all.add(directory)
  all.delete(to.root)
  const inner = new Set([...all].map(parent))
  return [...all].filter(path => !inner.has(path))
}

/**
 * Move within one store. A path moved onto itself stays. One file, or one directory with all that is below it, is renamed in
 * one step where the store can; then, as with rename(2), the target's parent must exist. Patterns, lists and directories that
 * spill into another are renamed file by file. Where the store cannot rename (or not there: another device), files are copied,
 * and the sources deleted only after every copy has succeeded (with `onError` 'omit' and 'return': of those that were
 * copied). Directories that are empty in the end go too. Whatever fails, each file is whole at its source or at its target.
 *
 * @throws FsError EISDIR for a directory without `recursive` where the store cannot rename it in one step, EINVAL for a
 * directory moved into itself, or for sources that are targets of other sources.
 */
export async function mv (core: Core, source: string | readonly string[], target: string | readonly string[], options: CopyOptions = {}): Promise<void> {
  if (typeof source === 'string' && typeof target === 'string' && core.normalize(source) === core.normalize(target)) {
    options.progress?.close?.()
    return
  }
  await usingProgress(options.progress, async progress => {
    const plain = typeof source === 'string' && !isPattern(core, source) ? await core.info(core.normalize(source)) : undefined
    if (plain !== undefined && await renameWhole(core, plain, source as string, target, options, progress)) return
    if (plain?.type === 'directory' && options.recursive !== true) {
      throw new FsError('EISDIR', 'it is a directory, set `recursive` to move all that is below it', { path: plain.name })
    }
    await moveEach(core, await planCopy(core, core, source, target, { ...options, hold: true }), options, progress)
  })
}

/** One rename for the whole source. False where it is not that simple: then its files move one by one. */
async function renameWhole (
  core: Core, info: FileInfo, source: string, target: string | readonly string[], options: CopyOptions, progress: Progress | undefined
): Promise<boolean> {
  const path = core.normalize(source)
  if (typeof target !== 'string') return false
  const into = core.normalize(target)
  const isDirectory = info.type === 'directory'
  const spills = endsInSlash(source) && isDirectory
  const asDirectory = await isDirectoryTarget(core, target, into)
  const destination = asDirectory && !spills ? join(into, basename(path)) : into
  if (isDirectory && isBelow(destination, path)) throw new FsError('EINVAL', `it can not be moved into itself, to '${destination}'`, { path })
  if (!core.capabilities.rename || (isDirectory && (options.maxDepth !== undefined || (spills && asDirectory)))) return false
  progress?.setSize(1)
  if (destination !== path && !await renamed(core, path, destination)) return false
  progress?.advance(1)
  return true
}

/** False where the store has no such step, or the target is on another device: there only a copy gets. */
async function renamed (core: Core, source: string, target: string): Promise<boolean> {
  try {
    await core.rename(source, target)
    return true
  } catch (error) {
    if (isFsError(error, 'FORKFS_NOT_SUPPORTED')) return false // a store that renames files, but not directories
    if (isFsError(error) && isNodeError(error.cause) && error.cause.code === 'EXDEV') return false
    throw error
  }
}

async function moveEach (core: Core, plan: CopyPlan, options: CopyOptions, progress: Progress | undefined): Promise<void> {
  const files = plan.files as readonly CopyPair[] // held: what is copied is deleted when all of it is
  const sources = new Set(files.map(({ source }) => source))
  const clash = files.find(({ source, target }) => source !== target && sources.has(target))
  if (clash !== undefined) throw new FsError('EINVAL', `'${clash.target}' is to be moved itself: moves that depend on each other are separate calls`, { path: clash.source })
  const copied: string[] = []
  const copy = copyOne({ ...plan, strays: 'refuse' })
  const move: Transfer = async (pair, from, to, child) => {
    if (pair.source !== pair.target && to.capabilities.rename && await renamed(to, pair.source, pair.target)) return
    await copy(pair, from, to, child)
    if (pair.source !== pair.target) copied.push(pair.source)
  }
  const failed = await transferAll(plan, core, core, move, { ...options, progress }).then(() => undefined, (error: unknown) => error)
  if (failed !== undefined && !(options.onError === 'return' && failed instanceof AggregateError)) throw failed
  await eachBulk(batches(copied, deleteBatch), names => core.delete(names), { concurrency: 2, signal: core.signal })
  if (core.capabilities.emptyDirectories) await removeEmptied(core, plan.directories.map(({ source }) => source))
  if (failed !== undefined) throw failed
}

/** Deepest first; one that is not empty (a `maxDepth`, a file that came meanwhile) stays. */
async function removeEmptied (core: Core, directories: readonly string[]): Promise<void> {
  for (const path of [...directories].sort((a, b) => depth(b) - depth(a))) {
    await core.removeDirectory(path).catch((error: unknown) => {
      if (!isFsError(error, 'ENOTEMPTY', 'ENOENT')) throw error
    })
  }
}
