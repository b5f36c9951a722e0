import assert from 'node:assert/strict'
import type { FileSystem } from '../../../lib/index.js'
import type { Capability, Context } from '../types.js'
import { calls } from './calls.js'

/** FORKFS_NOT_SUPPORTED, and nothing was sent for it. */
async function refused (fs: FileSystem, name: string, call: () => Promise<unknown>): Promise<void> {
  const before = fs.stats.requests
  await assert.rejects(call, { code: 'FORKFS_NOT_SUPPORTED' }, name)
  assert.equal(fs.stats.requests, before, `${name} sent a request before it refused`)
}

/** What a false capability means: the verbs that need it refuse before any I/O. */
export const refusals: Readonly<Partial<Record<Capability, (context: Context) => Promise<void>>>> = {
  write: async ({ fs, at }) => {
    for (const { name, needs, call } of calls) {
      if (needs.includes('write')) await refused(fs, name, () => call(fs, at('file'), at('fresh'), {}))
    }
    await refused(fs, 'put', () => fs.put('nowhere', at('fresh')))
    await refused(fs, 'rm of a tree', () => fs.rm(at('*'), { recursive: true }))
    await refused(fs, 'mkdir', () => fs.mkdir(at('fresh')))
    await refused(fs, 'makedirs', () => fs.makedirs(at('fresh'), { existOk: true }))
    await refused(fs, 'rmdir', () => fs.rmdir(at('file')))
    await refused(fs, 'touch', () => fs.touch(at('file'), { truncate: false }))
    await refused(fs, 'pipe of nothing', () => fs.pipe({}))
  },
  exclusiveCreate: ({ fs, at }) => refused(fs, 'pipeFile', () => fs.pipeFile(at('fresh'), 'x', { flag: 'wx' })),
  append: async ({ fs, at }) => {
    for (const flags of ['a', 'r+'] as const) await refused(fs, `open ${flags}`, () => fs.open(at('file'), flags))
  },
  sign: ({ fs, at }) => refused(fs, 'sign', () => fs.sign(at('file'))),
  /** Nothing to refuse: a directory without files below it is simply not there. */
  emptyDirectories: async ({ fs, at }) => {
    if (!fs.capabilities.write) return
    await fs.makedirs(at('directory'), { existOk: true })
    assert.equal(await fs.exists(at('directory')), false)
    assert.deepEqual(await fs.find(at('directory')), [])
  }
}
