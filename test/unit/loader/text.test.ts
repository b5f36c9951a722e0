import assert from 'node:assert/strict'
import fc from 'fast-check'
import { newCounters, openReader } from '../../../lib/loader/readers/index.js'
import { collect, collectPacked, everyBytes, pattern, shardOf } from './shards.js'

const values = (samples: ReadonlyArray<{ readonly value: unknown }>): unknown[] => samples.map(sample => sample.value)

describe('lines reader', () => {
  const table: ReadonlyArray<readonly [text: string, lines: string[]]> = [
    ['', []], ['\n', ['']], ['a', ['a']], ['a\n', ['a']], ['a\r\nb', ['a', 'b']], ['\n\nx\n', ['', '', 'x']], ['a\rb\r\n', ['a\rb']], ['\ufeffa\n\ufeffb', ['a', '\ufeffb']],
    ['grüße\n日本\n', ['grüße', '日本']], ['a\r', ['a']], ['\ufeff', ['']]
  ]
  for (const [text, lines] of table) {
    it(`gives ${JSON.stringify(lines)} for ${JSON.stringify(text)}, in blocks of any size`, async () => {
      const bytes = Buffer.from(text)
      for (const step of [1, 2, 3, 1000]) {
        assert.deepEqual(values(await collect('lines', shardOf(bytes, { cuts: everyBytes(bytes.length, step) }))), lines)
        assert.deepEqual(values(await collectPacked('lines', shardOf(bytes, { cuts: everyBytes(bytes.length, step) }))), lines)
      }
    })
  }

  it('gives each line with its number and position, wherever the blocks end', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.string({ unit: 'grapheme', maxLength: 3000 }).map(line => line.replace(/[\r\n\ufeff]/g, '')), { minLength: 1 }), fc.array(fc.nat(5000)), fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }), async (lines, cuts, lend) => {
      const bytes = Buffer.from(lines.map(line => line + '\n').join(''))
      const samples = await collectPacked('lines', shardOf(bytes, { cuts, lend }), { blockBytes: 1024 })
      assert.deepEqual(values(samples), lines)
      samples.forEach((sample, at) => assert.ok(bytes.subarray(sample.position).toString().startsWith(lines[at]! + '\n')))
    }), { numRuns: 60 })
  })

  it('leaves out what was taken and goes on from an anchor', async () => {
    const bytes = Buffer.from('one\ntwo\r\nthree\nfour')
    const all = await collect('lines', shardOf(bytes))
    for (let skip = 0; skip <= 4; skip++) {
      assert.deepEqual(await collect('lines', shardOf(bytes, { cuts: everyBytes(bytes.length, 2) }), { skip }), all.slice(skip))
      if (skip === 0) continue
      const input = shardOf(bytes)
      assert.deepEqual(await collect('lines', input, { skip, anchor: { index: skip - 1, offset: all[skip - 1]!.offset! } }), all.slice(skip))
      assert.deepEqual(input.log.starts, [all[skip - 1]!.offset])
    }
  })

  it('takes time in proportion for a line over thousands of blocks', async () => {
    const bytes = Buffer.alloc(24 * 1024 * 1024, 'x')
    const [line] = await collect('lines', shardOf(bytes, { cuts: everyBytes(bytes.length, 4096) })) // quadratic work would be 72 GiB of copies
    assert.equal((line!.value as string).length, bytes.length)
  })

  it('refuses a line above the limit, and leaves out only it when broken ones are skipped', async () => {
    const bytes = Buffer.from(`a\n${'x'.repeat(50)}\nb\n`)
    for (const step of [1, 7, 100]) {
      const input = (): ReturnType<typeof shardOf> => shardOf(bytes, { cuts: everyBytes(bytes.length, step) })
      await assert.rejects(collect('lines', input(), { maxSampleBytes: 20 }), { code: 'FORKFS_SAMPLE', position: 2, line: 2 })
      const counters = newCounters()
      const samples = await collect('lines', input(), { maxSampleBytes: 20, onError: 'skip', counters })
      assert.deepEqual(samples.map(({ index, position, value }) => [index, position, value]), [[0, 0, 'a'], [2, 53, 'b']])
      assert.equal(counters.skipped, 1)
    }
  })
})

describe('jsonl reader', () => {
  const bytes = Buffer.from('{"a":1}\n\n  \r\n[2]\n{broken\n"ü"\n')

  it('parses lines, leaves out empty ones and numbers them all', async () => {
    const sound = Buffer.from('{"a":1}\n\n \t\r\n[2]\r\nnull')
    for (const run of [collect, collectPacked]) {
      const samples = await run('jsonl', shardOf(sound, { cuts: everyBytes(sound.length, 3) }))
      assert.deepEqual(samples.map(({ index, value }) => [index, value]), [[0, { a: 1 }], [3, [2]], [4, null]])
    }
  })

  it('rejects with FORKFS_SAMPLE that names shard, position and line, after the values before it', async () => {
    const seen: unknown[] = []
    await assert.rejects(async () => {
      for await (const sample of openReader('jsonl').read(shardOf(bytes))) seen.push(sample.value)
    }, { code: 'FORKFS_SAMPLE', path: 'bucket/shard.tar', position: 17, line: 5 })
    assert.deepEqual(seen, [{ a: 1 }, [2]])
  })

  it('skips and counts broken lines, and gives them as errors to whoever unpacks', async () => {
    const counters = newCounters()
    assert.deepEqual(values(await collect('jsonl', shardOf(bytes), { onError: 'skip', counters })), [{ a: 1 }, [2], 'ü'])
    assert.deepEqual([counters.samples, counters.skipped], [3, 1])
    const packed = await collectPacked('jsonl', shardOf(bytes))
    assert.deepEqual(packed.map(sample => sample.error?.code), [undefined, undefined, 'FORKFS_SAMPLE', undefined])
    assert.deepEqual(await collect('jsonl', shardOf(bytes), { skip: 5 }), packed.slice(3))
  })
})

describe('bytes reader', () => {
  it('gives the shard as it is stored, of known and of unknown size, over any blocks', async () => {
    for (const length of [0, 1, 3000, 300_000]) {
      const bytes = pattern(length)
      for (const size of [length, undefined]) {
        for (const run of [collect, collectPacked]) {
          const samples = await run('bytes', shardOf(bytes, { size, cuts: everyBytes(length, 70_001), shard: 'b/x.gz' }))
          assert.deepEqual(samples.map(sample => sample.value), [{ shard: 'b/x.gz', data: bytes }])
        }
        assert.deepEqual(await collect('bytes', shardOf(bytes, { size }), { skip: 1 }), [])
      }
    }
  })

  it('rejects with FORKFS_SAMPLE when the shard has another size than said, or is above the limit', async () => {
    for (const size of [9, 11]) await assert.rejects(collect('bytes', shardOf(pattern(10), { size })), { code: 'FORKFS_SAMPLE' })
    for (const size of [10, undefined]) await assert.rejects(collect('bytes', shardOf(pattern(10), { size }), { maxSampleBytes: 9 }), { code: 'FORKFS_SAMPLE' })
    const counters = newCounters()
    assert.deepEqual(await collectPacked('bytes', shardOf(pattern(10), { size: 11, cuts: [4] }), { onError: 'skip', counters }), [])
    assert.equal(counters.skipped, 1)
  })
})
