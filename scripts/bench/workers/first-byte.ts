/** A worker that reads one small object with the client it is told, and says so. */
import { parentPort, workerData } from 'node:worker_threads'
import type { FileSystem, revive as Revive } from '../../../lib/index.js'

export interface FirstByteTask {
  readonly subject: string
  readonly module: string
  readonly endpoint: string
  readonly path: string
  readonly keys: { readonly accessKeyId: string, readonly secretAccessKey: string }
  readonly region: string
  readonly fs?: unknown
}

async function read (task: FirstByteTask): Promise<number> {
  const { subject, module, endpoint, path, keys, region, fs } = task
  if (subject === 'forkfs') {
    const { revive } = await import(module) as { readonly revive: typeof Revive }
    return (await (revive(fs) as FileSystem).catFile(path)).length
  }
  if (subject === 'undici') {
    const { Pool } = await import(module) as typeof import('undici')
    const dispatcher = new Pool(endpoint)
    const { body } = await dispatcher.request({ path: `/${path}`, method: 'GET' })
    const { length } = await body.bytes()
    await dispatcher.close()
    return length
  }
  const { S3Client, GetObjectCommand } = await import(module) as typeof import('@aws-sdk/client-s3')
  const client = new S3Client({ endpoint, region, credentials: keys, forcePathStyle: true })
  const [Bucket, ...rest] = path.split('/')
  return (await (await client.send(new GetObjectCommand({ Bucket, Key: rest.join('/') }))).Body!.transformToByteArray()).length
}

parentPort!.postMessage(await read(workerData as FirstByteTask))
process.exit()
