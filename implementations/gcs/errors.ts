/**
 * What GCS answers when something is wrong, as conditions of ours. The HTTP status decides, and for 400 and 403 the reason of the
 * JSON body. Source: "HTTP status and error codes for JSON" of the Cloud Storage reference.
 */
import { FsError } from '../../lib/errors/fs-error.js'
import type { ErrorCode, Retry } from '../../lib/errors/fs-error.js'
import { storeWords } from '../../lib/net/failures.js'
import type { ReplyHeaders } from '../../lib/net/index.js'

export interface FailureContext {
  readonly operation?: string | undefined
  readonly path?: string | undefined
  /** A create that had to find nothing: a refused precondition, or a conflict, is EEXIST. */
  readonly exclusive?: boolean | undefined
  /** Bound to one generation: what is gone is not that generation. */
  readonly pinned?: boolean | undefined
  /** A bucket that is to be removed: a conflict says that it is not empty. */
  readonly removesBucket?: boolean | undefined
  /** No token was sent because the endpoint is not trusted with one. */
  readonly unauthorized?: boolean | undefined
}

export interface GcsFailure {
  readonly error: FsError
  /** errors[0].reason of the body; '' where there is none. */
  readonly reason: string
  /** Worth a new token. */
  readonly refresh: boolean
}

type Row = readonly [code: ErrorCode, retry: Retry, condition: string]

const slow: Row = ['FORKFS_RATE_LIMITED', 'may', 'the store asks for fewer requests']
const failed: Row = ['FORKFS_BACKEND', 'may', 'the store failed']

/** By HTTP status. */
export const statusConditions: Readonly<Record<number, Row>> = Object.freeze({
  304: ['FORKFS_CHANGED', 'never', 'the object is not the generation that was asked for'],
  400: ['EINVAL', 'never', 'the store refuses the request'],
  401: ['FORKFS_CREDENTIALS', 'never', 'the store wants a valid token'],
  403: ['EACCES', 'never', 'access denied'],
  404: ['ENOENT', 'never', 'no such object or bucket'],
  405: ['FORKFS_NOT_SUPPORTED', 'never', 'the store does not allow this here'],
  407: ['FORKFS_NETWORK', 'never', 'a proxy wants credentials'],
  408: ['FORKFS_BACKEND', 'may', 'the store waited too long for the request'],
  409: ['FORKFS_BACKEND', 'may', 'another operation on the same resource is under way'],
  410: ['ENOENT', 'never', 'it is gone'],
  411: ['FORKFS_PROTOCOL', 'never', 'the store wants a Content-Length'],
  412: ['FORKFS_CHANGED', 'never', 'the object is not the generation that was asked for'],
  413: ['EINVAL', 'never', 'the object is larger than the store allows'],
  416: ['FORKFS_RANGE', 'never', 'the range lies outside of the object'],
  429: slow,
  451: ['EACCES', 'never', 'access denied for legal reasons'],
  500: failed,
  501: ['FORKFS_NOT_SUPPORTED', 'never', 'the store does not implement this'],
  502: failed,
  503: ['FORKFS_BACKEND', 'may', 'the store is not available'],
  504: failed
} satisfies Record<number, Row>)

/** By the reason, for the statuses that have many. */
export const reasonConditions: Readonly<Record<string, Row>> = Object.freeze({
  rateLimitExceeded: slow,
  userRateLimitExceeded: slow,
  quotaExceeded: slow,
  retentionPolicyNotMet: ['EACCES', 'never', 'a retention policy keeps the object'],
  objectUnderActiveHold: ['EACCES', 'never', 'a hold keeps the object']
} satisfies Record<string, Row>)

interface Told { readonly reason: string, readonly message: string }

/** The reason and the words of an error body: JSON as a rule, or whatever a media request or a proxy sends. */
export function parseFailure (body: Uint8Array): Told {
  const text = Buffer.from(body.buffer, body.byteOffset, Math.min(body.length, 64 * 1024)).toString()
  try {
    const { error } = JSON.parse(text) as { readonly error?: unknown }
    if (typeof error === 'object' && error !== null) {
      const { message, errors } = error as { readonly message?: unknown, readonly errors?: ReadonlyArray<{ readonly reason?: unknown }> }
      const reason = Array.isArray(errors) ? errors[0]?.reason : undefined
      return { reason: typeof reason === 'string' ? reason : '', message: typeof message === 'string' ? message : '' }
    }
  } catch { /* not JSON */ }
  return { reason: '', message: /^\s*</.test(text) ? '' : text.slice(0, 2048) }
}

const secrets = /(x-goog-(?:signature|credential)|upload_id|bearer|authorization|access_token|token)(\s*[=: ]\s*)[^&\s]+/gi

/** The failure that a reply tells. Messages hold neither tokens nor session URIs nor URLs with a query. */
export function failureOf (status: number, headers: ReplyHeaders, body: Uint8Array, context: FailureContext = {}): GcsFailure {
  const { reason, message } = parseFailure(body)
  const [code, retry, condition] = conditionOf(status, reason, message, context)
  const name = /^[\w.]{1,64}$/.test(reason) ? ` ${reason}` : ''
  const words = message === '' || code === 'FORKFS_CREDENTIALS' ? '' : `: ${storeWords(message, secrets)}`
  // Of an upload that id is its session's: who has it can write.
  const own = context.operation?.startsWith('uploads.') === true ? undefined : headers['x-guploader-uploadid']
  const requestId = (own ?? headers['x-goog-request-id'])?.slice(0, 128)
  const error = new FsError(code, `${condition} (the store answered ${status}${name}${words})`, {
    operation: context.operation, path: context.path, protocol: 'gs', retry, status, requestId
  })
  return { error, reason, refresh: status === 401 }
}

function conditionOf (status: number, reason: string, message: string, context: FailureContext): Row {
  const { exclusive, pinned, removesBucket, unauthorized } = context
  if (exclusive === true && (status === 412 || status === 409)) return ['EEXIST', 'never', 'it exists already']
  if (pinned === true && (status === 404 || status === 410)) return ['FORKFS_CHANGED', 'never', 'the generation that was asked for is gone']
  if (removesBucket === true && (status === 409 || status === 412 || status === 400)) return ['ENOTEMPTY', 'never', 'the bucket is not empty']
  if ((status === 403 || status === 429) && Object.hasOwn(reasonConditions, reason)) return reasonConditions[reason]!
  if (status === 400 && /user ?project|requester pays/i.test(message)) return ['FORKFS_CONFIG', 'never', 'the bucket\'s requester pays: name the project that does in `userProject`']
  if (status === 400 && /crc32c|md5|checksum/i.test(message)) return ['FORKFS_CHECKSUM', 'never', 'the data does not match its checksum']
  if (status === 401 && unauthorized === true) {
    return ['FORKFS_CREDENTIALS', 'never', 'the store wants a token, which goes to a custom endpoint only with `useAuthWithCustomEndpoint`, and never with `credentials: \'anonymous\'`']
  }
  if (Object.hasOwn(statusConditions, status)) return statusConditions[status]!
  if (status >= 300 && status < 400) return ['FORKFS_PROTOCOL', 'never', 'the endpoint sends elsewhere, which this API never does: check `apiEndpoint`']
  return status >= 500 ? failed : ['EINVAL', 'never', 'the store refuses the request']
}
