import { closeSync, openSync, writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { FsError, fromNodeError, isFsError } from '../errors/index.js'
import { closeHandle, holdHandle } from '../owner/index.js'
import { temporaryContext } from '../resources/index.js'
import type { TemporaryContext } from '../resources/index.js'

/** Small writes are gathered: one system call for so many bytes. */
const bufferBytes = 256 * 1024

/**
 * A private file (0600 in a 0700 folder of this owner) that is written from front to back by one writer. It goes with the process, unless the journal
 * keeps it. Memory: 256 KiB.
 */
export class StagedFile {
  readonly path: string
  readonly #context: TemporaryContext
  readonly #handle: FileHandle
  #buffer: Uint8Array | undefined
  #filled = 0
  /** Bytes that the file holds. */
  #written = 0
  #gone = false

  private constructor (path: string, context: TemporaryContext, handle: FileHandle) {
    this.path = path
    this.#context = context
    this.#handle = handle
  }

  /** @throws FsError ENOSPC, EACCES, EROFS, FORKFS_CONFIG: the temporary folder can not be used */
  static async create (): Promise<StagedFile> {
    const context = await temporaryContext().catch((error: unknown) => {
      // These would read as if the object were meant.
      if (!isFsError(error, 'EEXIST', 'ENOENT', 'ENOTDIR')) throw error
      throw new FsError('FORKFS_CONFIG', 'the folder for temporary files can not be used, FORKFS_TMPDIR names another', { operation: 'openStream', path: error.path, cause: error })
    })
    try {
      const path = await context.file('.staged')
      return new StagedFile(path, context, holdHandle(await open(path, 'r+')))
    } catch (error) {
      await context.close()
      throw fromNodeError(error, { operation: 'openStream', path: context.path })
    }
  }

  get size (): number { return this.#written + this.#filled }

  /** Resolves when the bytes are taken; they may be used again then. One call at a time. */
  async write (chunk: Uint8Array): Promise<void> {
    if (this.#filled + chunk.byteLength > bufferBytes) await this.flush()
    if (chunk.byteLength >= bufferBytes) {
      await this.#append(chunk)
    } else {
      this.#buffer ??= new Uint8Array(bufferBytes)
      this.#buffer.set(chunk, this.#filled)
      this.#filled += chunk.byteLength
    }
  }

  async flush (): Promise<void> {
    if (this.#filled === 0) return
    await this.#append(this.#buffer!.subarray(0, this.#filled))
    this.#filled = 0
  }

  async #append (bytes: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < bytes.byteLength;) {
        const { bytesWritten } = await this.#handle.write(bytes, done, bytes.byteLength - done, this.#written + done)
        done += bytesWritten
      }
    } catch (error) {
      throw fromNodeError(error, { operation: 'write', path: this.path })
    }
    this.#written += bytes.byteLength
  }

  /** Exactly the bytes at `position`, as many as `into` takes or the file has. */
  async read (into: Uint8Array, position: number): Promise<number> {
    try {
      let done = 0
      while (done < into.byteLength) {
        const { bytesRead } = await this.#handle.read(into, done, into.byteLength - done, position + done)
        if (bytesRead === 0) break
        done += bytesRead
      }
      return done
    } catch (error) {
      throw fromNodeError(error, { operation: 'upload', path: this.path })
    }
  }

  /**
   * For `exit` handlers: bring what was taken to the disk now. A flush that is under way is written once more, to the same place.
   * @returns false where the file is gone
   */
  completeSync (): boolean {
    if (this.#gone) return false
    if (this.#filled === 0) return true
    const fd = openSync(this.path, 'r+')
    try {
      const bytes = this.#buffer!.subarray(0, this.#filled)
      for (let done = 0; done < bytes.byteLength;) done += writeSync(fd, bytes, done, bytes.byteLength - done, this.#written + done)
    } finally {
      closeSync(fd)
    }
    return true
  }

  /** To disk, then close: the file stays for as long as the journal keeps it. */
  async keep (): Promise<void> {
    await this.flush()
    await this.#handle.datasync()
    await closeHandle(this.#handle)
  }

  /** Delete the file, unless the journal keeps it. Idempotent; nothing after a reset. */
  async discard (): Promise<void> {
    this.#gone = true
    this.#buffer = undefined
    await closeHandle(this.#handle)
    await this.#context.close()
  }
}
