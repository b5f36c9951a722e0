import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import type { Socket } from 'node:net'
import * as fc from 'fast-check'
import { isFsError } from '../../../lib/errors/index.js'
import { FrameReader, writeFrame } from '../../../lib/workers/frames.js'
import type { Frame } from '../../../lib/workers/frames.js'

function encode (frames: ReadonlyArray<{ head: Uint8Array, blocks: ArrayBuffer[] }>): Buffer {
  const stream = new PassThrough({ highWaterMark: 1 << 26 })
  for (const { head, blocks } of frames) writeFrame(stream as unknown as Socket, head, blocks)
  const chunks: Buffer[] = []
  for (let chunk = stream.read() as Buffer | null; chunk !== null; chunk = stream.read() as Buffer | null) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function decode (bytes: Buffer, cuts: readonly number[]): Frame[] {
  const frames: Frame[] = []
  const reader = new FrameReader()
  let from = 0
  for (const cut of [...cuts].map(cut => cut % (bytes.length + 1)).sort((a, b) => a - b)) {
    frames.push(...reader.push(bytes.subarray(from, cut)))
    from = cut
  }
  frames.push(...reader.push(bytes.subarray(from)))
  return frames
}

const bytesOf = fc.uint8Array({ maxLength: 40 })
const parts = fc.array(fc.record({ head: bytesOf, blocks: fc.array(bytesOf, { maxLength: 4 }) }), { maxLength: 6 })

describe('FrameReader', () => {
  it('gives the frames that were written, however the bytes are cut', () => {
    fc.assert(fc.property(parts, fc.array(fc.nat(), { maxLength: 20 }), (written, cuts) => {
      const frames = decode(encode(written.map(({ head, blocks }) => ({ head, blocks: blocks.map(block => block.slice().buffer) }))), cuts)
      assert.deepEqual(
        frames.map(({ head, blocks }) => ({ head: [...head], blocks: blocks.map(block => [...new Uint8Array(block)]) })),
        written.map(({ head, blocks }) => ({ head: [...head], blocks: blocks.map(block => [...block]) }))
      )
    }))
  })

  it('gives frames byte by byte, and blocks with buffers of exactly their size', () => {
    const bytes = encode([{ head: Buffer.from('head'), blocks: [new Uint8Array([1, 2, 3]).buffer, new ArrayBuffer(0)] }])
    const [frame, ...more] = decode(bytes, Array.from(bytes, (_, index) => index))
    assert.deepEqual(frame!.blocks.map(block => block.byteLength), [3, 0])
    assert.equal(frame!.head.toString(), 'head')
    assert.equal(more.length, 0)
  })

  it('gives no frame that is not complete', () => {
    const bytes = encode([{ head: Buffer.from('head'), blocks: [new ArrayBuffer(10)] }])
    assert.deepEqual(decode(bytes.subarray(0, -1), []), [])
  })

  it('throws FORKFS_PROTOCOL for bytes that are no frame', () => {
    const reader = new FrameReader()
    assert.throws(() => { reader.push(Buffer.from('hello, this is not for you')) }, error => isFsError(error, 'FORKFS_PROTOCOL'))
  })
})

describe('writeFrame()', () => {
  it('refuses more blocks than a frame can hold, and writes nothing', () => {
    const stream = new PassThrough()
    assert.throws(() => writeFrame(stream as unknown as Socket, Buffer.from('x'), Array.from({ length: 65_537 }, () => new ArrayBuffer(0))), RangeError)
    assert.equal(stream.readableLength, 0)
  })
})
