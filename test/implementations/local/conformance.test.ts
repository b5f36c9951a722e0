import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LocalFileSystem } from '../../../implementations/local/index.js'
import { conformance } from '../../conformance/index.js'

conformance({ describe, it, after }, 'LocalFileSystem', {
  create: async options => {
    const root = await mkdtemp(join(await realpath(tmpdir()), 'forkfs-local-'))
    return { fs: new LocalFileSystem({ ...options }), root, cleanup: () => rm(root, { recursive: true, force: true }) }
  },
  foldsUnicode: process.platform === 'darwin'
})
