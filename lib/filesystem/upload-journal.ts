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
 * one fdatasync, beside a request to the store. Where nothing can be written down the upload goes on without.
 */
export async function noteUpload (protocol: string, descriptor: Descriptor | undefined, path: string, uploadId: string): Promise<UploadNote | undefined> {
  try {
    const { journalAdd } = await import('../resources/index.js') // most programs never come here
    return await journalAdd({ kind: uploadKind, data: { protocol, descriptor, path, uploadId } satisfies UploadRecord })
  } catch {
    return undefined
  }
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
