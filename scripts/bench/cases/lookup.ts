import { importForkfs } from '../places.js'
import { accessKeyId, forkfs, openSdk, region, secretAccessKey, sdk } from '../subjects.js'
import { meter } from '../meter.js'
import type { Case, Sample, Stage } from '../types.js'
import { perSecond, value } from './goals.js'

async function cached ({ endpoint, quick }: Stage): Promise<Sample> {
  const { filesystem } = await importForkfs()
  // A new literal each time, as calling code has it: the cache must see through it.
  const lookup = (): object => filesystem('s3', { endpoint, region, credentials: { accessKeyId, secretAccessKey } })
  const first = lookup()
  const run = (count: number): void => {
    for (let index = 0; index < count; index++) if (lookup() !== first) throw new Error('Expected the cached instance')
  }
  run(100_000)
  const done = meter()
  const ops = quick ? 200_000 : 2_000_000
  run(ops)
  return done({ ops })
}

async function plain ({ quick }: Stage): Promise<Sample> {
  const { filesystem } = await importForkfs()
  const first: object = filesystem('memory')
  const run = (count: number): void => {
    for (let index = 0; index < count; index++) if (filesystem('memory') !== first) throw new Error('Expected the cached instance')
  }
  run(100_000)
  const done = meter()
  const ops = quick ? 200_000 : 2_000_000
  run(ops)
  return done({ ops })
}

async function construct ({ endpoint, cache, quick }: Stage): Promise<Sample> {
  const { sdk: { S3Client } } = await openSdk(endpoint, cache)
  const run = (count: number): void => {
    for (let index = 0; index < count; index++) new S3Client({ endpoint, region, credentials: { accessKeyId, secretAccessKey }, forcePathStyle: true }).destroy()
  }
  run(200)
  const done = meter()
  const ops = quick ? 500 : 3000
  run(ops)
  return done({ ops })
}

const subjects: Readonly<Record<string, (stage: Stage) => Promise<Sample>>> = { forkfs: cached, 'forkfs-plain': plain, sdk: construct }

export const lookup: Case = {
  name: 'lookup',
  title: 'Looking up a cached instance',
  how: () => 'filesystem(\'s3\', { endpoint, region, credentials }) with a new options literal in each call, and filesystem(\'memory\') without options. For comparison: making a client of the SDK, which has no cache, per call.',
  unit: 'ops/s',
  op: 'lookup',
  baseline: 'forkfs',
  subjects: [
    { ...forkfs, label: 'forkfs, four options' },
    { id: 'forkfs-plain', label: 'forkfs, no options' },
    { ...sdk, label: 'new S3Client of @aws-sdk/client-s3' }
  ],
  goals: [
    value('cached `filesystem()` lookups', 'forkfs', perSecond, '/s', '>= 500000'),
    value('… per second of CPU', 'forkfs', ({ ops, cpuMs }) => ops / cpuMs * 1000, '/s')
  ],
  measure: (subject, stage) => subjects[subject]!(stage)
}
