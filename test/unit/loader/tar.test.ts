import assert from 'node:assert/strict'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { newCounters, openReader } from '../../../lib/loader/readers/index.js'
import { collect, collectPacked, everyBytes, header, padded, pattern, shardOf, systemTar, tarOf, texts } from './shards.js'
import type { TarSample } from '../../../lib/loader/types.js'

const end = Buffer.alloc(1024)
const longName = `${'d'.repeat(90)}/${'e'.repeat(60)}`
const veryLong = `${'ü'.repeat(60)}/${'x'.repeat(200)}/${'y'.repeat(100)}`

describe('tar reader: formats', () => {
  const sizes = [0, 1, 511, 512, 513, 5 * 1024 * 1024]
  for (const format of ['v7', 'ustar', 'gnu', 'pax'] as const) {
    it(`reads what the system's tar writes as ${format}`, async () => {
      const files = sizes.map((size, at) => [`data/${at}.bin`, pattern(size, at)] as const)
      const named: Array<readonly [string, Uint8Array]> = [['plain name.txt', Buffer.from('x')]]
      if (format !== 'v7') named.push([`${longName}.txt`, Buffer.from('long')])
      if (format === 'gnu' || format === 'pax') named.push([`${veryLong}.txt`, Buffer.from('longer')], ['grüße/日本.txt', Buffer.from('unicode')])
      const all = [...files, ...named]
      const shard = await systemTar(format, all)
      for (const run of [collect, collectPacked]) {
        const samples = await run('tar', shardOf(shard, { cuts: everyBytes(shard.length, 100_003) }))
        assert.deepEqual(samples.map(sample => (sample.value as TarSample).key), all.map(([name]) => name.replace(/\.[^.]*$/, '')))
        samples.forEach((sample, at) => {
          const data = Object.values((sample.value as TarSample).files)[0]!
          assert.ok(Buffer.compare(data, all[at]![1]) === 0, all[at]![0])
          assert.equal(sample.index, at)
          assert.equal(sample.bytes, data.length)
        })
      }
    })
  }

  it('reads long and unicode names that tar-stream writes, and keeps a global header out of the samples', async () => {
    const comment = '20 comment=a commit\n'
    const global = Buffer.concat([header({ type: 'g', name: 'pax_global_header', size: comment.length }), padded(comment)])
    const shard = Buffer.concat([global, await tarOf([{ name: `${veryLong}.jpg`, body: 'a' }, { name: 'b.jpg', body: 'b' }])])
    assert.deepEqual(texts(await collect('tar', shardOf(shard))), [[veryLong, { jpg: 'a' }], ['b', { jpg: 'b' }]])
  })

  it('lets the size of a pax header win over the header, and base-256 sizes count', async () => {
    const record = '10 size=3\n'
    const shard = Buffer.concat([
      header({ type: 'x', size: record.length, name: 'x' }), padded(record), header({ name: 'a.t', size: 0 }), padded('abc'),
      header({ name: 'b.t' }, block => { block.fill(0, 124, 136); block[124] = 0x80; block[135] = 4 }), padded('four'), end
    ])
    assert.deepEqual(texts(await collect('tar', shardOf(shard))), [['a', { t: 'abc' }], ['b', { t: 'four' }]])
  })

  it('takes signed checksums, and names that are no UTF-8 as Latin-1', async () => {
    const block = header({ name: 'a.t', size: 1 }, bytes => { bytes[0] = 0xe9 })
    const signed = [...block].reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 32 : (byte << 24) >> 24), 0)
    block.write(signed.toString(8).padStart(6, '0') + '\0 ', 148, 'latin1')
    assert.deepEqual(texts(await collect('tar', shardOf(Buffer.concat([block, padded('x'), end])))), [['é', { t: 'x' }]])
  })

  it('counts links, directories, pipes and dot files, and leaves them out without ending a sample', async () => {
    const counters = newCounters()
    const shard = await tarOf([
      { name: 'a.jpg', body: '1' }, { name: 'dir/', type: 'directory' }, { name: 'l.jpg', type: 'symlink', linkname: 'a.jpg' }, { name: 'h.jpg', type: 'link', linkname: 'a.jpg' },
      { name: 'p', type: 'fifo' }, { name: '._a.jpg', body: 'apple' }, { name: '__index__', body: 'meta' }, { name: 'a.CLS', body: '2' }
    ])
    assert.deepEqual(texts(await collect('tar', shardOf(shard), { counters })), [['a', { jpg: '1', cls: '2' }]])
    assert.deepEqual(counters, { samples: 1, bytes: 2, skipped: 0, links: 2, directories: 1, others: 3 })
  })

  for (const format of ['gnu', 'pax'] as const) {
    it(`leaves out the sparse files that the system's tar writes as ${format}, and only them`, async () => {
      const prepare = async (folder: string): Promise<void> => { // islands in a hole: more than one header block can list
        const file = await open(join(folder, 'b.bin'), 'r+')
        for (let island = 0; island < 40; island++) await file.write(pattern(4096), 0, 4096, island * 1024 * 1024)
        await file.truncate(64 * 1024 * 1024)
        await file.close()
      }
      const files = [['a.txt', Buffer.from('a')], ['b.bin', Buffer.alloc(0)], ['c.txt', Buffer.from('c')]] as const
      const shard = await systemTar(format, files, { extra: ['--sparse'], prepare })
      assert.ok(shard.length < 4 * 1024 * 1024, 'the file system keeps holes')
      await assert.rejects(collect('tar', shardOf(shard)), { code: 'FORKFS_SAMPLE' })
      const counters = newCounters()
      assert.deepEqual(texts(await collect('tar', shardOf(shard), { onError: 'skip', counters })), [['a', { txt: 'a' }], ['c', { txt: 'c' }]])
      assert.equal(counters.skipped, 1)
    })
  }

  it('ends at two zero blocks, at the end of the file, and after one zero block', async () => {
    const member = Buffer.concat([header({ size: 1 }), padded('x')])
    for (const tail of [Buffer.alloc(0), Buffer.alloc(512), end, Buffer.concat([end, Buffer.from('anything')])]) {
      assert.equal((await collect('tar', shardOf(Buffer.concat([member, tail])))).length, 1)
    }
    assert.deepEqual(await collect('tar', shardOf(new Uint8Array(0))), [])
  })
})

describe('tar reader: samples', () => {
  const entries = [
    { name: 'a/b/001.left.png', body: 'l' }, { name: 'a/b/001.right.png', body: 'r' }, { name: 'a.d/001.x', body: '1' }, { name: 'a/b/001.late', body: 'again' },
    { name: 'README', body: 'no dot' }, { name: '../up.txt', body: 'kept' }, { name: 'p.__proto__', body: 'own' }, { name: 'empty.txt' }
  ]
  const expected = [
    ['a/b/001', { 'left.png': 'l', 'right.png': 'r' }], ['a.d/001', { x: '1' }], ['a/b/001', { late: 'again' }], ['README', { '': 'no dot' }], ['../up', { txt: 'kept' }],
    ['p', Object.fromEntries([['__proto__', 'own']])], ['empty', { txt: '' }]
  ]

  it('groups consecutive files of one key', async () => {
    const shard = await tarOf(entries)
    assert.deepEqual(texts(await collect('tar', shardOf(shard))), expected)
    assert.deepEqual(texts(await collectPacked('tar', shardOf(shard))), expected)
  })

  it('gives the same samples wherever the blocks end and however small packed blocks are', async () => {
    const shard = await tarOf([...entries, { name: 'big.bin', body: pattern(7000) }, { name: `${veryLong}.t`, body: 'z' }])
    const whole = await collect('tar', shardOf(shard))
    const anyCuts = fc.array(fc.integer({ min: 1, max: shard.length - 1 }), { maxLength: 40 })
    await fc.assert(fc.asyncProperty(anyCuts, fc.integer({ min: 1024, max: 4096 }), fc.integer({ min: 1, max: 5 }), async (cuts, blockBytes, lend) => {
      assert.deepEqual(await collect('tar', shardOf(shard, { cuts })), whole)
      assert.deepEqual(await collectPacked('tar', shardOf(shard, { cuts }), { blockBytes: blockBytes & ~3 }), whole)
      assert.deepEqual(await collectPacked('tar', shardOf(shard, { cuts, lend }), { blockBytes: blockBytes & ~3 }), whole)
    }), { numRuns: 60 })
    assert.deepEqual(await collect('tar', shardOf(shard.subarray(0, 7680), { cuts: everyBytes(7680, 1) })), whole.slice(0, 7))
  })

  it('leaves out what was taken, and goes on from an anchor without reading what is before it', async () => {
    const shard = await tarOf([...entries, { name: `${veryLong}.t`, body: 'z' }])
    const all = await collect('tar', shardOf(shard))
    for (let skip = 0; skip <= all.length; skip++) {
      assert.deepEqual(await collect('tar', shardOf(shard), { skip }), all.slice(skip))
      const last = all[skip - 1]
      if (last === undefined) continue
      const input = shardOf(shard)
      const rest = await collectPacked('tar', input, { skip, anchor: { index: last.index, offset: last.offset! } })
      assert.deepEqual(rest, all.slice(skip))
      assert.deepEqual(input.log.starts, [last.offset])
    }
  })

  it('gives every sample its own names', async () => {
    const names = ['a.x', 'a.y', 'a.z', 'b.x', 'b.z', 'b.y']
    const shard = await tarOf(names.map(name => ({ name, body: name })))
    assert.deepEqual(texts(await collect('tar', shardOf(shard))).map(([, files]) => Object.values(files)), [names.slice(0, 3), names.slice(3)])
  })

  it('gives plain arrays that hold no more memory than a few neighbours of their kind', async () => {
    const shard = await tarOf([{ name: 'a.label', body: pattern(300) }, { name: 'a.image', body: pattern(20_000) }, { name: 'a.video', body: pattern(400_000) }])
    for (const lend of [undefined, 1]) {
      const [sample] = await collectPacked('tar', shardOf(shard, { lend }))
      const { label, image, video } = (sample!.value as TarSample).files
      for (const data of [label, image, video]) assert.equal(data!.constructor, Uint8Array)
      assert.deepEqual([label, image, video].map(data => data!.buffer.byteLength), [8192, 65_536, 400_000])
    }
  })
})

describe('tar reader: hostile and broken shards', () => {
  const good = Buffer.concat([header({ name: 'good.t', size: 1 }), padded('g')])
  const pax = (body: string): Buffer => Buffer.concat([header({ type: 'x', size: Buffer.byteLength(body), name: 'x' }), padded(body)])
  const table: ReadonlyArray<readonly [title: string, rest: Buffer]> = [
    ['a wrong checksum', Buffer.concat([header({ name: 'b.t' }).fill(1, 0, 1), end])],
    ['a negative size', Buffer.concat([header({ name: 'b.t' }, block => block.fill(0xff, 124, 136)), end])],
    ['a size beyond exact numbers', Buffer.concat([header({ name: 'b.t' }, block => { block.fill(0x7f, 125, 136); block[124] = 0x80 }), end])],
    ['a size that is no number', Buffer.concat([header({ name: 'b.t', size: 'zzz' }), end])],
    ['a size beyond the shard', Buffer.concat([header({ name: 'b.t', size: 0o7777777777 }), end])],
    ['a header that is cut', header({ name: 'b.t' }).subarray(0, 200)],
    ['a body that is cut', Buffer.concat([header({ name: 'b.t', size: 600 }), Buffer.alloc(599)])],
    ['padding that is cut', Buffer.concat([header({ name: 'b.t', size: 5 }), Buffer.alloc(400)])],
    ['an extended header without a member', Buffer.concat([pax('11 path=b.t\n'), end])],
    ['an extended header at the end', pax('11 path=b.t\n')],
    ['a pax length that is too long', Buffer.concat([pax('99 path=b.t\n'), header({ name: 'b.t' }), end])],
    ['a pax length of nothing', Buffer.concat([pax('0 path=b.t\n'), header({ name: 'b.t' }), end])],
    ['a pax size that is negative', Buffer.concat([pax('11 size=-5\n'), header({ name: 'b.t' }), end])],
    ['a pax header over 1 MiB', Buffer.concat([header({ type: 'x', size: 2 ** 21 }), Buffer.alloc(2 ** 21), header({ name: 'b.t' }), end])],
    ['long names without end', Buffer.concat([...Array.from({ length: 5 }, () => Buffer.concat([header({ type: 'L', size: 2 ** 18 }), Buffer.alloc(2 ** 18, 97)])), header({ name: 'b.t' }), end])],
    ['a single zero block between members', Buffer.concat([Buffer.alloc(512), header({ name: 'b.t' }), end])],
    ['no tar at all', Buffer.from('<html>'.repeat(200))]
  ]
  for (const [title, rest] of table) {
    it(`rejects with FORKFS_SAMPLE for ${title}, with shard and position, after the samples before it`, async () => {
      const prefix = Buffer.concat([header({ name: 'first.t', size: 1 }), padded('f'), good])
      for (const size of [undefined, prefix.length + rest.length]) {
        const seen: string[] = []
        const counters = newCounters()
        const input = shardOf(Buffer.concat([prefix, rest]), { size, cuts: [700, prefix.length + 10] })
        await assert.rejects(async () => {
          for await (const sample of openReader('tar').read(input, { counters })) seen.push((sample.value as TarSample).key)
        }, { code: 'FORKFS_SAMPLE', path: 'bucket/shard.tar', position: prefix.length + (title.startsWith('a single') ? 512 : 0) })
        assert.equal(seen[0], 'first')
        assert.equal(input.log.ended, 1)
        const skipping = newCounters()
        const kept = await collectPacked('tar', shardOf(Buffer.concat([prefix, rest]), { size }), { onError: 'skip', counters: skipping })
        assert.equal(texts(kept)[0]![0], 'first')
        assert.equal(skipping.skipped, 1)
      }
    })
  }

  it('does not read on for a member that is longer than the rest of the shard', async () => {
    const shard = Buffer.concat([header({ name: 'b.t', size: 2 ** 30 }), Buffer.alloc(100_000)])
    const input = shardOf(shard, { cuts: everyBytes(shard.length, 1024) })
    await assert.rejects(collect('tar', input), { code: 'FORKFS_SAMPLE', position: 0 })
    assert.equal(input.log.asked, 1)
  })

  const sparse = header({ name: 'bad.t', type: 'S', size: 512 }, block => { block[482] = 1 })
  const local: ReadonlyArray<readonly [title: string, middle: Buffer, skipped: number]> = [
    ['a name twice', Buffer.concat([header({ name: 'bad.t', size: 1 }), padded('1'), header({ name: 'bad.T', size: 1 }), padded('2'), header({ name: 'bad.u', size: 1 }), padded('3')]), 1],
    ['a GNU sparse file', Buffer.concat([header({ name: 'bad.a', size: 1 }), padded('1'), sparse, Buffer.alloc(512), Buffer.alloc(512, 7)]), 1],
    ['a pax sparse file', Buffer.concat([pax('22 GNU.sparse.major=1\n'), header({ name: 'bad.t', size: 1 }), padded('1')]), 1],
    ['a sample above the limit', Buffer.concat([header({ name: 'bad.a', size: 600 }), padded(pattern(600)), header({ name: 'bad.b', size: 600 }), padded(pattern(600))]), 1]
  ]
  for (const [title, middle, skipped] of local) {
    it(`leaves out only the sample with ${title} when broken ones are skipped`, async () => {
      const shard = Buffer.concat([good, middle, header({ name: 'after.t', size: 1 }), padded('a'), end])
      const options = { maxSampleBytes: 1000 }
      await assert.rejects(collect('tar', shardOf(shard), options), { code: 'FORKFS_SAMPLE' })
      for (const run of [collect, collectPacked]) {
        const counters = newCounters()
        const samples = await run('tar', shardOf(shard), { ...options, onError: 'skip', counters })
        assert.deepEqual(texts(samples), [['good', { t: 'g' }], ['after', { t: 'a' }]])
        assert.deepEqual(samples.map(sample => sample.index), [0, 2])
        assert.equal(counters.skipped, skipped)
        assert.equal(counters.samples, 2)
        assert.deepEqual((await run('tar', shardOf(shard), { ...options, onError: 'skip', skip: 1 })).map(sample => sample.index), [2])
      }
    })
  }
})
