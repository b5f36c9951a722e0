import { FsError, isFsError } from '../errors/index.js'
import { expandEntries } from './expand.js'
import { pages } from './list-tree.js'
import { basename, checkDepth, commonPrefix, isPattern, isBelow, join, parent, relative } from './paths.js'
import type { Core } from './core.js'
import type { FileInfo } from './types.js'

export interface CopyPair {
  readonly source: string
  readonly target: string
  /** What a listing or a look told about the source; absent where nobody looked. */
  readonly info?: FileInfo | undefined
  /** The info is the answer to a look of its own, which tells all that there is to know. */
  readonly looked?: boolean | undefined
}

/** What a copy will do, by name: nothing has been made yet. */
export interface CopyPlan {
  readonly files: readonly CopyPair[] | StreamedPairs
  /** Directories of the source that come along where the target keeps directories. */
  readonly directories: readonly CopyPair[]
  /** Where the files go, where the target keeps directories. */
  readonly parents: ReadonlySet<string>
  /** What a source without info does when it turns out to be a directory: an empty one at the target, or EISDIR. */
  readonly strays: 'make' | 'refuse'
}

export interface MappingOptions {
  readonly recursive?: boolean | undefined
  readonly maxDepth?: number | undefined
  /** All files in an array, however many there are. @defaultValue false */
  readonly hold?: boolean | undefined
}

/** Files of a tree that are listed once more while they are copied, because there are too many to be held. */
export interface StreamedPairs extends AsyncIterable<CopyPair> {
  /** How many there were when they were counted. */
  readonly length: number
}

const nothingToCopy: HeldPlan = Object.freeze({ files: [], directories: [], strays: 'refuse' })

/** A tree of more files is not held but listed twice: once to check and count, once to copy. */
const heldMost = 10_000

/**
 * Which file goes where, for cp, get and put alike (fsspec's rules, with its measured behaviour where its documentation differs):
 *
 * - Two lists are paired by position, without expansion.
 * - Otherwise the source is expanded. A string that is not `recursive`, or has a `maxDepth`, gives files only; where only
 *   directories were found nothing happens.
 * - A list always goes into the target as a directory, each file under its last name.
 * - A string: what the sources have in common is replaced by the target. Their own last name is kept below the target where
 *   the source is a plain path without a trailing slash and the target is a directory (it exists as one, or ends in a slash),
 *   and where a pattern matched exactly one path.
 *
 * Two sources for one target are refused (EINVAL): one would silently be lost. A target inside the source is left out of it.
 *
 * Memory: the plan. Of a plain path with all that is below it (`recursive`, no `maxDepth`) at most 10,000 files and the
 * directories are held; a larger tree is listed twice. Patterns and lists need all their names at once, for what they have in
 * common and for two that would meet.
 * @throws RangeError for lists of unequal length and a maxDepth below 1 · FsError ENOENT where the source is missing, EINVAL
 * for a name that would leave the target directory of a local target.
 */
export async function planCopy (
  from: Core, to: Core, source: string | readonly string[], target: string | readonly string[], options: MappingOptions = {}
): Promise<CopyPlan> {
  checkDepth(options.maxDepth)
  checkPaths('source', source)
  checkPaths('target', target)
  if (typeof target !== 'string') return checked(to, pairLists(from, to, source, target))
  if (typeof source === 'string' && options.recursive === true && options.maxDepth === undefined && !isPattern(from, source)) {
    return mapTree(from, to, source, target, options.hold === true ? Infinity : heldMost)
  }
  return checked(to, typeof source === 'string' ? await mapString(from, to, source, target, options) : await mapList(from, to, source, target, options))
}

function checkPaths (name: string, value: unknown): void {
  if (typeof value === 'string' || (Array.isArray(value) && value.every(entry => typeof entry === 'string'))) return
  throw new TypeError(`Expected \`${name}\` to be a string or an array of strings, got (${typeof value})`)
}

function pairLists (from: Core, to: Core, sources: string | readonly string[], targets: readonly string[]): HeldPlan {
  if (typeof sources === 'string') throw new TypeError('Expected `target` to be a string, or `source` to be an array too')
  if (sources.length !== targets.length) {
    throw new RangeError(`Expected \`source\` and \`target\` to be of equal length, got ${sources.length} and ${targets.length}`)
  }
  const files = sources.map((source, index) => ({ source: from.normalize(source), target: to.normalize(targets[index]!) }))
  return { files, directories: [], strays: 'refuse' }
}

async function mapList (from: Core, to: Core, sources: readonly string[], target: string, options: MappingOptions): Promise<HeldPlan> {
  const into = to.normalize(target)
  const entries = await expandEntries(from, sources, options)
  const files = entries
    .filter(({ info }) => info?.type !== 'directory')
    .map(({ name, info }) => ({ source: name, target: below(to, into, basename(name), name), info }))
  return { files, directories: [], strays: 'make' }
}

async function mapString (from: Core, to: Core, source: string, target: string, options: MappingOptions): Promise<HeldPlan> {
  const magic = isPattern(from, source)
  const filesOnly = options.recursive !== true || options.maxDepth !== undefined
  let entries = await expandEntries(from, source, options)
  const single = entries[0]
  const looked = !magic && single !== undefined && single.info === undefined
  if (looked) entries = [{ name: single.name, info: await from.info(single.name) }]
  if (filesOnly) entries = entries.filter(({ info }) => info?.type !== 'directory')
  if (entries.length === 0) return nothingToCopy

  const into = to.normalize(target)
  const nest = magic ? entries.length === 1 : !endsInSlash(source) && await isDirectoryTarget(to, target, into)
  const common = magic ? commonPrefix(entries.map(({ name }) => name)) : from.normalize(source)
  const base = nest ? parent(common) : common
  const pairs = entries.map(({ name, info }) => ({ source: name, target: below(to, into, relative(name, base), name), info, looked }))
  const destination = nest ? join(into, basename(common)) : into
  return split(from === to ? pairs.filter(pair => !isInside(pair.source, destination, common)) : pairs)
}

/** One path with all that is below it: what is between the two never needs to be known at once. */
async function mapTree (from: Core, to: Core, source: string, target: string, most: number): Promise<CopyPlan> {
  const root = from.normalize(source)
  const into = to.normalize(target)
  const nest = !endsInSlash(source) && await isDirectoryTarget(to, target, into)
  const destination = nest && basename(root) !== '' ? join(into, basename(root)) : into
  async function * pairs (): AsyncGenerator<CopyPair, void, undefined> {
    for await (const page of pages(from, root, { recursive: true })) {
      for (const info of page) {
        if (from === to && isInside(info.name, destination, root)) continue
        yield { source: info.name, target: below(to, destination, relative(info.name, root), info.name), info }
      }
    }
  }
  const held: CopyPair[] = []
  const directories: CopyPair[] = []
  const parents = new Set<string>()
  let length = 0
  for await (const pair of pairs()) {
    if (isDirectory(pair)) { directories.push(pair); continue }
    if (to.capabilities.emptyDirectories && pair.source !== pair.target) parents.add(parent(pair.target))
    if (++length <= most) held.push(pair)
    else held.length = 0
  }
  if (length === 0 && directories.length === 0) {
    const info = await from.info(root)
    if (info.type !== 'directory') return checked(to, { files: [{ source: root, target: destination, info, looked: true }], directories: [], strays: 'refuse' })
  }
  directories.push({ source: root, target: destination })
  const streamed: StreamedPairs = { length, [Symbol.asyncIterator]: () => filesOf(pairs()) }
  return { files: length > most ? streamed : held, directories, parents, strays: 'refuse' }
}

async function * filesOf (pairs: AsyncIterable<CopyPair>): AsyncGenerator<CopyPair, void, undefined> {
  for await (const pair of pairs) if (!isDirectory(pair)) yield pair
}

function split (pairs: readonly CopyPair[]): HeldPlan {
  return { files: pairs.filter(pair => !isDirectory(pair)), directories: pairs.filter(isDirectory), strays: 'refuse' }
}

function isDirectory ({ source, info }: CopyPair): boolean {
  return info?.type === 'directory' || (source.endsWith('/') && info?.size === 0)
}

/** Whether a source lies in the target already: a directory copied into itself would else hold copies of its copies. */
function isInside (source: string, destination: string, common: string): boolean {
  return isBelow(destination, common) && (source === destination || isBelow(source, destination))
}

export function endsInSlash (path: string): boolean {
  return path.endsWith('/') || (process.platform === 'win32' && path.endsWith('\\'))
}

export async function isDirectoryTarget (to: Core, target: string, normalized: string): Promise<boolean> {
  if (endsInSlash(target)) return true
  try {
    return (await to.info(normalized)).type === 'directory'
  } catch (error) {
    if (isFsError(error, 'ENOENT', 'ENOTDIR')) return false
    throw error
  }
}

export function isLocal (core: Core): boolean {
  return core.protocol === 'file' || core.protocol === 'local'
}

/** The target of a name below a directory. Keys of a store are opaque, local paths are not: a key may not climb out of the target. */
function below (to: Core, directory: string, suffix: string, source: string): string {
  if (suffix === '') return directory
  if (isLocal(to) && !staysBelow(suffix.endsWith('/') ? suffix.slice(0, -1) : suffix)) {
    throw new FsError('EINVAL', 'its name has parts that a local path can not have (empty, \'.\', \'..\' or NUL), give it a target of its own', { path: source })
  }
  return join(directory, suffix)
}

function staysBelow (suffix: string): boolean {
  if (suffix.includes('\0') || (process.platform === 'win32' && /[\\:]/.test(suffix))) return false
  return suffix.split('/').every(part => part !== '' && part !== '.' && part !== '..')
}

type HeldPlan = Omit<CopyPlan, 'files' | 'parents'> & { readonly files: readonly CopyPair[] }

function checked (to: Core, plan: HeldPlan): CopyPlan {
  const sources = new Map<string, string>()
  const parents = new Set<string>()
  for (const { source, target } of plan.files) {
    const other = sources.get(target)
    if (other !== undefined && other !== source) throw new FsError('EINVAL', `'${other}' and '${source}' would both be written to it`, { path: target })
    sources.set(target, source)
    if (to.capabilities.emptyDirectories && source !== target) parents.add(parent(target))
  }
  return { ...plan, parents }
}
