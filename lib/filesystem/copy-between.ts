import pLimit from 'p-limit'
import type { LimitFunction } from 'p-limit'
import { FsError, fromNodeError, isFsError, withContext } from '../errors/index.js'
import { expectInteger } from '../file/expect.js'
import { isReset, planParts } from '../net/index.js'
import type { Part } from '../net/index.js'
import { allowListeners, realm } from '../owner/index.js'
import type { BoundCore } from './bound-core.js'
import { expectOnError, withSignal } from './bulk.js'
import { planCopy } from './copy-mapping.js'
import type { CopyPlan } from './copy-mapping.js'
import { makeStray, transferAll } from './copy.js'
import type { Transfer } from './copy.js'
import type { Core } from './core.js'
import type { FileSystem } from './filesystem.js'
import { checkSize, Meter, staged } from './get-put.js'
import { checkDepth } from './paths.js'
import { usingProgress } from './progress.js'
import { Pin } from './ranges.js'
import { FreshWriter } from './fresh-writer.js'
import type { CopyOptions, FileInfo, Verb } from './types.js'

const MiB = 1024 * 1024
/** Bytes of one part; a file up to this size is read whole and written in one go. */
const partBytes = 8 * MiB
/** Files above this size share a limit over all of a call: `maxConcurrency` of them would be too much memory. */
const smallBytes = MiB
const mediumAtOnce = 16
const largeAtOnce = 4
/** Parts of one file that are read while the one before them is written. */
const partsAhead = 4

/** Paths as the caller wrote them: a closing slash says something. */
export interface CopySource { readonly fs: FileSystem, readonly path: string | readonly string[] }
export interface CopyTarget { readonly fs: FileSystem, readonly path: string }

/** How every verb is called, for a verb that has two filesystems. */
interface Callable {
  _call<T> (operation: string, path: string | undefined, options: Verb, work: (core: BoundCore) => Promise<T>): Promise<T>
}

/**
 * Copy from one filesystem to another; where both are the same one it copies by itself (cp). Names follow {@link planCopy}.
 * It is one call of both: the caller's abort, a reset of either and one of the owner end it, a close() of either waits for it.
 * In a transaction of the target nothing is published before its end.
 *
 * Each file is published whole or not at all, from one version of its source: one that is newer than its listing is begun
 * again, one that changes while it is read is FORKFS_CHANGED. Files up to 8 MiB go in one piece. Larger ones go through the
 * target's staged writer in parts of 8 MiB, of which 4 are read ahead; those whose length the store does not say, or that it
 * has no ranges of, piece by piece (see `_readChunks`). Pipes, sockets and devices are refused. Memory: 16 files of at most
 * 8 MiB and 16 parts, besides small files and what the writers hold.
 *
 * `onError`: as in cp. `maxConcurrency`: files. Progress: files; bytes in the branches.
 */
export function copyBetween (source: CopySource, target: CopyTarget, options: CopyOptions = {}): Promise<void> {
  if (source.fs === target.fs) return source.fs.cp(source.path, target.path, options)
  const { onError = 'raise', maxConcurrency, maxDepth, signal } = options
  const first = typeof source.path === 'string' ? source.path : source.path[0]
  return call(source.fs, first, signal, async from => {
    expectOnError(onError)
    checkDepth(maxDepth)
    if (maxConcurrency !== undefined) expectInteger('maxConcurrency', maxConcurrency, 1)
    await linked(from.signal, async ({ signal: ended }) => {
      await call(target.fs, target.path, ended, async to => {
        to.refuse('write', 'copying')
        await copyAll(from.withSignal(to.signal), to, source.path, target.path, options)
      })
    })
  })
}

function call<T> (fs: FileSystem, path: string | undefined, signal: AbortSignal | undefined, work: (core: BoundCore) => Promise<T>): Promise<T> {
  return (fs as unknown as Callable)._call('copy', path, { signal }, work)
}

/**
 * A controller that follows a signal as long as `work` goes on. A reset of the source alone comes through as another reason:
 * only a reset of the target may keep it from ending the uploads that it has begun.
 */
async function linked<T> (signal: AbortSignal, work: (controller: AbortController) => Promise<T>): Promise<T> {
  const { epoch } = realm
  const controller = new AbortController()
  allowListeners(controller.signal)
  const forward = (): void => {
    controller.abort(isReset(signal) && realm.epoch === epoch ? new FsError('FORKFS_CLOSED', 'the source was reset') : signal.reason)
  }
  signal.throwIfAborted()
  signal.addEventListener('abort', forward, { once: true })
  try {
    return await work(controller)
  } finally {
    signal.removeEventListener('abort', forward)
  }
}

/** What goes wrong at the source is told as the source's: around it is the call of the target. */
async function told<T> (from: Core, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const known = fromNodeError(error)
    throw isFsError(known) ? withContext(known, { protocol: from.protocol }) : known
  }
}

async function copyAll (from: Core, to: Core, source: string | readonly string[], target: string, options: CopyOptions): Promise<void> {
  await usingProgress(options.progress, async progress => {
    const plan = await told(from, () => planCopy(from, to, source, target, options))
    const maxConcurrency = options.maxConcurrency ?? Math.min(from.concurrency, to.concurrency)
    await transferAll(plan, from, to, carrier(plan), { ...options, progress, maxConcurrency })
  })
}

/** Shared by the files of one call: buffers go round instead of being made anew for each part. */
interface Job { readonly medium: LimitFunction, readonly large: LimitFunction, readonly buffers: Uint8Array[] }
interface Filled { readonly data: Uint8Array, readonly buffer: Uint8Array }
interface Copied { readonly info: FileInfo, readonly from: Core, readonly to: Core, readonly target: string, readonly meter: Meter }

function carrier (plan: CopyPlan): Transfer {
  const job: Job = { medium: pLimit(mediumAtOnce), large: pLimit(largeAtOnce), buffers: [] }
  return async (pair, from, to, child) => {
    const { source, target, looked = false } = pair
    const listed = pair.info !== undefined && (pair.info.size !== undefined || looked)
    const info = listed ? pair.info : await told(from, () => from.info(source))
    if (info.type === 'directory') { await makeStray(plan, to, pair); return }
    if (info.type === 'other') throw new FsError('FORKFS_NOT_SUPPORTED', 'it is a pipe, a socket, a device or a broken link', { path: source, protocol: from.protocol })
    const meter = new Meter(child)
    try {
      await copyFile(job, { info, from, to, target, meter })
    } catch (error) {
      if (!listed || looked || meter.begun || !isFsError(error, 'FORKFS_CHANGED')) throw error
      await copyFile(job, { info: await told(from, () => from.info(source)), from, to, target, meter }) // the listing was older than the file
    }
  }
}

async function copyFile (job: Job, file: Copied): Promise<void> {
  const { info: { size }, from, meter } = file
  meter.begin(size)
  if (size === undefined || (size > partBytes && !from.capabilities.ranges)) await job.large(() => copyChunks(file))
  else if (size > partBytes) await job.large(() => copyParts(job, file, size))
  else await (size <= smallBytes ? copyWhole(file, size) : job.medium(() => copyWhole(file, size)))
}

async function copyWhole ({ info: { name, etag }, from, to, target, meter }: Copied, size: number): Promise<void> {
  from.signal.throwIfAborted()
  const data = await told(from, () => from.readAll(name, { size, ...new Pin(name, etag).options }))
  checkSize(name, data.length, size)
  await to.write(target, data)
  meter.add(data.length)
}

/** From front to back; the store may begin again. */
async function copyChunks ({ info: { name, size, etag }, from, to, target, meter }: Copied): Promise<void> {
  from.signal.throwIfAborted()
  const pin = new Pin(name, etag).options
  await staged(await FreshWriter.open(() => to.openWriter(target)), async writer => {
    for await (const { at, data } of from.readChunks?.(name, pin) ?? [{ at: 0, data: await from.readAll(name, pin) }]) {
      if (at === 0 && writer.size > 0) {
        await writer.clear()
        meter.begin(size)
      }
      await writer.write(data)
      meter.add(data.length)
    }
    checkSize(name, writer.size, size)
    if (size === undefined) meter.tell(writer.size)
  })
}

/** The first part comes alone: with it the version is known, and whether the store has ranges at all. */
async function copyParts ({ buffers }: Job, { info: { name, etag }, from, to, target, meter }: Copied, size: number): Promise<void> {
  const pin = new Pin(name, etag)
  await linked(from.signal, async controller => {
    const source = withSignal(from, controller.signal)
    const parts = planParts(0, size, partBytes)
    const reading: Array<Promise<Filled>> = []
    let next = 0
    const readTo = (end: number): void => {
      while (next < Math.min(end, parts.length)) {
        const read = told(from, () => readPart(source, name, pin, parts[next++]!, buffers.pop() ?? new Uint8Array(partBytes)))
        read.catch(() => {}) // told where it is awaited, unless another fails first
        reading.push(read)
      }
    }
    try {
      await staged(await to.openWriter(target), async writer => {
        for (let index = 0; index < parts.length; index++) {
          readTo(index === 0 ? 1 : index + partsAhead)
          const { data, buffer } = await reading[0]!
          if (index === 0) readTo(partsAhead)
          await writer.write(data)
          meter.add(data.length)
          void reading.shift()
          buffers.push(buffer) // one whose read failed is left to the collector: nobody knows who still writes to it
        }
      })
    } finally {
      if (reading.length > 0) controller.abort(new FsError('FORKFS_CLOSED', 'the copy has ended', { path: name }))
      await Promise.allSettled(reading)
    }
  })
}

async function readPart (from: Core, path: string, pin: Pin, { start, end }: Part, buffer: Uint8Array): Promise<Filled> {
  from.signal.throwIfAborted()
  const { data, etag } = await from.readRange(path, start, end, { ...pin.options, into: buffer.subarray(0, end - start), held: true })
  pin.check(etag)
  if (data.length !== end - start) throw new FsError('FORKFS_TRUNCATED', `${data.length} bytes came where ${end - start} belong`, { path })
  return { data, buffer }
}
