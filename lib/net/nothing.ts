import { FsError } from '../errors/index.js'
import type { ReplyHead } from './transport.js'

/** What a store answers to a delete tells nothing more. @throws FsError FORKFS_PROTOCOL, worth another try, for the page of a proxy that is in the way */
export function parseNothing ({ status, headers }: ReplyHead): void {
  if (status < 300 && /^text\/html\b/i.test(headers['content-type'] ?? '')) throw new FsError('FORKFS_PROTOCOL', 'a page came where the store answers without one', { retry: 'may' })
}
