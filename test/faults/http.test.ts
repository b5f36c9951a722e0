import { holdResources, holdTable, resourcesBefore } from './support.js'
import type { StoreName } from './types.js'

describe('faults of HTTP', function () {
  this.timeout(300_000) // half a minute where nobody else works

  for (const store of ['http', 'http without ranges'] satisfies StoreName[]) {
    it(`end in right bytes or a typed error within the deadline, leave nothing, and are what docs/errors.md says (${store})`, async () => {
      const before = await resourcesBefore()
      await holdTable(store)
      await holdResources(before)
    })
  }
})
