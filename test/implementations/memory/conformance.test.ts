import { randomUUID } from 'node:crypto'
import { MemoryFileSystem } from '../../../implementations/memory/index.js'
import { conformance } from '../../conformance/index.js'
import { scratchFolder } from '../scratch.js'

conformance({ describe, it, after }, 'MemoryFileSystem', {
  create: async options => Promise.resolve({ fs: new MemoryFileSystem({ name: randomUUID(), ...options }), root: 'root' }),
  scratch: scratchFolder(),
  opaqueKeys: true
})
