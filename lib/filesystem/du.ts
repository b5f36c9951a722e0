import type { Core } from './core.js'
import { describeRoot, visitTree } from './find.js'
import { checkDepth } from './paths.js'

export interface DuOptions {
  /** Levels below the path, integer >= 1. @defaultValue no limit */
  readonly maxDepth?: number | undefined
  /** Count what directories themselves take up, where the store tells. @defaultValue false */
  readonly withDirectories?: boolean | undefined
}

/**
 * Sum of the sizes of all files below a path, in bytes, or the size of the file at the path; an unknown size counts 0, and so
 * does a missing path. Sizes come from the listing: no request per file, and nothing is kept. Costs what find() costs.
 *
 * @throws RangeError for a maxDepth below 1 · FsError of a listing that failed.
 */
export async function du (core: Core, path: string, options: DuOptions = {}): Promise<number> {
  const { maxDepth, withDirectories = false } = options
  checkDepth(maxDepth)
  const root = core.normalize(path)
  let bytes = 0
  const listed = await visitTree(core, root, { maxDepth }, entry => {
    if (entry.type !== 'directory' || withDirectories) bytes += entry.size ?? 0
  })
  if (listed && !withDirectories) return bytes
  const self = await describeRoot(core, root, listed, true)
  if (self !== undefined && (self.type !== 'directory' || withDirectories)) bytes += self.size ?? 0
  return bytes
}
