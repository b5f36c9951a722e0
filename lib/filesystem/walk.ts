import { FsError, isFsError } from '../errors/index.js'
import type { Core } from './core.js'
import { pages } from './list-tree.js'
import { checkDepth, isEntered } from './paths.js'
import type { FileInfo } from './types.js'

export interface WalkOptions {
  /** Levels of directories that are listed, integer >= 1: 1 lists the path only. @defaultValue no limit */
  readonly maxDepth?: number | undefined
  /** A directory before those below it; false: after them. @defaultValue true */
  readonly topDown?: boolean | undefined
  /**
   * What a directory does that cannot be listed. 'omit' leaves it out where that is the directory's own condition (ENOENT,
   * ENOTDIR, EACCES, EINVAL) and rejects otherwise: a network that fails must not look like an empty tree. 'raise' rejects. A function is
   * told and the directory is left out; what it throws rejects. Aborts, resets and closing reject always. @defaultValue 'omit'
   */
  readonly onError?: 'omit' | 'raise' | ((error: Error) => void) | undefined
}

export type WalkStep = [path: string, directories: FileInfo[], files: FileInfo[]]

/**
 * Every directory of a tree with what lies directly in it: depth first, in the order of the store; `files` is all that is no
 * directory. Links to directories are named, not entered. With topDown a caller may edit `directories` in place before asking
 * for the next step: what is removed is not entered, what is added or reordered is followed so. A missing path yields nothing,
 * and so does the path of a file (it has no listing; fsspec yields a nameless entry); to onError they are ENOENT and ENOTDIR.
 *
 * Cost: one listing per directory, one after the other: between two steps nothing is under way, however long the caller takes,
 * and what it prunes is never listed (find() lists in parallel); one `info` more where the path itself has nothing below it. Memory: one
 * directory's entries and the directories that wait; bottom-up also the entries of the directories above the current one.
 *
 * @throws RangeError at once for a maxDepth below 1.
 */
export function walk (core: Core, path: string, options: WalkOptions = {}): AsyncGenerator<WalkStep, void, undefined> {
  const { maxDepth, topDown = true, onError = 'omit' } = options
  checkDepth(maxDepth)
  if (onError !== 'omit' && onError !== 'raise' && typeof onError !== 'function') {
    throw new TypeError(`Expected \`onError\` to be 'omit', 'raise' or a function, got \`${String(onError)}\` (${typeof onError})`)
  }
  const root = core.normalize(path)
  const read = async (directory: string): Promise<WalkStep | undefined> => {
    try {
      return await readDirectory(core, directory, directory === root)
    } catch (error) {
      if (core.signal.aborted || onError === 'raise' || isFsError(error, ...endings)) throw error
      if (onError === 'omit') {
        if (!isFsError(error, ...conditions)) throw error
      } else {
        onError(error as Error)
      }
      return undefined
    }
  }
  return topDown ? walkDown(read, root, maxDepth ?? Infinity) : walkUp(read, root, maxDepth ?? Infinity)
}

/** Errors of a directory, not of the store. */
const conditions = ['ENOENT', 'ENOTDIR', 'EACCES', 'EINVAL'] as const
/** Errors after which no directory can be listed. */
const endings = ['FORKFS_RESET', 'FORKFS_FOREIGN_OWNER', 'FORKFS_CLOSED'] as const

type Read = (directory: string) => Promise<WalkStep | undefined>

async function * walkDown (read: Read, root: string, maxDepth: number): AsyncGenerator<WalkStep, void, undefined> {
  const waiting = [{ path: root, level: 1 }]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const step = await read(next.path)
    if (step === undefined) continue
    yield step
    if (next.level === maxDepth) continue
    const directories = step[1] // as the caller left it
    for (const directory of directories.filter(isEntered).reverse()) waiting.push({ path: directory.name, level: next.level + 1 })
  }
}

async function * walkUp (read: Read, root: string, maxDepth: number): AsyncGenerator<WalkStep, void, undefined> {
  const open: Array<{ readonly step: WalkStep, readonly below: string[] }> = []
  const enter = async (path: string): Promise<void> => {
    const step = await read(path)
    if (step !== undefined) open.push({ step, below: open.length + 1 < maxDepth ? step[1].filter(isEntered).map(({ name }) => name).reverse() : [] })
  }
  await enter(root)
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const path = top.below.pop()
    if (path !== undefined) {
      await enter(path)
    } else {
      open.pop()
      yield top.step
    }
  }
}

async function readDirectory (core: Core, path: string, unproven: boolean): Promise<WalkStep> {
  const directories: FileInfo[] = []
  const files: FileInfo[] = []
  for await (const page of pages(core, path, { recursive: false, strict: !unproven })) {
    for (const entry of page) (entry.type === 'directory' ? directories : files).push(entry)
  }
  if (unproven && directories.length === 0 && files.length === 0) {
    const self = await core.info(path)
    if (self.type !== 'directory') throw new FsError('ENOTDIR', 'it is no directory; ask info() for a file', { path })
  }
  return [path, directories, files]
}
