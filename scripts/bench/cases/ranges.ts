import { meter, pool } from '../meter.js'
import { obstore, runPython, s3fs } from '../python.js'
import type { PythonLibrary } from '../python.js'
import { bigKey, bucket, latencyMs, rangeBytes } from '../sizes.js'
import { forkfs, minio, opendal, openForkfs, openMinio, openOpendal, openSdk, sdk } from '../subjects.js'
import type { FileSystem } from '../../../lib/index.js'
import type { Case, Sample, Sizes, Stage } from '../types.js'
import { perSecond, ratio } from './goals.js'
import { maxGap, planRanges, rangeWindows, startsAndEnds } from './range-plan.js'
import type { Range } from './range-plan.js'

const MiB = 1024 * 1024
const inFlight = 64

/** All ranges in one call. */
export async function rangesTogether (fs: FileSystem, wanted: readonly Range[]): Promise<Sample> {
  const path = `${bucket}/${bigKey}`
  const reads = wanted.map(range => ({ path, ...range }))
  await fs.catRanges(reads.slice(0, 200), { maxGap: 0 })
  const done = meter()
  const results = await fs.catRanges(reads, { maxGap })
  for (const data of results) if (!(data instanceof Uint8Array) || data.length !== rangeBytes) throw new Error('Expected whole ranges')
  return done({ ops: results.length, bytes: results.length * rangeBytes })
}

export async function rangesFromPython (library: PythonLibrary, endpoint: string, stage: Stage, wanted: readonly Range[]): Promise<Sample> {
  const sample = await runPython(library, 'ranges', stage, { endpoint, key: bigKey, inFlight, ...startsAndEnds(wanted) })
  if (sample.bytes !== wanted.length * rangeBytes) throw new Error('Expected whole ranges')
  return sample
}

/** Reads one range. @returns how many bytes came */
export type GetRange = (range: Range) => Promise<number>

export async function rangesOneByOne (get: GetRange, wanted: readonly Range[]): Promise<Sample> {
  const one = async (index: number): Promise<void> => { if (await get(wanted[index]!) !== rangeBytes) throw new Error('Expected whole ranges') }
  await pool(500, inFlight, one)
  const done = meter()
  await pool(wanted.length, inFlight, one)
  return done({ ops: wanted.length, bytes: wanted.length * rangeBytes })
}

async function getter (subject: string, { slowEndpoint, cache }: Stage): Promise<GetRange> {
  switch (subject) {
    case 'sdk-uniform': {
      const { sdk: { GetObjectCommand }, client } = await openSdk(slowEndpoint, cache)
      return async ({ start, end }) =>
        (await (await client.send(new GetObjectCommand({ Bucket: bucket, Key: bigKey, Range: `bytes=${start}-${end - 1}` }))).Body!.transformToByteArray()).length
    }
    case 'minio-uniform': {
      const client = await openMinio(slowEndpoint, cache)
      return async ({ start, end }) => {
        let bytes = 0
        for await (const chunk of await client.getPartialObject(bucket, bigKey, start, end - start)) bytes += (chunk as Buffer).length
        return bytes
      }
    }
    case 'opendal-uniform': {
      const operator = await openOpendal(slowEndpoint, cache, bucket)
      return async ({ start, end }) => (await operator.read(bigKey, { offset: BigInt(start), size: BigInt(end - start) })).length
    }
    default: {
      const fs = await openForkfs(slowEndpoint)
      return async range => (await fs.catFile(`${bucket}/${bigKey}`, range)).length
    }
  }
}

async function measure (subject: string, stage: Stage): Promise<Sample> {
  const { slowEndpoint, sizes } = stage
  const wanted = planRanges(sizes, subject.endsWith('clustered') || subject === 'clustered-single')
  if (subject === 'clustered' || subject === 'uniform') return rangesTogether(await openForkfs(slowEndpoint), wanted)
  if (subject.startsWith('s3fs')) return rangesFromPython('s3fs', slowEndpoint, stage, wanted)
  if (subject.startsWith('obstore')) return rangesFromPython('obstore-s3', slowEndpoint, stage, wanted)
  return rangesOneByOne(await getter(subject, stage), wanted)
}

export function rangesText (sizes: Sizes): string {
  return `${sizes.ranges.toLocaleString('en')} ranges of one object of ${sizes.bigBytes / MiB} MiB; "clustered": in ${rangeWindows(sizes)} windows of 2 MiB, "uniform": anywhere. ` +
    `\`catRanges\` with the gap of remote stores (128 KiB), or one request per range, ${inFlight} in flight. ` +
    'obstore\'s `get_ranges` merges across 1 MiB, fsspec\'s `cat_ranges` merges nothing. ' +
    `The server answers ${latencyMs} ms after the request.`
}

export const ranges: Case = {
  name: 'ranges',
  title: `Random ranges of 4 KiB at ${latencyMs} ms latency`,
  how: rangesText,
  unit: 'ops/s',
  op: 'range',
  baseline: 'clustered-single',
  subjects: [
    { id: 'clustered', label: 'forkfs `catRanges`, clustered' },
    { id: 'clustered-single', label: 'forkfs `catFile` one by one, clustered' },
    { ...obstore, id: 'obstore-clustered', label: 'obstore (Python over Rust) `get_ranges`, clustered' },
    { id: 'uniform', label: 'forkfs `catRanges`, uniform' },
    { ...forkfs, id: 'uniform-single', label: 'forkfs `catFile` one by one, uniform' },
    { ...sdk, id: 'sdk-uniform', label: '@aws-sdk/client-s3 one by one, uniform' },
    { ...minio, id: 'minio-uniform', label: 'minio one by one, uniform' },
    { ...opendal, id: 'opendal-uniform', label: 'opendal 0.49.2 one by one, uniform' },
    { ...s3fs, id: 's3fs-uniform', label: 's3fs (Python) `cat_ranges`, uniform' },
    { ...obstore, id: 'obstore-uniform', label: 'obstore (Python over Rust) `get_ranges`, uniform' }
  ],
  goals: [
    ratio('4 KiB ranges at 20 ms, `catRanges` against one by one, clustered', 'clustered', 'clustered-single', perSecond, '>= 5'),
    ratio('… uniform', 'uniform', 'uniform-single', perSecond, '>= 5'),
    ratio('… uniform, against the SDK one by one', 'uniform', 'sdk-uniform', perSecond),
    ratio('… uniform, against s3fs\'s `cat_ranges`', 'uniform', 's3fs-uniform', perSecond),
    ratio('… uniform, against obstore\'s `get_ranges`', 'uniform', 'obstore-uniform', perSecond),
    ratio('… clustered, against obstore\'s `get_ranges`', 'clustered', 'obstore-clustered', perSecond)
  ],
  measure
}
