import { once } from 'node:events'
import type { Readable, Transform } from 'node:stream'
import { FsError } from '../errors/index.js'
import type { Bytes, CompressionName, FileInfo, StagedWriter } from '../filesystem/types.js'
import type { ByteReader } from './byte-reader.js'
import { fromZlibError, loadCodec, resolveCompression } from './codecs.js'
import type { Codec } from './codecs.js'
import { allocate, expectBytes, nothing } from './expect.js'
import { nodeReadable } from './node-readable.js'
import { Queue } from './ranges.js'

export { resolveCompression } from './codecs.js'

type Choice = 'infer' | CompressionName | null | undefined

/**
 * The decoded bytes of a compressed file; `stored` itself where 'infer' finds no compression. Sequential: a read decodes
 * on from where the last one ended, a read further on skips what is between, a read further back decodes again from the
 * beginning. Reads wait for each other. The size is unknown until the end; memory: the window of the reader below and
 * one decoded chunk. Closing it closes `stored`.
 *
 * @throws TypeError for an unknown name; FsError FORKFS_MISSING_PEER. `stored` is closed then. Reads reject with
 *   FORKFS_TRUNCATED where the file ends too early, FORKFS_PROTOCOL where its bytes are none of this format.
 */
export async function openCompressedReader (stored: ByteReader, compression: Choice): Promise<ByteReader> {
  try {
    const name = resolveCompression(compression, stored.path)
    return name === undefined ? stored : new Decoded(stored, await loadCodec(name, stored.path))
  } catch (error) {
    await stored.close(error)
    throw error
  }
}

/** One run of the decoder over the file. */
interface Run { readonly input: Readable, readonly decoder: ReturnType<Codec['decoder']>, readonly output: AsyncIterator<Uint8Array>, at: number, rest: Uint8Array }

class Decoded implements ByteReader {
  readonly path: string
  readonly info: FileInfo
  readonly size = undefined
  readonly #stored: ByteReader
  readonly #codec: Codec
  readonly #queue = new Queue()
  #run: Run | undefined
  #closing: Promise<void> | undefined

  constructor (stored: ByteReader, codec: Codec) {
    this.path = stored.path
    this.info = { ...stored.info, size: undefined, storedSize: stored.size }
    this.#stored = stored
    this.#codec = codec
  }

  async read (start: number, end: number, signal?: AbortSignal, into?: Uint8Array): Promise<Bytes> {
    return this.#queue.run(async () => {
      signal?.throwIfAborted()
      if (this.#closing !== undefined) throw new FsError('FORKFS_CLOSED', 'the file is closed', { path: this.path })
      if (this.#run !== undefined && start < this.#run.at) await this.#stop()
      this.#run ??= this.#begin()
      const { input } = this.#run
      const abort = (): void => { input.destroy(signal?.reason as Error) }
      signal?.addEventListener('abort', abort, { once: true })
      try {
        return await this.#take(this.#run, start, end, into)
      } catch (error) {
        await this.#stop()
        throw signal?.aborted === true ? signal.reason : fromZlibError(error, this.path)
      } finally {
        signal?.removeEventListener('abort', abort)
      }
    })
  }

  check (): void { this.#stored.check() }

  fork (): ByteReader { return new Decoded(this.#stored.fork(), this.#codec) }

  close (reason: unknown): Promise<void> {
    this.#closing ??= (async () => {
      this.#run?.input.destroy(reason as Error)
      await this.#queue.idle()
      await this.#stop()
      await this.#stored.close(reason)
    })()
    return this.#closing
  }

  #begin (): Run {
    const input = nodeReadable(this.#stored.fork())
    const decoder = this.#codec.decoder()
    input.on('error', error => { decoder.destroy(error) })
    input.pipe(decoder)
    return { input, decoder, output: decoder[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>, at: 0, rest: new Uint8Array(0) }
  }

  async #stop (): Promise<void> {
    const run = this.#run
    if (run === undefined) return
    this.#run = undefined
    run.decoder.on('error', nothing).destroy()
    run.input.on('error', nothing)
    if (!run.input.closed) {
      const closed = once(run.input, 'close')
      run.input.destroy()
      await closed.catch(nothing)
    }
  }

  /** The bytes of [start, end), with `start` not behind the run; fewer at the end of the file. */
  async #take (run: Run, start: number, end: number, into: Uint8Array | undefined): Promise<Bytes> {
    let target = into ?? allocate(end - start)
    let done = 0
    while (start + done < end) {
      if (run.rest.byteLength === 0 && !await this.#more(run)) break
      const skipped = Math.min(start + done - run.at, run.rest.byteLength)
      const chunk = run.rest.subarray(skipped, skipped + end - start - done)
      target.set(chunk, done)
      done += chunk.byteLength
      run.at += skipped + chunk.byteLength
      run.rest = run.rest.subarray(skipped + chunk.byteLength)
    }
    if (into === undefined && done < target.byteLength) target = target.slice(0, done)
    return target.subarray(0, done) as Bytes
  }

  async #more (run: Run): Promise<boolean> {
    const { done, value } = await run.output.next()
    if (done !== true) { run.rest = value as Uint8Array; return true }
    const { size } = this.#stored
    // brotli and zlib decoders stop at their end mark and would leave what follows unsaid
    if (size !== undefined && run.decoder.bytesWritten < size) throw new FsError('FORKFS_PROTOCOL', 'bytes follow the end of the compressed data', { path: this.path })
    return false
  }
}

/**
 * A staged write that compresses what it takes; `staged` itself where 'infer' finds no compression. Nothing is visible
 * before commit(), as without.
 *
 * @throws TypeError for an unknown name; FsError FORKFS_MISSING_PEER. `staged` is aborted then.
 */
export async function openCompressedWriter (staged: StagedWriter, path: string, compression: Choice): Promise<StagedWriter> {
  try {
    const name = resolveCompression(compression, path)
    return name === undefined ? staged : new Encoded(staged, (await loadCodec(name, path)).encoder())
  } catch (error) {
    await staged.abort(error)
    throw error
  }
}

class Encoded implements StagedWriter {
  readonly #staged: StagedWriter
  readonly #encoder: Transform
  readonly #pumping: Promise<void>
  #committing: Promise<FileInfo> | undefined
  #aborting: Promise<void> | undefined

  constructor (staged: StagedWriter, encoder: Transform) {
    this.#staged = staged
    this.#encoder = encoder
    this.#pumping = this.#pump()
    this.#pumping.catch(nothing) // told to the write or commit that comes next
  }

  async write (chunk: Uint8Array): Promise<void> {
    expectBytes('chunk', chunk)
    const encoder = this.#encoder
    const taken = await new Promise<boolean>(resolve => {
      const ended = (): void => { resolve(false) } // zlib forgets the callback of a write that waits for room
      encoder.once('close', ended)
      encoder.write(chunk, error => {
        encoder.off('close', ended)
        resolve(error == null)
      })
    })
    if (taken) return
    await this.#pumping // rejects with what ended it
    throw new FsError('FORKFS_CLOSED', 'the write is over')
  }

  commit (): Promise<FileInfo> {
    this.#committing ??= (async () => {
      this.#encoder.end()
      await this.#pumping
      return this.#staged.commit()
    })()
    return this.#committing
  }

  abort (reason: unknown): Promise<void> {
    this.#aborting ??= (async () => {
      this.#encoder.destroy(reason instanceof Error ? reason : new FsError('FORKFS_CLOSED', 'the write was aborted', { cause: reason }))
      await this.#staged.abort(reason)
      await this.#pumping.catch(nothing)
    })()
    return this.#aborting
  }

  async #pump (): Promise<void> {
    for await (const chunk of this.#encoder) await this.#staged.write(chunk as Uint8Array)
  }
}
