import assert from 'node:assert/strict'
import fc from 'fast-check'
import { SortedKeys, compareUtf8 } from '../../servers/listing.js'

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
const names = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', ' ', '\u00fc', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{1F600}'), minLength: 1, maxLength: 8 })

describe('listing model', () => {
  it('orders as UTF-8 bytes do', () => {
    fc.assert(fc.property(names, names, (a, b) => { assert.equal(Math.sign(compareUtf8(a, b)), byBytes(a, b)) }))
  })

  it('pages of any size give what one page gives, as a filter over sorted keys would', () => {
    const after = fc.option(names, { nil: undefined })
    fc.assert(fc.property(fc.array(names), names, after, fc.integer({ min: 1, max: 5 }), fc.boolean(), (keys, prefix, start, limit, rolls) => {
      const model = new SortedKeys()
      for (const key of keys) model.add(key)
      const delimiter = rolls ? '/' : undefined
      const usedPrefix = prefix.slice(0, 1)
      const items = [...new Set([...new Set(keys)].sort(byBytes).filter(key => key.startsWith(usedPrefix)).map(key => {
        const cut = rolls ? key.indexOf('/', usedPrefix.length) : -1
        return cut < 0 ? key : key.slice(0, cut + 1)
      }))].filter(item => start === undefined || byBytes(item, start) > 0)
      const seen: string[] = []
      for (let next: string | undefined = start, more = true; more;) {
        const page = model.page({ prefix: usedPrefix, delimiter, after: next, limit })
        assert.ok(page.keys.length + page.prefixes.length <= limit)
        seen.push(...[...page.keys, ...page.prefixes].sort(byBytes))
        next = page.next
        more = next !== undefined
      }
      assert.deepEqual(seen, items)
    }))
  })

  it('keeps order through additions and deletions between listings', () => {
    const change = fc.record({ key: names, adds: fc.boolean(), lists: fc.boolean() })
    fc.assert(fc.property(fc.array(change), changes => {
      const model = new SortedKeys()
      const expected = new Set<string>()
      for (const { key, adds, lists } of changes) {
        if (adds) {
          model.add(key)
          expected.add(key)
        } else {
          model.delete(key)
          expected.delete(key)
        }
        if (lists) assert.deepEqual(model.all(), [...expected].sort(byBytes))
      }
      assert.deepEqual(model.all(), [...expected].sort(byBytes))
    }))
  })
})
