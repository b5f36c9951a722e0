import type { FileSystemOf, FileSystemOptions } from './builtin-types.js'
import { filesystem as untyped } from './instances.js'

/**
 * The instance for a protocol and its options: the same object for the same options in the same owner and epoch, whatever
 * the order of keys, explicit defaults included. `{ fresh: true }` gives a new, uncached one. Never talks to the store.
 * @throws TypeError for unknown or malformed options (names the nearest known one); FsError FORKFS_UNKNOWN_PROTOCOL (lists
 *   what is known), FORKFS_NOT_LOADED for a lazily registered implementation before loadImplementation(), FORKFS_CONFIG
 */
export const filesystem = untyped as <P extends string>(protocol: P, options?: FileSystemOptions<P>) => FileSystemOf<P>
