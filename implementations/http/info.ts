import { checkRange, sizeOf416 } from '../../lib/net/index.js'
import type { ReplyHead } from '../../lib/net/index.js'
import type { FileInfo } from '../../lib/filesystem/types.js'
import { lengthOf } from './body.js'
import type { HttpClient } from './client.js'
import { encodingsOf } from './decode.js'
import { addressOf, withoutQuery } from './address.js'
import { versionOf } from './version.js'
import type { WholeFiles } from './whole.js'

export interface HttpFileInfo extends FileInfo {
  /** Media type, without parameters. */
  readonly mimetype?: string | undefined
  /** Whether the server is known to send ranges of it. */
  readonly partial: boolean
  /** Where the redirects ended. */
  readonly url: string
}

/** HEAD is not there, or not for us: GET may be (a signed URL is good for one method). */
const headless = [403, 405, 501]
/** A short body is read to its end, which keeps the connection. */
const discardMost = 16 * 1024

export function mimetypeOf ({ headers }: ReplyHead): string | undefined {
  const type = headers['content-type']?.split(';')[0]!.trim().toLowerCase()
  return type === '' ? undefined : type
}

export function isHtml (head: ReplyHead): boolean {
  const type = mimetypeOf(head)
  return type === 'text/html' || type === 'application/xhtml+xml'
}

function dateOf (text: string | undefined): Date | undefined {
  const ms = text === undefined ? NaN : Date.parse(text)
  return Number.isNaN(ms) ? undefined : new Date(ms)
}

/** A page at a URL that ends in a slash is a directory, as servers make them; everything else is a file. */
function describe (name: string, head: ReplyHead, url: string, size: number | undefined, partial: boolean): HttpFileInfo {
  const directory = isHtml(head) && addressOf(withoutQuery(url)).target.endsWith('/')
  const common = { name, modified: dateOf(head.headers['last-modified']), mimetype: mimetypeOf(head), partial, url }
  return directory ? { ...common, size: undefined, type: 'directory' } : { ...common, size, type: 'file', etag: versionOf(head.headers) }
}

/** HEAD, and where that does not tell the length, the head of a GET for one byte. */
export async function readInfo (client: HttpClient, whole: WholeFiles, path: string, signal: AbortSignal): Promise<HttpFileInfo> {
  const { reply, url } = await client.send({ operation: 'info', method: 'HEAD', path, headers: [], accept: headless }, signal)
  const encoded = encodingsOf(reply).length > 0
  if (!headless.includes(reply.status) && (encoded || lengthOf(reply) !== undefined)) {
    const ranges = reply.headers['accept-ranges']?.trim().toLowerCase()
    if (ranges === 'none') whole.remember(path)
    return describe(path, reply, url, encoded ? undefined : lengthOf(reply), ranges === 'bytes' && !encoded && !whole.lacksRanges(path))
  }
  return probe(client, whole, path, signal)
}

async function probe (client: HttpClient, whole: WholeFiles, path: string, signal: AbortSignal): Promise<HttpFileInfo> {
  const body = await client.open({ operation: 'info', method: 'GET', path, headers: ['range', 'bytes=0-0'], accept: [416] }, signal)
  try {
    if (body.status === 416) return describe(path, body, body.url, sizeOf416(body) ?? 0, true)
    const encoded = encodingsOf(body).length > 0
    if (body.status === 206) return describe(path, body, body.url, encoded ? undefined : checkRange(body, 0, 1).size, !encoded)
    if (lengthOf(body) !== 0) whole.remember(path)
    return describe(path, body, body.url, encoded ? undefined : lengthOf(body), false)
  } finally {
    await body.discard(discardMost, signal).catch(() => {}) // its head is all that was wanted
  }
}
