import { FsError } from '../errors/index.js'

/** Written last: what has it is complete. */
export const manifestName = '.checkpoint.json'
/** Written first and removed last: what has it, and no manifest, is being written or removed, or was when the writer died. */
export const markerName = '.checkpoint.incomplete'
/** Says what a directory is a copy of, in copies at a place of the user's. */
export const recordName = '.checkpoint.copy'
/** Ray's name. May change after the rest was written: no manifest vouches for it. */
export const metadataName = '.metadata.json'

/** Files that are no contents of a checkpoint. */
export const controlNames: ReadonlySet<string> = new Set([manifestName, markerName, recordName])

const onWindows = process.platform === 'win32'

/**
 * A name below a checkpoint that is to become a local file: it must not leave the directory, and two names must not become one file.
 * @throws FsError EINVAL
 */
export function checkFileName (name: string): void {
  const hostile = name.includes('\0') || name.split('/').some(part => part === '' || part === '.' || part === '..') || (onWindows && /[\\:]/.test(name))
  if (hostile) throw new FsError('EINVAL', 'a checkpoint names a file that is no relative path below it; nothing was written', { path: name.replaceAll('\0', '\\0') })
}
