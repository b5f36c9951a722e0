import assert from 'node:assert/strict'
import fc from 'fast-check'
import { ProgressBook } from '../../../lib/loader/progress.js'
import { decodeState, digestShards, encodeState } from '../../../lib/loader/state.js'
import { collect, shardOf } from './shards.js'
import type { DecodedState, LoaderIdentity } from '../../../lib/loader/state.js'
import type { LoaderState } from '../../../lib/loader/types.js'

const shards = Array.from({ length: 20 }, (_, at) => `s3://b/${at}.tar`)
const identity: LoaderIdentity = { reader: 'tar', epoch: 2, seed: 7, buffer: 3, rank: 0, worldSize: 1, even: undefined, shards: 20, digest: digestShards(shards) }
const state: DecodedState = {
  identity,
  samples: 1234,
  done: [[0, 3], [5, 6]],
  begun: [{ ordinal: 3, next: 10, offset: 5120 }, { ordinal: 8, next: 4, offset: undefined }],
  buffer: { random: [1, 2, 3, 0xffff_ffff], held: [{ ordinal: 3, index: 9, offset: 5120 }, { ordinal: 8, index: 1, offset: undefined }] }
}

const revived = (value: LoaderState): LoaderState => JSON.parse(JSON.stringify(value)) as LoaderState

describe('loader state', () => {
  it('survives JSON', () => {
    assert.deepEqual(decodeState(revived(encodeState(state)), identity, 20), state)
    const plain = { ...state, identity: { ...identity, seed: undefined, buffer: undefined, even: 'pad' as const }, buffer: undefined }
    assert.deepEqual(decodeState(revived(encodeState(plain)), plain.identity, 20), plain)
  })

  it('stays small: shards that are done are ranges', () => {
    const book = new ProgressBook(100_000)
    for (let at = 0; at < 100_000; at++) if (at !== 70_000) book.finish(at)
    assert.ok(JSON.stringify(encodeState({ ...state, ...book.snapshot() })).length < 500)
  })

  const differences: ReadonlyArray<Partial<LoaderIdentity>> = [
    { reader: 'lines' }, { epoch: 3 }, { seed: 8 }, { seed: undefined }, { buffer: 4 }, { rank: 1 }, { worldSize: 2 }, { even: 'pad' }, { shards: 21 }, { digest: digestShards(['other']) }
  ]
  for (const difference of differences) {
    it(`is refused with a TypeError by a loader with ${JSON.stringify(difference)}`, () => {
      const word = { digest: 'list of shards', shards: 'number of shards', seed: 'seed', buffer: 'buffer' }[Object.keys(difference)[0]!] ?? Object.keys(difference)[0]!
      const refused = (error: unknown): boolean => error instanceof TypeError && error.message.includes(word)
      assert.throws(() => decodeState(revived(encodeState(state)), { ...identity, ...difference }, 20), refused)
    })
  }

  const malformed: Array<Record<string, unknown>> = [
    { v: 2 }, { reader: undefined }, { samples: -1 }, { samples: '1' }, { done: {} }, { done: [[3, 3]] }, { done: [[0, 21]] }, { done: [[0]] }, { done: [[0, 2], [1, 3]] }, { done: [[5, 6], [0, 1]] },
    { begun: [[20, 1, 0]] }, { begun: [[1, 1, 0]] }, { begun: [[3, 1]] }, { begun: [[8, 1, 0], [8, 2, 0]] }, { begun: [[8, -1, 0]] }, { begun: [[8, 1, 'x']] }, { held: null }, { held: { random: [1, 2, 3], samples: [] } },
    { held: { random: [0, 0, 0, 0], samples: [] } }, { held: { random: [1, 2, 3, 2 ** 32], samples: [] } },
    { held: { random: [1, 2, 3, 4], samples: Array(4).fill([3, 1, 0]) } }, { held: { random: [1, 2, 3, 4], samples: 3 } }
  ]
  for (const change of malformed) {
    it(`is refused with a TypeError when malformed: ${JSON.stringify(change)}`, () => {
      assert.throws(() => decodeState({ ...encodeState(state), ...change } as unknown as LoaderState, identity, 20), TypeError)
    })
  }
  it('is refused with a TypeError when it is no object', () => {
    for (const value of [null, 'x', [], undefined]) assert.throws(() => decodeState(value as never, identity, 20), TypeError)
  })

  it('has a digest of the list that tells order and borders apart', () => {
    assert.equal(digestShards(shards), digestShards([...shards]))
    assert.equal(new Set([['a', 'b'], ['b', 'a'], ['ab'], ['a', 'b', ''], []].map(digestShards)).size, 5)
    assert.match(digestShards(shards), /^[0-9a-f]{32}$/)
  })
})

describe('ProgressBook', () => {
  it('comes back from a state as it was, whatever was taken and finished', () => {
    const step = fc.record({ ordinal: fc.nat(19), index: fc.nat(1000), offset: fc.option(fc.nat(), { nil: undefined }), finish: fc.boolean() })
    fc.assert(fc.property(fc.array(step), steps => {
      const book = new ProgressBook(20)
      for (const { ordinal, index, offset, finish } of steps) {
        if (finish) book.finish(ordinal)
        else if (!book.isDone(ordinal)) book.take(ordinal, index, offset)
      }
      const decoded = decodeState(revived(encodeState({ ...state, ...book.snapshot() })), identity, 20)
      const copy = new ProgressBook(20, decoded)
      assert.deepEqual([...copy.open()], [...book.open()])
      for (const ordinal of book.open()) assert.deepEqual(copy.startOf(ordinal), book.startOf(ordinal))
      assert.deepEqual(copy.snapshot(), book.snapshot())
    }))
  })

  it('lets a reader go on with exactly what was not taken', async () => {
    const bytes = Buffer.from('a\nbb\nccc\ndddd\n')
    const all = await collect('lines', shardOf(bytes))
    for (let taken = 0; taken <= all.length; taken++) {
      const book = new ProgressBook(1)
      for (const { index, offset } of all.slice(0, taken)) book.take(0, index, offset)
      const { skip, anchor } = new ProgressBook(1, book.snapshot()).startOf(0)
      assert.deepEqual(await collect('lines', shardOf(bytes), { skip, anchor }), all.slice(taken))
    }
  })
})
