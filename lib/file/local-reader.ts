import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { resolve } from 'node:path'
import { FsError, isFsError } from '../errors/index.js'
import type { Bytes, RangeOptions, RangeRead, Verb } from '../filesystem/types.js'
import { allocate, nothing } from './expect.js'
import { etagOf, infoOf, translated } from './local-info.js'
import type { SizedLocalInfo } from './local-info.js'
import type { RangeSource } from './source.js'

/** Bytes of one read(2): between two of them an abort is noticed. */
const readBytes = 16 * 1024 * 1024

/**
 * A local file that was opened once: its descriptor stays open, every read is pinned to the version it had then. A file
 * that another one took the place of (rename) is still read whole; one that was written to in place rejects.
 *
 * Reads are independent of each other; any number at once. {@link close} waits for them, {@link release} does not.
 */
export class LocalFile implements RangeSource {
  readonly path: string
  readonly info: SizedLocalInfo
  readonly #handle: FileHandle
  readonly #working = new Set<Promise<Bytes>>()
  #closing: Promise<void> | undefined

  constructor (path: string, info: SizedLocalInfo, handle: FileHandle) {
    this.path = path
    this.info = info
    this.#handle = handle
  }

  /** @throws FsError FORKFS_CHANGED, FORKFS_CLOSED; RangeError when `into` is too short. An abort is noticed between 16 MiB. */
  async read (start: number, end: number, options: Verb & { readonly into?: Uint8Array | undefined } = {}): Promise<Bytes> {
    const { signal, into = allocate(end - start) } = options
    if (into.byteLength < end - start) throw new RangeError(`Expected \`into\` to hold ${end - start} bytes, it holds ${into.byteLength}`)
    if (this.#closing !== undefined) throw this.#closed()
    const work = translated(this.path, () => this.#exactly(into.subarray(0, end - start) as Bytes, start, signal))
    this.#working.add(work)
    try {
      return await work
    } catch (error) {
      throw this.#closing !== undefined && isFsError(error, 'FORKFS_BACKEND') ? this.#closed() : error // the descriptor went away
    } finally {
      this.#working.delete(work)
    }
  }

  /** What there is of [start, end) of a file whose size says 0: nothing, or, under /proc and /sys, what the system makes up now. */
  async readUnsized (start: number, end: number, options: Verb & { readonly into?: Uint8Array | undefined } = {}): Promise<Bytes> {
    const { signal, into } = options
    const all = await translated(this.path, () => this.#handle.readFile())
    signal?.throwIfAborted()
    const data = new Uint8Array(all).slice(start, Math.min(end, all.byteLength))
    if (into === undefined) return data
    if (into.byteLength < data.byteLength) throw new RangeError(`Expected \`into\` to hold ${data.byteLength} bytes, it holds ${into.byteLength}`)
    into.set(data)
    return into.subarray(0, data.byteLength) as Bytes
  }

  /** The owner belongs to whoever opened the file: nothing to check here. */
  check (): void {}

  /** Gives the descriptor back as soon as the system calls under way are done; reads that need more reject with FORKFS_CLOSED. */
  release (): void {
    this.#closing ??= this.#handle.close()
    this.#closing.catch(nothing)
  }

  /** Idempotent. Waits for reads under way. */
  close (): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#working).then(() => this.#handle.close())
    return this.#closing
  }

  async #exactly (into: Bytes, start: number, signal: AbortSignal | undefined): Promise<Bytes> {
    const bytes = await fill(this.#handle, into, start, signal)
    // Looked at after the bytes: what was written before or between them shows here.
    const etag = etagOf(await this.#handle.stat({ bigint: true }))
    signal?.throwIfAborted()
    if (etag !== this.info.etag || bytes < into.byteLength) throw changed(this.path, this.info.etag, etag)
    return into
  }

  #closed (): FsError { return new FsError('FORKFS_CLOSED', 'the file is closed', { path: this.path }) }
}

/**
 * Open a regular file for reading, links followed.
 * @throws FsError ENOENT, ENOTDIR, EACCES, EISDIR; FORKFS_NOT_SUPPORTED for pipes, sockets and devices; FORKFS_CHANGED.
 */
export async function openLocalFile (path: string, options: Verb & { readonly ifMatch?: string | undefined } = {}): Promise<LocalFile> {
  const { signal, ifMatch } = options
  signal?.throwIfAborted()
  const name = resolve(path)
  return translated(name, async () => {
    // A pipe without a writer would hold a thread of the pool for ever: never wait for one.
    const handle = await open(name, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    try {
      const info = infoOf(name, await handle.stat({ bigint: true }))
      if (info.type === 'directory') throw new FsError('EISDIR', 'it is a directory', { path: name })
      if (info.type === 'other') throw new FsError('FORKFS_NOT_SUPPORTED', 'it is a pipe, a socket or a device, and has no bytes at offsets', { path: name })
      if (ifMatch !== undefined && ifMatch !== info.etag) throw changed(name, ifMatch, info.etag)
      signal?.throwIfAborted()
      return new LocalFile(name, info as SizedLocalInfo, handle)
    } catch (error) {
      await handle.close()
      throw error
    }
  })
}

/**
 * The bytes that exist of [start, end), all read from one version; `end` undefined: to the end of the file; a negative start
 * counts from the end.
 * @throws FsError as {@link openLocalFile}; RangeError when `into` is too short for the bytes there are.
 */
export async function readLocalRange (path: string, start: number, end: number | undefined, options: RangeOptions = {}): Promise<RangeRead> {
  const { signal, into, ifMatch } = options
  const file = await openLocalFile(path, { signal, ifMatch })
  try {
    const { size, etag } = file.info
    if (size === 0) return { data: await file.readUnsized(Math.max(0, start), end ?? Infinity, { signal, into }), etag }
    const stop = Math.min(end ?? size, size)
    const data = await file.read(Math.min(start < 0 ? Math.max(0, size + start) : start, stop), stop, { signal, into })
    return { data, etag, size }
  } finally {
    await file.close()
  }
}

/** How many bytes there were: read(2) may give fewer than asked for at any time. */
async function fill (handle: FileHandle, into: Uint8Array, start: number, signal: AbortSignal | undefined): Promise<number> {
  let done = 0
  while (done < into.byteLength) {
    signal?.throwIfAborted()
    const { bytesRead } = await handle.read(into, done, Math.min(readBytes, into.byteLength - done), start + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  signal?.throwIfAborted()
  return done
}

export function changed (path: string, wanted: string, found: string | undefined): FsError {
  return new FsError('FORKFS_CHANGED', `the file is not the version ${wanted} any more (${found === undefined ? 'it is gone' : `now ${found}`}); open it again`, { path })
}
