import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { MemoryFileSystem } from '../../implementations/memory/index.js'
import { scratchFolder } from '../implementations/scratch.js'
import { asksBeforeItRefuses, breaks, modest, readOnly } from './breaks.js'
import type { Break } from './breaks.js'
import { fails, recorded } from './recorder.js'
import { CountsReads, KeepsTypes } from './otherwise.js'
import type { RecordedCase } from './recorder.js'

/** Slow, and run elsewhere. */
const heavy = /9 MiB|copying tables/

function casesOf (type: Break['type'], family?: string): RecordedCase[] {
  const create = async (options: object) => Promise.resolve({ fs: new type({ name: randomUUID(), ...options }), root: 'root' })
  return recorded({ create, opaqueKeys: true, scratch: scratchFolder() }).filter(each => !heavy.test(each.title) && (family === undefined || each.family === family))
}

/** Cases of a filesystem that can not be written, filled through another one on the same tree. */
function readOnlyCasesOf (type: Break['type'], family?: string): RecordedCase[] {
  const name = randomUUID()
  let place = 0
  const create = async (options: object) => Promise.resolve({ fs: new type({ name, ...options }), root: `root${place++}` })
  const populate = (_space: unknown, files: ReadonlyMap<string, Uint8Array>): Promise<void> => new MemoryFileSystem({ name }).pipe(files)
  return recorded({ create, populate, opaqueKeys: true, scratch: scratchFolder() }).filter(each => !heavy.test(each.title) && (family === undefined || each.family === family))
}

/** Of what has to pass: the machine may have other things to do. */
const patienceMs = 20_000

describe('the conformance suite', function () {
  this.timeout(60_000) // seconds where nobody else works

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
      assert.equal(await fails(each, patienceMs), undefined, `${each.family} ${each.title}`)
    }
  })

  it('has a break in each of its families', () => {
    const families = new Set(casesOf(MemoryFileSystem).map(({ family }) => family))
    for (const { family } of breaks) families.delete(family)
    assert.deepEqual([...families], [])
  })

  for (const [family, type] of [['catRanges()', CountsReads], ['contentType, metadata', KeepsTypes]] as const) {
    it(`passes in ${family} on a filesystem that ${type === CountsReads ? 'counts its requests' : 'tells what was given with a file'}`, async () => {
      for (const each of casesOf(type, family)) assert.equal(await fails(each, patienceMs), undefined, each.title)
    })
  }

  it('passes on a filesystem that can only be read', async () => {
    for (const each of readOnlyCasesOf(readOnly)) assert.equal(await fails(each, patienceMs), undefined, `${each.family} ${each.title}`)
  })

  it('fails in capabilities on a filesystem that asks the store before it refuses', async () => {
    const cases = readOnlyCasesOf(asksBeforeItRefuses, 'capabilities')
    const failures = await Promise.all(cases.map(each => fails(each)))
    assert.notDeepEqual(failures.filter(failure => failure !== undefined), [])
  })

  it('passes on a filesystem that declares less and refuses it', async () => {
    for (const each of [...casesOf(modest, 'pipeFile() with flag wx'), ...casesOf(modest, 'capabilities')]) {
      assert.equal(await fails(each, patienceMs), undefined, `${each.family} ${each.title}`)
    }
  })
})
