import { randomUUID } from 'node:crypto'
import { GcsFileSystem } from '../../../implementations/gcs/index.js'
import { conformance } from '../../conformance/index.js'
import { scratchFolder } from '../scratch.js'
import { openStore } from './support.js'
import type { Store } from './support.js'

let opening: Promise<Store> | undefined

conformance({ describe, it, after }, 'GcsFileSystem', {
  create: async options => {
    const store = await (opening ??= openStore())
    return { fs: new GcsFileSystem({ ...store.options, ...options }), root: `${store.bucket}/${randomUUID()}` }
  },
  scratch: scratchFolder(),
  opaqueKeys: true
})

after(async function () {
  this.timeout(60_000)
  await (await opening)?.close()
})
