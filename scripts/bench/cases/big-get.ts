import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { findProgram } from '../places.js'
import { meter, pool, touched } from '../meter.js'
import { obstore, runPython, s3fs } from '../python.js'
import type { PythonLibrary } from '../python.js'
import { bigKey, bucket, smallKey } from '../sizes.js'
import { forkfs, minio, needsProgram, opendal, openForkfs, openMinio, openOpendal, openSdk, openUndici, sdk, undici } from '../subjects.js'
import type { Case, Sample, Sizes, Stage, Subject } from '../types.js'
import { cpuPerOp, ratio, wallPerOp } from './goals.js'

const partBytes = 8 * 1024 * 1024
const partsInFlight = 8

export function warm (get: (key: string) => Promise<unknown>): Promise<void> {
  return pool(200, partsInFlight, async index => { await get(smallKey(index)) })
}

export function counted (bytes: number, sizes: Sizes): { readonly ops: number, readonly bytes: number } {
  if (bytes !== sizes.bigBytes) throw new Error(`Expected ${sizes.bigBytes} bytes, got ${bytes}`)
  return { ops: 1, bytes }
}

export async function copy (body: AsyncIterable<Uint8Array>, into: Uint8Array, at = 0): Promise<number> {
  let end = at
  for await (const chunk of body) {
    into.set(chunk, end)
    end += chunk.length
  }
  return end - at
}

async function forkfsInto ({ endpoint, sizes }: Stage): Promise<Sample> {
  const fs = await openForkfs(endpoint)
  const into = touched(sizes.bigBytes)
  await warm(key => fs.catFile(`${bucket}/${key}`))
  const done = meter()
  const [data] = await fs.catRanges([{ path: `${bucket}/${bigKey}`, start: 0, end: sizes.bigBytes }], { into: () => into })
  if (!(data instanceof Uint8Array) || data.buffer !== into.buffer) throw new Error('Expected a view of the buffer that was given')
  return done(counted(data.length, sizes))
}

async function forkfsFresh ({ endpoint, sizes }: Stage): Promise<Sample> {
  const fs = await openForkfs(endpoint)
  await warm(key => fs.catFile(`${bucket}/${key}`))
  const done = meter()
  return done(counted((await fs.catFile(`${bucket}/${bigKey}`)).length, sizes))
}

async function sdkInto ({ endpoint, cache, sizes }: Stage, ranged: boolean): Promise<Sample> {
  const { sdk: { GetObjectCommand }, client } = await openSdk(endpoint, cache)
  const into = touched(sizes.bigBytes)
  const body = async (key: string, range?: string): Promise<Readable> =>
    (await client.send(new GetObjectCommand({ Bucket: bucket, Key: key, Range: range }))).Body as Readable
  await warm(async key => copy(await body(key), into))
  const done = meter()
  if (!ranged) return done(counted(await copy(await body(bigKey), into), sizes))
  let bytes = 0
  await pool(Math.ceil(sizes.bigBytes / partBytes), partsInFlight, async index => {
    const start = index * partBytes
    const length = await copy(await body(bigKey, `bytes=${start}-${Math.min(start + partBytes, sizes.bigBytes) - 1}`), into, start)
    bytes += length
  })
  return done(counted(bytes, sizes))
}

async function sdkFresh ({ endpoint, cache, sizes }: Stage): Promise<Sample> {
  const { sdk: { GetObjectCommand }, client } = await openSdk(endpoint, cache)
  const get = async (key: string): Promise<Uint8Array> => (await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }))).Body!.transformToByteArray()
  await warm(get)
  const done = meter()
  return done(counted((await get(bigKey)).length, sizes))
}

async function undiciInto ({ endpoint, cache, sizes }: Stage): Promise<Sample> {
  const dispatcher = await openUndici(endpoint, cache, partsInFlight)
  const into = touched(sizes.bigBytes)
  const get = async (key: string): Promise<number> => copy((await dispatcher.request({ path: `/${bucket}/${key}`, method: 'GET' })).body, into)
  await warm(get)
  const done = meter()
  return done(counted(await get(bigKey), sizes))
}

async function opendalInto ({ endpoint, cache, sizes }: Stage): Promise<Sample> {
  const operator = await openOpendal(endpoint, cache, bucket)
  const into = touched(sizes.bigBytes)
  await warm(key => operator.read(key))
  const done = meter()
  const reader = await operator.reader(bigKey)
  let end = 0
  for (;;) {
    const bytes = Number(await reader.read(into.subarray(end, end + partBytes)))
    if (bytes === 0) break
    end += bytes
  }
  return done(counted(end, sizes))
}

async function minioInto ({ endpoint, cache, sizes }: Stage): Promise<Sample> {
  const client = await openMinio(endpoint, cache)
  const into = touched(sizes.bigBytes)
  const get = async (key: string): Promise<number> => copy(await client.getObject(bucket, key), into)
  await warm(get)
  const done = meter()
  return done(counted(await get(bigKey), sizes))
}

export async function pythonBig (library: PythonLibrary, endpoint: string, stage: Stage): Promise<Sample> {
  const sample = await runPython(library, 'big', stage, { endpoint, keys: Array.from({ length: 20 }, (_, index) => smallKey(index)), key: bigKey })
  counted(sample.bytes, stage.sizes)
  return sample
}

export async function curlBig (url: string, sizes: Sizes): Promise<Sample> {
  const done = meter()
  const child = spawn(findProgram('curl')!, ['-s', '-o', '/dev/null', '-w', '%{size_download}', url], { stdio: ['ignore', 'pipe', 'ignore'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => { said += text })
  await once(child, 'close')
  return done(counted(Number(said), sizes))
}

const subjects: Readonly<Record<string, (stage: Stage) => Promise<Sample>>> = {
  forkfs: forkfsInto,
  'forkfs-fresh': forkfsFresh,
  sdk: stage => sdkInto(stage, false),
  'sdk-ranged': stage => sdkInto(stage, true),
  'sdk-fresh': sdkFresh,
  undici: undiciInto,
  opendal: opendalInto,
  minio: minioInto,
  s3fs: stage => pythonBig('s3fs', stage.endpoint, stage),
  obstore: stage => pythonBig('obstore-s3', stage.endpoint, stage),
  curl: ({ endpoint, sizes }) => curlBig(`${endpoint}/${bucket}/${bigKey}`, sizes)
}

export const curlSubject: Subject = { id: 'curl', label: 'curl (C, unsigned, dropped)', missing: needsProgram('curl') }

export const bigGet: Case = {
  name: 'big-get',
  title: 'One large object into one buffer',
  how: ({ bigBytes }) => `An object of ${bigBytes / 2 ** 20} MiB. "into": into a buffer whose pages were touched before; "fresh": the library makes the buffer. The SDK reads with one GetObject, as its users do, and once more in ranges of 8 MiB, 8 at a time, written by hand; forkfs cuts by itself.`,
  unit: 'MiB/s',
  op: 'object',
  baseline: 'sdk',
  subjects: [
    { ...forkfs, label: 'forkfs, into (`catRanges` with `into`)' },
    { ...sdk, label: '@aws-sdk/client-s3, into (GetObject, chunks copied)' },
    { ...sdk, id: 'sdk-ranged', label: '@aws-sdk/client-s3, into, 8 MiB x 8 by hand' },
    { ...undici, label: 'undici.request, unsigned, into' },
    { ...opendal, label: 'opendal 0.49.2, into (reader)' },
    { ...minio, label: 'minio, into (getObject, chunks copied)' },
    { id: 'forkfs-fresh', label: 'forkfs, fresh (`catFile`)' },
    { ...sdk, id: 'sdk-fresh', label: '@aws-sdk/client-s3, fresh (transformToByteArray)' },
    { ...s3fs, label: 's3fs (Python), fresh (`cat_file`)' },
    { ...obstore, label: 'obstore (Python over Rust), fresh (`get`)' },
    curlSubject
  ],
  goals: [
    ratio('a large object into one buffer, speed against the SDK', 'sdk', 'forkfs', wallPerOp, '>= 1.2'),
    ratio('… CPU, against the SDK', 'forkfs', 'sdk', cpuPerOp, '<= 0.8'),
    ratio('… speed, against the SDK in ranges by hand', 'sdk-ranged', 'forkfs', wallPerOp),
    ratio('… CPU, against the SDK in ranges by hand', 'forkfs', 'sdk-ranged', cpuPerOp),
    ratio('… both make the buffer: speed', 'sdk-fresh', 'forkfs-fresh', wallPerOp),
    ratio('… both make the buffer: CPU', 'forkfs-fresh', 'sdk-fresh', cpuPerOp),
    ratio('… both make the buffer: speed against s3fs', 's3fs', 'forkfs-fresh', wallPerOp),
    ratio('… both make the buffer: speed against obstore', 'obstore', 'forkfs-fresh', wallPerOp)
  ],
  measure: (subject, stage) => subjects[subject]!(stage)
}
