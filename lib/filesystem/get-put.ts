import pLimit from 'p-limit'
import type { LimitFunction } from 'p-limit'
import { FsError, isFsError } from '../errors/index.js'
import { openLocalFile } from '../file/local.js'
import { planParts } from '../net/index.js'
import type { LocalWriter } from '../file/local.js'
import { eachBulk, withSignal } from './bulk.js'
import { planCopy } from './copy-mapping.js'
import { makeStray, transferAll } from './copy.js'
import { LocalCore } from './local-core.js'
import { usingProgress } from './progress.js'
import { Pin } from './ranges.js'
import type { CopyPlan } from './copy-mapping.js'
import type { Transfer } from './copy.js'
import type { Core } from './core.js'
import type { CopyOptions, FileInfo, Progress, StagedWriter } from './types.js'

const MiB = 1024 * 1024
/** A file from this size on is fetched in parts, in parallel. */
const parallelFrom = 16 * MiB
/** Bytes of one part of a download, and of one step of an upload; a file up to this size is uploaded in one go. */
const partBytes = 8 * MiB
/** Larger reads share a limit over all files of a call: `maxConcurrency` of them would be too much memory. */
const smallBytes = MiB
const largeAtOnce = 16
const uploadsAtOnce = 8

/**
 * Download. Names follow {@link planCopy}; relative local paths begin at the working directory of the call's start, missing
 * parents are made. Each file is staged beside its place and renamed: it is there whole or not at all, from one version of the
 * source; one that changes meanwhile is begun again once, then FORKFS_CHANGED. Files of 16 MiB and more come in parts of 8 MiB
 * in parallel. A key that would leave the target directory is EINVAL before anything is fetched. Memory: at most 16 parts,
 * besides small files; of a store without ranges, or one that does not say how long a file is, a piece at a time (see `_readChunks`).
 *
 * `onError`: as in {@link cp}. Progress: files; bytes in the branches.
 */
export async function get (core: Core, remote: string | readonly string[], local: string | readonly string[], options: CopyOptions = {}, cwd?: string): Promise<void> {
  const side = new LocalCore({ signal: core.signal, cwd })
  await usingProgress(options.progress, async progress => {
    const plan = await planCopy(core, side, remote, local, options)
    const maxConcurrency = options.maxConcurrency ?? core.concurrency
    await transferAll(plan, core, side, downloader(plan, maxConcurrency), { ...options, progress, maxConcurrency })
  })
}

/**
 * Upload. Names follow {@link planCopy}. Files up to 8 MiB are written in one go, larger ones through the store's staged
 * writer: the old object stays until the new one is whole. A local file that changes while it is read is FORKFS_CHANGED.
 * Links are followed, except to directories. Pipes, sockets and devices are refused. Memory: two parts of 8 MiB for each of at
 * most 8 large files, besides what the store's writer holds.
 *
 * `onError`: as in {@link cp}. Progress: files; bytes in the branches.
 */
export async function put (core: Core, local: string | readonly string[], remote: string | readonly string[], options: CopyOptions = {}, cwd?: string): Promise<void> {
  const side = new LocalCore({ signal: core.signal, cwd })
  await usingProgress(options.progress, async progress => {
    const plan = await planCopy(side, core, local, remote, options)
    const maxConcurrency = options.maxConcurrency ?? core.concurrency
    await transferAll(plan, side, core, uploader(plan), { ...options, progress, maxConcurrency })
  })
}

/** What a child was told so far: a download that begins again counts bytes once. */
export class Meter {
  readonly #child: Progress | undefined
  #told = 0
  #now = 0

  constructor (child: Progress | undefined) {
    this.#child = child
  }

  begin (size: number | undefined): void {
    this.#now = 0
    if (size !== undefined) this.tell(size)
  }

  /** Whether any byte has arrived since begin(). */
  get begun (): boolean { return this.#now > 0 }

  tell (size: number): void { this.#child?.setSize(size) }

  add (bytes: number): void {
    this.#now += bytes
    if (this.#now <= this.#told) return
    this.#child?.advance(this.#now - this.#told)
    this.#told = this.#now
  }
}

function downloader (plan: CopyPlan, concurrency: number): Transfer {
  const job = { limit: pLimit(Math.min(concurrency, largeAtOnce)), buffers: [] }
  return async (pair, from, to, child) => {
    const meter = new Meter(child)
    const info = pair.info === undefined || (pair.info.size === undefined && pair.looked !== true) ? await from.info(pair.source) : pair.info
    if (info.type === 'directory') { await makeStray(plan, to, pair); return }
    try {
      await download(job, { info, from, to, target: pair.target, meter })
    } catch (error) {
      if (!isFsError(error, 'FORKFS_CHANGED')) throw error // once more for what is there now: a listing may be older than the file
      await download(job, { info: await from.info(pair.source), from, to, target: pair.target, meter })
    }
  }
}

/** Shared by the files of one call: buffers go round instead of being made anew for each part. */
interface DownloadJob { readonly limit: LimitFunction, readonly buffers: Uint8Array[] }
interface Download { readonly info: FileInfo, readonly from: Core, readonly to: Core, readonly target: string, readonly meter: Meter }

async function download (job: DownloadJob, file: Download): Promise<void> {
  const { info: { size }, from, to, target, meter } = file
  meter.begin(size)
  await staged(await to.openWriter(target) as LocalWriter, async writer => {
    if (size === 0) return
    if (size === undefined || (size >= parallelFrom && !from.capabilities.ranges)) await job.limit(() => downloadChunks(file, writer))
    else if (size >= parallelFrom) await downloadParts(job, file, size, writer)
    else await (size <= smallBytes ? downloadWhole(file, size, writer) : job.limit(() => downloadWhole(file, size, writer)))
  })
}

async function downloadWhole ({ info: { name, etag }, from, meter }: Download, size: number, writer: LocalWriter): Promise<void> {
  from.signal.throwIfAborted()
  const data = await from.readAll(name, { size, ...new Pin(name, etag).options })
  checkSize(name, data.length, size)
  await writer.write(data)
  meter.add(data.length)
}

/** From front to back; the store may begin again. */
async function downloadChunks ({ info: { name, size, etag }, from, meter }: Download, writer: LocalWriter): Promise<void> {
  from.signal.throwIfAborted()
  const pin = new Pin(name, etag).options
  for await (const { at, data } of from.readChunks?.(name, pin) ?? [{ at: 0, data: await from.readAll(name, pin) }]) {
    if (at === 0 && writer.size > 0) {
      await writer.clear()
      meter.begin(size)
    }
    await writer.writeAt(data, at)
    meter.add(data.length)
  }
  checkSize(name, writer.size, size)
  if (size === undefined) meter.tell(writer.size)
}

export function checkSize (path: string, got: number, announced: number | undefined): void {
  if (announced !== undefined && got !== announced) throw new FsError('FORKFS_CHANGED', `it has ${got} bytes where ${announced} were announced`, { path })
}

async function downloadParts ({ limit, buffers }: DownloadJob, { info, from, meter }: Download, size: number, writer: LocalWriter): Promise<void> {
  const { name, etag } = info
  const pin = new Pin(name, etag)
  const one = async (start: number, end: number, signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted()
    const buffer = buffers.pop() ?? new Uint8Array(partBytes)
    const read = await withSignal(from, signal).readRange(name, start, end, { ...pin.options, into: buffer.subarray(0, end - start), held: true })
    pin.check(read.etag)
    if (read.data.length !== end - start) throw new FsError('FORKFS_TRUNCATED', `${read.data.length} bytes came where ${end - start} belong`, { path: name })
    await writer.writeAt(read.data, start)
    buffers.push(buffer) // one whose read failed is left to the collector: nobody knows who still writes to it
    meter.add(end - start)
  }
  await eachBulk(planParts(0, size, partBytes), ({ start, end }, _index, signal) => limit(() => one(start, end, signal)), {
    concurrency: largeAtOnce,
    signal: from.signal
  })
}

/** Commit what `work` wrote, or leave nothing. */
export async function staged<W extends StagedWriter> (writer: W, work: (writer: W) => Promise<void>): Promise<void> {
  try {
    await work(writer)
    await writer.commit()
  } catch (error) {
    await writer.abort(error).catch(() => {}) // the first error is the one to tell
    throw error
  }
}

function uploader (plan: CopyPlan): Transfer {
  const limit = pLimit(uploadsAtOnce)
  return async (pair, from, to, child) => {
    const { source, target } = pair
    const info = await from.info(source)
    if (info.type === 'directory') { await makeStray(plan, to, pair); return }
    if (info.type === 'other') throw new FsError('FORKFS_NOT_SUPPORTED', 'it is a pipe, a socket, a device or a broken link', { path: source })
    const meter = new Meter(child)
    meter.begin(info.size)
    if (info.size! <= partBytes) {
      const read = async (): Promise<void> => {
        from.signal.throwIfAborted()
        await to.write(target, await from.readAll(source, { ifMatch: info.etag }))
      }
      await (info.size! <= smallBytes ? read() : limit(read))
      meter.add(info.size!)
    } else {
      await limit(() => uploadLarge(info, from, to, target, meter))
    }
  }
}

/** The next part is read while the last one is written. */
async function uploadLarge ({ name, etag }: FileInfo, { signal }: Core, to: Core, target: string, meter: Meter): Promise<void> {
  const file = await openLocalFile(name, { ifMatch: etag, signal })
  try {
    await staged(await to.openWriter(target), async writer => {
      const parts = planParts(0, file.info.size, partBytes)
      const buffers = [new Uint8Array(partBytes), new Uint8Array(partBytes)]
      const read = (index: number): Promise<Uint8Array> | undefined => {
        const part = parts[index]
        const reading = part && file.read(part.start, part.end, { signal, into: buffers[index % 2]!.subarray(0, part.end - part.start) })
        reading?.catch(() => {}) // told where it is awaited, unless the write before it fails first
        return reading
      }
      let next = read(0)
      for (let index = 0; index < parts.length; index++) {
        const chunk = (await next)!
        next = read(index + 1)
        await writer.write(chunk)
        meter.add(chunk.length)
      }
    })
  } finally {
    await file.close()
  }
}
