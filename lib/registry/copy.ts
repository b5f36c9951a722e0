import type * as Between from '../filesystem/copy-between.js'
import type { FileSystem } from '../filesystem/filesystem.js'
import { workingDirectory } from '../filesystem/paths.js'
import type { CopyOptions } from '../filesystem/types.js'
import type { UrlOptions } from './builtin-types.js'
import { locate } from './url.js'

const copyNames: ReadonlySet<string> = new Set(['signal', 'onError', 'maxConcurrency', 'progress', 'recursive', 'maxDepth'])

let loading: Promise<typeof Between> | undefined

/**
 * Copy between any two filesystems: `copy('s3://bucket/data/', 'gs://other/data/', { recursive: true })`. Names follow the
 * rules of cp, get and put (docs/copying.md): patterns, lists, closing slashes. What has no scheme is a local path. All URLs of
 * one protocol are of one filesystem, that of the options under its name; the sources of a list must be of one filesystem. Where
 * source and target are of the same, the store copies by itself, as with cp.
 *
 * Each file is published whole or not at all, from one version of its source, and carries its bytes only: content types
 * and metadata do not come along. What was published stands when another file fails or the call is aborted; of files under
 * way nothing is left. A repeated copy does all of them again, and writes over what is there.
 *
 * Memory: at most 16 files of up to 8 MiB and 16 parts of larger ones, besides files up to 1 MiB and what the target's writers
 * hold. `maxConcurrency`: files under way at once. @defaultValue that of the source or of the target, whichever is less
 * `onError`: 'raise' stops at the first error, 'omit' goes on without what failed, 'return' goes on and rejects with an
 * AggregateError in input order. Progress: files; bytes in the branches.
 *
 * @throws TypeError and RangeError for wrong arguments, before any I/O · FsError ENOENT where nothing is found, EINVAL for two
 * sources of one target, FORKFS_NOT_ALLOWED, FORKFS_NOT_SUPPORTED for a target that can not be written, FORKFS_CHANGED for a file
 * that changes while it is read. An abort rejects with `signal.reason`.
 */
export async function copy (source: string | readonly string[], target: string, options: CopyOptions & UrlOptions = {}): Promise<void> {
  const urls: unknown = typeof source === 'string' ? [source] : source
  if (!Array.isArray(urls) || !urls.every(url => typeof url === 'string')) throw new TypeError(`Expected \`source\` to be a URL or an array of URLs, each a string, got (${typeof source})`)
  if (typeof target !== 'string') throw new TypeError(`Expected \`target\` to be a URL, a string, got (${typeof target})`)
  const filesystems = new Map<unknown, FileSystem>()
  const here = workingDirectory()
  const at = async (url: string): Promise<{ readonly fs: FileSystem, readonly path: string }> => {
    const [fs, path] = await locate(url, options, copyNames, here)
    if (!filesystems.has(fs.constructor)) filesystems.set(fs.constructor, fs) // a `fresh` one is made once
    return { fs: filesystems.get(fs.constructor)!, path }
  }
  const to = await at(target)
  const sources: Array<{ readonly fs: FileSystem, readonly path: string }> = []
  for (const url of urls) sources.push(await at(url))
  const from = sources[0]?.fs ?? to.fs
  if (sources.some(({ fs }) => fs !== from)) throw new TypeError('Expected the sources of a list to be of one filesystem: copy those of another in a call of their own')
  const paths = sources.map(({ path }) => path)
  const { signal, onError, maxConcurrency, progress, recursive, maxDepth } = options
  const { copyBetween } = await (loading ??= import('../filesystem/copy-between.js'))
  try {
    await copyBetween({ fs: from, path: typeof source === 'string' ? paths[0]! : paths }, to, { signal, onError, maxConcurrency, progress, recursive, maxDepth })
  } finally {
    for (const fs of filesystems.values()) await fs[Symbol.asyncDispose]() // closes what was made for this call alone
  }
}
