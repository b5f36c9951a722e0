import { holdResources, holdTable, resourcesBefore } from './support.js'

describe('faults of GCS', function () {
  this.timeout(300_000) // half a minute where nobody else works

  it('G15: end in right bytes or a typed error within the deadline, leave nothing, and are what docs/errors.md says', async () => {
    const before = await resourcesBefore()
    await holdTable('gs')
    await holdResources(before)
  })
})
