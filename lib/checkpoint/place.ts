import { rmSync } from 'node:fs'
import { lstat, mkdir, readdir, readFile, realpath, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { FsError, fromNodeError, isNodeError } from '../errors/index.js'
import { onceDirectory } from '../locks/index.js'
import { addFinalizer, randomHex, realm } from '../owner/index.js'
import { deletePath, handleLeftovers, journalAdd } from '../resources/index.js'
import { identityOf } from './address.js'
import type { Address } from './address.js'
import { download, planDownload } from './download.js'
import type { Contents } from './download.js'
import { incomplete } from './manifest.js'
import { recordName } from './names.js'
import { amongCopies, explained, reporting } from './shared.js'
import type { ReadOptions } from './shared.js'

/** `.checkpoint.copy`: written last, published with the rest by one rename. */
interface CopyRecord extends Contents {
  readonly version: 1
  /** Of what: identityOf(source). */
  readonly source: string
}

const leftover = 'checkpoint-staging'
const stagingName = /^\.forkfs-[0-9a-f]{16}-[0-9a-f]{16}$/
const removal = { recursive: true, force: true, maxRetries: 10, retryDelay: 100 } as const

/**
 * A copy at a place of the user's, whole or not at all: fetched beside it, then renamed. Calls for one place, in all threads and processes
 * of this user, are one download; where the copy is there already nothing is asked of the store.
 * @throws FsError ENOTEMPTY: something else is there; else as takeCopy()
 */
export async function placeCopy (source: Address, target: string, options: ReadOptions): Promise<string> {
  const { signal, timeoutMs, requireComplete = false } = options
  const identity = identityOf(source)
  try {
    await reporting(options.progress, async inner => {
      for (;;) {
        signal?.throwIfAborted()
        const here = await recordOf(target, identity)
        if (here !== undefined) {
          if (requireComplete && !here.complete) throw incomplete(source, 'it has no manifest, and `requireComplete` is set')
          return { files: here.files.length }
        }
        const filled = await amongCopies(directory => onceDirectory({
          directory, key: `place ${target}`, signal, timeoutMs, transient: true, // what it holds is nothing: that it was done is what counts
          make: (_folder, stop) => fill(source, target, directory, { ...options, signal: stop, progress: inner })
        }))
        await filled.release()
        if (filled.made && await recordOf(target, identity) === undefined) throw occupied(target)
      }
    })
    return target
  } catch (error) {
    throw explained(error, source, 'toDirectory')
  }
}

function occupied (target: string): FsError {
  return new FsError('ENOTEMPTY', 'something else is there: choose a place that is empty or not there', { path: target })
}

/** What is there, if it is a copy of that source with files of the sizes that it had. */
async function recordOf (target: string, identity: string): Promise<CopyRecord | undefined> {
  let record: CopyRecord
  try {
    record = JSON.parse(await readFile(join(target, recordName), 'utf8')) as CopyRecord
  } catch (error) {
    if (error instanceof SyntaxError || (isNodeError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))) return undefined
    throw error
  }
  if (record?.version !== 1 || record.source !== identity || !Array.isArray(record.files)) return undefined
  for (const { name, size } of record.files) {
    const stats = await lstat(join(target, name)).catch(() => undefined)
    if (stats?.size !== size) return undefined
  }
  return record
}

async function isEmpty (target: string): Promise<boolean> {
  try {
    return (await readdir(target)).length === 0
  } catch (error) {
    if (isNodeError(error) && error.code === 'ENOENT') return true
    throw error
  }
}

/** For the holder of the place's lock. */
async function fill (source: Address, target: string, room: string, options: ReadOptions): Promise<void> {
  const identity = identityOf(source)
  if (await recordOf(target, identity) !== undefined) return
  if (!await isEmpty(target)) throw occupied(target)
  const plan = await planDownload(source, options)
  const real = await realpath(target).catch(() => target)
  const parent = dirname(real)
  const prefix = await stagingPrefix(room, real)
  const staging = join(parent, `${prefix}${randomHex(8)}`)
  const { epoch } = realm
  const ticket = await journalAdd({ kind: leftover, data: { staging } })
  let first: string | undefined
  const disarm = addFinalizer({ exit: () => { rmSync(staging, { recursive: true, force: true }) } })
  try {
    first = await mkdir(parent, { recursive: true })
    for (const name of await readdir(parent)) if (name.startsWith(prefix)) await rm(join(parent, name), removal) // of makers that were killed
    await mkdir(staging)
    const contents = await download(plan, staging, options)
    const record: CopyRecord = { version: 1, source: identity, ...contents }
    await writeFile(join(staging, recordName), JSON.stringify(record), { flag: 'wx' })
    checkEpoch(epoch, options.signal)
    await rename(staging, real)
  } catch (error) {
    if (epoch === realm.epoch) {
      await rm(staging, removal)
      if (first !== undefined) await removeParents(parent, first)
    }
    throw fromNodeError(error, { path: target })
  } finally {
    disarm()
    await ticket.done()
  }
}

// Of a maker that was killed, where nobody wants the place any more.
handleLeftovers(leftover, async ({ data }, { dryRun }) => {
  const { staging } = data as { readonly staging?: unknown }
  if (!dryRun && typeof staging === 'string' && stagingName.test(basename(staging))) await deletePath(staging)
  return 'done'
})

function checkEpoch (epoch: number, signal: AbortSignal | undefined): void {
  if (epoch !== realm.epoch) throw new FsError('FORKFS_RESET', 'resetForFork() was called while the copy was made')
  signal?.throwIfAborted()
}

/** Under this name only makers lie that share our locks: others of one machine, or of a shared disk, have another. */
async function stagingPrefix (room: string, target: string): Promise<string> {
  const { dev, ino } = await stat(room)
  const text = `${process.getBuiltinModule('node:os').hostname()} ${dev} ${ino} ${target}`
  return `.forkfs-${process.getBuiltinModule('node:crypto').createHash('sha256').update(text).digest('hex').slice(0, 16)}-`
}

/** Parents that were made for nothing, as far as nobody else uses them. */
async function removeParents (parent: string, first: string): Promise<void> {
  for (let folder = parent; folder.startsWith(first); folder = dirname(folder)) {
    try { await rmdir(folder) } catch { return }
  }
}
