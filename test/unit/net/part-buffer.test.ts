import assert from 'node:assert/strict'
import { PartBuffer } from '../../../lib/net/index.js'

const MiB = 1024 * 1024
const whole = new Uint8Array(2 * MiB).fill(7)

/** One part of so many bytes, in chunks of 64 KiB. */
function collect (buffer: PartBuffer, bytes: number, capacity = 2 * MiB): Uint8Array {
  for (let at = 0; at < bytes; at += 64 * 1024) assert.equal(buffer.take(whole.subarray(at, at + 64 * 1024), 0, capacity), 64 * 1024)
  return buffer.drain()
}

describe('PartBuffer', () => {
  it('takes as much as a part has room for, and gives it away', () => {
    const buffer = new PartBuffer()
    assert.equal(buffer.take(new Uint8Array(10).fill(1), 2, 5), 5)
    assert.equal(buffer.take(new Uint8Array(10), 7, 5), 0)
    assert.equal(buffer.filled, 5)
    assert.deepEqual(buffer.drain(), new Uint8Array(5).fill(1))
    assert.deepEqual([buffer.filled, buffer.drain().length], [0, 0])
  })

  it('holds no more memory for a small object than four times its bytes', () => {
    assert.ok(collect(new PartBuffer(), 192 * 1024, 16 * MiB).buffer.byteLength <= 4 * 192 * 1024)
  })

  it('fills memory again that was given back, in the same upload and in the next one', () => {
    const first = new PartBuffer()
    const [one, two] = [collect(first, 2 * MiB), collect(first, 2 * MiB)]
    assert.notEqual(one.buffer, two.buffer)
    first.giveBack(one)
    const three = collect(first, 2 * MiB)
    assert.equal(three.buffer, one.buffer)
    first.giveBack(three)
    first.giveBack(two)
    first.end()
    const next = new PartBuffer()
    const again = [collect(next, 2 * MiB), collect(next, 2 * MiB)]
    assert.deepEqual(new Set(again.map(part => part.buffer)), new Set([one.buffer, two.buffer]))
  })

  it('takes up nothing that is shorter than its parts, or that is still in use', () => {
    const first = new PartBuffer()
    const [given, used] = [collect(first, 2 * MiB), collect(first, 2 * MiB)]
    first.giveBack(given)
    first.end()
    const next = new PartBuffer()
    const larger = new Uint8Array(4 * MiB)
    next.take(larger, 0, 4 * MiB)
    const part = next.drain()
    assert.deepEqual([part.length, part.buffer === given.buffer, part.buffer === used.buffer], [4 * MiB, false, false])
  })
})
