import type { Core } from './core.js'
import { describeRoot, eachAtOnce, infoIfThere, visitTree } from './find.js'
import { checkDepth } from './paths.js'

export interface DuOptions {
  /** Levels below the path, integer >= 1. @defaultValue no limit */
  readonly maxDepth?: number | undefined
  /** Count what directories themselves take up, where the store tells. @defaultValue false */
  readonly withDirectories?: boolean | undefined
}

/**
 * Sum of the sizes of all files below a path, in bytes, or the size of the file at the path. A missing path counts 0, and so
 * does a file whose size nobody tells. Costs what find() costs: sizes come from the listing, and only where a listing does not
 * tell one (pages of web servers) an `info` asks for it, `core.concurrency` at once. Nothing is kept.
 *
 * @throws RangeError for a maxDepth below 1 · FsError of a listing that failed.
 */
export async function du (core: Core, path: string, options: DuOptions = {}): Promise<number> {
  const { maxDepth, withDirectories = false } = options
  checkDepth(maxDepth)
  const root = core.normalize(path)
  let bytes = 0
  let unknown: string[] = []
  const ask = async (bound: Core): Promise<void> => {
    if (unknown.length === 0) return
    const names = unknown
    unknown = []
    await eachAtOnce(bound, names, async (name, each) => {
      const found = await infoIfThere(each, name)
      bytes += found?.size ?? 0
    })
  }
  const listed = await visitTree(core, root, { maxDepth, afterPage: ask }, ({ type, size, name }) => {
    if (type === 'directory' && !withDirectories) return
    if (size !== undefined) bytes += size
    else if (type === 'file') unknown.push(name)
  })
  if (listed && !withDirectories) return bytes
  const self = await describeRoot(core, root, listed, true)
  if (self !== undefined && (self.type !== 'directory' || withDirectories)) bytes += self.size ?? 0
  return bytes
}
