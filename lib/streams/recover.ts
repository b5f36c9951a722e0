import { open, stat } from 'node:fs/promises'
import { fromNodeError, FsError, isFsError, isNodeError, isRecord } from '../errors/index.js'
import type { Descriptor } from '../filesystem/descriptor.js'
import type { FileSystem } from '../filesystem/filesystem.js'
import type { Verb } from '../filesystem/types.js'
import { uploadKind } from '../filesystem/upload-journal.js'
import type { UploadRecord } from '../filesystem/upload-journal.js'
import type { UrlOptions } from '../registry/builtin-types.js'
import { filesystem } from '../registry/instances.js'
import { loadImplementation } from '../registry/protocols.js'
import { revive } from '../registry/revive.js'
import { checkAllowed, urlToFs } from '../registry/url.js'
import { handleLeftovers, sweep } from '../resources/index.js'
import type { LeftoverHandler } from '../resources/index.js'
import { s3Defaults } from './s3cfg.js'
import { stagedKind, upload } from './upload.js'
import type { StagedRecord } from './upload.js'
import { urlOptions } from './options.js'

const dayMs = 24 * 60 * 60 * 1000
/** Somebody else's sweep is waited for so long. */
const patienceMs = 30_000

export type RecoverOptions = UrlOptions & Verb & {
  /** Only tell what would be done: nothing is deleted, sent or ended. @defaultValue false */
  readonly dryRun?: boolean | undefined
  /** A URL prefix ('s3://bucket/models/'): unfinished uploads below it are ended as well, whoever began them. */
  readonly uploads?: string | undefined
  /** How old those must be. Whoever still writes one fails. @defaultValue a day */
  readonly olderThanMs?: number | undefined
  /** Keys for s3, as in StreamOptions. */
  readonly s3cfg?: string | false | undefined
}

export interface RecoverReport {
  readonly uploadsAborted: number
  /** Folders of temporary files of dead owners, and staged files that nothing can come of any more. */
  readonly filesRemoved: number
  /** Staged files that were whole, and are published now. */
  readonly committed: number
  /** What could not be done now and stays for the next time; each has its error in `failures`, or belongs to another part of the program. */
  readonly kept: number
  readonly failures: readonly unknown[]
}

interface Counts { uploadsAborted: number, filesRemoved: number, committed: number, failures: unknown[] }
interface Job { readonly options: RecoverOptions, readonly counts: Counts }

/** One after another: handlers are this thread's. */
let last: Promise<unknown> = Promise.resolve()

/**
 * Finish or drop what dead owners of this machine and user left in FORKFS_TMPDIR: uploads in their journals are ended, staged files that were whole when
 * process.exit() came are sent, other staged files go. With `uploads` also what the store itself lists and is older than `olderThanMs`: for machines
 * that are gone. Credentials are this process's own, or those of the options: journals hold none. To be called when a job starts, or by hand.
 * @throws TypeError, RangeError; FsError of `uploads`. What a single leftover failed with is in the report
 */
export async function recover (options: RecoverOptions = {}): Promise<RecoverReport> {
  if (typeof options !== 'object' || options === null) throw new TypeError('Expected the options to be an object')
  const { dryRun = false, uploads, olderThanMs = dayMs, signal, s3cfg, ...rest } = options
  if (typeof dryRun !== 'boolean') throw new TypeError(`Expected \`dryRun\` to be a boolean, got (${typeof dryRun})`)
  if (uploads !== undefined && typeof uploads !== 'string') throw new TypeError(`Expected \`uploads\` to be a URL prefix, got (${typeof uploads})`)
  if (typeof olderThanMs !== 'number') throw new TypeError(`Expected \`olderThanMs\` to be a number of milliseconds >= 0, got (${typeof olderThanMs})`)
  if (!(olderThanMs >= 0)) throw new RangeError(`Expected \`olderThanMs\` to be a number of milliseconds >= 0, got \`${olderThanMs}\` (number)`)
  const turn = last.then(async () => {
    const counts: Counts = { uploadsAborted: 0, filesRemoved: 0, committed: 0, failures: [] }
    const kept = await recoverJournals({ options: { ...urlOptions(rest), dryRun, signal, s3cfg }, counts })
    if (uploads !== undefined) await abortListed(uploads, { ...urlOptions(rest), dryRun, olderThanMs, signal, s3cfg }, counts)
    return { ...counts, kept }
  })
  last = turn.catch(() => {})
  return turn
}

async function recoverJournals (job: Job): Promise<number> {
  const { options: { dryRun, signal }, counts } = job
  const withdraw = [handleLeftovers(uploadKind, endUpload(job)), handleLeftovers(stagedKind, finishStaged(job))]
  try {
    const report = await sweep({ dryRun, signal, patienceMs })
    counts.filesRemoved += report.roots
    counts.failures.push(...report.failures)
    return report.kept
  } finally {
    for (const done of withdraw) done()
  }
}

/** The instance that a dead owner used, as far as this process may: with the caller's options where there are any. */
async function fsOf ({ protocol, descriptor }: { readonly protocol: string, readonly descriptor?: Descriptor | undefined }, options: RecoverOptions): Promise<FileSystem> {
  checkAllowed(protocol, options.allowedProtocols)
  const type = await loadImplementation(protocol)
  const resolved = isRecord(descriptor?.$forkfs['options']) ? descriptor.$forkfs['options'] : {}
  const given: Record<string, unknown> = {}
  for (const alias of type.protocols) Object.assign(given, (options as Readonly<Record<string, unknown>>)[alias])
  if (protocol === 's3') {
    const { s3 } = await s3Defaults({ s3: { ...resolved, ...given } }, options.s3cfg)
    if (s3?.credentials !== undefined) given['credentials'] = s3.credentials
  }
  if (Object.keys(given).length > 0 || descriptor === undefined) return filesystem(protocol, { ...resolved, ...given })
  return revive(structuredClone({ fs: descriptor }), { allowedProtocols: options.allowedProtocols }).fs as FileSystem
}

const endUpload = ({ options, counts }: Job): LeftoverHandler => async ({ data }, { signal, dryRun }) => {
  const record = data as UploadRecord
  if (!dryRun) {
    const fs = await fsOf(record, options)
    await fs.abortUpload(record.path, record.uploadId, { signal }).catch((error: unknown) => {
      if (!isFsError(error, 'ENOENT')) throw error // no bucket, no upload
    })
  }
  counts.uploadsAborted++
  return 'done'
}

const finishStaged = ({ options, counts }: Job): LeftoverHandler => async ({ data }, { signal, dryRun }) => {
  const record = data as StagedRecord
  if (!await isWhole(record)) return 'done' // it was sent, or the disk lost it; its folder goes with the sweep
  const outcome = dryRun ? 'committed' : await sendStaged(record, await fsOf(record, options), signal)
  counts[outcome]++
  return 'done'
}

async function isWhole ({ file, size }: StagedRecord): Promise<boolean> {
  try {
    return (await stat(file)).size === size
  } catch (error) {
    if (isNodeError(error) && error.code === 'ENOENT') return false
    throw fromNodeError(error, { operation: 'recover', path: file })
  }
}

/** What was written since wins, as it would have if the dead owner had been in time. */
async function sendStaged (record: StagedRecord, fs: FileSystem, signal: AbortSignal | undefined): Promise<'committed' | 'filesRemoved'> {
  const { path, flag, options, file, size, at } = record
  const there = await fs.info(path, { signal }).catch((error: unknown) => {
    if (isFsError(error, 'ENOENT')) return undefined
    throw error
  })
  if (there?.type === 'file' && (flag === 'wx' || (there.modified !== undefined && there.modified.getTime() > at))) return 'filesRemoved'
  const handle = await open(file, 'r')
  try {
    const read = async (into: Uint8Array, position: number): Promise<number> => (await handle.read(into, 0, into.byteLength, position)).bytesRead
    await upload({ size, read }, { fs, path, flag, options }, signal)
    return 'committed'
  } catch (error) {
    if (isFsError(error, 'EEXIST')) return 'filesRemoved'
    throw error
  } finally {
    await handle.close()
  }
}

async function abortListed (prefix: string, options: RecoverOptions & { readonly olderThanMs: number }, counts: Counts): Promise<void> {
  const { dryRun, olderThanMs, signal, s3cfg, ...rest } = options
  const [fs, path] = await urlToFs(prefix, prefix.startsWith('s3:') ? await s3Defaults(rest, s3cfg) : rest)
  const newest = Date.now() - olderThanMs
  const failures: unknown[] = []
  for await (const { path: target, id, begun } of fs.uploads(prefix.endsWith('/') ? `${path}/` : path, { signal })) {
    if (begun === undefined || begun.getTime() > newest) continue
    try {
      if (dryRun !== true) await fs.abortUpload(target, id, { signal })
      counts.uploadsAborted++
    } catch (error) {
      if (signal?.aborted === true || !isFsError(error)) throw error
      failures.push(new FsError(error.code, 'an upload could not be ended', { operation: 'recover', path: target, protocol: fs.protocol, cause: error }))
    }
  }
  counts.failures.push(...failures)
}
