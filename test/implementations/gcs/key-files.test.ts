import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hasPeer, openFaulty } from './support.js'

describe('GCS: key files (needs @google-cloud/storage)', function () {
  this.timeout(20_000)
  before(function () { if (!hasPeer()) this.skip() })

  it('G27: a federated identity in `keyFilename` reads, also where its project can not be asked for at first', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'forkfs-test-'))
    try {
      await using strict = await openFaulty({ anonymous: false })
      await strict.server.put('test', 'a', 'private')
      const keyFilename = join(folder, 'federated.json')
      await writeFile(keyFilename, JSON.stringify((await strict.server.credentials()).externalAccount))
      const fs = strict.open({ keyFilename, useAuthWithCustomEndpoint: true })
      assert.equal(await fs.readText('test/a'), 'private')
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
