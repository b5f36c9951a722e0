import { randomUUID } from 'node:crypto'
import { S3FileSystem } from '../../../implementations/s3/index.js'
import { conformance } from '../../conformance/index.js'
import { scratchFolder } from '../scratch.js'
import { openStore } from './support.js'
import type { Store } from './support.js'

let opening: Promise<Store> | undefined
const real = process.env['FORKFS_TEST_S3_ENDPOINT'] !== undefined

conformance({ describe, it, after }, 'S3FileSystem', {
  create: async options => {
    const store = await (opening ??= openStore())
    return { fs: new S3FileSystem({ ...store.options, shareCredentials: true, ...options }), root: `${store.bucket}/${randomUUID()}` }
  },
  scratch: scratchFolder(),
  opaqueKeys: real ? 'refused' : true // MinIO's answer; Amazon keeps them
})

after(async () => { await (await opening)?.close() })
