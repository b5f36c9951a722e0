import { FsError } from '../errors/index.js'
import type { Descriptor } from '../filesystem/descriptor.js'
import type { FileSystem } from '../filesystem/filesystem.js'
import type { WriteOptions } from '../filesystem/types.js'
import { described } from '../filesystem/upload-journal.js'

/** Read from disk at a time; the store's writer cuts its own parts. */
const stepBytes = 4 * 1024 * 1024

/** Where staged bytes go. */
export interface Destination {
  readonly fs: FileSystem
  readonly path: string
  readonly flag: 'w' | 'wx'
  readonly options: Pick<WriteOptions, 'contentType' | 'metadata' | 'partBytes'>
}

export interface Source { readonly size: number, read (into: Uint8Array, position: number): Promise<number> }

/**
 * Send a file and publish it, once and whole: one PUT, or parts, as the store's own writer decides. Memory: 4 MiB and the writer's parts.
 * A failure leaves nothing at the store.
 */
export async function upload (source: Source, { fs, path, flag, options }: Destination, signal: AbortSignal | undefined): Promise<void> {
  const target = await fs.open(path, flag, { ...options, signal })
  try {
    const buffer = new Uint8Array(Math.min(stepBytes, source.size))
    for (let at = 0; at < source.size;) {
      const wanted = Math.min(buffer.byteLength, source.size - at)
      const got = await source.read(buffer.subarray(0, wanted), at)
      if (got !== wanted) throw new FsError('FORKFS_TRUNCATED', `the staged file ends at ${at + got} of ${source.size} bytes: somebody else changed it`, { path })
      await target.write(buffer.subarray(0, got))
      at += got
    }
    await target.close()
  } catch (error) {
    await target.abort(error).catch(() => {}) // the first error is the one to tell; after a reset nothing is ended
    throw error
  }
}

export const stagedKind = 'staged'

/** A whole staged file of an owner that is gone, as the journal has it. */
export interface StagedRecord {
  readonly protocol: string
  /** undefined: the instance can not travel, whoever recovers has to say how to reach the store. */
  readonly descriptor?: Descriptor | undefined
  readonly path: string
  readonly flag: 'w' | 'wx'
  readonly options: Destination['options']
  readonly file: string
  readonly size: number
  /** When it was closed, or would have been, in ms since 1970. */
  readonly at: number
}

export function recordOf ({ fs, path, flag, options }: Destination, file: string, size: number): StagedRecord {
  const { options: table } = fs.constructor as typeof FileSystem
  return { protocol: fs.protocol, descriptor: described(() => fs.toJSON(), table), path, flag, options, file, size, at: Date.now() }
}
