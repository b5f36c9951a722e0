import { FsError } from '../errors/index.js'

/** What may have been done already is not sent again by itself; what was refused may be. */
export function onlyIfSafe (error: FsError, idempotent: boolean): FsError {
  if (idempotent || error.retry !== 'may' || error.code === 'FORKFS_RATE_LIMITED' || error.status === 503) return error
  const { code, condition, operation, path, protocol, status, requestId, cause } = error
  return new FsError(code, condition, { operation, path, protocol, status, requestId, cause })
}

/** One error for what a bulk delete of `total` objects could not delete: like the first, with all of them in an AggregateError as its cause. */
export function bulkFailure (protocol: string, failures: readonly FsError[], total: number): FsError | undefined {
  const [first] = failures
  if (first === undefined || total === 1) return first
  return new FsError(first.code, `${failures.length} of ${total} objects could not be deleted`, { path: first.path, protocol, cause: new AggregateError(failures) })
}

/** A store's own words for a message: one line, at most 300 characters, without queries, user parts and what `secrets` finds. */
export function storeWords (text: string, secrets: RegExp): string {
  const clean = text
    .replace(/[^\x20-\x7e\u00a0-\uffff]+/g, ' ')
    .replace(/(https?:\/\/[^\s?#]*)[?#]\S*/gi, '$1')
    .replace(secrets, '$1$2…')
    .replace(/https?:\/\/[^\s/@]+@/gi, '')
  return clean.length > 300 ? `${clean.slice(0, 300)}…` : clean.trim()
}
