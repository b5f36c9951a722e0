import { SpawnedServer, spawnServer } from './spawned.js'
import type { GcsCredentials } from './gcs/credentials.js'
import type { GcsServerOptions } from './gcs/options.js'
import type { GcsServer, OpenSession } from './gcs/server.js'
import type { ObjectFields } from './gcs/store.js'
import type { S3Credential } from './s3/auth.js'
import type { S3ServerOptions } from './s3/options.js'
import type { OpenUpload, S3Server } from './s3/server.js'
import type { Channel } from './spawned.js'

type S3Fields = Pick<S3Server, 'endpoint' | 'host' | 'port' | 'region' | 'accessKeyId' | 'secretAccessKey' | 'sessionToken' | 'pid'>
type GcsFields = Pick<GcsServer, 'endpoint' | 'host' | 'port' | 'projectId' | 'accessToken' | 'pid'>

/**
 * Start an S3 server in a child process of its own, so that it shares no event loop with the client. The child ends by itself when this
 * process does. Everything in `options` is plain data.
 */
export async function spawnS3Server (options: S3ServerOptions = {}): Promise<S3Server> {
  const { channel, fields } = await spawnServer<S3Fields>('s3', options)
  return new SpawnedS3Server(channel, fields)
}

/** Start a GCS server in a child process of its own, as {@link spawnS3Server} does. */
export async function spawnGcsServer (options: GcsServerOptions = {}): Promise<GcsServer> {
  const { channel, fields } = await spawnServer<GcsFields>('gcs', options)
  return new SpawnedGcsServer(channel, fields)
}

class SpawnedS3Server extends SpawnedServer implements S3Server {
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | undefined

  constructor (channel: Channel, fields: S3Fields) {
    super(channel, fields)
    this.region = fields.region
    this.accessKeyId = fields.accessKeyId
    this.secretAccessKey = fields.secretAccessKey
    this.sessionToken = fields.sessionToken
  }

  put (bucket: string, key: string, data: Uint8Array | string, headers?: Readonly<Record<string, string>>): Promise<void> {
    return this.putData(bucket, key, data, headers)
  }

  uploads (bucket: string): Promise<readonly OpenUpload[]> { return this.channel.call('uploads', [bucket]) }

  expireUploads (bucket: string, prefix?: string): Promise<number> { return this.channel.call('expireUploads', [bucket, prefix]) }

  setCredentials (credentials: readonly S3Credential[]): Promise<void> { return this.channel.call('setCredentials', [credentials]) }
}

class SpawnedGcsServer extends SpawnedServer implements GcsServer {
  readonly projectId: string
  readonly accessToken: string

  constructor (channel: Channel, fields: GcsFields) {
    super(channel, fields)
    this.projectId = fields.projectId
    this.accessToken = fields.accessToken
  }

  put (bucket: string, key: string, data: Uint8Array | string, fields?: ObjectFields): Promise<string> {
    return this.putData(bucket, key, data, fields)
  }

  generation (bucket: string, key: string): Promise<string | undefined> { return this.channel.call('generation', [bucket, key]) }

  uploads (bucket: string): Promise<readonly OpenSession[]> { return this.channel.call('uploads', [bucket]) }

  revokeTokens (): Promise<void> { return this.channel.call('revokeTokens', []) }

  credentials (): Promise<GcsCredentials> { return this.channel.call('credentials', []) }
}
