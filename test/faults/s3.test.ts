import { holdResources, holdTable, resourcesBefore } from './support.js'

describe('faults of S3', function () {
  this.timeout(300_000) // half a minute where nobody else works

  it('end in right bytes or a typed error within the deadline, leave nothing, and are what docs/errors.md says', async () => {
    const before = await resourcesBefore()
    await holdTable('s3')
    await holdResources(before)
  })
})
