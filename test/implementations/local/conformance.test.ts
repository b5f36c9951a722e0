import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { LocalFileSystem } from '../../../implementations/local/index.js'
import { conformance } from '../../conformance/index.js'
import { scratchFolder } from '../scratch.js'

const scratch = scratchFolder()

conformance({ describe, it, after }, 'LocalFileSystem', {
  create: async options => {
    const root = await mkdtemp(join(scratch, 'forkfs-local-'))
    return { fs: new LocalFileSystem({ ...options }), root, cleanup: () => rm(root, { recursive: true, force: true }) }
  },
  scratch,
  foldsUnicode: process.platform === 'darwin'
})
