import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import * as fc from 'fast-check'
import { Output } from '../../../lib/workers/output.js'

const limit = 65_536

describe('Output', () => {
  it('gives what came since a mark, of both streams in order', () => {
    const output = new Output()
    output.note('stdout', 'before ')
    const mark = output.mark()
    output.note('stdout', 'one ')
    output.note('stderr', 'two ')
    output.note('stdout', 'three')
    assert.equal(output.since(mark), 'one two three')
    assert.equal(output.stderr, 'two ')
    assert.equal(output.since(output.mark()), '')
  })

  it('keeps exactly the last 64 Ki characters, whatever the sizes of the pieces', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 90_000 }), { maxLength: 8 }), fc.nat({ max: 8 }), (sizes, at) => {
      const output = new Output()
      let all = ''
      let mark = 0
      sizes.forEach((size, index) => {
        if (index === at) mark = output.mark()
        const piece = String.fromCharCode(97 + index).repeat(size)
        all += piece
        output.note('stderr', piece)
      })
      assert.equal(output.since(mark), all.slice(mark).slice(-limit))
      assert.equal(output.stderr, all.slice(-limit))
    }), { numRuns: 50 })
  })

  it('puts characters together that arrive in two chunks', async () => {
    const output = new Output()
    const source = new PassThrough()
    const write = process.stdout.write
    process.stdout.write = () => true
    try {
      output.attach('stdout', source)
      const bytes = Buffer.from('grün')
      source.write(bytes.subarray(0, 3))
      source.write(bytes.subarray(3))
      source.end()
      await new Promise(resolve => { source.once('end', resolve) })
    } finally {
      process.stdout.write = write
    }
    assert.equal(output.since(0), 'grün')
  })
})
