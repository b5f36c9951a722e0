import { namesEtag, parseDate, parseRange } from '../ranges.js'
import { S3Error } from './errors.js'
import type { Range } from '../ranges.js'
import type { StoredObject } from './store.js'

/**
 * Conditions on a read, in the order of RFC 9110 section 13.2.2: an ETag condition hides the date beside it.
 *
 * @param prefix `x-amz-copy-source-` for the source of a copy
 * @returns Whether the reply is 304 Not Modified
 * @throws S3Error PreconditionFailed
 */
export function unchanged (object: StoredObject, header: (name: string) => string | undefined, prefix = ''): boolean {
  const match = header(`${prefix}if-match`)
  const unmodified = parseDate(header(`${prefix}if-unmodified-since`))
  if (match !== undefined ? !namesEtag(match, object.etag) : unmodified !== undefined && object.modified > unmodified) {
    throw new S3Error('PreconditionFailed', { detail: { Condition: match !== undefined ? 'If-Match' : 'If-Unmodified-Since' } })
  }
  const noneMatch = header(`${prefix}if-none-match`)
  const modified = parseDate(header(`${prefix}if-modified-since`))
  return noneMatch !== undefined ? namesEtag(noneMatch, object.etag) : modified !== undefined && object.modified <= modified
}

/**
 * Conditions on a write: `If-None-Match: *` and `If-Match: etag`.
 *
 * @param current What the key holds now
 * @throws S3Error PreconditionFailed · NoSuchKey (If-Match on nothing) · NotImplemented (other forms)
 */
export function checkWrite (current: StoredObject | undefined, header: (name: string) => string | undefined): void {
  const match = header('if-match')
  const noneMatch = header('if-none-match')
  if ((noneMatch !== undefined && noneMatch !== '*') || (match !== undefined && noneMatch !== undefined)) throw new S3Error('NotImplemented')
  if (noneMatch === '*' && current !== undefined) throw new S3Error('PreconditionFailed', { detail: { Condition: 'If-None-Match' } })
  if (match === undefined) return
  if (current === undefined) throw new S3Error('NoSuchKey')
  if (!namesEtag(match, current.etag)) throw new S3Error('PreconditionFailed', { detail: { Condition: 'If-Match' } })
}

/**
 * The Range header of a read.
 * @throws S3Error InvalidRange
 */
export function wantedRange (text: string | undefined, size: number): Range | undefined {
  const range = parseRange(text, size)
  if (range !== 'unsatisfiable') return range
  throw new S3Error('InvalidRange', {
    detail: { RangeRequested: text!, ActualObjectSize: String(size) }, headers: { 'Content-Range': `bytes */${size}` }
  })
}
