import { gcsSdk, openBucket, openForkfsGcs } from '../gcs-subjects.js'
import { gcsfs, obstore } from '../python.js'
import { bigKey, bucket, latencyMs } from '../sizes.js'
import { forkfs } from '../subjects.js'
import type { Case, Sample, Stage } from '../types.js'
import { cpuPerOp, perSecond, ratio } from './goals.js'
import { planRanges } from './range-plan.js'
import { rangesFromPython, rangesOneByOne, rangesText, rangesTogether } from './ranges.js'

async function measure (subject: string, stage: Stage): Promise<Sample> {
  const { slowEndpoint, cache, sizes } = stage
  const wanted = planRanges(sizes, false)
  if (subject === 'gcsfs' || subject === 'obstore') return rangesFromPython(subject === 'gcsfs' ? 'gcsfs' : 'obstore-gcs', slowEndpoint, stage, wanted)
  if (subject === 'sdk') {
    const file = (await openBucket(slowEndpoint, cache)).file(bigKey)
    return rangesOneByOne(async ({ start, end }) => (await file.download({ start, end: end - 1 }))[0].length, wanted)
  }
  const fs = await openForkfsGcs(slowEndpoint)
  if (subject === 'together') return rangesTogether(fs, wanted)
  return rangesOneByOne(async range => (await fs.catFile(`${bucket}/${bigKey}`, range)).length, wanted)
}

export const gcsRanges: Case = {
  name: 'gcs-ranges',
  title: `Google Cloud Storage: random ranges of 4 KiB at ${latencyMs} ms latency`,
  how: sizes => `${rangesText(sizes)} Uniform.`,
  unit: 'ops/s',
  op: 'range',
  baseline: 'sdk',
  subjects: [
    { id: 'together', label: 'forkfs `catRanges`' },
    { ...forkfs, label: 'forkfs `catFile` one by one' },
    { ...gcsSdk, label: '@google-cloud/storage one by one' },
    { ...gcsfs, label: 'gcsfs (Python) `cat_ranges`' },
    { ...obstore, label: 'obstore (Python over Rust) `get_ranges`' }
  ],
  goals: [
    ratio('GCS: 4 KiB ranges at 20 ms, `catRanges` against the SDK one by one', 'together', 'sdk', perSecond),
    ratio('… one by one, CPU against the SDK', 'forkfs', 'sdk', cpuPerOp),
    ratio('… `catRanges` against gcsfs', 'together', 'gcsfs', perSecond)
  ],
  measure
}
