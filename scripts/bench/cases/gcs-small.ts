import { openBucket, openForkfsGcs, gcsSdk, gcsSdkUnchecked, objectPath } from '../gcs-subjects.js'
import { gcsfs, obstore } from '../python.js'
import { bucket, smallBytes, smallKey, uploadByte } from '../sizes.js'
import { forkfs, openUndici, undici } from '../subjects.js'
import type { Case, Sample, Stage } from '../types.js'
import { cpuPerOp, perSecond, ratio } from './goals.js'
import { getSmall, inFlight, pythonSmall, wrk, wrkSubject } from './small-get.js'

/** One request about a key. @returns how many bytes of content it was about */
type Ask = (key: string) => Promise<number>
type Asker = (stage: Stage) => Promise<Ask>

/** Through undici: status and body are all that is looked at. */
async function asker ({ gcsEndpoint, cache }: Stage, options: (key: string) => { readonly path: string, readonly method: 'GET' | 'POST', readonly body?: Uint8Array }, counted: (body: Uint8Array) => number): Promise<Ask> {
  const dispatcher = await openUndici(gcsEndpoint, cache, inFlight)
  return async key => {
    const { statusCode, body } = await dispatcher.request(options(key))
    if (statusCode !== 200) throw new Error(`Expected status 200, got ${statusCode}`)
    return counted(await body.bytes())
  }
}

function sizeIn (body: Uint8Array): number { return Number((JSON.parse(Buffer.from(body).toString()) as { readonly size: string }).size) }

const getters: Readonly<Record<string, Asker>> = {
  forkfs: async ({ gcsEndpoint }) => {
    const fs = await openForkfsGcs(gcsEndpoint)
    return async key => (await fs.catFile(`${bucket}/${key}`)).length
  },
  sdk: async ({ gcsEndpoint, cache }) => {
    const files = await openBucket(gcsEndpoint, cache)
    return async key => (await files.file(key).download())[0].length
  },
  'sdk-unchecked': async ({ gcsEndpoint, cache }) => {
    const files = await openBucket(gcsEndpoint, cache)
    return async key => (await files.file(key).download({ validation: false }))[0].length
  },
  undici: stage => asker(stage, key => ({ path: `${objectPath(key)}?alt=media`, method: 'GET' }), ({ length }) => length)
}

const tellers: Readonly<Record<string, Asker>> = {
  forkfs: async ({ gcsEndpoint }) => {
    const fs = await openForkfsGcs(gcsEndpoint)
    return async key => (await fs.info(`${bucket}/${key}`)).size!
  },
  sdk: async ({ gcsEndpoint, cache }) => {
    const files = await openBucket(gcsEndpoint, cache)
    return async key => Number((await files.file(key).getMetadata())[0].size)
  },
  undici: stage => asker(stage, key => ({ path: objectPath(key), method: 'GET' }), sizeIn)
}

const data = Buffer.alloc(smallBytes, uploadByte)

const inserters: Readonly<Record<string, Asker>> = {
  forkfs: async ({ gcsEndpoint }) => {
    const fs = await openForkfsGcs(gcsEndpoint)
    return async key => (await fs.pipeFile(`${bucket}/${key}`, data)).size!
  },
  sdk: async ({ gcsEndpoint, cache }) => {
    const files = await openBucket(gcsEndpoint, cache)
    return async key => { await files.file(key).save(data, { resumable: false }); return data.length }
  },
  'sdk-unchecked': async ({ gcsEndpoint, cache }) => {
    const files = await openBucket(gcsEndpoint, cache)
    return async key => { await files.file(key).save(data, { resumable: false, validation: false }); return data.length }
  },
  undici: stage => asker(stage, key => ({ path: `/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${encodeURIComponent(key)}`, method: 'POST', body: data }), sizeIn)
}

function requests (subject: string, quick: boolean): number {
  const full = subject.startsWith('sdk') ? 4000 : 20_000
  return quick ? full / 8 : full
}

function measureWith (askers: Readonly<Record<string, Asker>>): (subject: string, stage: Stage) => Promise<Sample> {
  return async (subject, stage) => getSmall(await askers[subject]!(stage), requests(subject, stage.quick), stage.sizes.smallObjects)
}

const counts = `20,000 requests (4,000 for the SDK, which is slower), ${inFlight} in flight, on objects of 10 KiB in turn`

export const gcsGet: Case = {
  name: 'gcs-get',
  title: `Google Cloud Storage: GETs of 10 KiB, ${inFlight} in flight`,
  how: () => `${counts}; each becomes one byte array. forkfs and the SDK check the CRC32C of each; gcsfs and obstore do not.`,
  unit: 'ops/s',
  op: 'GET',
  baseline: 'sdk',
  subjects: [forkfs, gcsSdk, gcsSdkUnchecked, undici, gcsfs, obstore, wrkSubject],
  goals: [
    ratio('GCS: 10 KiB GETs per second, against the SDK', 'forkfs', 'sdk', perSecond, '>= 8'),
    ratio('… CPU per GET, against the SDK', 'forkfs', 'sdk', cpuPerOp, '<= 0.12'),
    ratio('… CPU per GET, against the SDK without validation', 'forkfs', 'sdk-unchecked', cpuPerOp),
    ratio('… per second, against gcsfs', 'forkfs', 'gcsfs', perSecond, '>= 1'),
    ratio('… CPU per GET, against obstore', 'forkfs', 'obstore', cpuPerOp)
  ],
  measure: async (subject, stage) => {
    const { gcsEndpoint, quick } = stage
    if (subject === 'wrk') return wrk(`${gcsEndpoint}${objectPath(smallKey(1))}?alt=media`, quick)
    if (subject === 'gcsfs' || subject === 'obstore') return pythonSmall(subject === 'gcsfs' ? 'gcsfs' : 'obstore-gcs', requests(subject, quick), gcsEndpoint, stage)
    return measureWith(getters)(subject, stage)
  }
}

export const gcsInfo: Case = {
  name: 'gcs-info',
  title: `Google Cloud Storage: metadata of objects, ${inFlight} in flight`,
  how: () => `${counts}; \`info()\` against \`getMetadata()\`.`,
  unit: 'ops/s',
  op: 'info',
  baseline: 'sdk',
  subjects: [forkfs, gcsSdk, undici],
  goals: [
    ratio('GCS: `info()` CPU, against the SDK', 'forkfs', 'sdk', cpuPerOp, '<= 0.25'),
    ratio('… per second, against the SDK', 'forkfs', 'sdk', perSecond)
  ],
  measure: measureWith(tellers)
}

export const gcsInsert: Case = {
  name: 'gcs-insert',
  title: `Google Cloud Storage: writing objects of 10 KiB, ${inFlight} in flight`,
  how: () => `${counts}; one request each: \`pipeFile()\` against \`save()\` with \`resumable: false\`, as its documentation wants small objects written. forkfs and the SDK compute the CRC32C of each.`,
  unit: 'ops/s',
  op: 'object',
  baseline: 'sdk',
  subjects: [forkfs, gcsSdk, gcsSdkUnchecked, undici],
  goals: [
    ratio('GCS: 10 KiB inserts, CPU against the SDK', 'forkfs', 'sdk', cpuPerOp, '<= 0.15'),
    ratio('… per second, against the SDK', 'forkfs', 'sdk', perSecond),
    ratio('… CPU, against the SDK without validation', 'forkfs', 'sdk-unchecked', cpuPerOp)
  ],
  measure: measureWith(inserters)
}
