import assert from 'node:assert/strict'
import { GcsFileSystem } from '../../../implementations/gcs/index.js'
import { filesystem, resetForFork, revive } from '../../../lib/index.js'
import { code, openFaulty, optionsOf } from './support.js'

describe('GCS: the transport', () => {
  for (const transport of ['auto', 'undici'] as const) {
    it(`G30: reads and writes with transport '${transport}', which travels as it was given`, async () => {
      await using running = await openFaulty()
      const fs = running.open({ transport })
      await fs.pipeFile('test/a', 'text')
      assert.equal(await fs.readText('test/a'), 'text')
      assert.equal(((revive(structuredClone(fs)) as unknown as GcsFileSystem).toJSON().$forkfs.options as Record<string, unknown>)['transport'], transport)
    })
  }

  it('G30: refuses the direct transport, which is not there, wherever it is asked for, before any request', async () => {
    await using running = await openFaulty()
    const options = { ...optionsOf(running.server), transport: 'direct' as const }
    assert.throws(() => new GcsFileSystem(options), code('FORKFS_NOT_SUPPORTED', { protocol: 'gs' }))
    assert.throws(() => filesystem('gs', options), code('FORKFS_NOT_SUPPORTED'))
    assert.throws(() => revive({ $forkfs: { v: 1, type: 'gs', options } }), code('FORKFS_NOT_SUPPORTED'))
    process.env['FORKFS_GS_TRANSPORT'] = 'direct'
    try {
      resetForFork()
      assert.throws(() => filesystem('gs', optionsOf(running.server)), code('FORKFS_NOT_SUPPORTED'))
    } finally {
      delete process.env['FORKFS_GS_TRANSPORT']
      resetForFork()
    }
    assert.equal((await running.server.counters()).requests, 0)
  })
})
