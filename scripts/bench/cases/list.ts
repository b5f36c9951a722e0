import { meter } from '../meter.js'
import { bucket, smallKey } from '../sizes.js'
import { obstore, runPython, s3fs } from '../python.js'
import type { PythonLibrary } from '../python.js'
import { forkfs, minio, opendal, openForkfs, openMinio, openOpendal, openSdk, sdk } from '../subjects.js'
import type { Case, Sample, Stage } from '../types.js'
import { cpuPerOp, perSecond, ratio } from './goals.js'

/** Counts keys until `most`; the sum of sizes makes sure that entries are whole. */
type Lister = (most: number) => Promise<{ readonly keys: number, readonly bytes: number }>

async function forkfsLister ({ endpoint }: Stage): Promise<Lister> {
  const fs = await openForkfs(endpoint)
  return async most => {
    let [keys, bytes] = [0, 0]
    for await (const { size = 0 } of fs.list(bucket, { recursive: true })) {
      bytes += size
      if (++keys >= most) break
    }
    return { keys, bytes }
  }
}

async function findLister ({ endpoint }: Stage): Promise<Lister> {
  const fs = await openForkfs(endpoint)
  return async () => {
    const found = await fs.find(bucket, { detail: true })
    let bytes = 0
    for (const { size = 0 } of found.values()) bytes += size
    return { keys: found.size, bytes }
  }
}

async function sdkLister ({ endpoint, cache }: Stage): Promise<Lister> {
  const { sdk: { paginateListObjectsV2 }, client } = await openSdk(endpoint, cache)
  return async most => {
    let [keys, bytes] = [0, 0]
    for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: bucket })) {
      for (const { Size = 0 } of Contents) bytes += Size
      keys += Contents.length
      if (keys >= most) break
    }
    return { keys, bytes }
  }
}

async function minioLister ({ endpoint, cache }: Stage): Promise<Lister> {
  const client = await openMinio(endpoint, cache)
  return async most => {
    let [keys, bytes] = [0, 0]
    for await (const { size } of client.listObjectsV2(bucket, '', true)) {
      bytes += size
      if (++keys >= most) break
    }
    return { keys, bytes }
  }
}

async function opendalLister ({ endpoint, cache }: Stage): Promise<Lister> {
  const operator = await openOpendal(endpoint, cache, bucket)
  return async most => {
    if (most !== Infinity) return { keys: 0, bytes: 0 } // it has no way to stop
    return { keys: (await operator.list('', { recursive: true })).length, bytes: 0 }
  }
}

const subjects: Readonly<Record<string, (stage: Stage) => Promise<Lister>>> = { forkfs: forkfsLister, 'forkfs-find': findLister, sdk: sdkLister, minio: minioLister, opendal: opendalLister }

export async function pythonList (library: PythonLibrary, endpoint: string, stage: Stage): Promise<Sample> {
  const sample = await runPython(library, 'list', stage, { endpoint, keys: [smallKey(0)] })
  checkKeys(sample.ops, stage)
  return sample
}

export function checkKeys (keys: number, { sizes }: Stage): void {
  if (keys !== sizes.keys) throw new Error(`Expected ${sizes.keys} keys, got ${keys}`)
}

async function measure (subject: string, stage: Stage): Promise<Sample> {
  if (subject === 's3fs') return pythonList('s3fs', stage.endpoint, stage)
  if (subject === 'obstore') return pythonList('obstore-s3', stage.endpoint, stage)
  const lister = await subjects[subject]!(stage)
  await lister(10_000)
  const done = meter()
  const { keys } = await lister(Infinity)
  checkKeys(keys, stage)
  return done({ ops: keys })
}

export const list: Case = {
  name: 'list',
  title: 'Listing a bucket',
  how: ({ keys }) => `${keys.toLocaleString('en')} keys in pages of 1,000 (about 310 KB each), read to the end; \`list()\` gives entry by entry, \`find()\` a sorted map, the SDK pages, minio entry by entry, opendal an array of entries without sizes, s3fs what \`find()\` with detail gives, obstore pages of entries.`,
  unit: 'ops/s',
  op: 'key',
  baseline: 'sdk',
  subjects: [
    { ...forkfs, label: 'forkfs, `list()`' },
    { id: 'forkfs-find', label: 'forkfs, `find()` with detail' },
    { ...sdk, label: '@aws-sdk/client-s3, paginateListObjectsV2' },
    minio,
    opendal,
    s3fs,
    obstore
  ],
  goals: [
    ratio('listing keys per second, against the SDK', 'forkfs', 'sdk', perSecond, '>= 4'),
    ratio('… CPU per key, against the SDK', 'forkfs', 'sdk', cpuPerOp),
    ratio('… `find()` with detail, against the SDK', 'forkfs-find', 'sdk', perSecond),
    ratio('… against opendal', 'forkfs', 'opendal', perSecond),
    ratio('… `find()` with detail, against s3fs', 'forkfs-find', 's3fs', perSecond),
    ratio('… against obstore', 'forkfs', 'obstore', perSecond)
  ],
  measure
}
