import type { Progress } from './types.js'

/**
 * Give `work` the progress without its `close`, and close it in the end whatever happens: a verb that expands names before
 * the first item starts closes once, also when that expansion fails.
 */
export async function usingProgress<T> (progress: Progress | undefined, work: (progress: Progress | undefined) => Promise<T>): Promise<T> {
  if (progress === undefined) return work(undefined)
  try {
    return await work({
      setSize: size => progress.setSize(size),
      advance: by => progress.advance(by),
      branch: (source, target) => progress.branch?.(source, target)
    })
  } finally {
    progress.close?.()
  }
}

/** The child for one file, which counts bytes; closed when `work` has settled. */
export async function usingBranch<T> (
  progress: Progress | undefined, source: string, target: string, work: (child: Progress | undefined) => Promise<T>
): Promise<T> {
  return usingProgress(progress?.branch?.(source, target), work)
}
