import { isFsError } from '../errors/index.js'
import { realm } from '../owner/index.js'
import type { Descriptor } from './descriptor.js'
import type { OptionTable } from './options.js'

/** What the journal calls them. */
export const uploadKind = 'upload'

/** An upload that has to be aborted when its owner dies. */
export interface UploadRecord {
  readonly protocol: string
  /** undefined: the instance can not travel, whoever recovers has to say how to reach the store. */
  readonly descriptor?: Descriptor | undefined
  readonly path: string
  readonly uploadId: string
}

/** What was written down about an upload; to be struck out when nothing of it is left at the store. */
export interface UploadNote { done (): Promise<void> }

/**
 * Write down an upload before its first part is sent; what is left of it is ended by recover() (lib/streams). Cost: one write and
 * one fdatasync, beside a request to the store. Where nothing can be written down (a temporary folder that is full or not ours to write) the upload
 * goes on all the same: a process that is killed then leaves its parts at the store. One process warning tells of it, code FORKFS_UPLOAD_NOT_JOURNALLED.
 */
export async function noteUpload (protocol: string, descriptor: Descriptor | undefined, path: string, uploadId: string): Promise<UploadNote | undefined> {
  try {
    const { journalAdd } = await import('../resources/index.js') // most programs never come here
    return await journalAdd({ kind: uploadKind, data: { protocol, descriptor, path, uploadId } satisfies UploadRecord })
  } catch (error) {
    if (!isFsError(error, 'FORKFS_RESET')) warnOnce(error) // the upload hears of a reset by itself
    return undefined
  }
}

/** The epoch that was told. */
let warned: number | undefined

function warnOnce (error: unknown): void {
  if (warned === realm.epoch) return
  warned = realm.epoch
  const detail = 'Let FORKFS_TMPDIR name a folder that can be written to, or end incomplete uploads by a lifecycle rule of the bucket.'
  process.emitWarning(`uploads can not be written into the journal, recover() will not find them if this process is killed: ${String(error)}`, {
    type: 'ForkfsWarning', code: 'FORKFS_UPLOAD_NOT_JOURNALLED', detail
  })
}

/**
 * What the journal may know of an instance. Secrets stay out, even those that the instance shares with workers: a journal lies on a disk. undefined: something in
 * its options belongs to this thread.
 */
export function described (describe: () => Descriptor, table: OptionTable = {}): Descriptor | undefined {
  try {
    const { $forkfs } = describe()
    const options = Object.entries($forkfs['options'] as object).filter(([name, value]) => table[name]?.secret !== true || value === 'anonymous')
    return { $forkfs: { ...$forkfs, options: Object.fromEntries(options) } }
  } catch {
    return undefined
  }
}
