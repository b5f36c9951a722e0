/**
 * The options of S3 and what becomes of them together with the environment: explicit options win over the environment, the
 * environment over defaults. Nothing here reads a file or imports the SDK; it decides whether the SDK has to be asked.
 */
import { FsError } from '../../lib/errors/fs-error.js'
import type { NetworkOptions } from '../../lib/filesystem/network-options.js'
import { filled, flag, moduleUrl, optional, text } from '../../lib/filesystem/option-values.js'
import type { Environment } from '../../lib/filesystem/option-values.js'
import { isRegion, parseEndpoint, regionOfEndpoint } from './endpoint.js'

export interface StaticCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

export interface S3Options extends NetworkOptions {
  /** http(s) URL, a base path is allowed. @defaultValue AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the profile's, the region's at AWS */
  readonly endpoint?: string | undefined
  /** @defaultValue AWS_REGION, AWS_DEFAULT_REGION, the profile's, that of an AWS endpoint, us-east-1 */
  readonly region?: string | undefined
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`. @defaultValue true with a custom endpoint */
  readonly forcePathStyle?: boolean | undefined
  /** A profile of the shared configuration files; needs the SDK. @defaultValue AWS_PROFILE */
  readonly profile?: string | undefined
  /** Static keys, or none (public data). Default: the SDK's own chain, resolved anew in each owner. */
  readonly credentials?: StaticCredentials | 'anonymous' | undefined
  /** A module whose default export is a credential provider: unlike a function it can travel to a worker. */
  readonly credentialsModule?: string | URL | undefined
  /**
   * Let static keys travel in descriptors. Without it the descriptor only names the access key, and a receiver whose own
   * chain yields another identity rejects with FORKFS_CREDENTIALS instead of acting as somebody else. @defaultValue false
   */
  readonly shareCredentials?: boolean | undefined
  /** Accept the charges for requests and transfer. @defaultValue false */
  readonly requesterPays?: boolean | undefined
  /** Remember versions at first sight and read those; paths may then carry ?versionId=. @defaultValue false */
  readonly versionAware?: boolean | undefined
  /** `AES256`, `aws:kms`, `aws:kms:dsse`: how the store encrypts what is written. @defaultValue the bucket's rule */
  readonly serverSideEncryption?: string | undefined
  readonly kmsKeyId?: string | undefined
  /** Verify checksums that the store sends and send CRC32 with uploads. @defaultValue true */
  readonly checksums?: boolean | undefined
}

/** Where keys come from. Secrets of the environment are not part of it: they are read when they are needed. */
export type CredentialPlan =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'static', readonly credentials: StaticCredentials }
  | { readonly kind: 'environment' }
  | { readonly kind: 'module', readonly module: string }
  | { readonly kind: 'sdk', readonly profile?: string | undefined }

export interface ResolvedS3Options {
  /** Canonical, without a trailing slash; undefined: the regional endpoint of AWS (or what the SDK says, see `settings`). */
  readonly endpoint: string | undefined
  /** Undefined only where the SDK has to be asked for it. */
  readonly region: string | undefined
  /** Nobody named the region: follow the store's redirect without a complaint. */
  readonly regionAssumed: boolean
  readonly forcePathStyle: boolean | undefined
  readonly profile: string | undefined
  readonly credentials: CredentialPlan
  /** 'sdk': the region, and the endpoint where it is undefined, come from the shared configuration files through the SDK. */
  readonly settings: 'known' | 'sdk'
  readonly shareCredentials: boolean
  readonly requesterPays: boolean
  readonly versionAware: boolean
  readonly serverSideEncryption: string | undefined
  readonly kmsKeyId: string | undefined
  readonly checksums: boolean
}

export type { Environment } from '../../lib/filesystem/option-values.js'

/**
 * Check the options and fill in what the environment and the defaults say. Does no I/O.
 * @throws TypeError for a malformed option; FsError FORKFS_CONFIG for a malformed variable of the environment,
 *   FORKFS_CREDENTIALS for half a pair of keys
 */
export function resolveS3 (options: S3Options, env: Environment = process.env): ResolvedS3Options {
  const credentials = planCredentials(options, env)
  const endpoint = options.endpoint !== undefined ? parseEndpoint(text('endpoint', options.endpoint)) : endpointFrom(env)
  const named = regionFrom(options, env) ?? (endpoint === undefined ? undefined : regionOfEndpoint(endpoint))
  const settings = asksSdk(options, env, credentials, endpoint, named) ? 'sdk' : 'known'
  return Object.freeze<ResolvedS3Options>({
    endpoint,
    region: named ?? (settings === 'sdk' ? undefined : 'us-east-1'),
    regionAssumed: named === undefined && settings === 'known',
    forcePathStyle: flag('forcePathStyle', options.forcePathStyle),
    profile: profileOf(options, env),
    credentials,
    settings,
    shareCredentials: flag('shareCredentials', options.shareCredentials) ?? false,
    requesterPays: flag('requesterPays', options.requesterPays) ?? false,
    versionAware: flag('versionAware', options.versionAware) ?? false,
    serverSideEncryption: optional('serverSideEncryption', options.serverSideEncryption),
    kmsKeyId: optional('kmsKeyId', options.kmsKeyId),
    checksums: flag('checksums', options.checksums) ?? true
  })
}

/** Whether the first request has to import the SDK, whatever its bucket is. */
export function usesSdk (resolved: ResolvedS3Options): boolean {
  return resolved.settings === 'sdk' || resolved.credentials.kind === 'sdk'
}

/** Keys of the environment, undefined where there are none. @throws FsError FORKFS_CREDENTIALS for half a pair */
export function environmentCredentials (env: Environment): StaticCredentials | undefined {
  const accessKeyId = filled(env['AWS_ACCESS_KEY_ID'])
  const secretAccessKey = filled(env['AWS_SECRET_ACCESS_KEY'])
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    const [here, missing] = accessKeyId === undefined ? ['AWS_SECRET_ACCESS_KEY', 'AWS_ACCESS_KEY_ID'] : ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']
    throw new FsError('FORKFS_CREDENTIALS', `${here} is set without ${missing}: set both or none`, { protocol: 's3' })
  }
  const sessionToken = filled(env['AWS_SESSION_TOKEN'])
  return sessionToken === undefined ? { accessKeyId, secretAccessKey } : { accessKeyId, secretAccessKey, sessionToken }
}

function planCredentials (options: S3Options, env: Environment): CredentialPlan {
  const { credentials, credentialsModule } = options
  if (credentials !== undefined && credentialsModule !== undefined) {
    throw new TypeError('Expected only one of `credentials` and `credentialsModule`')
  }
  if (credentials === 'anonymous') return Object.freeze({ kind: 'anonymous' })
  if (credentials !== undefined) return Object.freeze({ kind: 'static', credentials: checkStatic(credentials) })
  if (credentialsModule !== undefined) return Object.freeze({ kind: 'module', module: moduleUrl('credentialsModule', credentialsModule) })
  const profile = profileOf(options, env)
  // As the SDK decides: a named profile comes before keys in the environment.
  if (profile !== undefined) return Object.freeze({ kind: 'sdk', profile })
  return Object.freeze(environmentCredentials(env) === undefined ? { kind: 'sdk' } : { kind: 'environment' })
}

function checkStatic (credentials: StaticCredentials): StaticCredentials {
  if (typeof credentials !== 'object' || credentials === null) {
    throw new TypeError('Expected `credentials` to be \'anonymous\' or an object with accessKeyId and secretAccessKey')
  }
  const { accessKeyId, secretAccessKey, sessionToken } = credentials
  for (const [name, value] of [['accessKeyId', accessKeyId], ['secretAccessKey', secretAccessKey]] as const) {
    if (value === undefined || value === '') throw new FsError('FORKFS_CREDENTIALS', `\`credentials.${name}\` is missing`, { protocol: 's3' })
    checkKey(name, value)
  }
  if (sessionToken === undefined || sessionToken === '') return Object.freeze({ accessKeyId, secretAccessKey })
  checkKey('sessionToken', sessionToken)
  return Object.freeze({ accessKeyId, secretAccessKey, sessionToken })
}

// The values stay out of the message.
function checkKey (name: string, value: unknown): void {
  if (typeof value !== 'string') throw new TypeError(`Expected \`credentials.${name}\` to be a string, got a value of type ${typeof value}`)
  if (name !== 'secretAccessKey' && /[^\x21-\x7e]/.test(value)) throw new TypeError(`Expected \`credentials.${name}\` to hold printable ASCII without spaces`)
}

function profileOf (options: S3Options, env: Environment): string | undefined {
  return optional('profile', options.profile) ?? filled(env['AWS_PROFILE'])
}

function endpointFrom (env: Environment): string | undefined {
  if (env['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS']?.toLowerCase() === 'true') return undefined
  for (const name of ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL']) {
    const value = filled(env[name])
    if (value === undefined) continue
    try {
      return parseEndpoint(value)
    } catch (error) {
      throw new FsError('FORKFS_CONFIG', `${name} is malformed (${(error as Error).message})`, { protocol: 's3' })
    }
  }
  return undefined
}

function regionFrom (options: S3Options, env: Environment): string | undefined {
  if (options.region !== undefined) {
    if (!isRegion(text('region', options.region))) throw new TypeError(`Expected \`region\` to be a name such as "eu-west-1", got \`${options.region}\``)
    return options.region
  }
  for (const name of ['AWS_REGION', 'AWS_DEFAULT_REGION']) {
    const value = filled(env[name])
    if (value === undefined) continue
    if (!isRegion(value)) throw new FsError('FORKFS_CONFIG', `${name} is no name of a region, such as "eu-west-1"`, { protocol: 's3' })
    return value
  }
  return undefined
}

/**
 * Configuration files say where the store is only through the SDK. They are asked where they are in play anyway (a profile,
 * the SDK's chain), and where nobody else named a place though the environment points to a file or a profile.
 */
function asksSdk (options: S3Options, env: Environment, plan: CredentialPlan, endpoint: string | undefined, region: string | undefined): boolean {
  if (endpoint !== undefined && region !== undefined) return false
  if (plan.kind === 'sdk' || options.profile !== undefined) return true
  if (plan.kind === 'anonymous') return false
  return endpoint === undefined && region === undefined && (filled(env['AWS_CONFIG_FILE']) ?? filled(env['AWS_PROFILE'])) !== undefined
}
