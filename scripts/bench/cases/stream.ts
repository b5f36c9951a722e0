import type { Readable } from 'node:stream'
import { meter, pool } from '../meter.js'
import { bigKey, bucket, smallKey } from '../sizes.js'
import { forkfs, minio, opendal, openForkfs, openMinio, openOpendal, openSdk, openUndici, sdk, undici } from '../subjects.js'
import type { Case, Sample, Stage } from '../types.js'
import { curlBig, curlSubject } from './big-get.js'
import { cpuPerOp, ratio, wallPerOp } from './goals.js'

type Open = (key: string) => Promise<AsyncIterable<Uint8Array>> | AsyncIterable<Uint8Array>

async function opener (subject: string, { endpoint, cache }: Stage): Promise<Open> {
  if (subject === 'sdk') {
    const { sdk: { GetObjectCommand }, client } = await openSdk(endpoint, cache)
    return async key => (await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }))).Body as Readable
  }
  if (subject === 'undici') {
    const dispatcher = await openUndici(endpoint, cache, 1)
    return async key => (await dispatcher.request({ path: `/${bucket}/${key}`, method: 'GET' })).body
  }
  if (subject === 'minio') {
    const client = await openMinio(endpoint, cache)
    return key => client.getObject(bucket, key)
  }
  if (subject === 'opendal') {
    const operator = await openOpendal(endpoint, cache, bucket)
    return async key => readerBlocks(await operator.reader(key))
  }
  const fs = await openForkfs(endpoint)
  return subject === 'forkfs' ? key => fs.createReadStream(`${bucket}/${key}`) : key => fs.readable(`${bucket}/${key}`)
}

/** One block, filled again and again. */
async function * readerBlocks (reader: { read (into: Uint8Array): Promise<bigint> }): AsyncGenerator<Uint8Array> {
  const block = Buffer.alloc(1024 * 1024)
  for (let bytes = Number(await reader.read(block)); bytes > 0; bytes = Number(await reader.read(block))) yield block.subarray(0, bytes)
}

export async function drop (body: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0
  for await (const chunk of body) bytes += chunk.length
  return bytes
}

async function measure (subject: string, stage: Stage): Promise<Sample> {
  if (subject === 'curl') return curlBig(`${stage.endpoint}/${bucket}/${bigKey}`, stage.sizes)
  const open = await opener(subject, stage)
  await pool(200, 4, async index => { await drop(await open(smallKey(index))) })
  const done = meter()
  const bytes = await drop(await open(bigKey))
  if (bytes !== stage.sizes.bigBytes) throw new Error(`Expected ${stage.sizes.bigBytes} bytes, got ${bytes}`)
  return done({ ops: 1, bytes })
}

export const stream: Case = {
  name: 'stream',
  title: 'Reading a large object as a stream',
  how: ({ bigBytes }) => `An object of ${bigBytes / 2 ** 20} MiB from its first byte to its last, chunks counted and dropped.`,
  unit: 'MiB/s',
  op: 'object',
  baseline: 'sdk',
  subjects: [
    { ...forkfs, label: 'forkfs, `createReadStream`' },
    { id: 'forkfs-web', label: 'forkfs, `readable` (web stream)' },
    { ...sdk, label: '@aws-sdk/client-s3, Body' },
    { ...undici, label: 'undici.request body, unsigned' },
    { ...minio, label: 'minio, getObject' },
    { ...opendal, label: 'opendal 0.49.2, reader, blocks of 1 MiB' },
    curlSubject
  ],
  goals: [
    ratio('a stream\'s speed, against the SDK\'s body', 'sdk', 'forkfs', wallPerOp),
    ratio('… CPU, against the SDK\'s body', 'forkfs', 'sdk', cpuPerOp)
  ],
  measure
}
