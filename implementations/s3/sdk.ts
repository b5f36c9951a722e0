/**
 * The AWS SDK as the authority for configuration: profiles, SSO, web identity, containers, instance metadata. It is an
 * optional peer, imported on first use; its client is only asked for what it resolved, and no request of its own leaves the process for the store.
 */
import type { S3Client } from '@aws-sdk/client-s3'
import type * as Sdk from '@aws-sdk/client-s3'
import { FsError } from '../../lib/errors/fs-error.js'
import { domainOf } from './address.js'
import { isRegion, parseEndpoint } from './endpoint.js'
import type { Credentials } from './sign.js'

export interface SdkConfigOptions { readonly profile?: string | undefined }

export interface SdkSettings {
  /** Undefined where no file and no variable names one. */
  readonly region: string | undefined
  /** A configured endpoint, canonical; undefined for the region's own. */
  readonly endpoint: string | undefined
}

/** @throws FsError FORKFS_MISSING_PEER that names what to install */
export async function importSdk (): Promise<typeof Sdk> {
  const peer: string = '@aws-sdk/client-s3' // esbuild bundles what it can read in the import itself
  try {
    return await import(/* webpackIgnore: true */ peer) as typeof Sdk
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new FsError('FORKFS_MISSING_PEER', 'no keys are given (option `credentials`, which is \'anonymous\' for public data) or in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), and profiles, single sign-on, roles and instance credentials need the AWS SDK: npm install @aws-sdk/client-s3', {
      protocol: 's3', cause: error
    })
  }
}

/** One per owner and instance; close it with the client. */
export class SdkConfig {
  readonly #profile: string | undefined
  #client: Promise<S3Client> | undefined
  #closed = false

  constructor (options: SdkConfigOptions = {}) { this.#profile = options.profile }

  /** What the SDK's chain gives. `force`: read everything anew, files included. */
  async credentials (force = false): Promise<Credentials> {
    if (force) this.#drop()
    const client = await this.#open(force)
    try {
      return await client.config.credentials()
    } catch (cause) {
      throw new FsError('FORKFS_CREDENTIALS', `no credentials were found in the environment, or for ${placesOf(this.#profile)}; give \`credentials\` ('anonymous' for public data) or configure the AWS SDK's chain`, {
        protocol: 's3', retry: 'may', cause
      })
    }
  }

  /**
   * Region and endpoint by the SDK's own rules. As in the SDK, an endpoint is looked up in the profile that AWS_PROFILE names
   * (or `default`).
   * @throws FsError FORKFS_CONFIG for a malformed endpoint or region in a file
   */
  async settings (): Promise<SdkSettings> {
    const region = await regionOf(await this.#open(false), this.#profile)
    return { region, endpoint: await endpointOf(region, this.#profile) }
  }

  close (): void {
    this.#closed = true
    this.#drop()
  }

  #open (ignoreCache: boolean): Promise<S3Client> {
    if (this.#client === undefined) {
      const opening = importSdk().then(({ S3Client }) => {
        // `ignoreCache` reaches the SDK's reader of configuration files, which else keeps them for the life of the process.
        const config = { ...(this.#profile === undefined ? {} : { profile: this.#profile }), ...(ignoreCache ? { ignoreCache } : {}) }
        const client = new S3Client(config)
        if (this.#closed) client.destroy()
        return client
      })
      opening.catch(() => { if (this.#client === opening) this.#client = undefined })
      this.#client = opening
    }
    return this.#client
  }

  #drop (): void {
    const client = this.#client
    this.#client = undefined
    client?.then(opened => { opened.destroy() }, () => {})
  }
}

/** What the SDK reads, for messages. */
function placesOf (profile: string | undefined): string {
  const { AWS_PROFILE, AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE, AWS_WEB_IDENTITY_TOKEN_FILE } = process.env
  const folder = `${process.getBuiltinModule('node:os').homedir()}/.aws`
  const token = AWS_WEB_IDENTITY_TOKEN_FILE === undefined || AWS_WEB_IDENTITY_TOKEN_FILE === '' ? '' : ` with the token in '${AWS_WEB_IDENTITY_TOKEN_FILE}'`
  return `the profile '${profile ?? (AWS_PROFILE || 'default')}' of '${AWS_CONFIG_FILE || `${folder}/config`}' and '${AWS_SHARED_CREDENTIALS_FILE || `${folder}/credentials`}'${token}`
}

async function regionOf (client: S3Client, profile: string | undefined): Promise<string | undefined> {
  let region: unknown
  let cause: unknown
  try {
    region = await client.config.region()
  } catch (error) {
    if (error instanceof Error && /missing/i.test(error.message)) return undefined // nobody has configured one
    cause = error // it refuses some itself
  }
  if (typeof region === 'string' && isRegion(region)) return region
  throw new FsError('FORKFS_CONFIG', `the configured region is no name of one, such as "eu-west-1" (in ${placesOf(profile)})`, { protocol: 's3', cause })
}

/** Where the SDK would send a request: it is made ready and caught before it leaves. */
async function endpointOf (region: string | undefined, profile: string | undefined): Promise<string | undefined> {
  const { S3Client, HeadBucketCommand } = await importSdk()
  let caught: CaughtRequest | undefined
  const handler = {
    handle: (request: CaughtRequest): Promise<never> => {
      caught = request
      return Promise.reject(new Error('caught'))
    },
    updateHttpClientConfig: (): void => {},
    httpHandlerConfigs: (): Record<string, never> => ({}),
    destroy: (): void => {}
  }
  const client = new S3Client({
    ...(profile === undefined ? {} : { profile }),
    region: region ?? 'us-east-1',
    credentials: { accessKeyId: 'none', secretAccessKey: 'none' },
    forcePathStyle: true,
    maxAttempts: 1,
    requestHandler: handler as unknown as NonNullable<Sdk.S3ClientConfig['requestHandler']>
  })
  try {
    await client.send(new HeadBucketCommand({ Bucket: BUCKET })).catch((error: unknown) => {
      if (caught === undefined) throw new FsError('FORKFS_CONFIG', `the AWS SDK finds no valid endpoint in the configuration (${placesOf(profile)})`, { protocol: 's3', cause: error })
    })
  } finally {
    client.destroy()
  }
  return endpointText(caught!, region ?? 'us-east-1')
}

interface CaughtRequest { readonly protocol: string, readonly hostname: string, readonly port?: number | undefined, readonly path: string }

const BUCKET = 'forkfs-endpoint'

function endpointText ({ protocol, hostname, port, path }: CaughtRequest, region: string): string | undefined {
  if (hostname === `s3.${region}.${domainOf(region)}`) return undefined
  const host = hostname.includes(':') && !hostname.startsWith('[') ? `[${hostname}]` : hostname
  const base = path.slice(0, path.indexOf(`/${BUCKET}`))
  try {
    return parseEndpoint(`${protocol}//${host}${port === undefined ? '' : `:${port}`}${base}`)
  } catch (error) {
    throw new FsError('FORKFS_CONFIG', `the configured endpoint is malformed (${(error as Error).message})`, { protocol: 's3' })
  }
}
