import { createSign } from 'node:crypto'
import { Bytes } from '../bytes.js'
import { GcsError } from './errors.js'
import { jsonReply } from './request.js'
import type { Reply } from '../exchange.js'
import type { GcsRequest, Operate } from './request.js'
import type { ServiceAccountKey, Tokens } from './tokens.js'

const everything = 'https://www.googleapis.com/auth/cloud-platform'

/** A credential file of each kind, good on one server. */
export interface GcsCredentials {
  /** A service account's key file. */
  readonly serviceAccount: ServiceAccountKey
  /** What `gcloud auth application-default login` writes. Clients that ask a fixed host for its tokens must be told the server's `/token`. */
  readonly authorizedUser: Readonly<Record<'type' | 'client_id' | 'client_secret' | 'refresh_token', string>>
  /** The service account, lent to the user. */
  readonly impersonated: Readonly<Record<string, unknown>>
  /** Workload identity federation: the subject token comes from this server by HTTP. */
  readonly externalAccount: Readonly<Record<string, unknown>>
}

/** @param endpoint `http://host:port` of the server */
export async function makeCredentials (tokens: Tokens, endpoint: string): Promise<GcsCredentials> {
  const authorizedUser = {
    type: 'authorized_user', client_id: 'test-client.apps.example', client_secret: 'test-client-secret', refresh_token: tokens.refreshToken
  }
  return {
    serviceAccount: await tokens.key(endpoint),
    authorizedUser,
    impersonated: {
      type: 'impersonated_service_account', source_credentials: authorizedUser, delegates: [],
      service_account_impersonation_url: `${endpoint}/v1/projects/-/serviceAccounts/${tokens.email}:generateAccessToken`
    },
    externalAccount: {
      type: 'external_account', audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/test/providers/test',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt', token_url: `${endpoint}/v1/token`,
      credential_source: { url: `${endpoint}/subject-token`, format: { type: 'json', subject_token_field_name: 'token' } }
    }
  }
}

/** Errors of OAuth are of another shape than those of the API. */
function oauthError (status: number, error: string, description: string): Reply {
  return { ...jsonReply({ error, error_description: description }), status }
}

function grant ({ state: { tokens } }: GcsRequest, more: object = {}): Reply {
  return jsonReply({ access_token: tokens.issue(), expires_in: tokens.seconds, token_type: 'Bearer', ...more })
}

async function form ({ call }: GcsRequest): Promise<URLSearchParams> {
  const text = (await call.body()).toString()
  if (call.header('content-type')?.startsWith('application/json') !== true) return new URLSearchParams(text)
  return new URLSearchParams(JSON.parse(text) as Record<string, string>)
}

async function token (request: GcsRequest): Promise<Reply> {
  const { tokens } = request.state
  const fields = await form(request)
  switch (fields.get('grant_type')) {
    case 'urn:ietf:params:oauth:grant-type:jwt-bearer':
      return tokens.claims(fields.get('assertion') ?? '') === undefined ? oauthError(400, 'invalid_grant', 'Invalid JWT Signature.') : grant(request)
    case 'refresh_token':
      return fields.get('refresh_token') === tokens.refreshToken ? grant(request, { scope: everything }) : oauthError(400, 'invalid_grant', 'Bad Request')
    default: return oauthError(400, 'unsupported_grant_type', 'Invalid grant_type.')
  }
}

/** The token exchange of workload identity federation. */
async function exchangeToken (request: GcsRequest): Promise<Reply> {
  const fields = await form(request)
  if (fields.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:token-exchange') return oauthError(400, 'unsupported_grant_type', 'Invalid grant_type.')
  if (fields.get('subject_token') !== request.state.tokens.subjectToken) return oauthError(400, 'invalid_grant', 'The subject token is not valid.')
  return grant(request, { issued_token_type: 'urn:ietf:params:oauth:token-type:access_token' })
}

function subjectToken ({ state }: GcsRequest): Reply { return jsonReply({ token: state.tokens.subjectToken }) }

/** The metadata server of a virtual machine: it answers who says `Metadata-Flavor: Google`, and nobody else. */
function metadata (request: GcsRequest): Reply {
  const { call, route, state, query } = request
  const headers = { 'Metadata-Flavor': 'Google', Server: 'Metadata Server for VM' }
  if (route.path !== '/' && call.header('metadata-flavor') !== 'Google') {
    throw new GcsError(403, { headers, plain: true, message: 'Missing Metadata-Flavor:Google header.' })
  }
  const path = route.path.replace(/^\/computeMetadata\/v1(\/|$)/, '').replace(/\/$/, '')
  const account = /^instance\/service-accounts\/([^/]+)(?:\/(\w+))?$/.exec(path)
  if (account?.[2] === 'token' && (account[1] === 'default' || account[1] === state.tokens.email)) {
    const reply = grant(request)
    return { ...reply, headers: { ...reply.headers, ...headers } }
  }
  if (account?.[2] === undefined && query.get('recursive') === 'true' && account !== null) {
    return jsonReply({ aliases: ['default'], email: state.tokens.email, scopes: [everything] }, undefined, headers)
  }
  const texts: Readonly<Record<string, string>> = {
    '': 'instance/\nproject/\nuniverse/\n', '/': 'computeMetadata/\n', instance: 'service-accounts/\n', 'project/project-id': state.projectId,
    'universe/universe-domain': 'googleapis.com', 'instance/service-accounts/default/email': state.tokens.email
  }
  const text = route.path === '/' ? texts['/'] : texts[path]
  if (text === undefined) throw new GcsError(404, { headers, plain: true })
  return { status: 200, headers: { 'Content-Type': 'application/text', ...headers }, body: Bytes.of(text) }
}

/** @throws GcsError 404 for another account than the server's */
function account ({ state, route, origin }: GcsRequest): Promise<ServiceAccountKey> {
  if (route.name !== state.tokens.email && route.name !== '-') throw new GcsError(404, { message: `Unknown service account: ${route.name}` })
  return state.tokens.key(origin)
}

async function generateAccessToken (request: GcsRequest): Promise<Reply> {
  await account(request)
  const { tokens } = request.state
  return jsonReply({ accessToken: tokens.issue(), expireTime: new Date(request.state.now() + tokens.seconds * 1000).toISOString() })
}

async function signBlob (request: GcsRequest): Promise<Reply> {
  const key = await account(request)
  const { payload } = await request.json()
  const signed = createSign('RSA-SHA256').update(Buffer.from(typeof payload === 'string' ? payload : '', 'base64')).sign(key.private_key, 'base64')
  return jsonReply({ keyId: key.private_key_id, signedBlob: signed })
}

export const credentialOperations = {
  token, 'sts.token': exchangeToken, 'sts.subject': subjectToken, 'metadata.get': metadata, 'iam.generateAccessToken': generateAccessToken, 'iam.signBlob': signBlob
} satisfies Record<string, Operate>
