import { meter, numbers, pool } from '../meter.js'
import { bigKey, bucket, latencyMs, rangeBytes } from '../sizes.js'
import { forkfs, openForkfs, openSdk, sdk } from '../subjects.js'
import type { Case, Sample, Sizes, Stage } from '../types.js'
import { perSecond, ratio } from './goals.js'

const MiB = 1024 * 1024
const inFlight = 64
/** The default for a store that is far away; the loopback address would get the one for near ones. */
const maxGap = 256 * 1024

interface Range { readonly start: number, readonly end: number }

/** Uniform over the object, or in windows of 2 MiB: rows of a table, chunks of an array. */
function plan ({ ranges, bigBytes }: Sizes, clustered: boolean): Range[] {
  const random = numbers(42)
  const windows = Array.from({ length: Math.max(1, Math.floor(bigBytes / (5 * MiB))) }, () => Math.floor(random() * (bigBytes - 2 * MiB)))
  return Array.from({ length: ranges }, (_, index) => {
    const start = clustered ? windows[index % windows.length]! + Math.floor(random() * (2 * MiB - rangeBytes)) : Math.floor(random() * (bigBytes - rangeBytes))
    return { start, end: start + rangeBytes }
  })
}

async function together ({ slowEndpoint, sizes }: Stage, clustered: boolean): Promise<Sample> {
  const fs = await openForkfs(slowEndpoint)
  const path = `${bucket}/${bigKey}`
  const wanted = plan(sizes, clustered).map(range => ({ path, ...range }))
  await fs.catRanges(wanted.slice(0, 200), { maxGap: 0 })
  const done = meter()
  const results = await fs.catRanges(wanted, { maxGap })
  for (const data of results) if (!(data instanceof Uint8Array) || data.length !== rangeBytes) throw new Error('Expected whole ranges')
  return done({ ops: results.length, bytes: results.length * rangeBytes })
}

type GetRange = (range: Range) => Promise<number>

async function getter (subject: string, { slowEndpoint, cache }: Stage): Promise<GetRange> {
  if (subject.startsWith('sdk')) {
    const { sdk: { GetObjectCommand }, client } = await openSdk(slowEndpoint, cache)
    return async ({ start, end }) =>
      (await (await client.send(new GetObjectCommand({ Bucket: bucket, Key: bigKey, Range: `bytes=${start}-${end - 1}` }))).Body!.transformToByteArray()).length
  }
  const fs = await openForkfs(slowEndpoint)
  return async range => (await fs.catFile(`${bucket}/${bigKey}`, range)).length
}

async function oneByOne (subject: string, stage: Stage, clustered: boolean): Promise<Sample> {
  const wanted = plan(stage.sizes, clustered)
  const get = await getter(subject, stage)
  const one = async (index: number): Promise<void> => { if (await get(wanted[index]!) !== rangeBytes) throw new Error('Expected whole ranges') }
  await pool(500, inFlight, one)
  const done = meter()
  await pool(wanted.length, inFlight, one)
  return done({ ops: wanted.length, bytes: wanted.length * rangeBytes })
}

export const ranges: Case = {
  name: 'ranges',
  title: `Random ranges of 4 KiB at ${latencyMs} ms latency`,
  how: ({ ranges: count, bigBytes }) => `${count.toLocaleString('en')} ranges of one object of ${bigBytes / MiB} MiB; "clustered": in ${Math.floor(bigBytes / (5 * MiB))} windows of 2 MiB, "uniform": anywhere. \`catRanges\` with the gap of remote stores (256 KiB), or one request per range, ${inFlight} in flight. The server answers ${latencyMs} ms after the request.`,
  unit: 'ops/s',
  op: 'range',
  baseline: 'clustered-single',
  subjects: [
    { id: 'clustered', label: 'forkfs `catRanges`, clustered' },
    { id: 'clustered-single', label: 'forkfs `catFile` one by one, clustered' },
    { id: 'uniform', label: 'forkfs `catRanges`, uniform' },
    { ...forkfs, id: 'uniform-single', label: 'forkfs `catFile` one by one, uniform' },
    { ...sdk, id: 'sdk-uniform', label: '@aws-sdk/client-s3 one by one, uniform' }
  ],
  goals: [
    ratio('4 KiB ranges at 20 ms, `catRanges` against one by one, clustered', 'clustered', 'clustered-single', perSecond, '>= 5'),
    ratio('… uniform', 'uniform', 'uniform-single', perSecond, '>= 5'),
    ratio('… uniform, against the SDK one by one', 'uniform', 'sdk-uniform', perSecond)
  ],
  measure: (subject, stage) => subject === 'clustered' || subject === 'uniform'
    ? together(stage, subject === 'clustered')
    : oneByOne(subject, stage, subject.startsWith('clustered'))
}
