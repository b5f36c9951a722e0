import assert from 'node:assert/strict'
import { open, writeFile } from 'node:fs/promises'
import fc from 'fast-check'
import { fetchFrom, openStrategy } from '../../../lib/file/index.js'
import type { ReadStrategy, StrategyChoice } from '../../../lib/file/index.js'
import type { ReadStrategyName } from '../../../lib/filesystem/types.js'
import { CountingSource, Folder, gate, pattern, until } from './helpers.js'

const KiB = 1024
const size = 1024 * KiB + 77
const all: ReadStrategyName[] = ['none', 'readahead', 'block', 'all']

describe('openStrategy()', () => {
  let folder: Folder
  let source: CountingSource
  const bytes = pattern(size)

  before(async () => {
    folder = await Folder.make()
    await writeFile(folder.file('a'), bytes)
  })
  after(async () => { await folder[Symbol.asyncDispose]() })
  beforeEach(async () => { source = await CountingSource.of(folder.file('a')) })

  function strategy (options: StrategyChoice): ReadStrategy {
    return openStrategy(fetchFrom(source), { path: source.path, size }, { blockBytes: 16 * KiB, ...options })
  }

  for (const cache of all) {
    it(`gives the bytes node:fs gives for any reads at once, ${cache}`, async () => {
      const file = await open(folder.file('a'))
      const range = fc.tuple(fc.nat(size), fc.oneof(fc.nat(200), fc.nat(300 * KiB))).map(([start, length]) => [start, Math.min(size, start + length)] as const)
      try {
        await fc.assert(fc.asyncProperty(fc.array(range, { minLength: 1, maxLength: 12 }), fc.boolean(), async (ranges, atOnce) => {
          const reader = strategy({ cache })
          const one = async ([start, end]: readonly [number, number], into: boolean): Promise<void> => {
            if (start === end) return
            const expected = new Uint8Array(end - start)
            await file.read(expected, 0, end - start, start)
            const data = await reader.read(start, end, undefined, into ? new Uint8Array(end - start) : undefined)
            assert.equal(Buffer.compare(data, expected), 0)
            data.fill(0) // what was handed out is the caller's alone
          }
          if (atOnce) await Promise.all(ranges.map((range, i) => one(range, i % 2 === 0)))
          else for (const [i, range] of ranges.entries()) await one(range, i % 2 === 0)
          await reader.close(new Error('done'))
        }), { numRuns: 25 })
      } finally {
        await file.close()
      }
    })

    it(`leaves nothing of a failed fetch behind, ${cache}`, async () => {
      const broken = new Error('broken')
      source.before = read => { if (read === 1) throw broken }
      const reader = strategy({ cache })
      await assert.rejects(reader.read(100, 200), error => error === broken)
      assert.deepEqual(await reader.read(100, 200), bytes.slice(100, 200))
    })

    it(`rejects with the reason of the signal and has nothing under way then, ${cache}`, async () => {
      const held = gate()
      source.before = () => held.opened
      const reader = strategy({ cache })
      const controller = new AbortController()
      const reason = new Error('enough')
      const reading = reader.read(0, 100, controller.signal)
      await until(() => source.active > 0)
      controller.abort(reason)
      held.open()
      await assert.rejects(reading, error => error === reason)
      assert.equal(source.active, 0)
      source.before = () => {}
      assert.deepEqual(await reader.read(0, 100), bytes.slice(0, 100))
    })
  }

  it('does not take a shared fetch from others when one of them aborts', async () => {
    for (const cache of ['readahead', 'block', 'all'] as const) {
      source.reads.length = 0
      const held = gate()
      source.before = () => held.opened
      const reader = strategy({ cache })
      const controller = new AbortController()
      const first = reader.read(0, 100, controller.signal)
      const second = reader.read(50, 150)
      controller.abort(new Error('enough'))
      await assert.rejects(first, { message: 'enough' })
      held.open()
      assert.deepEqual(await second, bytes.slice(50, 150))
      assert.equal(source.reads.length, 1)
    }
  })

  it('asks for exactly what is read with none', async () => {
    const reader = strategy({ cache: 'none' })
    await reader.read(5, 10)
    await reader.read(5, 10)
    assert.deepEqual(source.reads, [[5, 10], [5, 10]])
  })

  it('asks for the whole file once with all', async () => {
    const reader = strategy({ cache: 'all' })
    await Promise.all([reader.read(5, 10), reader.read(0, size), reader.read(500, 501)])
    assert.deepEqual(source.reads, [[0, size]])
  })

  it('asks for whole blocks, once each, with block, and keeps the 32 used last', async () => {
    const reader = strategy({ cache: 'block', blockBytes: 10 })
    await Promise.all([reader.read(5, 25), reader.read(11, 12)])
    assert.deepEqual(source.reads, [[0, 10], [10, 20], [20, 30]])
    for (let i = 0; i < 32; i++) await reader.read(100 + i * 10, 101 + i * 10)
    source.reads.length = 0
    await reader.read(400, 410)
    assert.deepEqual(source.reads, [])
    await reader.read(0, 1)
    assert.deepEqual(source.reads, [[0, 10]])
  })

  it('asks for at most eight blocks at once with block', async () => {
    await strategy({ cache: 'block' }).read(0, size)
    assert.ok(source.maxActive > 1 && source.maxActive <= 8)
  })

  it('grows its blocks and fetches the next one in the background while reads are sequential with readahead', async () => {
    const reader = strategy({})
    for (let at = 0; at < size; at += 4 * KiB) {
      const end = Math.min(size, at + 4 * KiB)
      assert.deepEqual(await reader.read(at, end), bytes.slice(at, end))
      const ahead = source.reads.reduce((edge, [, stop]) => Math.max(edge, stop), 0) - end
      assert.ok(ahead <= 3 * 128 * KiB, `${ahead} bytes ahead`)
    }
    assert.deepEqual(source.reads.map(([start, end]) => (end - start) / KiB).slice(0, 6), [16, 32, 64, 128, 128, 128])
    assert.equal(source.bytes, size)
    assert.ok(source.maxActive <= 2)
  })

  it('does not fetch ahead after the first read, nor further while the consumer pauses, with readahead', async () => {
    const reader = strategy({})
    await reader.read(0, 100)
    assert.deepEqual(source.reads, [[0, 16 * KiB]])
    for (let at = 100; at < 10 * KiB; at += 100) await reader.read(at, at + 100)
    await until(() => source.active === 0)
    assert.deepEqual(source.reads, [[0, 16 * KiB], [16 * KiB, 48 * KiB]])
  })

  it('asks for exactly the bytes of random reads and serves the block it has with readahead', async () => {
    const reader = strategy({})
    await reader.read(0, 100)
    await reader.read(500_000, 500_010)
    await reader.read(300_000, 300_010)
    await reader.read(50, 200)
    assert.deepEqual(source.reads, [[0, 16 * KiB], [500_000, 500_010], [300_000, 300_010]])
    await reader.read(200, 300)
    await reader.read(700_000, 700_010)
    await reader.read(700_010, 700_020)
    assert.deepEqual(source.reads.at(-1), [700_010, 700_010 + 16 * KiB])
  })

  it('asks once more at the read that needs a failed background fetch with readahead', async () => {
    const broken = new Error('broken')
    source.before = (_, start) => { if (start === 16 * KiB) throw broken }
    const reader = strategy({})
    for (let at = 0; at < 16 * KiB; at += KiB) await reader.read(at, at + KiB)
    await until(() => source.active === 0)
    assert.equal(source.reads.filter(([start]) => start === 16 * KiB).length >= 1, true)
    await assert.rejects(reader.read(16 * KiB, 17 * KiB), error => error === broken)
    source.before = () => {}
    source.reads.length = 0
    for (let at = 16 * KiB; at < 24 * KiB; at += KiB) assert.deepEqual(await reader.read(at, at + KiB), bytes.slice(at, at + KiB))
    assert.ok(source.reads.length <= 3)
  })

  it('keeps nothing of a block that it handed out whole with readahead', async () => {
    const reader = strategy({})
    await reader.read(0, KiB)
    await reader.read(KiB, 16 * KiB)
    const block = await reader.read(16 * KiB, 48 * KiB)
    assert.deepEqual(source.reads.slice(0, 2), [[0, 16 * KiB], [16 * KiB, 48 * KiB]])
    block.fill(0)
    assert.deepEqual(await reader.read(16 * KiB, 17 * KiB), bytes.slice(16 * KiB, 17 * KiB))
  })

  it('hands out views of one block to a sequential reader, memory of their own to others, with readahead', async () => {
    for (const [sequential, shared] of [[true, true], [false, false]] as const) {
      const reader = strategy({ sequential })
      await reader.read(0, 16 * KiB)
      const first = await reader.read(16 * KiB, 24 * KiB)
      const second = await reader.read(24 * KiB, 32 * KiB)
      assert.deepEqual([...first, ...second], [...bytes.subarray(16 * KiB, 32 * KiB)])
      assert.equal(first.buffer === second.buffer, shared)
      await reader.close(undefined)
    }
  })

  it('rejects with FORKFS_TRUNCATED when the source gives fewer bytes', async () => {
    const short = openStrategy(fetchFrom({ ...source, path: source.path, info: source.info, check () {}, release () {}, read: async () => new Uint8Array(1) }), { path: 'x', size })
    await assert.rejects(short.read(0, 10), { code: 'FORKFS_TRUNCATED' })
  })

  it('refuses strategies that do not exist yet, unknown names and wrong block sizes', () => {
    for (const cache of ['bytes', 'first', 'parts', 'shared'] as const) assert.throws(() => strategy({ cache }), { code: 'FORKFS_NOT_SUPPORTED' })
    assert.throws(() => strategy({ cache: 'toString' as ReadStrategyName }), TypeError)
    assert.throws(() => strategy({ blockBytes: 0 }), RangeError)
    assert.throws(() => strategy({ blockBytes: '1' as unknown as number }), TypeError)
  })
})

describe('fetchFrom()', () => {
  it('splits long ranges into parts of 8 MiB, a few at once, and ends the others at the first failure', async () => {
    await using folder = await Folder.make()
    const bytes = pattern(40 * KiB * KiB + 5)
    await writeFile(folder.file('a'), bytes)
    const source = await CountingSource.of(folder.file('a'))
    assert.equal(Buffer.compare(await fetchFrom(source)(0, bytes.length), bytes), 0)
    assert.equal(source.reads.length, 6)
    assert.ok(source.maxActive <= 4)
    const broken = new Error('broken')
    source.before = (_, start) => { if (start === 0) throw broken }
    await assert.rejects(fetchFrom(source)(0, bytes.length), error => error === broken)
    assert.equal(source.active, 0)
  })
})
