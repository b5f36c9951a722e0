import type { FileInfo } from './types.js'

const slashCode = 47

/** Where relative local paths begin now; undefined where that directory is gone, which only they need to know. */
export function workingDirectory (): string | undefined {
  try { return process.cwd() } catch { return undefined }
}

/**
 * Arithmetic on normalised paths: components are separated by '/', '' or '/' is the root, everything else in a name is
 * opaque ('..', '//', '%' and '?' are parts of a key). Nothing here normalises; that is `Core.normalize`.
 */

/** The path of `names` below `directory`. A name may hold several components. */
export function join (directory: string, ...names: readonly string[]): string {
  let path = directory
  for (const name of names) path = path === '' ? name : path === '/' ? `/${name}` : `${path}/${name}`
  return path
}

/** The directory of a path; the root is its own parent. */
export function parent (path: string): string {
  const slash = path.lastIndexOf('/')
  return slash > 0 ? path.slice(0, slash) : slash === 0 ? '/' : ''
}

/** The last component; '' for the root. */
export function basename (path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** The number of components: 0 for the root, 1 for a bucket, 2 for '/home/a'. */
export function depth (path: string): number {
  if (path === '' || path === '/') return 0
  let count = path.startsWith('/') ? 0 : 1
  for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) count++
  return count
}

/** Whether `path` lies strictly below `directory`, component-wise: '/source' is not below '/sour'. */
export function isBelow (path: string, directory: string): boolean {
  if (directory === '') return path !== ''
  if (directory === '/') return path.length > 1 && path.startsWith('/')
  return path.length > directory.length && path.charCodeAt(directory.length) === slashCode && path.startsWith(directory)
}

/**
 * The part of `path` below `directory`, without a leading slash; '' for the directory itself.
 * @throws RangeError where `path` is not `directory` or below it
 */
export function relative (path: string, directory: string): string {
  if (path === directory) return ''
  if (!isBelow(path, directory)) throw new RangeError(`Expected \`path\` to be below '${directory}', got '${path}'`)
  return path.slice(directory === '' || directory === '/' ? directory.length : directory.length + 1)
}

/**
 * The longest path that is every one of `paths` or an ancestor of it, component-wise: '/a/b' and '/a/bc' share '/a'.
 * '' (or '/' for absolute paths) where nothing is shared, and for an empty list ''.
 */
export function commonPrefix (paths: readonly string[]): string {
  const [first = '', ...others] = paths
  let common = first
  for (const path of others) {
    while (path !== common && !isBelow(path, common)) {
      if (common === '' || common === '/') return '' // one path is absolute, the other is not
      common = parent(common)
    }
  }
  return common
}

/**
 * Whether a path needs glob to be understood: it holds `*`, `?` or `[`. That is a look at the letters only: an escaped name
 * (`a[*]`) and an unclosed bracket (`a[1`) count too, because neither is the name that it stands for without a reading by glob.
 */
export function hasMagic (path: string): boolean {
  return /[*?[]/.test(path)
}

/** {@link hasMagic}, where the filesystem has no rule of its own. */
export function isPattern (core: { isPattern? (path: string): boolean }, path: string): boolean {
  return core.isPattern?.(path) ?? hasMagic(path)
}

/**
 * The pattern that matches exactly this path: `*`, `?` and `[` become `[*]`, `[?]` and `[[]`. Brackets and not backslashes,
 * because a backslash is an ordinary letter of an object's key; Python's glob.escape writes the same.
 */
export function escapeGlob (path: string): string {
  return path.replace(/[*?[]/g, '[$&]')
}

/** What a directory looks like that only the names below it tell of: stores without directories of their own have no more. */
export function directoryInfo (name: string): FileInfo {
  return { name, size: undefined, type: 'directory' }
}

/** Whether a recursion enters it: a directory, but no link to one (`islink` of local infos), which may lead in circles or out of the tree. */
export function isEntered (info: FileInfo): boolean {
  return info.type === 'directory' && info['islink'] !== true
}

/** Check the option `maxDepth`: undefined or an integer >= 1, else TypeError or RangeError. */
export function checkDepth (maxDepth: unknown): asserts maxDepth is number | undefined {
  if (maxDepth === undefined || (Number.isInteger(maxDepth) && (maxDepth as number) >= 1)) return
  const problem = `Expected \`maxDepth\` to be an integer >= 1, got \`${String(maxDepth)}\` (${typeof maxDepth})`
  throw typeof maxDepth === 'number' ? new RangeError(problem) : new TypeError(problem)
}
