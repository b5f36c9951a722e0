/** The stores that the demonstration runs on: servers of this repository, each in a process of its own. */
import { filesystem } from '../../lib/index.js'
import type { FileSystem } from '../../lib/index.js'
import { spawnGcsServer, spawnS3Server } from '../../test/servers/index.js'
import type { GcsServer, S3Server } from '../../test/servers/index.js'

export const storeNames = ['s3', 'gcs'] as const
export type StoreName = typeof storeNames[number]

export interface DemoStore {
  readonly server: S3Server | GcsServer
  readonly fs: FileSystem
  /** What a child must have in its environment to be the same somebody. */
  readonly env: Readonly<Record<string, string>>
}

export async function openStore (name: StoreName, bucket: string): Promise<DemoStore> {
  if (name === 'gcs') {
    const server = await spawnGcsServer({ buckets: [bucket] })
    return { server, fs: filesystem('gs', { apiEndpoint: server.endpoint, projectId: server.projectId, fresh: true }), env: {} }
  }
  const server = await spawnS3Server({ buckets: [bucket], opaqueEtags: true })
  const { endpoint, region, accessKeyId, secretAccessKey } = server
  return {
    server,
    fs: filesystem('s3', { endpoint, region, credentials: { accessKeyId, secretAccessKey }, fresh: true }),
    env: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: '', AWS_PROFILE: '' }
  }
}
