import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { MemoryFileSystem } from '../../implementations/memory/index.js'
import { scratchFolder } from '../implementations/scratch.js'
import { breaks, modest } from './breaks.js'
import type { Break } from './breaks.js'
import { fails, recorded } from './recorder.js'
import type { RecordedCase } from './recorder.js'

/** Slow, and run elsewhere. */
const heavy = /9 MiB|copying tables/

function casesOf (type: Break['type'], family?: string): RecordedCase[] {
  const create = async (options: object) => Promise.resolve({ fs: new type({ name: randomUUID(), ...options }), root: 'root' })
  return recorded({ create, opaqueKeys: true, scratch: scratchFolder() }).filter(each => !heavy.test(each.title) && (family === undefined || each.family === family))
}

describe('the conformance suite', () => {
  for (const { what, family, type } of breaks) {
    it(`fails in ${family} on a filesystem that ${what}`, async () => {
      const cases = casesOf(type, family)
      assert.notEqual(cases.length, 0)
      for (const each of cases) if (await fails(each) !== undefined) return
      assert.fail(`${cases.length} cases of ${family} pass`)
    })
  }

  it('passes in the families of the breaks on the filesystem that is not broken', async () => {
    const families = new Set(breaks.map(({ family }) => family))
    for (const each of casesOf(MemoryFileSystem)) {
      if (!families.has(each.family)) continue
      assert.equal(await fails(each), undefined, `${each.family} ${each.title}`)
    }
  })

  it('passes on a filesystem that declares less and refuses it', async () => {
    for (const each of [...casesOf(modest, 'pipeFile() with flag wx'), ...casesOf(modest, 'capabilities')]) {
      assert.equal(await fails(each), undefined, `${each.family} ${each.title}`)
    }
  })
})
