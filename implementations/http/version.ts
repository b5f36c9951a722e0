/**
 * Which version of a resource a reply belongs to. A strong ETag says it exactly. A weak one only promises the same meaning,
 * so Last-Modified (whole seconds) goes before it; `FileInfo.etag`, and what pins a read, is then that date as the server wrote it.
 * Source: RFC 9110, 8.8 and 13.1.
 */
import { FsError } from '../../lib/errors/index.js'
import type { ReplyHeaders } from '../../lib/net/index.js'
import { shownPath } from './address.js'

/** An HTTP date of RFC 9110 (IMF-fixdate), so that it can be told from an ETag. */
const httpDate = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

const isWeak = (etag: string): boolean => etag.startsWith('W/')

/** The version that a reply names, in the form that `ifMatch` takes; undefined where it names none. */
export function versionOf (headers: ReplyHeaders): string | undefined {
  const etag = headers['etag']
  if (etag !== undefined && etag !== '' && !isWeak(etag)) return etag
  const modified = headers['last-modified']
  return modified !== undefined && httpDate.test(modified) ? modified : etag === '' ? undefined : etag
}

/** Headers that have the server refuse another version (412). A weak ETag never matches there: it is only compared by us. */
export function pinHeaders (version: string | undefined): readonly string[] {
  if (version === undefined || isWeak(version)) return []
  return httpDate.test(version) ? ['if-unmodified-since', version] : ['if-match', version]
}

/** A server that ignores the condition, or a cache in between, is caught by what the reply says of itself. @throws FsError FORKFS_CHANGED */
export function checkVersion (version: string | undefined, headers: ReplyHeaders, path: string): void {
  if (version === undefined) return
  const answered = httpDate.test(version) ? headers['last-modified'] : headers['etag']
  if (answered === undefined || answered === version) return
  if (isWeak(version) && answered.replace(/^W\//, '') === version.slice(2)) return
  throw new FsError('FORKFS_CHANGED', `it is not the version ${version} any more`, { path: shownPath(path), protocol: 'http' })
}
