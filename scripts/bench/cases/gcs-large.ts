import { pipeline } from 'node:stream/promises'
import { gcsSdk, gcsSdkUnchecked, objectPath, openBucket, openForkfsGcs } from '../gcs-subjects.js'
import { meter, pool, touched } from '../meter.js'
import { gcsfs, obstore } from '../python.js'
import { bigKey, bucket, smallKey } from '../sizes.js'
import { forkfs, openUndici, undici } from '../subjects.js'
import type { Case, Sample, Stage } from '../types.js'
import { copy, counted, curlBig, curlSubject, pythonBig, warm } from './big-get.js'
import { cpuPerOp, ratio, value, wallPerOp } from './goals.js'
import { drop } from './stream.js'
import { source } from './upload.js'

const MiB = 1024 * 1024

type Measure = (stage: Stage) => Promise<Sample>
/** Reads an object whole. @returns its length */
type Read = (key: string) => Promise<number>

async function readBig ({ sizes }: Stage, read: Read): Promise<Sample> {
  await warm(read)
  const done = meter()
  return done(counted(await read(bigKey), sizes))
}

async function undiciBody ({ gcsEndpoint, cache }: Stage): Promise<(key: string) => Promise<AsyncIterable<Uint8Array>>> {
  const dispatcher = await openUndici(gcsEndpoint, cache, 8)
  return async key => (await dispatcher.request({ path: `${objectPath(key)}?alt=media`, method: 'GET' })).body
}

function mediaUrl ({ gcsEndpoint }: Stage): string { return `${gcsEndpoint}${objectPath(bigKey)}?alt=media` }

const fetchers: Readonly<Record<string, Measure>> = {
  forkfs: async stage => {
    const fs = await openForkfsGcs(stage.gcsEndpoint)
    return readBig(stage, async key => (await fs.catFile(`${bucket}/${key}`)).length)
  },
  sdk: async stage => {
    const files = await openBucket(stage.gcsEndpoint, stage.cache)
    return readBig(stage, async key => (await files.file(key).download())[0].length)
  },
  'sdk-unchecked': async stage => {
    const files = await openBucket(stage.gcsEndpoint, stage.cache)
    return readBig(stage, async key => (await files.file(key).download({ validation: false }))[0].length)
  },
  undici: async stage => {
    const body = await undiciBody(stage)
    const into = touched(stage.sizes.bigBytes)
    return readBig(stage, async key => copy(await body(key), into))
  },
  gcsfs: stage => pythonBig('gcsfs', stage.gcsEndpoint, stage),
  obstore: stage => pythonBig('obstore-gcs', stage.gcsEndpoint, stage),
  curl: stage => curlBig(mediaUrl(stage), stage.sizes)
}

export const gcsBigGet: Case = {
  name: 'gcs-big-get',
  title: 'Google Cloud Storage: one large object into memory',
  how: ({ bigBytes }) => `An object of ${bigBytes / MiB} MiB; the library makes the buffer. forkfs and the SDK check its CRC32C; undici copies into a buffer that was there.`,
  unit: 'MiB/s',
  op: 'object',
  baseline: 'sdk',
  subjects: [{ ...forkfs, label: 'forkfs, `catFile`' }, gcsSdk, gcsSdkUnchecked, undici, gcsfs, obstore, curlSubject],
  goals: [
    ratio('GCS: a large object into memory, CPU against the SDK', 'forkfs', 'sdk', cpuPerOp, '<= 0.2'),
    ratio('… speed, against the SDK', 'sdk', 'forkfs', wallPerOp),
    ratio('… CPU, against the SDK without validation', 'forkfs', 'sdk-unchecked', cpuPerOp),
    value('… memory beyond the object\'s size', 'forkfs', ({ rssMiB, bytes }) => rssMiB - bytes / MiB, 'MiB', '<= 80'),
    ratio('… speed, against obstore', 'obstore', 'forkfs', wallPerOp),
    ratio('… speed, against gcsfs', 'gcsfs', 'forkfs', wallPerOp)
  ],
  measure: (subject, stage) => fetchers[subject]!(stage)
}

async function dropBig ({ sizes }: Stage, open: (key: string) => AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>): Promise<Sample> {
  await pool(200, 4, async index => { await drop(await open(smallKey(index))) })
  const done = meter()
  return done(counted(await drop(await open(bigKey)), sizes))
}

const streams: Readonly<Record<string, Measure>> = {
  forkfs: async stage => {
    const fs = await openForkfsGcs(stage.gcsEndpoint)
    return dropBig(stage, key => fs.createReadStream(`${bucket}/${key}`))
  },
  sdk: async stage => {
    const files = await openBucket(stage.gcsEndpoint, stage.cache)
    return dropBig(stage, key => files.file(key).createReadStream())
  },
  'sdk-unchecked': async stage => {
    const files = await openBucket(stage.gcsEndpoint, stage.cache)
    return dropBig(stage, key => files.file(key).createReadStream({ validation: false }))
  },
  undici: async stage => dropBig(stage, await undiciBody(stage)),
  curl: stage => curlBig(mediaUrl(stage), stage.sizes)
}

export const gcsStream: Case = {
  name: 'gcs-stream',
  title: 'Google Cloud Storage: reading a large object as a stream',
  how: ({ bigBytes }) => `An object of ${bigBytes / MiB} MiB from its first byte to its last, chunks counted and dropped.`,
  unit: 'MiB/s',
  op: 'object',
  baseline: 'sdk',
  subjects: [{ ...forkfs, label: 'forkfs, `createReadStream`' }, gcsSdk, gcsSdkUnchecked, undici, curlSubject],
  goals: [
    ratio('GCS: a stream\'s CPU, against the SDK', 'forkfs', 'sdk', cpuPerOp, '<= 0.2'),
    ratio('… CPU, against the SDK without validation', 'forkfs', 'sdk-unchecked', cpuPerOp, '<= 0.85'),
    ratio('… speed, against the SDK', 'sdk', 'forkfs', wallPerOp)
  ],
  measure: (subject, stage) => streams[subject]!(stage)
}

type Send = (key: string, bytes: number) => Promise<void>

const senders: Readonly<Record<string, (stage: Stage) => Promise<Send>>> = {
  forkfs: async ({ gcsEndpoint }) => {
    const fs = await openForkfsGcs(gcsEndpoint)
    return (key, bytes) => pipeline(source(bytes), fs.createWriteStream(`${bucket}/${key}`))
  },
  sdk: sdkSender({}),
  'sdk-chunked': sdkSender({ chunkSize: 16 * MiB }),
  'sdk-unchecked': sdkSender({ validation: false })
}

function sdkSender (options: { readonly chunkSize?: number, readonly validation?: false }): (stage: Stage) => Promise<Send> {
  return async ({ gcsEndpoint, cache }) => {
    const files = await openBucket(gcsEndpoint, cache)
    return (key, bytes) => pipeline(source(bytes), files.file(key).createWriteStream(options))
  }
}

export const gcsUpload: Case = {
  name: 'gcs-upload',
  title: 'Google Cloud Storage: uploading a stream',
  how: ({ uploadBytes }) => `A stream of ${uploadBytes / MiB} MiB as a resumable upload, with its CRC32C, into a server that reads and forgets: forkfs in chunks of 16 MiB, each of which it can send again; the SDK in one request, as it does by itself, and in such chunks.`,
  unit: 'MiB/s',
  op: 'object',
  baseline: 'sdk',
  subjects: [
    { ...forkfs, label: 'forkfs, `createWriteStream`' }, gcsSdk, { ...gcsSdk, id: 'sdk-chunked', label: '@google-cloud/storage, `chunkSize` 16 MiB' }, gcsSdkUnchecked
  ],
  goals: [
    ratio('GCS: uploading a stream, CPU against the SDK', 'forkfs', 'sdk', cpuPerOp, '<= 0.15'),
    ratio('… CPU, against the SDK without validation', 'forkfs', 'sdk-unchecked', cpuPerOp, '<= 2.5'),
    ratio('… speed, against the SDK', 'sdk', 'forkfs', wallPerOp),
    value('… memory', 'forkfs', ({ rssMiB }) => rssMiB, 'MiB', '<= 120')
  ],
  measure: async (subject, stage) => {
    const send = await senders[subject]!(stage)
    await send('warm', 32 * MiB)
    const bytes = stage.sizes.uploadBytes
    const done = meter()
    await send('big', bytes)
    return done({ ops: 1, bytes })
  }
}
