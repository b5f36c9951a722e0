import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { ownerSuite } from '../object-store/owner.js'
import { s3 } from './support.js'

describe('S3: owners', function () {
  this.timeout(20_000)
  const on = ownerSuite(s3)

  it('keeps its secrets', async () => {
    const { fs, server } = on
    await fs.info('test/small')
    const all = [inspect(fs, { depth: 9, showHidden: true }), JSON.stringify(fs), JSON.stringify(structuredClone(fs)), fs.token]
    for (const shown of all) assert.ok(!shown.includes(server.secretAccessKey))
    assert.deepEqual(Object.keys(fs), ['$forkfs'])
  })
})
