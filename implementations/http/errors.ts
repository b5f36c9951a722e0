/** What a status means, as a condition of ours. Source: RFC 9110 section 15, RFC 6585, and what proxies are seen to send. */
import { FsError } from '../../lib/errors/index.js'
import type { ErrorCode, Retry } from '../../lib/errors/index.js'
import { shownPath } from './address.js'

type Row = readonly [code: ErrorCode, retry: Retry, condition: string]

export const statusConditions: Readonly<Record<number, Row>> = Object.freeze({
  400: ['EINVAL', 'never', 'the server refuses the request'],
  401: ['EACCES', 'never', 'the server wants credentials'],
  402: ['EACCES', 'never', 'the server wants to be paid'],
  403: ['EACCES', 'never', 'access denied'],
  404: ['ENOENT', 'never', 'no such resource'],
  405: ['FORKFS_NOT_SUPPORTED', 'never', 'the server does not allow to read this'],
  406: ['FORKFS_NOT_SUPPORTED', 'never', 'the server has no representation without an encoding'],
  407: ['FORKFS_NETWORK', 'never', 'a proxy wants credentials'],
  408: ['ETIMEDOUT', 'may', 'the server waited too long for the request'],
  410: ['ENOENT', 'never', 'the resource is gone'],
  412: ['FORKFS_CHANGED', 'never', 'the resource is not the version that was asked for'],
  414: ['EINVAL', 'never', 'the URL is longer than the server allows'],
  416: ['FORKFS_RANGE', 'never', 'the range lies outside of the resource'],
  421: ['FORKFS_NETWORK', 'may', 'the connection leads to another server'],
  423: ['EACCES', 'never', 'the resource is locked'],
  425: ['FORKFS_BACKEND', 'may', 'the server wants the request later'],
  429: ['FORKFS_RATE_LIMITED', 'may', 'the server asks for fewer requests'],
  431: ['EINVAL', 'never', 'the headers are longer than the server allows'],
  451: ['EACCES', 'never', 'the resource is withheld for legal reasons'],
  500: ['FORKFS_BACKEND', 'may', 'the server failed'],
  501: ['FORKFS_NOT_SUPPORTED', 'never', 'the server does not know the method'],
  502: ['FORKFS_BACKEND', 'may', 'a gateway got no good answer'],
  503: ['FORKFS_BACKEND', 'may', 'the server is not available'],
  504: ['FORKFS_BACKEND', 'may', 'a gateway waited too long'],
  505: ['FORKFS_PROTOCOL', 'never', 'the server does not speak HTTP/1.1'],
  509: ['FORKFS_RATE_LIMITED', 'may', 'the bandwidth limit of the server is used up'],
  511: ['FORKFS_NETWORK', 'never', 'the network wants a login (captive portal)']
} satisfies Record<number, Row>)

/** The failure that a status tells. `kept`: header names that the sender of this instance withheld. */
export function failureOf (status: number, path: string, kept: readonly string[]): FsError {
  const [code, retry, condition] = statusConditions[status] ?? ['FORKFS_BACKEND', status >= 500 ? 'may' : 'never', 'the server gave no usable answer'] as const
  const fields = { path: shownPath(path), protocol: 'http', status, retry }
  const answer = `${condition} (status ${status})`
  if (kept.length === 0 || (status !== 401 && status !== 403)) return new FsError(code, answer, fields)
  const hint = `${answer}; the sender of this filesystem withheld its ${kept.join(', ')} header: build it here with its own headers`
  return new FsError(status === 401 ? 'FORKFS_CREDENTIALS' : code, hint, fields)
}
