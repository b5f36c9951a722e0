import assert from 'node:assert/strict'
import { runInNewContext } from 'node:vm'
import { isPlain } from '../../../lib/workers/plain.js'

describe('isPlain()', () => {
  it('is true for primitives and few plain objects and arrays', () => {
    const once = { a: 1 }
    const values: unknown[] = [
      1, 'a', null, undefined, true, 5n, [], {}, [[1, 'a'], { b: [once, once] }], Object.create(null), { list: Array.from({ length: 100_000 }, (_, index) => index) }
    ]
    for (const value of values) assert.equal(isPlain(value), true)
  })

  it('is false wherever something else may lie in it, whatever is around', () => {
    const round: unknown[] = []
    round.push(round)
    const values: unknown[] = [
      new Map(), new Set(), new Date(), new Uint8Array(1), new ArrayBuffer(1), new Error('x'), /x/, new (class A {})(), new Proxy({}, {}), new Proxy([], {}),
      { $forkfs: { v: 1 } }, runInNewContext('({})'), round, Array.from({ length: 65 }, () => ({}))
    ]
    for (const value of values) {
      assert.equal(isPlain(value), false)
      assert.equal(isPlain([1, { deep: [{}, value] }]), false)
    }
  })

  it('ends for data of any depth', () => {
    let deep: unknown = 1
    for (let depth = 0; depth < 1_000_000; depth++) deep = [deep]
    assert.equal(isPlain(deep), false)
  })
})
