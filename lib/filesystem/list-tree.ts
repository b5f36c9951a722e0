import { isFsError } from '../errors/index.js'
import type { Core } from './core.js'
import { isBelow } from './paths.js'
import type { FileInfo } from './types.js'

export interface ListTreeOptions {
  /** Everything below, not only what lies directly in the directory. @defaultValue false */
  readonly recursive?: boolean | undefined
}

export interface PagesOptions {
  readonly recursive: boolean
  readonly prefix?: string | undefined
  /** Reject with ENOENT and ENOTDIR instead of ending. */
  readonly strict?: boolean | undefined
}

/**
 * Pages in the order of the store, memory flat. Recursive: every file below, and those directories that the
 * store itself lists. The path of a file gives that file.
 *
 * @throws FsError ENOENT where nothing is at the path.
 */
export async function * listTree (core: Core, path: string, options: ListTreeOptions = {}): AsyncGenerator<readonly FileInfo[], void, undefined> {
  const { recursive = false } = options
  const directory = core.normalize(path)
  let listed = false
  for await (const page of pages(core, directory, { recursive })) {
    if (page.length === 0) continue
    listed = true
    yield page
  }
  if (listed) return
  const self = await core.info(directory)
  if (self.type !== 'directory') yield [self]
}

/**
 * The pages of one listing, without the listed path itself (a store may keep an object as its marker). Ends where the path is
 * missing or no directory, and stops between pages when the signal aborts, whatever the store does.
 */
export async function * pages (core: Core, path: string, options: PagesOptions): AsyncGenerator<readonly FileInfo[], void, undefined> {
  const { recursive, prefix = '', strict = false } = options
  core.signal.throwIfAborted()
  try {
    for await (const page of core.list(path, prefix === '' ? { recursive } : { recursive, prefix })) {
      core.signal.throwIfAborted()
      const below = page.every(entry => isBelow(entry.name, path)) ? page : page.filter(entry => isBelow(entry.name, path))
      if (below.length > 0) yield below
      core.signal.throwIfAborted()
    }
  } catch (error) {
    if (strict || core.signal.aborted || !isFsError(error, 'ENOENT', 'ENOTDIR')) throw error
  }
}
