import { FsError } from '../errors/index.js'
import type { Core } from './core.js'
import { eachAtOnce, findEntries, keep, visitTree } from './find.js'
import { globEntries } from './glob.js'
import { checkDepth, isPattern, isEntered, parent } from './paths.js'
import type { FileInfo } from './types.js'

export interface ExpandOptions {
  /** Everything below directories too. @defaultValue false */
  readonly recursive?: boolean | undefined
  /** Levels, integer >= 1. The match of a pattern is the first of them. @defaultValue no limit */
  readonly maxDepth?: number | undefined
  /** Take `*`, `?` and `[` as letters. @defaultValue false */
  readonly literal?: boolean | undefined
}

/** A path that an expansion gave. Without `info` it is a path as the caller wrote it: nobody looked whether it is there. */
export interface Expanded { readonly name: string, readonly info?: FileInfo | undefined }

/**
 * The paths that patterns and directories stand for: the union over all of `paths`, each once, in the order of their UTF-16
 * code units. A path without magic that is not to be searched is returned unchecked, without a request; with `recursive` it
 * comes with everything below. Patterns follow glob(), a closing '/' included; names that they match are literal from then on.
 * Links to directories are not followed, unless one is the path itself.
 *
 * Cost: per path that of glob() and find(); a pattern with `recursive` lists each matching directory once more, unless the
 * pattern has everything below it already.
 *
 * @throws FsError ENOENT where nothing was found for any path (an empty list is an empty result) · TypeError for what is no
 * path, and for a misplaced `**` · RangeError for a maxDepth below 1.
 */
export async function expandPath (core: Core, path: string | readonly string[], options: ExpandOptions = {}): Promise<string[]> {
  return (await expand(core, path, options, false)).map(({ name }) => name)
}

/** {@link expandPath} with what the listings told, so that a copy or a delete needs no `info` per path. */
export async function expandEntries (core: Core, path: string | readonly string[], options: ExpandOptions = {}): Promise<Expanded[]> {
  return expand(core, path, options, true)
}

async function expand (core: Core, path: string | readonly string[], options: ExpandOptions, detail: boolean): Promise<Expanded[]> {
  const { recursive = false, maxDepth, literal = false } = options
  checkDepth(maxDepth)
  const paths = typeof path === 'string' ? [path] : path
  if (!Array.isArray(paths)) throw new TypeError(`Expected \`path\` to be a string or an array of strings, got \`${String(path)}\` (${typeof path})`)
  const normalized = paths.map(each => core.normalize(each))
  const unchecked = new Set<string>()
  const found = new Map<string, FileInfo>()
  for (const [index, name] of normalized.entries()) {
    if (!literal && isPattern(core, name)) await expandPattern(core, paths[index]!, { recursive, maxDepth, detail }, found)
    else if (recursive) await expandTree(core, name, { maxDepth, detail }, found)
    else unchecked.add(name)
  }
  if (paths.length > 0 && found.size === 0 && unchecked.size === 0) throw new FsError('ENOENT', 'nothing there', { path: normalized.join(', ') })
  const names = [...new Set([...found.keys(), ...unchecked])].sort()
  return names.map(name => found.has(name) ? { name, info: found.get(name)! } : { name })
}

type Found = Map<string, FileInfo>

interface TreeOptions { readonly maxDepth: number | undefined, readonly detail: boolean }

async function expandTree (core: Core, path: string, { maxDepth, detail }: TreeOptions, found: Found): Promise<void> {
  for (const info of (await findEntries(core, path, { maxDepth, withDirectories: true, detail })).values()) keep(found, info, false)
  if (path !== '' || found.has('')) return
  found.set('', await core.info('')) // find() leaves the nameless root out; here it was asked for by name
}

interface PatternOptions extends TreeOptions { readonly recursive: boolean }

async function expandPattern (core: Core, pattern: string, { recursive, maxDepth, detail }: PatternOptions, found: Found): Promise<void> {
  const matches = await globEntries(core, pattern, { maxDepth, detail })
  for (const info of matches.values()) keep(found, info, false)
  if (!recursive || maxDepth === 1) return
  const directories = [...matches.values()].filter(isEntered).map(info => info.name)
  const levels = maxDepth === undefined ? undefined : maxDepth - 1
  const tops = levels === undefined ? outermost(directories, pattern) : directories
  await eachAtOnce(core, tops, async (directory, bound) => {
    await visitTree(bound, directory, { maxDepth: levels, directories: true }, (entry, derived) => { keep(found, entry, derived) })
  })
}

/** Directories that are not below another one of them; none where the pattern's closing `**` has everything below them already. */
function outermost (directories: readonly string[], pattern: string): string[] {
  if (pattern.endsWith('/**') || pattern === '**') return []
  const all = new Set(directories)
  return directories.filter(directory => {
    for (let above = parent(directory); above !== '' && above !== '/'; above = parent(above)) if (all.has(above)) return false
    return !all.has('/') || directory === '/'
  })
}
