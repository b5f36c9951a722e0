import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { S3Client } from '@aws-sdk/client-s3'
import { importPeer } from '../places.js'
import { meter } from '../meter.js'
import { bucket, uploadByte } from '../sizes.js'
import { forkfs, needsPackage, opendal, openForkfs, openOpendal, openSdk } from '../subjects.js'
import type { Case, Sample, Stage } from '../types.js'
import { cpuPerOp, ratio, wallPerOp } from './goals.js'

const chunk = Buffer.alloc(1024 * 1024, uploadByte)

export function source (bytes: number): Readable {
  let left = bytes
  return Readable.from((function * (): Generator<Buffer> {
    for (; left > 0; left -= chunk.length) yield chunk
  })(), { objectMode: false, highWaterMark: 1024 * 1024 })
}

type Send = (key: string, bytes: number) => Promise<unknown>

/** What is used of @aws-sdk/lib-storage, which the repository does not depend on. */
interface LibStorage {
  readonly Upload: new (options: { readonly client: S3Client, readonly params: object, readonly partSize: number, readonly queueSize: number }) => { done (): Promise<unknown> }
}

async function sender (subject: string, { sinkEndpoint, cache }: Stage): Promise<Send> {
  if (subject === 'forkfs') {
    const fs = await openForkfs(sinkEndpoint)
    return (key, bytes) => pipeline(source(bytes), fs.createWriteStream(`${bucket}/${key}`))
  }
  if (subject === 'opendal') {
    const operator = await openOpendal(sinkEndpoint, cache, bucket)
    return async (key, bytes) => {
      const writer = await operator.writer(key, { chunk: 8n * 1024n * 1024n, concurrent: 4 })
      for await (const block of source(bytes)) await writer.write(block as Buffer)
      await writer.close()
    }
  }
  const { client } = await openSdk(sinkEndpoint, cache)
  const { Upload } = await importPeer<LibStorage>('@aws-sdk/lib-storage', cache)
  return (key, bytes) => new Upload({ client, params: { Bucket: bucket, Key: key, Body: source(bytes) }, partSize: 8 * 1024 * 1024, queueSize: 4 }).done()
}

async function measure (subject: string, stage: Stage): Promise<Sample> {
  const send = await sender(subject, stage)
  await send('warm', 32 * 1024 * 1024)
  const bytes = stage.sizes.uploadBytes
  const done = meter()
  await send('big', bytes)
  return done({ ops: 1, bytes })
}

export const upload: Case = {
  name: 'upload',
  title: 'Uploading a stream in parts',
  how: ({ uploadBytes }) => `A stream of ${uploadBytes / 2 ** 20} MiB in parts of 8 MiB, with CRC32 checksums (the default of forkfs and of lib-storage), into a server that reads and forgets.`,
  unit: 'MiB/s',
  op: 'object',
  baseline: 'lib-storage',
  subjects: [
    { ...forkfs, label: 'forkfs, `createWriteStream`' },
    { id: 'lib-storage', label: '@aws-sdk/lib-storage, 4 parts at once', missing: needsPackage('@aws-sdk/lib-storage') },
    { ...opendal, label: 'opendal 0.49.2, writer, 4 parts at once, no checksum' }
  ],
  goals: [
    ratio('uploading a stream, speed against lib-storage', 'lib-storage', 'forkfs', wallPerOp),
    ratio('… CPU, against lib-storage', 'forkfs', 'lib-storage', cpuPerOp)
  ],
  measure
}
