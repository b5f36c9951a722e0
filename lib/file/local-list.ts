import type { Dirent } from 'node:fs'
import { opendir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fromNodeError } from '../errors/index.js'
import type { Verb } from '../filesystem/types.js'
import { describe, isMissing } from './local-info.js'
import type { LocalInfo } from './local-info.js'
import { localTemporaryPattern } from './local-temporary.js'

const pageEntries = 1000
const statsAtOnce = 32

export interface LocalListOptions extends Verb {
  /** Everything below, not only what is directly in the directory. @defaultValue false */
  readonly recursive?: boolean | undefined
  /** Leave out entries whose name (recursive: path below the listed directory) does not begin with it. */
  readonly prefix?: string | undefined
  /** Staged files of writes that are under way or were never finished, too. @defaultValue false */
  readonly temporary?: boolean | undefined
}

/**
 * The entries of a directory in pages of at most 1,000, in the system's order; directories are entries too. Links to
 * directories are listed, not followed. Entries that vanish meanwhile are left out. Memory: one page and the names of the
 * directories still to be read.
 *
 * @throws FsError ENOENT, ENOTDIR (a file), EACCES.
 */
export async function * localList (path: string, options: LocalListOptions = {}): AsyncGenerator<readonly LocalInfo[], void, undefined> {
  const { recursive = false, prefix = '', temporary = false, signal } = options
  const root = resolve(path)
  const below = root.endsWith('/') ? root.length : root.length + 1
  /** Directories still to be read: those found last come first. */
  const waiting = [root]
  let names: string[] = []
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    for await (const name of namesIn(directory, directory === root, signal)) {
      const full = join(directory, name)
      const rest = full.slice(below)
      // a directory that the prefix goes through is needed to get to what is in it
      if (!rest.startsWith(prefix) && !(recursive && prefix.startsWith(rest))) continue
      if (!temporary && localTemporaryPattern.test(name)) continue
      names.push(full)
      if (names.length < pageEntries) continue
      yield* page(names, waiting)
      names = []
    }
    if (waiting.length > 0 || names.length === 0) continue
    yield* page(names, waiting) // may find further directories
    names = []
  }

  async function * page (paths: readonly string[], directories: string[]): AsyncGenerator<readonly LocalInfo[], void, undefined> {
    const found = await describeAll(paths, signal)
    if (recursive) directories.push(...found.filter(info => info.type === 'directory' && !info.islink).map(info => info.name))
    const entries = found.filter(info => info.name.slice(below).startsWith(prefix))
    if (entries.length > 0) yield entries
  }
}

/** Names in one directory. One below the listed one may be gone by now. */
async function * namesIn (directory: string, listed: boolean, signal: AbortSignal | undefined): AsyncGenerator<string, void, undefined> {
  signal?.throwIfAborted()
  let entries: AsyncIterable<Dirent>
  try {
    entries = await opendir(directory, { bufferSize: 256 })
  } catch (error) {
    if (!listed && isMissing(error)) return
    throw fromNodeError(error, { path: directory })
  }
  for await (const entry of entries) {
    signal?.throwIfAborted()
    yield entry.name
  }
}

async function describeAll (paths: readonly string[], signal: AbortSignal | undefined): Promise<LocalInfo[]> {
  const found: LocalInfo[] = []
  for (let from = 0; from < paths.length; from += statsAtOnce) {
    signal?.throwIfAborted()
    const infos = await Promise.all(paths.slice(from, from + statsAtOnce).map(describeUnlessGone))
    for (const info of infos) if (info !== undefined) found.push(info)
  }
  return found
}

async function describeUnlessGone (path: string): Promise<LocalInfo | undefined> {
  try {
    return await describe(path)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw fromNodeError(error, { path })
  }
}
