import { randomUUID } from 'node:crypto'
import { HttpFileSystem } from '../../../implementations/http/index.js'
import { conformance } from '../../conformance/index.js'
import { startFileServer } from '../../servers/index.js'
import type { FileServer } from '../../servers/index.js'
import { scratchFolder } from '../scratch.js'

let starting: Promise<FileServer> | undefined

conformance({ describe, it, after }, 'HttpFileSystem', {
  create: async options => {
    const { endpoint } = await (starting ??= startFileServer())
    return { fs: new HttpFileSystem({ ...options }), root: `${endpoint}/${randomUUID()}` }
  },
  populate: async (_space, files) => {
    const { endpoint, put } = await starting!
    for (const [url, data] of files) put(decodeURIComponent(url.slice(endpoint.length + 1)), data)
  },
  urls: true,
  indexPages: true,
  opaqueKeys: true,
  scratch: scratchFolder()
})

after(async () => { await (await starting)?.close() })
