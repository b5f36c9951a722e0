import type { File, FileMetadata } from '@google-cloud/storage'
import { gcsSdk, openBucket, openForkfsGcs } from '../gcs-subjects.js'
import { meter } from '../meter.js'
import { gcsfs, obstore } from '../python.js'
import { bucket } from '../sizes.js'
import { forkfs, openUndici, undici } from '../subjects.js'
import type { Case, Sample, Stage } from '../types.js'
import { cpuPerOp, perSecond, ratio } from './goals.js'
import { checkKeys, pythonList } from './list.js'

/** Counts keys until `most`. */
type Lister = (most: number) => Promise<number>

async function forkfsLister ({ gcsEndpoint }: Stage): Promise<Lister> {
  const fs = await openForkfsGcs(gcsEndpoint)
  return async most => {
    let keys = 0
    for await (const { size } of fs.list(bucket, { recursive: true })) if (size === undefined || ++keys >= most) break
    return keys
  }
}

function sdkLister (query: { readonly fields?: string }): (stage: Stage) => Promise<Lister> {
  return async ({ gcsEndpoint, cache }) => {
    const files = await openBucket(gcsEndpoint, cache)
    return async most => {
      let keys = 0
      for await (const file of files.getFilesStream(query) as AsyncIterable<File | FileMetadata>) {
        const { size } = 'metadata' in file ? file.metadata as FileMetadata : file // with fields it gives what the store sent
        if (size === undefined || ++keys >= most) break
      }
      return keys
    }
  }
}

async function undiciLister ({ gcsEndpoint, cache }: Stage): Promise<Lister> {
  const dispatcher = await openUndici(gcsEndpoint, cache, 1)
  return async most => {
    let keys = 0
    for (let token: string | undefined = ''; token !== undefined && keys < most;) {
      const { body } = await dispatcher.request({ path: `/storage/v1/b/${bucket}/o${token === '' ? '' : `?pageToken=${token}`}`, method: 'GET' })
      const { items, nextPageToken } = await body.json() as { readonly items: readonly unknown[], readonly nextPageToken?: string }
      keys += items.length
      token = nextPageToken
    }
    return keys
  }
}

const listers: Readonly<Record<string, (stage: Stage) => Promise<Lister>>> = {
  forkfs: forkfsLister,
  sdk: sdkLister({}),
  'sdk-fields': sdkLister({ fields: 'nextPageToken,items(name,size,updated,generation)' }),
  undici: undiciLister
}

async function measure (subject: string, stage: Stage): Promise<Sample> {
  if (subject === 'gcsfs' || subject === 'obstore') {
    await (await undiciLister(stage))(1000) // the server makes its pages when they are first asked for
    return pythonList(subject === 'gcsfs' ? 'gcsfs' : 'obstore-gcs', stage.gcsEndpoint, stage)
  }
  const lister = await listers[subject]!(stage)
  await lister(10_000)
  const done = meter()
  const keys = await lister(Infinity)
  checkKeys(keys, stage)
  return done({ ops: keys })
}

export const gcsList: Case = {
  name: 'gcs-list',
  title: 'Google Cloud Storage: listing a bucket',
  how: ({ keys }) => `${keys.toLocaleString('en')} keys in pages of 1,000, read to the end; \`list()\` gives entry by entry and asks for the fields it needs, without indents, \`getFilesStream()\` gives objects of the SDK with all fields, and once more with four; undici asks for all fields and parses them; obstore uses the XML interface.`,
  unit: 'ops/s',
  op: 'key',
  baseline: 'sdk',
  subjects: [
    { ...forkfs, label: 'forkfs, `list()`' },
    { ...gcsSdk, label: '@google-cloud/storage, getFilesStream' },
    { ...gcsSdk, id: 'sdk-fields', label: '@google-cloud/storage, getFilesStream with `fields`' },
    undici, gcsfs, obstore
  ],
  goals: [
    ratio('GCS: listing, CPU per key against the SDK', 'forkfs', 'sdk', cpuPerOp, '<= 0.2'),
    ratio('… keys per second, against the SDK', 'forkfs', 'sdk', perSecond, '>= 5'),
    ratio('… keys per second, against the SDK with `fields`', 'forkfs', 'sdk-fields', perSecond),
    ratio('… keys per second, against gcsfs', 'forkfs', 'gcsfs', perSecond)
  ],
  measure
}
