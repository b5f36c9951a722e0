import { FsError } from '../errors/index.js'
import { realm } from '../owner/index.js'

/** A function that throws FORKFS_RESET once the owner of now has gone. */
export function ownerCheck (path: string): () => void {
  const { epoch } = realm
  return () => {
    if (epoch !== realm.epoch) throw new FsError('FORKFS_RESET', 'resetForFork() was called since the stream was opened; open it again here', { operation: 'stream', path })
  }
}
