import { fromNodeError, isFsError, withContext } from '../errors/index.js'
import { usingProgress } from '../filesystem/progress.js'
import type { Progress, Verb } from '../filesystem/types.js'
import { onceDirectory, sweepOnceDirectories } from '../locks/index.js'
import type { OnceCopy } from '../locks/index.js'
import { addFinalizer, onReset, realm } from '../owner/index.js'
import { forkfsDirectory } from '../owner/private-directory.js'
import { sweep } from '../resources/index.js'
import { identityOf } from './address.js'
import type { Address } from './address.js'
import { download, planDownload } from './download.js'
import { incomplete } from './manifest.js'

/** What reading a checkpoint takes. An abort rejects with `signal.reason`. */
export interface ReadOptions extends Verb {
  /** Of the caller whose call downloads; for who waits for another's it is full in the end. Files; bytes in the branches. @defaultValue none */
  readonly progress?: Progress | undefined
  /** Refuse a directory without a manifest (FORKFS_INCOMPLETE). @defaultValue false */
  readonly requireComplete?: boolean | undefined
  /**
   * How long to wait while others download, in milliseconds >= 0, Infinity for ever; then FORKFS_LOCK_TIMEOUT. Our own download is not counted.
   * @defaultValue 600_000
   */
  readonly timeoutMs?: number | undefined
}

/** What a shared copy's manifest tells its readers. */
interface CopyInfo { readonly complete: boolean, readonly files: number }

const held = new Set<OnceCopy>()
const kept = new Map<string, OnceCopy>()
const swept = new Set<string>()
let disarm: (() => void) | undefined

/** Where the copies of this node lie: `<tmp>/forkfs-<uid>/checkpoints`. */
function copiesDirectory (): Promise<string> { return forkfsDirectory('checkpoints') }

/** What dead owners left goes after the first use here, and not before it: it may be what that use wants. */
function sweepCopies (directory: string): void {
  if (swept.has(directory)) return
  swept.add(directory)
  for (const sweeping of [sweepOnceDirectories(directory), sweep()]) sweeping.catch(() => {}) // others may be at it: the next one sweeps
}

/** `work` in the directory of copies; where the disk is full, once more without what dead owners left. */
export async function amongCopies<T> (work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await copiesDirectory()
  try {
    return await work(directory)
  } catch (error) {
    if (!isFsError(error, 'ENOSPC') || await sweepOnceDirectories(directory).catch(() => 0) === 0) throw error
    return await work(directory)
  } finally {
    sweepCopies(directory)
  }
}

/** Reader's progress over a download that may go on for others when this call has ended. */
export async function reporting<T extends { readonly files: number }> (progress: Progress | undefined, work: (inner: Progress | undefined) => Promise<T>): Promise<T> {
  return usingProgress(progress, async outer => {
    if (outer === undefined) return work(undefined)
    let [told, open] = [false, true]
    const tell = (report: (progress: Progress) => void): void => {
      told = true
      if (open) report(outer)
    }
    try {
      const result = await work({
        setSize: size => { tell(inner => { inner.setSize(size) }) },
        advance: by => { tell(inner => { inner.advance(by) }) },
        branch: (source, target) => open ? outer.branch?.(source, target) : undefined
      })
      if (!told) {
        outer.setSize(result.files)
        outer.advance(result.files)
      }
      return result
    } finally {
      open = false
    }
  })
}

/**
 * One copy per node, for all threads and processes that want the same directory of the same store at the same time. The last reader removes it.
 * @throws FsError: see planDownload() and download(); FORKFS_LOCK_TIMEOUT, FORKFS_RESET; `signal.reason`
 */
export async function takeCopy (source: Address, options: ReadOptions): Promise<OnceCopy> {
  const { signal, timeoutMs, requireComplete = false, progress } = options
  try {
    const key = `checkpoint ${identityOf(source)}`
    const { copy } = await reporting(progress, async inner => {
      const once = (): Promise<OnceCopy> => amongCopies(directory => onceDirectory({
        directory, key, signal, timeoutMs, transient: true,
        async make (folder, stop): Promise<CopyInfo> {
          const { complete, files } = await download(await planDownload(source, { signal: stop, requireComplete }), folder, { signal: stop, progress: inner })
          return { complete, files: files.length }
        }
      }))
      const copy = await once().catch((error: unknown) => {
        // Whoever began it may have wanted more than this call does.
        if (!requireComplete && isFsError(error, 'FORKFS_INCOMPLETE')) return once()
        throw error
      })
      return { copy, files: (copy.info as CopyInfo).files }
    })
    if (requireComplete && !(copy.info as CopyInfo).complete) {
      await copy.release()
      throw incomplete(source, 'it has no manifest, and `requireComplete` is set')
    }
    hold(copy)
    return copy
  } catch (error) {
    throw explained(error, source)
  }
}

/** With the checkpoint's path where the error has none. */
export function explained (error: unknown, { fs, path }: Address, operation = 'checkpoint'): unknown {
  const known = fromNodeError(error)
  return isFsError(known) ? withContext(known, { operation, path, protocol: fs.protocol }) : known
}

/** At the natural end of the process what is still held goes as if it had been released. */
function hold (copy: OnceCopy): void {
  disarm ??= addFinalizer({ drain: releaseAll })
  held.add(copy)
}

export async function releaseCopy (copy: OnceCopy): Promise<void> {
  held.delete(copy)
  if (held.size === 0) {
    disarm?.()
    disarm = undefined
  }
  await copy.release()
}

async function releaseAll (): Promise<void> {
  disarm = undefined
  const copies = [...held]
  held.clear()
  kept.clear()
  await Promise.all(copies.map(copy => copy.release()))
}

/** A copy that stays until this owner ends: one for all its calls. */
export async function keepCopy (source: Address, options: ReadOptions): Promise<string> {
  const { epoch } = realm
  const key = identityOf(source)
  const copy = await takeCopy(source, options)
  if (epoch !== realm.epoch) return copy.path
  if (kept.has(key)) await releaseCopy(copy)
  else kept.set(key, copy)
  return copy.path
}

onReset(() => {
  held.clear()
  kept.clear()
  swept.clear()
  disarm = undefined
  return {}
})
