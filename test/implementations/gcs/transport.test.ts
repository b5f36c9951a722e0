import assert from 'node:assert/strict'
import type { GcsFileSystem } from '../../../implementations/gcs/index.js'
import { revive } from '../../../lib/index.js'
import { faultsReadingSuite } from '../object-store/faults-reading.js'
import { listingSuite } from '../object-store/listing.js'
import { ownerSuite } from '../object-store/owner.js'
import { readingSuite } from '../object-store/reading.js'
import { versionsSuite } from '../object-store/versions.js'
import { writingSuite } from '../object-store/writing.js'
import { KiB, MiB, gcsOver, openFaulty } from './support.js'

describe('GCS: the transport', () => {
  for (const transport of ['auto', 'undici', 'direct'] as const) {
    it(`G30: reads and writes with transport '${transport}', which travels as it was given`, async () => {
      await using running = await openFaulty()
      const fs = running.open({ transport })
      await fs.pipeFile('test/a', 'text')
      assert.equal(await fs.readText('test/a'), 'text')
      assert.equal(((revive(structuredClone(fs)) as unknown as GcsFileSystem).toJSON().$forkfs.options as Record<string, unknown>)['transport'], transport)
    })
  }
})

/** The main path of G1 to G28, with fewer lengths; the other files of this folder take the transport that is the default, 'direct'. */
describe('GCS over the transport \'undici\' (G30)', function () {
  this.timeout(60_000)
  const kind = gcsOver('undici')

  describe('reading', () => { readingSuite(kind, { lengths: [0, 1, 10_240, 8 * MiB, 16 * MiB + 3], etag: /^\d+$/, none: ['17', '0'] }) })
  describe('versions', () => { versionsSuite(kind) })
  describe('writing', () => {
    writingSuite(kind, { lengths: [1, 256 * KiB + 1, 33 * MiB + 7], metadata: { given: { Colour: 'blue' }, kept: { Colour: 'blue' } }, noVersion: 'no generation' })
  })
  describe('listing', () => { listingSuite(kind) })
  describe('faults while reading', () => { faultsReadingSuite(kind, { passing: { 'a 429': { type: 'status', status: 429 } }, refusals: [[403, 'forbidden', 'EACCES']] }) })
  describe('owners', () => { ownerSuite(kind) })
})
