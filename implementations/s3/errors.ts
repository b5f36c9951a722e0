/**
 * What S3 and its lookalikes answer when something is wrong, as conditions of ours. The code of the XML body decides; where
 * there is none (HEAD, proxies) the HTTP status. Source of the codes: "Error responses" in the Amazon S3 API reference, and
 * MinIO's list of API errors for those that begin with XMinio.
 */
import { FsError } from '../../lib/errors/fs-error.js'
import type { ErrorCode, Retry } from '../../lib/errors/fs-error.js'
import { storeWords } from '../../lib/net/failures.js'
import { isRegion, regionOfEndpoint } from './endpoint.js'
import { parseError } from './replies.js'
import type { ErrorFields } from './xml.js'

/** What the client can do about a failure before it tells anybody. */
export type S3Action = 'refresh-credentials' | 'region' | 'clock'

export interface S3Failure {
  readonly error: FsError
  /** The store's own code, '' where the status had to do. */
  readonly s3Code: string
  readonly action?: S3Action | undefined
  /** With action 'region': where to go; undefined where the store did not tell (ask HeadBucket). */
  readonly region?: string | undefined
  /** With action 'clock': what `Clock.adjust` takes. */
  readonly serverTime?: Date | undefined
}

/** Reply headers by lower-case name. */
export type ReplyHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

export interface FailureContext {
  readonly operation?: string | undefined
  readonly path?: string | undefined
  /** 'bucket/key' that is copied from, where the failure of a copy can be its fault. */
  readonly source?: string | undefined
  /** The request was a create that had to find nothing (`If-None-Match: *`): a refused precondition is EEXIST. */
  readonly exclusive?: boolean | undefined
  /** The request was a write over one version: an object that is gone is not that version. */
  readonly conditional?: boolean | undefined
  /** The client's idea of the store's time, ms: a refused request without a body may be a matter of clocks. @defaultValue Date.now() */
  readonly now?: number | undefined
}

type Row = readonly [code: ErrorCode, retry: Retry, condition: string, action?: S3Action]

const wrongKeys = 'the store does not know or refuses the access key; check the credentials'
const stale = 'the temporary credentials are expired or invalid'
const slow = 'the store asks for fewer requests'
const elsewhere = 'the bucket is in another region; set `region`'
const internal = 'the store failed'
const differs = 'the data does not match its checksum'
const arguments_ = 'the store refuses an argument'
const full = 'the quota or the storage of the store is used up'

/** By the code of the body. */
export const s3Conditions: Readonly<Record<string, Row>> = Object.freeze({
  NoSuchKey: ['ENOENT', 'never', 'no such object'],
  NoSuchBucket: ['ENOENT', 'never', 'no such bucket'],
  NoSuchUpload: ['ENOENT', 'never', 'no such multipart upload: it was completed, aborted or cleaned up'],
  NoSuchVersion: ['ENOENT', 'never', 'no such version'],
  NotFound: ['ENOENT', 'never', 'no such object or bucket'],
  AccessDenied: ['EACCES', 'never', 'access denied'],
  AllAccessDisabled: ['EACCES', 'never', 'all access is disabled'],
  AccountProblem: ['EACCES', 'never', 'the account has a problem'],
  InvalidObjectState: ['EACCES', 'never', 'the object is archived: restore it before it can be read'],
  ObjectNotInActiveTierError: ['EACCES', 'never', 'the object is archived: restore it before it can be read'],
  ObjectLocked: ['EACCES', 'never', 'the object is locked'],
  InvalidAccessKeyId: ['FORKFS_CREDENTIALS', 'never', wrongKeys, 'refresh-credentials'],
  SignatureDoesNotMatch: ['FORKFS_CREDENTIALS', 'never', 'the signature is wrong: check the secret key, and that no proxy changes requests'],
  NotSignedUp: ['FORKFS_CREDENTIALS', 'never', 'the account has not signed up for the store'],
  CredentialsNotSupported: ['FORKFS_CREDENTIALS', 'never', 'the store does not take credentials here'],
  MissingSecurityHeader: ['FORKFS_CREDENTIALS', 'never', 'the store misses a security header'],
  ExpiredToken: ['FORKFS_CREDENTIALS', 'never', stale, 'refresh-credentials'],
  ExpiredTokenException: ['FORKFS_CREDENTIALS', 'never', stale, 'refresh-credentials'],
  TokenRefreshRequired: ['FORKFS_CREDENTIALS', 'never', stale, 'refresh-credentials'],
  InvalidToken: ['FORKFS_CREDENTIALS', 'never', stale, 'refresh-credentials'],
  InvalidTokenId: ['FORKFS_CREDENTIALS', 'never', stale, 'refresh-credentials'],
  RequestTimeTooSkewed: ['FORKFS_CLOCK_SKEW', 'never', 'the clock of this machine and that of the store differ too much', 'clock'],
  RequestExpired: ['FORKFS_CLOCK_SKEW', 'never', 'the request was signed too long ago', 'clock'],
  AuthorizationHeaderMalformed: ['FORKFS_CREDENTIALS', 'never', 'the store refuses the form of the authorization'],
  AuthorizationQueryParametersError: ['FORKFS_CREDENTIALS', 'never', 'the store refuses the form of the authorization'],
  PermanentRedirect: ['FORKFS_REGION', 'never', elsewhere, 'region'],
  TemporaryRedirect: ['FORKFS_REGION', 'may', elsewhere, 'region'],
  Redirect: ['FORKFS_REGION', 'may', elsewhere, 'region'],
  IllegalLocationConstraintException: ['FORKFS_REGION', 'never', elsewhere, 'region'],
  InvalidLocationConstraint: ['FORKFS_REGION', 'never', 'the store has no such region'],
  InvalidRegion: ['FORKFS_REGION', 'never', 'the store has no such region', 'region'],
  PreconditionFailed: ['FORKFS_CHANGED', 'never', 'the object is not the version that was asked for'],
  ConditionalRequestConflict: ['FORKFS_CHANGED', 'may', 'another write of the object came in between'],
  OperationAborted: ['FORKFS_BACKEND', 'may', 'another operation on the same resource is under way'],
  InvalidRange: ['FORKFS_RANGE', 'never', 'the range lies outside of the object'],
  SlowDown: ['FORKFS_RATE_LIMITED', 'may', slow],
  SlowDownRead: ['FORKFS_RATE_LIMITED', 'may', slow],
  SlowDownWrite: ['FORKFS_RATE_LIMITED', 'may', slow],
  RequestLimitExceeded: ['FORKFS_RATE_LIMITED', 'may', slow],
  BandwidthLimitExceeded: ['FORKFS_RATE_LIMITED', 'may', slow],
  Throttling: ['FORKFS_RATE_LIMITED', 'may', slow],
  ThrottlingException: ['FORKFS_RATE_LIMITED', 'may', slow],
  ThrottledException: ['FORKFS_RATE_LIMITED', 'may', slow],
  TooManyRequests: ['FORKFS_RATE_LIMITED', 'may', slow],
  TooManyRequestsException: ['FORKFS_RATE_LIMITED', 'may', slow],
  ServiceUnavailable: ['FORKFS_BACKEND', 'may', 'the store is not available'],
  ServerNotInitialized: ['FORKFS_BACKEND', 'may', 'the store is starting'],
  InternalError: ['FORKFS_BACKEND', 'may', internal],
  RequestTimeout: ['ETIMEDOUT', 'may', 'the store waited too long for the request'],
  BadDigest: ['FORKFS_CHECKSUM', 'may', differs],
  InvalidDigest: ['FORKFS_CHECKSUM', 'never', 'the checksum is malformed'],
  XAmzContentSHA256Mismatch: ['FORKFS_CHECKSUM', 'may', differs],
  XAmzContentChecksumMismatch: ['FORKFS_CHECKSUM', 'may', differs],
  ContentSHA256Mismatch: ['FORKFS_CHECKSUM', 'may', differs],
  IncompleteBody: ['FORKFS_NETWORK', 'may', 'the store got fewer bytes than announced'],
  MissingContentLength: ['FORKFS_PROTOCOL', 'never', 'the store wants a Content-Length'],
  EntityTooLarge: ['EINVAL', 'never', 'the object or part is larger than the store allows'],
  EntityTooSmall: ['EINVAL', 'never', 'a part is smaller than the store allows; raise `partBytes`'],
  MaxMessageLengthExceeded: ['EINVAL', 'never', 'the request is too large'],
  MetadataTooLarge: ['EINVAL', 'never', 'the metadata is larger than the store allows'],
  InvalidPart: ['EINVAL', 'never', 'a part of the upload is missing or has another ETag'],
  InvalidPartOrder: ['EINVAL', 'never', 'the parts of the upload are out of order'],
  InvalidPartNumber: ['FORKFS_RANGE', 'never', 'the object has no such part'],
  KeyTooLongError: ['EINVAL', 'never', 'the key is longer than the store allows (1,024 bytes)'],
  InvalidURI: ['EINVAL', 'never', 'the store cannot parse the path'],
  InvalidBucketName: ['EINVAL', 'never', 'the bucket name is invalid'],
  InvalidArgument: ['EINVAL', 'never', arguments_],
  InvalidRequest: ['EINVAL', 'never', 'the store refuses the request'],
  MalformedXML: ['EINVAL', 'never', 'the store refuses the body of the request'],
  MalformedPOSTRequest: ['EINVAL', 'never', 'the store refuses the body of the request'],
  InvalidStorageClass: ['EINVAL', 'never', arguments_],
  InvalidEncryptionAlgorithmError: ['EINVAL', 'never', arguments_],
  BucketAlreadyExists: ['EEXIST', 'never', 'the bucket name is taken'],
  BucketAlreadyOwnedByYou: ['EEXIST', 'never', 'the bucket exists already'],
  BucketNotEmpty: ['ENOTEMPTY', 'never', 'the bucket is not empty'],
  TooManyBuckets: ['ENOSPC', 'never', 'the account may not have more buckets'],
  QuotaExceeded: ['ENOSPC', 'never', full],
  MethodNotAllowed: ['FORKFS_NOT_SUPPORTED', 'never', 'the store does not allow this here (a delete marker, or a bucket without the feature)'],
  NotImplemented: ['FORKFS_NOT_SUPPORTED', 'never', 'the store does not implement this'],
  XNotImplemented: ['FORKFS_NOT_SUPPORTED', 'never', 'the store does not implement this'],
  'KMS.DisabledException': ['EACCES', 'never', 'the encryption key is disabled'],
  'KMS.NotFoundException': ['EACCES', 'never', 'the encryption key does not exist'],
  XMinioServerNotInitialized: ['FORKFS_BACKEND', 'may', 'the store is starting'],
  XMinioBackendDown: ['FORKFS_BACKEND', 'may', internal],
  XMinioStorageFull: ['ENOSPC', 'never', full],
  XMinioAdminBucketQuotaExceeded: ['ENOSPC', 'never', full],
  XMinioInvalidObjectName: ['EINVAL', 'never', 'the store does not take such a key'],
  XMinioInvalidResourceName: ['EINVAL', 'never', 'the store does not take such a path'],
  XMinioParentIsObject: ['ENOTDIR', 'never', 'a part of the key is an object already'],
  XMinioObjectExistsAsDirectory: ['EISDIR', 'never', 'objects lie below this key'],
  XMinioObjectTampered: ['FORKFS_CHECKSUM', 'never', 'the store found the object damaged'],
  XMinioInsecureClientRequest: ['FORKFS_CONFIG', 'never', 'the store wants https'],
  XMinioRequestBodyParse: ['EINVAL', 'never', 'the store refuses the body of the request']
} satisfies Record<string, Row>)

/** By HTTP status, where no body tells more. */
export const statusConditions: Readonly<Record<number, Row>> = Object.freeze({
  301: s3Conditions['PermanentRedirect']!,
  302: s3Conditions['Redirect']!,
  307: s3Conditions['TemporaryRedirect']!,
  308: s3Conditions['PermanentRedirect']!,
  304: ['FORKFS_CHANGED', 'never', 'the object is the version that was not asked for'],
  400: ['EINVAL', 'never', 'the store refuses the request', 'refresh-credentials'], // HEAD answers an expired token so, without saying it
  401: ['FORKFS_CREDENTIALS', 'never', 'the store wants credentials', 'refresh-credentials'],
  403: ['EACCES', 'never', 'access denied (or wrong keys: such an answer gives no reason)'],
  404: ['ENOENT', 'never', 'no such object or bucket'],
  405: s3Conditions['MethodNotAllowed']!,
  407: ['FORKFS_NETWORK', 'never', 'a proxy wants credentials'],
  408: s3Conditions['RequestTimeout']!,
  409: s3Conditions['OperationAborted']!,
  411: s3Conditions['MissingContentLength']!,
  412: s3Conditions['PreconditionFailed']!,
  413: s3Conditions['EntityTooLarge']!,
  416: s3Conditions['InvalidRange']!,
  429: s3Conditions['SlowDown']!,
  501: s3Conditions['NotImplemented']!,
  507: ['ENOSPC', 'never', full]
})

/** S3 allows 15 minutes between the clocks. */
const SKEW_MS = 14 * 60_000

/**
 * The failure that a reply tells. `body` may be empty. Messages hold neither signatures nor URLs with a query.
 */
export function failureOf (status: number, headers: ReplyHeaders, body: Uint8Array, context: FailureContext = {}): S3Failure {
  return translate(status, headers, body.length === 0 ? undefined : parseError(body), context)
}

/** The same for an `<Error>` that came with status 200: what the fields of ErrorReply say, or one line of a DeleteResult. */
export function failureOfFields (fields: ErrorFields, headers: ReplyHeaders = {}, context: FailureContext = {}): S3Failure {
  return translate(200, headers, fields, context)
}

function translate (status: number, headers: ReplyHeaders, fields: ErrorFields | undefined, context: FailureContext): S3Failure {
  const s3Code = fields?.['Code'] ?? ''
  let [code, retry, condition, action] = rowOf(status, s3Code)
  if (code === 'FORKFS_CHANGED' && context.exclusive === true && (s3Code === 'PreconditionFailed' || status === 412)) {
    [code, condition] = ['EEXIST', 'the object exists already']
  }
  if (code === 'ENOENT' && context.conditional === true && (s3Code === 'NoSuchKey' || s3Code === '')) {
    [code, condition] = ['FORKFS_CHANGED', 'the object is gone']
  }
  const serverTime = timeOf(fields?.['ServerTime'] ?? header(headers, 'date'))
  if (status === 403 && s3Code === '' && serverTime !== undefined && Math.abs(serverTime.getTime() - (context.now ?? Date.now())) > SKEW_MS) {
    [code, retry, condition, action] = s3Conditions['RequestTimeTooSkewed']!
  }
  const region = regionOf(headers, fields)
  if (region !== undefined && (s3Code === 'AuthorizationHeaderMalformed' || (status === 400 && s3Code === ''))) {
    [code, retry, condition, action] = s3Conditions['PermanentRedirect']!
  }
  const error = new FsError(code, describe(condition, status, s3Code, code, fields?.['Message']), {
    operation: context.operation, path: isOfSource(s3Code, fields, context.source) ? context.source : context.path, protocol: 's3', retry, status, requestId: requestIdOf(headers, fields)
  })
  return {
    error,
    s3Code,
    ...(action === undefined ? {} : { action }),
    ...(action === 'region' && region !== undefined ? { region } : {}),
    ...(action === 'clock' && serverTime !== undefined ? { serverTime } : {})
  }
}

/** Whether it is the source of a copy that is missing. */
function isOfSource (s3Code: string, fields: ErrorFields | undefined, source: string | undefined): boolean {
  if (source === undefined) return false
  return s3Code === 'NoSuchKey' || s3Code === 'NoSuchVersion' || (s3Code === 'NoSuchBucket' && fields?.['BucketName'] === source.slice(0, source.indexOf('/')))
}

function rowOf (status: number, s3Code: string): Row {
  if (Object.hasOwn(s3Conditions, s3Code)) return s3Conditions[s3Code]!
  if (status !== 200 && Object.hasOwn(statusConditions, status)) {
    const row = statusConditions[status]!
    return s3Code === '' || row[3] !== 'refresh-credentials' ? row : [row[0], row[1], row[2]] // a body that tells another reason
  }
  return ['FORKFS_BACKEND', status >= 500 ? 'may' : 'never', internal]
}

/** The store's own words help, unless they are about keys; what looks like a signature or a token is taken out of them. */
function describe (condition: string, status: number, s3Code: string, code: ErrorCode, message: string | undefined): string {
  const name = /^[\w.]{1,64}$/.test(s3Code) ? s3Code : ''
  const answer = `${condition} (the store answered ${name === '' ? status : `${status} ${name}`}`
  if (message === undefined || message === '' || code === 'FORKFS_CREDENTIALS') return `${answer})`
  return `${answer}: ${storeWords(message, secrets)})`
}

const secrets = /(x-amz-(?:signature|security-token|credential)|signature|awsaccesskeyid|authorization|credential)(\s*[=:]\s*)[^&\s]+/gi

function header (headers: ReplyHeaders, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

function requestIdOf (headers: ReplyHeaders, fields: ErrorFields | undefined): string | undefined {
  const id = header(headers, 'x-amz-request-id') ?? fields?.['RequestId']
  return id === undefined || id === '' ? undefined : id.slice(0, 128)
}

/** A region goes into a host name: what the store says is held against the form of one. */
function regionOf (headers: ReplyHeaders, fields: ErrorFields | undefined): string | undefined {
  for (const region of [header(headers, 'x-amz-bucket-region'), fields?.['Region']]) {
    if (region !== undefined && isRegion(region)) return region
  }
  const endpoint = fields?.['Endpoint']
  return endpoint === undefined ? undefined : regionOfEndpoint(`https://${endpoint}`)
}

function timeOf (text: string | undefined): Date | undefined {
  if (text === undefined) return undefined
  const date = new Date(text)
  return Number.isNaN(date.getTime()) ? undefined : date
}
