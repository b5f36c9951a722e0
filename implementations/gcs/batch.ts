/** Batches of the JSON API ("Batch requests" of the GCS documentation): many deletes in one request, multipart/mixed both ways. */
import { FsError } from '../../lib/errors/fs-error.js'

/** The store takes no more in one batch. */
export const MAX_BATCH = 100

/** One DELETE for each target, numbered from 0. */
export function batchBody (boundary: string, targets: readonly string[]): Uint8Array {
  let text = ''
  for (let index = 0; index < targets.length; index++) {
    text += `--${boundary}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <forkfs+${index}>\r\n\r\nDELETE ${targets[index]!} HTTP/1.1\r\n\r\n\r\n`
  }
  return Buffer.from(`${text}--${boundary}--\r\n`)
}

export interface BatchAnswer { readonly status: number, readonly body: Uint8Array }

/**
 * Answers by the number of their request; those that did not come are missing. Order says nothing, Content-ID does.
 * @throws FsError FORKFS_PROTOCOL, worth another try, for what is no batch of answers
 */
export function parseBatch (contentType: string | undefined, body: Uint8Array): Map<number, BatchAnswer> {
  const match = /^multipart\/mixed\s*;.*?\bboundary=(?:"([^"]{1,200})"|([^\s;]{1,200}))/i.exec(contentType ?? '')
  const boundary = match?.[1] ?? match?.[2]
  if (boundary === undefined) throw new FsError('FORKFS_PROTOCOL', 'the answer to a batch is no multipart/mixed', { retry: 'may' })
  const answers = new Map<number, BatchAnswer>()
  const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString()
  for (const part of `\r\n${text.replace(/\r?\n/g, '\r\n')}`.split(`\r\n--${boundary}`).slice(1)) {
    if (part.startsWith('--')) break
    const [head = '', ...rest] = part.split('\r\n\r\n')
    const id = /^content-id:\s*<?response-<?forkfs\+(\d{1,4})>?>?\s*$/im.exec(head)?.[1]
    const status = /^\s*HTTP\/[\d.]+ (\d{3})\b/.exec(rest[0] ?? '')?.[1]
    if (id !== undefined && status !== undefined) answers.set(Number(id), { status: Number(status), body: Buffer.from(rest.slice(1).join('\r\n\r\n')) })
  }
  return answers
}
