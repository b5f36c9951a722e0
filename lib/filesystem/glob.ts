import type { Core } from './core.js'
import { compilePattern } from './glob-pattern.js'
import type { Pattern, Wildcard } from './glob-pattern.js'
import { describeRoot, eachAtOnce, infoIfThere, keep, present, visitTree } from './find.js'
import { pages } from './list-tree.js'
import { basename, checkDepth, isPattern, join } from './paths.js'
import type { FileInfo } from './types.js'

export interface GlobOptions {
  /** Levels that count from the first `**`, integer >= 1; without `**` the pattern alone says how deep. @defaultValue no limit */
  readonly maxDepth?: number | undefined
  /** Directories in the result too; false leaves a path without magic as it is. @defaultValue true */
  readonly withDirectories?: boolean | undefined
  /** Map names to infos. @defaultValue false */
  readonly detail?: boolean | undefined
}

/**
 * Names that match a pattern, in the order of their UTF-16 code units; with `detail` a Map in that order. Nothing found is an
 * empty result. The rules are those of POSIX shells with globstar and of fsspec:
 *
 * - `*` any run within one component, `?` one character, `[abc]`, `[a-z]`, `[!…]` one of a set; `**` as a whole component any
 *   number of levels, none too; a closing `/` directories only; a closing `/**` also the directory before it.
 * - Names that begin with a dot match. No braces, no extglob; what has no meaning here (`\ . + ( ) | ^ $ { }`, an unclosed
 *   `[`) stands for itself. A literal `*`, `?` or `[` is written `[*]`, `[?]`, `[[]`: see {@link escapeGlob}.
 * - Components lead through links to directories, as in a shell; `**` does not follow those that it meets.
 * - Characters are Unicode code points, compared as they are: NFC and NFD spellings differ.
 *
 * Cost: a pattern without magic is one `info`. Else listing begins at the last `/` before the first magic character and goes
 * level by level, into matching directories only, `core.concurrency` at once; from `**` on it is one recursive listing. The
 * letters before the first magic character of a component are pushed down as a prefix. Memory: matches and the directories of a level.
 *
 * @throws TypeError for `**` beside other letters in a component · RangeError for a maxDepth below 1 · FsError of a listing that failed.
 */
export function glob (core: Core, pattern: string, options?: GlobOptions & { readonly detail?: false | undefined }): Promise<string[]>
export function glob (core: Core, pattern: string, options: GlobOptions & { readonly detail: true }): Promise<Map<string, FileInfo>>
export function glob (core: Core, pattern: string, options?: GlobOptions): Promise<string[] | Map<string, FileInfo>>
export async function glob (core: Core, pattern: string, options: GlobOptions = {}): Promise<string[] | Map<string, FileInfo>> {
  const { maxDepth, withDirectories = true, detail = false } = options
  return present(await globEntries(core, pattern, { maxDepth, withDirectories, detail }), detail)
}

/** glob() with the infos at hand and unsorted; without `detail` some directories' infos are stand-ins, which saves requests. */
export async function globEntries (core: Core, pattern: string, options: GlobOptions): Promise<Map<string, FileInfo>> {
  const { maxDepth, withDirectories = true, detail = true } = options
  checkDepth(maxDepth)
  const path = core.normalize(pattern)
  const directoriesOnly = pattern.endsWith('/') && path !== ''
  const found = new Map<string, FileInfo>()
  const accept: Accept = (info, derived) => {
    const wanted = info.type === 'directory' ? withDirectories || !isPattern(core, path) : !directoriesOnly
    if (wanted && info.name !== '') keep(found, info, derived)
  }
  if (!isPattern(core, path)) {
    const info = await infoIfThere(core, path)
    if (info !== undefined && (info.type === 'directory' || !directoriesOnly)) found.set(path, info)
    return found
  }
  if (directoriesOnly && !withDirectories) return found
  const absolute = path.startsWith('/')
  const search: Search = { core, pattern: compilePattern(absolute ? path.slice(1) : path), directoriesOnly, maxDepth, detail, withDirectories, accept }
  await descend(search, absolute ? '/' : '')
  return found
}

type Accept = (info: FileInfo, derived: boolean) => void

interface Search {
  readonly core: Core
  readonly pattern: Pattern
  readonly directoriesOnly: boolean
  readonly withDirectories: boolean
  readonly maxDepth: number | undefined
  readonly detail: boolean
  readonly accept: Accept
}

/** A directory that matches the components so far: known from a listing, or only supposed where the pattern spells its name. */
interface Place { readonly path: string, readonly info?: FileInfo | undefined }

async function descend (search: Search, root: string): Promise<void> {
  const { core, pattern: { parts, recursiveFrom }, directoriesOnly } = search
  let places: Place[] = [{ path: root }]
  for (let at = 0; at < parts.length && places.length > 0; at++) {
    if (at === recursiveFrom) return eachAtOnce(core, places, (place, bound) => searchTree({ ...search, core: bound }, place))
    const part = parts[at]!
    if (part.kind === 'literal') {
      if (at < parts.length - 1) places = places.map(({ path }) => ({ path: join(path, part.text) }))
      else if (!directoriesOnly) return eachAtOnce(core, places, ({ path }, bound) => probe(bound, search, join(path, part.text)))
      else await listMatches(search, places, part.text, name => name === part.text, true)
    } else {
      places = await listMatches(search, places, stemOf(part), name => matchesPart(part, name), at === parts.length - 1)
    }
  }
}

/** List the places for names that match: accept them where the pattern ends, else return the directories to go on with. */
async function listMatches (search: Search, places: readonly Place[], prefix: string, matches: (name: string) => boolean, last: boolean): Promise<Place[]> {
  const directories: Place[] = []
  await eachAtOnce(search.core, places, async ({ path }, bound) => {
    for await (const page of pages(bound, path, { recursive: false, prefix })) {
      for (const info of page) {
        if (!matches(basename(info.name))) continue
        if (last) search.accept(info, false)
        else if (info.type === 'directory') directories.push({ path: info.name, info })
      }
    }
  })
  return directories
}

/** A pattern that ends in a spelled name needs no listing to find it. */
async function probe (core: Core, { accept }: Search, path: string): Promise<void> {
  const info = await infoIfThere(core, path)
  if (info !== undefined) accept(info, false)
}

/** Everything from the first `**` on (and from the components before it that a prefix expresses in full). */
async function searchTree (search: Search, place: Place): Promise<void> {
  const { core, pattern, maxDepth, withDirectories, detail, accept } = search
  const rest = pattern.rest
  const depth = maxDepth === undefined ? undefined : rest.levelsBeforeGlobstar + maxDepth
  const options = { maxDepth: depth, prefix: rest.prefix, directories: withDirectories }
  const below = place.path === '' || place.path === '/' ? place.path.length : place.path.length + 1
  const listed = await visitTree(core, place.path, options, (info, derived) => {
    if (rest.matches(info.name.slice(below), info.type === 'directory')) accept(info, derived)
  })
  if (!withDirectories || place.path === '' || !rest.matchesBase) return
  const self = place.info ?? await describeRoot(core, place.path, listed, detail)
  if (self?.type === 'directory') accept(self, false)
}

function stemOf (part: Wildcard): string { return part.kind === 'match' ? part.stem : '' }

function matchesPart (part: Wildcard, name: string): boolean {
  return part.kind === 'match' ? part.matches(name) : name !== ''
}
