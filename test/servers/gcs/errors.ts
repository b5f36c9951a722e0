import type { Headers } from '../exchange.js'

/** The usual reason of a status, and its sentence. */
const usual: Readonly<Record<number, readonly [reason: string, message: string]>> = {
  304: ['notModified', 'Not Modified'],
  400: ['invalid', 'Invalid argument.'],
  401: ['authError', 'Invalid Credentials'],
  403: ['forbidden', 'Access denied.'],
  404: ['notFound', 'Not Found'],
  405: ['methodNotAllowed', 'Method Not Allowed'],
  408: ['requestTimeout', 'Request Timeout'],
  409: ['conflict', 'The request conflicts with the state of the resource.'],
  410: ['uploadBrokenConnection', 'Gone'],
  411: ['lengthRequired', 'You must provide the Content-Length HTTP header.'],
  412: ['conditionNotMet', 'At least one of the pre-conditions you specified did not hold.'],
  413: ['uploadTooLarge', 'Request entity too large.'],
  416: ['requestedRangeNotSatisfiable', 'Request range not satisfiable'],
  429: ['rateLimitExceeded', 'The rate limit has been exceeded. Reduce the rate of requests.'],
  499: ['clientClosedRequest', 'Client Closed Request'],
  500: ['backendError', 'We encountered an internal error. Please try again.'],
  501: ['notImplemented', 'Not Implemented'],
  502: ['badGateway', 'Bad Gateway'],
  503: ['backendError', 'Backend Error'],
  504: ['gatewayTimeout', 'Gateway Timeout']
}

/** The reason that goes with a status when nothing else is said. */
export function reasonOf (status: number): string { return usual[status]?.[0] ?? 'backendError' }

export function sentenceOf (status: number): string { return usual[status]?.[1] ?? 'Error' }

export interface GcsErrorFields {
  readonly reason?: string | undefined
  readonly message?: string | undefined
  readonly headers?: Headers | undefined
  /** Where the mistake is: a parameter or a header. */
  readonly location?: readonly [type: 'parameter' | 'header', name: string] | undefined
  /** Answered as bare text, as the upload and media servers do. */
  readonly plain?: boolean | undefined
}

/** A refusal of the service. */
export class GcsError extends Error {
  readonly status: number
  readonly reason: string
  readonly headers: Headers
  readonly location: readonly [type: string, name: string] | undefined
  readonly plain: boolean

  constructor (status: number, fields: GcsErrorFields = {}) {
    super(fields.message ?? sentenceOf(status))
    this.status = status
    this.reason = fields.reason ?? reasonOf(status)
    this.headers = fields.headers ?? {}
    this.location = fields.location
    this.plain = fields.plain ?? false
  }
}

/** 400 for a parameter of the query or of a resource. */
export function invalid (message: string, parameter?: string, reason = 'invalid'): GcsError {
  return new GcsError(400, { reason, message, location: parameter === undefined ? undefined : ['parameter', parameter] })
}

export function required (parameter: string): GcsError {
  return invalid(`Required parameter: ${parameter}`, parameter, 'required')
}

/** The error document of Google's JSON APIs. */
export function errorDocument (status: number, reason: string, message: string, location?: readonly [type: string, name: string]): object {
  const where = location === undefined ? {} : { locationType: location[0], location: location[1] }
  return { error: { code: status, message, errors: [{ message, domain: 'global', reason, ...where }] } }
}
