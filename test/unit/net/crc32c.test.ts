import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { leastFolded } from '../../../lib/net/crc32c-fold.js'
import { plainCrc32c } from '../../../lib/net/crc32c.js'
import { crc32c, crc32cText, joinCrc32c } from '../../../lib/net/index.js'

/** Bit by bit, as RFC 3720 defines it. */
function slow (data: Uint8Array): number {
  let crc = -1
  for (const byte of data) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}

describe('crc32c()', () => {
  it('gives the values of RFC 3720, B.4', () => {
    const ascending = Uint8Array.from({ length: 32 }, (_, index) => index)
    const values: ReadonlyArray<[Uint8Array, number]> = [
      [new Uint8Array(0), 0], [Buffer.from('123456789'), 0xe3069283], [new Uint8Array(32), 0x8a9136aa], [new Uint8Array(32).fill(255), 0x62a8ab43],
      [ascending, 0x46dd794e], [ascending.toReversed(), 0x113fdb5c]
    ]
    for (const [data, expected] of values) assert.deepEqual([crc32c(data), plainCrc32c(data)], [expected, expected])
  })

  it('gives the same for any length, alignment and division', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(9), fc.nat(100), (data, offset, cut) => {
      const memory = new Uint8Array(data.length + offset)
      memory.set(data, offset)
      const placed = memory.subarray(offset)
      const whole = slow(data)
      assert.equal(crc32c(placed), whole)
      assert.equal(plainCrc32c(placed), whole)
      const [first, second] = [placed.subarray(0, cut), placed.subarray(cut)]
      assert.equal(crc32c(second, crc32c(first)), whole)
      assert.equal(joinCrc32c(crc32c(first), crc32c(second), second.length), whole)
    }))
  })

  it('joins pieces of megabytes', () => {
    const data = Uint8Array.from({ length: 3 * 1024 * 1024 + 5 }, (_, index) => index * 31 >>> 3)
    const cut = 1024 * 1024 + 3
    assert.equal(joinCrc32c(crc32c(data.subarray(0, cut)), crc32c(data.subarray(cut)), data.length - cut), crc32c(data))
  })

  it('gives the same for data that are folded, whatever their length, their place and what is in front of them', () => {
    const data = Uint8Array.from({ length: 200_000 }, (_, index) => index * 2654435761 >>> 11)
    const block = 32 * 1024
    const steps = Array.from({ length: 130 }, (_, more) => 5000 + more)
    const blocks = [0, 1, 63, 64, 342, 343, 344, 406, 407].map(more => block + more)
    const lengths = [leastFolded - 1, leastFolded, ...steps, ...blocks, 2 * block + 343, 199_990]
    for (const length of lengths) {
      for (const [offset, before] of [[0, 0], [1, 0x12345678], [7, 0xffffffff]] as const) {
        const placed = data.subarray(offset, offset + length)
        assert.equal(crc32c(placed, before), plainCrc32c(placed, before), `${length} bytes at ${offset}`)
      }
    }
  })

  it('folds each bit of the data into what is left', () => {
    const data = new Uint8Array(leastFolded)
    for (let bit = 0; bit < 8 * data.length; bit++) {
      data[bit >>> 3] = 1 << (bit & 7)
      assert.equal(crc32c(data), plainCrc32c(data), `bit ${bit}`)
      data[bit >>> 3] = 0
    }
  })

  it('gives the same without WebAssembly', async () => {
    const url = new URL('../../../lib/net/crc32c.js', import.meta.url).href
    const program = `import { crc32c } from '${url}'; console.log(typeof WebAssembly, crc32c(new Uint8Array(${leastFolded})))`
    const { stdout } = await promisify(execFile)(process.execPath, ['--jitless', '--input-type=module', '-e', program])
    assert.equal(stdout, `undefined ${plainCrc32c(new Uint8Array(leastFolded))}\n`)
  })

  it('is written as base64, the highest byte first', () => {
    assert.equal(crc32cText(crc32c(Buffer.from('hello'))), 'mnG7TA==')
  })
})
