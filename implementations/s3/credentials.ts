/** Where the keys of S3 come from: a plan of `resolveS3` as a source that renews them. */
import { FsError } from '../../lib/errors/fs-error.js'
import { CredentialSource, moduleProvider } from '../../lib/net/credential-source.js'
import type { CredentialKind, CredentialProvider, CredentialSourceOptions } from '../../lib/net/credential-source.js'
import { environmentCredentials } from './options.js'
import type { CredentialPlan, Environment } from './options.js'
import { SdkConfig } from './sdk.js'
import type { Credentials } from './sign.js'

/** Keys are renewed when this much of their life is left, as the AWS SDK does. */
export const RENEW_BEFORE_MS = 300_000

const kind: CredentialKind<Credentials> = {
  protocol: 's3', renewBeforeMs: RENEW_BEFORE_MS, advice: 'give `credentials` or configure the AWS SDK\'s chain', check, same
}

export class S3CredentialSource extends CredentialSource<Credentials> {
  constructor (provide: CredentialProvider<Credentials>, options: CredentialSourceOptions<Credentials> = {}) { super(kind, provide, options) }
}

export interface SourceContext extends CredentialSourceOptions<Credentials> {
  /** @defaultValue process.env */
  readonly env?: Environment | undefined
  /** What the plan 'sdk' asks; the same one gives region and endpoint. */
  readonly sdk?: SdkConfig | undefined
  /** Throws for keys that are not to be used here. */
  readonly approve?: ((found: Credentials) => void) | undefined
}

/** The source for a plan of `resolveS3`. Does nothing before its first `get()`. */
export function credentialSource (plan: CredentialPlan, context: SourceContext = {}): S3CredentialSource {
  const { env = process.env, sdk, approve, ...options } = context
  const provide = providerOf(plan, env, sdk)
  if (approve === undefined) return new S3CredentialSource(provide, options)
  return new S3CredentialSource(async force => {
    const found = await provide(force)
    if (found !== undefined) approve(check(found))
    return found
  }, options)
}

function providerOf (plan: CredentialPlan, env: Environment, sdk: SdkConfig | undefined): CredentialProvider<Credentials> {
  switch (plan.kind) {
    case 'anonymous': return () => undefined
    case 'static': return () => plan.credentials
    case 'environment': return () => fromEnvironment(env)
    case 'module': return moduleProvider('s3', plan.module)
    case 'sdk': return async force => {
      if (sdk !== undefined) return sdk.credentials(force)
      const own = new SdkConfig({ profile: plan.profile })
      try {
        return await own.credentials(force)
      } finally {
        own.close()
      }
    }
  }
}

/** Keys that a parent pushes, and a way to ask it for newer ones. */
export function givenCredentials (initial: Credentials, renew: () => Promise<Credentials>, options: CredentialSourceOptions<Credentials> = {}): S3CredentialSource {
  return new S3CredentialSource(renew, { ...options, initial })
}

function fromEnvironment (env: Environment): Credentials {
  const credentials = environmentCredentials(env)
  if (credentials !== undefined) return credentials
  throw new FsError('FORKFS_CREDENTIALS', 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are no longer set', { protocol: 's3' })
}

/** What a provider gave, reduced to what is needed. @throws FsError FORKFS_CREDENTIALS where it is no pair of keys */
function check (value: Credentials): Credentials {
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = (typeof value === 'object' && value !== null ? value : {}) as Partial<Credentials>
  if (typeof accessKeyId !== 'string' || accessKeyId === '' || typeof secretAccessKey !== 'string' || secretAccessKey === '') {
    throw new FsError('FORKFS_CREDENTIALS', 'the credential provider did not give accessKeyId and secretAccessKey', { protocol: 's3' })
  }
  const expires = expiration === undefined || expiration === null ? undefined : new Date(expiration)
  if (expires !== undefined && Number.isNaN(expires.getTime())) {
    throw new FsError('FORKFS_CREDENTIALS', 'the credential provider gave an expiration that is no date', { protocol: 's3' })
  }
  return Object.freeze({
    accessKeyId,
    secretAccessKey,
    ...(typeof sessionToken === 'string' && sessionToken !== '' ? { sessionToken } : {}),
    ...(expires === undefined ? {} : { expiration: expires })
  })
}

function same (a: Credentials, b: Credentials): boolean {
  return a.accessKeyId === b.accessKeyId && a.secretAccessKey === b.secretAccessKey && a.sessionToken === b.sessionToken &&
    a.expiration?.getTime() === b.expiration?.getTime()
}
