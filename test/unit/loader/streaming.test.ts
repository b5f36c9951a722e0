import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { decodeError, encodeError } from '../../../lib/errors/codec.js'
import { newCounters, openReader, Unpacker } from '../../../lib/loader/readers/index.js'
import { collect, collectPacked, concat, everyBytes, pattern, shardOf, tarOf, texts } from './shards.js'
import type { PackedBlock } from '../../../lib/loader/readers/index.js'
import type { TarSample } from '../../../lib/loader/types.js'

const lines = Buffer.from(Array.from({ length: 5000 }, (_, at) => `line ${at} ${'z'.repeat(at % 50)}`).join('\n'))

describe('gzip shards', () => {
  it('are recognised by suffix or by their first bytes, over any blocks', async () => {
    const zipped = gzipSync(lines)
    const plain = await collect('lines', shardOf(lines))
    for (const shard of ['a.txt.gz', 'a.TGZ', 'a.txt']) {
      for (const cuts of [[], [1], everyBytes(zipped.length, 1000)]) {
        const samples = await collectPacked('lines', shardOf(zipped, { shard, cuts }))
        assert.deepEqual(samples, plain.map(sample => ({ ...sample, offset: undefined })))
      }
    }
  })

  it('may have several members, and tar in them', async () => {
    const shard = await tarOf([{ name: 'a.bin', body: pattern(100_000) }, { name: 'b.txt', body: 'b' }])
    const zipped = concat([gzipSync(shard.subarray(0, 50_000)), gzipSync(shard.subarray(50_000))])
    const samples = await collect('tar', shardOf(zipped, { shard: 'x.tar.gz', cuts: everyBytes(zipped.length, 5000) }))
    assert.deepEqual((samples[0]!.value as TarSample).files['bin'], pattern(100_000))
    assert.equal(samples.length, 2)
  })

  it('reject with FORKFS_SAMPLE when they are cut or damaged, in their trailer too', async () => {
    const zipped = new Uint8Array(gzipSync(await tarOf([{ name: 'a.txt', body: 'a' }, { name: 'b.bin', body: pattern(50_000) }])))
    const damaged = zipped.slice()
    damaged[30_000]! ^= 255
    const crc = zipped.slice()
    crc[zipped.length - 6]! ^= 255
    for (const bytes of [zipped.subarray(0, 20_000), zipped.subarray(0, zipped.length - 4), damaged, crc, zipped.subarray(0, 5), new Uint8Array(0), Buffer.from('no gzip data')]) {
      const input = shardOf(bytes, { shard: 'x.tar.gz', cuts: [10_000] })
      await assert.rejects(collect('tar', input), { code: 'FORKFS_SAMPLE', path: 'x.tar.gz' })
      assert.equal(input.log.ended, 1)
      const counters = newCounters()
      await collectPacked('tar', shardOf(bytes, { shard: 'x.tar.gz' }), { onError: 'skip', counters })
      assert.equal(counters.skipped, 1)
    }
  })

  it('end their source and ask for no more when the consumer leaves early', async () => {
    const zipped = gzipSync(pattern(8 * 1024 * 1024))
    const input = shardOf(zipped, { shard: 'x.gz', cuts: everyBytes(zipped.length, 64 * 1024) })
    for await (const _ of openReader('lines').batches(input)) break
    assert.equal(input.log.ended, 1)
    assert.ok(input.log.asked < 40, `${input.log.asked} of 128 blocks`)
  })

  it('hold the source back while the consumer pauses', async () => {
    const zipped = gzipSync(Buffer.from(Array.from(pattern(3 * 1024 * 1024), byte => String.fromCharCode(97 + byte % 26)).join('').replace(/a/g, '\n')))
    const input = shardOf(zipped, { shard: 'x.gz', cuts: everyBytes(zipped.length, 16 * 1024) })
    const batches = openReader('lines').batches(input)
    await batches.next()
    let before = -1
    while (before !== input.log.asked) { // until nothing moves any more
      before = input.log.asked
      for (let turn = 0; turn < 200; turn++) await new Promise(resolve => setImmediate(resolve))
    }
    assert.ok(input.log.asked < zipped.length / 16 / 1024 / 2, `${input.log.asked} blocks`)
    await batches.return()
    assert.equal(input.log.ended, 1)
  })

  it('pass on what the source fails with', async () => {
    const zipped = gzipSync(lines)
    const failure = new Error('network')
    const input = { shard: 'x.gz', size: undefined, async *blocks () { yield zipped.subarray(0, 1000); throw failure } }
    for (const onError of ['raise', 'skip'] as const) await assert.rejects(collect('lines', input, { onError }), error => error === failure)
  })
})

describe('reading', () => {
  it('asks for the next block only when the samples before are used up', async () => {
    const input = shardOf(Buffer.from('a\nb\nc\nd\n'), { cuts: [4] })
    const reading = openReader('lines').read(input)
    await reading.next()
    await reading.next()
    assert.equal(input.log.asked, 1)
    await reading.next()
    assert.equal(input.log.asked, 2)
    await reading.return()
    assert.equal(input.log.ended, 1)
  })

  it('packs no further than it is asked', async () => {
    const input = shardOf(pattern(100_000), { cuts: everyBytes(100_000, 1000), size: 100_000 })
    const packing = openReader('bytes').pack(input, { blockBytes: 4096 })
    await packing.next()
    assert.ok(input.log.asked <= 5)
    await packing.return()
    assert.equal(input.log.ended, 1)
  })

  it('rejects with the reason of its signal, and ends the source', async () => {
    for (const shard of ['x.txt', 'x.txt.gz']) {
      const abort = new AbortController()
      const bytes = shard.endsWith('gz') ? gzipSync(lines) : lines
      const input = shardOf(bytes, { shard, cuts: everyBytes(bytes.length, 1000) })
      const reason = { why: 'enough' }
      const reading = openReader('lines').batches(input, { signal: abort.signal })
      await reading.next()
      abort.abort(reason)
      await assert.rejects(reading.next(), error => error === reason)
      assert.equal(input.log.ended, 1)
    }
  })

  it('refuses unknown readers and options out of range', async () => {
    assert.throws(() => openReader('zip' as never), TypeError)
    const input = shardOf(lines)
    await assert.rejects(collect('lines', input, { skip: -1 }), RangeError)
    await assert.rejects(collect('lines', input, { skip: 1, anchor: { index: 2, offset: 0 } }), RangeError)
    await assert.rejects(collect('lines', input, { maxSampleBytes: 2 ** 32 }), RangeError)
    await assert.rejects(collectPacked('lines', input, { blockBytes: 100 }), RangeError)
  })

  it('keeps code, shard, position and line of an error that crosses a channel', async () => {
    const error: unknown = await collect('jsonl', shardOf(Buffer.from('{"a":1}\nx\n'))).catch((reason: unknown) => reason)
    const { code, path, position, line } = decodeError(structuredClone(encodeError(error))) as Error & Record<string, unknown>
    assert.deepEqual({ code, path, position, line }, { code: 'FORKFS_SAMPLE', path: 'bucket/shard.tar', position: 8, line: 2 })
  })
})

describe('packed blocks', () => {
  it('carry names and keys longer than a block, and positions above 2^32', async () => {
    const key = 'k'.repeat(5000)
    const shard = await tarOf([{ name: `${key}.${'n'.repeat(5000)}`, body: 'x' }])
    assert.deepEqual(texts(await collectPacked('tar', shardOf(shard), { blockBytes: 1024 })), [[key, { ['n'.repeat(5000)]: 'x' }]])
    const far = { shard: 'far', size: undefined, async *blocks () { yield Buffer.from('a\nb\n') } }
    const samples = await collectPacked('lines', far, { skip: 1, anchor: { index: 0, offset: 2 ** 40 + 1 } })
    assert.deepEqual(samples.map(sample => sample.position), [2 ** 40 + 3])
  })

  it('are refused when they are something else', () => {
    for (const table of [new ArrayBuffer(64), new Uint32Array([0x666b7332, 4000, 0, 0]).buffer, new Uint32Array([0x666b7332, 20, 0, 0, 99]).buffer]) {
      assert.throws(() => new Unpacker('tar', 'x').unpack({ table, data: undefined }), TypeError)
    }
  })

  it('take the buffers of their source along instead of copies', async () => {
    const shard = await tarOf(Array.from({ length: 6 }, (_, at) => ({ name: `${at}.bin`, body: pattern(50_000, at + 1) })))
    const blocks: number[] = []
    const input = shardOf(shard, { cuts: everyBytes(shard.length, 32_768), lend: 4 }) // a sample lies in up to two buffers, each in four blocks
    assert.deepEqual(await collectPacked('tar', input, { acquire: undefined, blockBytes: 1024 }, blocks), await collect('tar', shardOf(shard)))
    assert.deepEqual(blocks, [132_096, 132_096, shard.length - 262_144 + 1024])
  })

  it('carry a sample over three buffers, and empty files', async () => {
    const shard = await tarOf([{ name: 'a.none' }, { name: 'a.bin', body: pattern(100_000) }, { name: 'a.nil' }, { name: 'b.none' }])
    for (const lend of [1, 2]) {
      const samples = await collectPacked('tar', shardOf(shard, { cuts: everyBytes(shard.length, 40_000 / lend), lend }))
      const empty = new Uint8Array(0)
      assert.deepEqual(samples.map(({ value }) => (value as TarSample).files), [{ none: empty, bin: pattern(100_000), nil: empty }, { none: empty }])
    }
  })

  it('are no larger than a buffer and a table, however many samples lie in a buffer', async () => {
    const text = Buffer.from('\n'.repeat(3000) + 'a longer line\n'.repeat(3000))
    const blocks: number[] = []
    const samples = await collectPacked('lines', shardOf(text, { cuts: [20_000], lend: 2 }), { blockBytes: 4096 }, blocks)
    assert.deepEqual(samples, await collect('lines', shardOf(text)))
    assert.ok(Math.max(...blocks) <= text.length + 4096)
    assert.ok(blocks.filter(bytes => bytes > 4096).length <= 1, 'and only the first has bytes of the shard beside it')
  })

  it('leave buffers without samples to their source', async () => {
    const shard = await tarOf([{ name: 'a.bin', body: pattern(90_000) }, { name: 'b.bin', body: pattern(100) }])
    const blocks: number[] = []
    const [sample] = await collectPacked('tar', shardOf(shard, { cuts: everyBytes(shard.length, 10_240), lend: 1 }), { skip: 1, blockBytes: 1024 }, blocks)
    assert.deepEqual([sample!.index, (sample!.value as TarSample).files], [1, { bin: pattern(100) }])
    assert.equal(blocks.filter(bytes => bytes > 1024).length, 1)
  })

  it('let a sample that was begun be forgotten', async () => {
    const unpacker = new Unpacker('bytes', 'x')
    const packing = openReader('bytes').pack(shardOf(pattern(5000), { cuts: [2000] }), { blockBytes: 1024 })
    unpacker.unpack((await packing.next()).value as PackedBlock)
    await packing.return()
    unpacker.discard()
    const samples = []
    for await (const block of openReader('bytes').pack(shardOf(pattern(5000)), { blockBytes: 1024 })) samples.push(...unpacker.unpack(block))
    assert.deepEqual(samples.map(sample => sample.value), [{ shard: 'x', data: pattern(5000) }])
  })
})
