import { GcsError } from './errors.js'
import type { Operation, Route } from './routes.js'
import type { GcsState } from './state.js'
import type { Call } from './request.js'

/** Operations that a bucket open to the public allows without a token. */
const open: ReadonlySet<Operation> = new Set<Operation>(['objects.get', 'objects.getMedia', 'objects.list', 'xml.get', 'xml.head'])

/** Operations that need no token: a session's URI is a secret, credentials are what is asked for, the parts of a batch are checked one by one. */
const own: ReadonlySet<Operation> = new Set<Operation>([
  'uploads.put', 'uploads.query', 'uploads.cancel', 'token', 'metadata.get', 'sts.token', 'sts.subject', 'batch', 'unsupported'
])

/** Who asks, and who pays. @throws GcsError 401 · 400 (requester pays) */
export function permit (state: GcsState, call: Call, route: Route): void {
  if (own.has(route.operation)) return
  const authorization = call.header('authorization')
  const bucket = route.bucket === undefined ? undefined : state.buckets.get(route.bucket)
  if (authorization !== undefined) {
    const [, token] = /^Bearer (\S+)$/i.exec(authorization) ?? []
    if (token === undefined || !state.tokens.use(token)) throw badToken()
  } else if (!state.anonymous && !(bucket?.publicRead === true && open.has(route.operation))) {
    throw new GcsError(401, {
      reason: 'required', location: ['header', 'Authorization'], headers: { 'WWW-Authenticate': 'Bearer realm="https://accounts.google.com/"' },
      message: `Anonymous caller does not have storage.${route.operation} access to the Google Cloud Storage ${route.name === undefined ? 'bucket' : 'object'}.`
    })
  }
  if (bucket?.requesterPays !== true || route.query.has('userProject') || call.header('x-goog-user-project') !== undefined) return
  throw new GcsError(400, { reason: 'required', message: 'Bucket is a requester pays bucket but no user project provided.', location: ['parameter', 'userProject'] })
}

function badToken (): GcsError {
  return new GcsError(401, {
    location: ['header', 'Authorization'], headers: { 'WWW-Authenticate': 'Bearer realm="https://accounts.google.com/", error="invalid_token"' }
  })
}
