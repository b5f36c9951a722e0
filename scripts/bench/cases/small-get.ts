import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { findProgram } from '../places.js'
import { meter, pool } from '../meter.js'
import { obstore, runPython, s3fs } from '../python.js'
import type { PythonLibrary } from '../python.js'
import { bucket, smallBytes, smallKey } from '../sizes.js'
import {
  forkfs, minio, needsProgram, opendal, openForkfs, openMinio, openOpendal, openSdk, openUndici, sdk, sdkTuned, undici
} from '../subjects.js'
import type { Keys } from '../subjects.js'
import type { Case, Sample, Sizes, Stage, Subject } from '../types.js'
import { cpuPerOp, perSecond, ratio } from './goals.js'

export const inFlight = 64

type Get = (key: string) => Promise<number>

export async function smallGetter (subject: string, endpoint: string, cache: string, keys?: Keys): Promise<Get> {
  switch (subject) {
    case 'forkfs': {
      const fs = await openForkfs(endpoint, keys)
      return async key => (await fs.catFile(`${bucket}/${key}`)).length
    }
    case 'sdk': case 'sdk-tuned': {
      const { sdk: { GetObjectCommand }, client } = await openSdk(endpoint, cache, { tuned: subject === 'sdk-tuned', ...(keys === undefined ? {} : { credentials: keys }) })
      return async key => (await (await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }))).Body!.transformToByteArray()).length
    }
    case 'undici': {
      const dispatcher = await openUndici(endpoint, cache, inFlight)
      return async key => {
        const { statusCode, body } = await dispatcher.request({ path: `/${bucket}/${key}`, method: 'GET' })
        if (statusCode !== 200) throw new Error(`Expected status 200, got ${statusCode}`)
        return (await body.bytes()).length
      }
    }
    case 'minio': {
      const client = await openMinio(endpoint, cache)
      return async key => {
        let bytes = 0
        for await (const chunk of await client.getObject(bucket, key)) bytes += (chunk as Buffer).length
        return bytes
      }
    }
    case 'opendal': {
      const operator = await openOpendal(endpoint, cache, bucket)
      return async key => (await operator.read(key)).length
    }
    default: throw new Error(`Expected a subject of small GETs, got ${subject}`)
  }
}

/** Slower clients get fewer requests: a rate needs a second or two, not a minute. */
function requests (subject: string, quick: boolean): number {
  const full = subject.startsWith('sdk') || subject === 's3fs' ? 8000 : subject === 'minio' ? 20_000 : 40_000
  return quick ? full / 8 : full
}

export async function getSmall (get: Get, count: number, objects: number): Promise<Sample> {
  let bytes = 0
  const one = async (index: number): Promise<void> => {
    const length = await get(smallKey(index % objects))
    bytes += length
  }
  await pool(Math.min(2000, count), inFlight, one)
  bytes = 0
  const done = meter()
  await pool(count, inFlight, one)
  if (bytes !== count * smallBytes) throw new Error(`Expected ${count * smallBytes} bytes, got ${bytes}`)
  return done({ ops: count, bytes })
}

/** The same in Python. */
export async function pythonSmall (library: PythonLibrary, count: number, endpoint: string, stage: Stage): Promise<Sample> {
  const keys = Array.from({ length: stage.sizes.smallObjects }, (_, index) => smallKey(index))
  const sample = await runPython(library, 'small', stage, { endpoint, keys, count, inFlight })
  if (sample.bytes !== count * smallBytes) throw new Error(`Expected ${count * smallBytes} bytes, got ${sample.bytes}`)
  return sample
}

export const wrkSubject: Subject = { id: 'wrk', label: 'wrk (C, unsigned)', missing: needsProgram('wrk') }

/** What the server can give: a client in C that only counts. */
export async function wrk (url: string, quick: boolean): Promise<Sample> {
  const seconds = quick ? 1 : 2
  const done = meter()
  const child = spawn(findProgram('wrk')!, ['-t', '1', '-c', String(inFlight), '-d', `${seconds}s`, url], { stdio: ['ignore', 'pipe', 'ignore'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => { said += text })
  await once(child, 'close')
  const ops = Number(/(\d+) requests in/.exec(said)?.[1])
  if (!(ops > 0)) throw new Error('Expected wrk to tell its requests')
  return done({ ops, bytes: ops * smallBytes })
}

export const smallGet: Case = {
  name: 'small-get',
  title: `GETs of 10 KiB, ${inFlight} in flight`,
  how: ({ smallObjects }: Sizes) => `${smallObjects.toLocaleString('en')} objects of 10 KiB, read in turn by one thread with ${inFlight} requests in flight; each object becomes one byte array. wrk (one object, counted and dropped) tells what the server can give.`,
  unit: 'ops/s',
  op: 'GET',
  baseline: 'sdk',
  subjects: [forkfs, sdk, sdkTuned, undici, minio, opendal, s3fs, obstore, wrkSubject],
  goals: [
    ratio('10 KiB GETs per second, against the SDK\'s default client', 'forkfs', 'sdk', perSecond, '>= 8'),
    ratio('… CPU per GET, against the SDK', 'forkfs', 'sdk', cpuPerOp, '<= 0.12'),
    ratio('… per second, against undici.request (unsigned)', 'forkfs', 'undici', perSecond, '>= 1'),
    ratio('… per second, against the tuned SDK', 'forkfs', 'sdk-tuned', perSecond),
    ratio('… per second, against opendal', 'forkfs', 'opendal', perSecond, '>= 1.1'),
    ratio('… per second, against s3fs', 'forkfs', 's3fs', perSecond),
    ratio('… per second, against obstore', 'forkfs', 'obstore', perSecond),
    ratio('… CPU per GET, against obstore', 'forkfs', 'obstore', cpuPerOp)
  ],
  measure: async (subject, stage) => {
    const { endpoint, quick, cache, sizes } = stage
    if (subject === 'wrk') return wrk(`${endpoint}/${bucket}/${smallKey(1)}`, quick)
    const count = requests(subject, quick)
    if (subject === 's3fs' || subject === 'obstore') return pythonSmall(subject === 's3fs' ? 's3fs' : 'obstore-s3', count, endpoint, stage)
    return getSmall(await smallGetter(subject, endpoint, cache), count, sizes.smallObjects)
  }
}

export const smallGetMinio: Case = {
  name: 'small-get-minio',
  title: `GETs of 10 KiB from MinIO, ${inFlight} in flight`,
  how: () => 'The same against a real store, which checks signatures. Here the server is the limit.',
  unit: 'ops/s',
  op: 'GET',
  baseline: 'sdk',
  subjects: [forkfs, sdk, sdkTuned].map(subject => ({
    ...subject,
    missing: (stage: Stage) => stage.minio === undefined ? 'MinIO is not built (npm run servers)' : subject.missing?.(stage)
  })),
  goals: [ratio('10 KiB GETs per second from MinIO, against the SDK', 'forkfs', 'sdk', perSecond)],
  measure: async (subject, { minio: store, cache, quick }) =>
    getSmall(await smallGetter(subject, store!.endpoint, cache, store), requests('sdk', quick), 200)
}
