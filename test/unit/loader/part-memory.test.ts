import assert from 'node:assert/strict'
import { PartMemory } from '../../../lib/loader/readers/part-memory.js'

describe('PartMemory', () => {
  const KiB = 1024

  it('gives each part bytes that no other has, wherever it lies', () => {
    const memory = new PartMemory()
    const sizes = Array.from({ length: 400 }, (_, at) => at * 7919 % 3000 + (at % 40 === 0 ? 30_000 : 0))
    const parts = sizes.map((bytes, at) => memory.take(bytes).fill(at % 251))
    parts.forEach((part, at) => {
      assert.equal(part.length, sizes[at])
      assert.ok(part.every(byte => byte === at % 251))
      assert.equal(part.byteOffset % 8, 0)
    })
  })

  it('keeps 8 KiB alive for a part of up to 1 KiB, 64 KiB up to 32 KiB, and above that its own bytes', () => {
    const memory = new PartMemory()
    const held = [0, 1, KiB, KiB + 1, 32 * KiB, 32 * KiB + 1, 5_000_000].map(bytes => memory.take(bytes).buffer.byteLength)
    assert.deepEqual(held, [8 * KiB, 8 * KiB, 8 * KiB, 64 * KiB, 64 * KiB, 32 * KiB + 1, 5_000_000])
  })

  it('puts parts of different kinds on different slabs, so that labels do not keep images', () => {
    const memory = new PartMemory()
    const label = memory.take(100)
    const image = memory.take(20 * KiB)
    assert.notEqual(label.buffer, image.buffer)
    assert.equal(memory.take(100).buffer, label.buffer)
    assert.equal(memory.take(20 * KiB).buffer, image.buffer)
  })
})
