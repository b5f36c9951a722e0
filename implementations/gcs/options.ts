/**
 * The options of GCS and what becomes of them together with the environment: explicit options win over the environment, the
 * environment over defaults. Nothing here reads a file or imports the SDK.
 */
import { isAbsolute, resolve } from 'node:path'
import { FsError } from '../../lib/errors/fs-error.js'
import type { NetworkOptions } from '../../lib/filesystem/network-options.js'
import { filled, flag, isLoopback, moduleUrl, optional, text } from '../../lib/filesystem/option-values.js'
import type { Environment } from '../../lib/filesystem/option-values.js'

export interface ServiceAccountKey { readonly client_email: string, readonly private_key: string }

export interface GcsOptions extends NetworkOptions {
  /** Scheme, host and port; no path. @defaultValue STORAGE_EMULATOR_HOST, then https://storage.<universeDomain> */
  readonly apiEndpoint?: string | undefined
  /** @defaultValue GOOGLE_CLOUD_UNIVERSE_DOMAIN, then googleapis.com */
  readonly universeDomain?: string | undefined
  /** Send tokens to a custom endpoint too (https, or loopback). @defaultValue false: tokens go to Google's hosts only */
  readonly useAuthWithCustomEndpoint?: boolean | undefined
  /** Needed to make and to list buckets only. @defaultValue GOOGLE_CLOUD_PROJECT, then what the credentials tell */
  readonly projectId?: string | undefined
  /** Requester pays: the project that is billed. */
  readonly userProject?: string | undefined
  /** A JSON key file of any kind that google-auth-library knows. */
  readonly keyFilename?: string | undefined
  /** A service account's key, or none (public data). Default: Application Default Credentials, resolved anew in each owner. */
  readonly credentials?: ServiceAccountKey | 'anonymous' | undefined
  /**
   * A module whose default export is a function that gives (a promise of) `{ token, expiration?, identity? }`: unlike a function it
   * can travel to a worker.
   */
  readonly credentialsModule?: string | URL | undefined
  /**
   * Let a key in `credentials` travel in descriptors. Without it the descriptor only names the account, and a receiver that acts as
   * another one rejects with FORKFS_CREDENTIALS. @defaultValue false
   */
  readonly shareCredentials?: boolean | undefined
  /** Remember generations at first sight and read those; paths may then end in `#<generation>`. @defaultValue false */
  readonly versionAware?: boolean | undefined
  /** Cloud KMS key that encrypts what is written. @defaultValue the bucket's rule */
  readonly kmsKeyName?: string | undefined
  /** Check the CRC32C of whole objects that are read and send it with what is written. @defaultValue true */
  readonly checksums?: boolean | undefined
}

/** Where tokens come from. */
export type CredentialPlan =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'key', readonly key: ServiceAccountKey }
  | { readonly kind: 'file', readonly keyFilename: string }
  | { readonly kind: 'module', readonly module: string }
  | { readonly kind: 'default' }

export interface ResolvedGcsOptions {
  /** Scheme, host and port. */
  readonly endpoint: string
  /** Not one of Google's hosts. */
  readonly custom: boolean
  readonly universeDomain: string
  readonly credentials: CredentialPlan
  /** Requests carry a token; false for custom endpoints that were not trusted with one, and for anonymous access. */
  readonly authorized: boolean
  readonly projectId: string | undefined
  readonly userProject: string | undefined
  readonly shareCredentials: boolean
  readonly versionAware: boolean
  readonly kmsKeyName: string | undefined
  readonly checksums: boolean
}

const universe = 'googleapis.com'

/**
 * Check the options and fill in what the environment and the defaults say. Does no I/O.
 * @throws TypeError for a malformed option; FsError FORKFS_CONFIG for a malformed variable of the environment and for a token that
 *   would travel in clear, FORKFS_CREDENTIALS for half a key
 */
export function resolveGcs (options: GcsOptions, env: Environment = process.env): ResolvedGcsOptions {
  const universeDomain = universeOf(options, env)
  const endpoint = endpointOf(options, env) ?? `https://storage.${universeDomain}`
  const custom = !isUnder(endpoint, universeDomain)
  const trusted = flag('useAuthWithCustomEndpoint', options.useAuthWithCustomEndpoint) ?? false
  if (custom && trusted && endpoint.startsWith('http:') && !isLoopback(endpoint)) {
    throw new FsError('FORKFS_CONFIG', '`useAuthWithCustomEndpoint` would send tokens in clear: use https, or an endpoint on this machine', { protocol: 'gs' })
  }
  const credentials = planCredentials(options, custom && !trusted)
  return Object.freeze<ResolvedGcsOptions>({
    endpoint,
    custom,
    universeDomain,
    credentials,
    authorized: credentials.kind !== 'anonymous' && (!custom || trusted),
    projectId: optional('projectId', options.projectId) ?? filled(env['GOOGLE_CLOUD_PROJECT']),
    userProject: optional('userProject', options.userProject),
    shareCredentials: flag('shareCredentials', options.shareCredentials) ?? false,
    versionAware: flag('versionAware', options.versionAware) ?? false,
    kmsKeyName: optional('kmsKeyName', options.kmsKeyName),
    checksums: flag('checksums', options.checksums) ?? true
  })
}

/** Scheme, host and port of an endpoint; `scheme` stands in where none is given. @throws TypeError, without repeating what may be a password */
export function parseEndpoint (name: string, given: string, scheme: 'http' | 'https'): string {
  let url: URL
  try {
    url = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(given) ? given : `${scheme}://${given}`)
  } catch (error) {
    throw new TypeError(`Expected \`${name}\` to be a URL such as "https://storage.example:4443"`, { cause: error instanceof Error ? error.message : undefined })
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new TypeError(`Expected \`${name}\` to begin with http:// or https://, got \`${url.protocol}\``)
  if (url.username !== '' || url.password !== '') throw new TypeError(`Expected \`${name}\` to hold no credentials`)
  // What other clients want behind the host is what we add ourselves.
  if (!/^\/*(?:storage\/v1\/*)?$/.test(url.pathname) || /[?#]/.test(given)) throw new TypeError(`Expected \`${name}\` to have neither path, query nor fragment`)
  return url.origin
}

function universeOf ({ universeDomain }: GcsOptions, env: Environment): string {
  const expected = (name: string): string => `Expected \`${name}\` to be a domain such as "${universe}"`
  const isDomain = (value: string): boolean => /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/.test(value)
  const given = optional('universeDomain', universeDomain)
  if (given !== undefined && !isDomain(given)) throw new TypeError(expected('universeDomain'))
  const fallback = filled(env['GOOGLE_CLOUD_UNIVERSE_DOMAIN']) ?? universe
  if (given === undefined && !isDomain(fallback)) throw new FsError('FORKFS_CONFIG', expected('GOOGLE_CLOUD_UNIVERSE_DOMAIN'), { protocol: 'gs' })
  return given ?? fallback
}

function endpointOf ({ apiEndpoint }: GcsOptions, env: Environment): string | undefined {
  if (apiEndpoint !== undefined) return parseEndpoint('apiEndpoint', text('apiEndpoint', apiEndpoint), 'https')
  const emulator = filled(env['STORAGE_EMULATOR_HOST'])
  if (emulator === undefined || emulator === 'default') return undefined
  try {
    return parseEndpoint('STORAGE_EMULATOR_HOST', emulator, 'http')
  } catch (error) {
    throw new FsError('FORKFS_CONFIG', (error as Error).message, { protocol: 'gs' })
  }
}

function isUnder (endpoint: string, domain: string): boolean {
  const { protocol, hostname } = new URL(endpoint)
  return protocol === 'https:' && hostname.endsWith(`.${domain}`)
}

function planCredentials (options: GcsOptions, untrusted: boolean): CredentialPlan {
  const { credentials, credentialsModule, keyFilename } = options
  if ([credentials, credentialsModule, keyFilename].filter(value => value !== undefined).length > 1) {
    throw new TypeError('Expected only one of `credentials`, `credentialsModule` and `keyFilename`')
  }
  if (credentials === 'anonymous') return Object.freeze({ kind: 'anonymous' })
  if (credentials !== undefined) return Object.freeze({ kind: 'key', key: checkKey(credentials) })
  if (credentialsModule !== undefined) return Object.freeze({ kind: 'module', module: moduleUrl('credentialsModule', credentialsModule) })
  if (keyFilename !== undefined) {
    const file = text('keyFilename', keyFilename)
    return Object.freeze({ kind: 'file', keyFilename: isAbsolute(file) ? file : resolve(file) })
  }
  return Object.freeze(untrusted ? { kind: 'anonymous' } : { kind: 'default' })
}

// The values stay out of the message.
function checkKey (key: ServiceAccountKey): ServiceAccountKey {
  if (typeof key !== 'object' || key === null) throw new TypeError('Expected `credentials` to be \'anonymous\' or an object with client_email and private_key')
  for (const name of ['client_email', 'private_key'] as const) {
    const value: unknown = key[name]
    if (value === undefined || value === '') throw new FsError('FORKFS_CREDENTIALS', `\`credentials.${name}\` is missing`, { protocol: 'gs' })
    if (typeof value !== 'string') throw new TypeError(`Expected \`credentials.${name}\` to be a string, got a value of type ${typeof value}`)
  }
  return Object.freeze({ client_email: key.client_email, private_key: key.private_key })
}
