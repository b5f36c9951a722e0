import assert from 'node:assert/strict'
import { buffer } from 'node:stream/consumers'
import { code, MiB, pattern } from '../data.js'
import { titled } from './kind.js'
import type { Kind } from './kind.js'
import { storeStage } from './stage.js'

const part = 8 * MiB
const short = 10_240

interface ReadingOptions {
  /** Lengths in bytes of the objects that are read, of 10,240 and 8 MiB and others. */
  readonly lengths: readonly number[]
  /** What names a version here. */
  readonly etag: RegExp
  /** Names that no version has. */
  readonly none: readonly string[]
}

/** Reads of objects of many lengths in every form, and of one version. */
export function readingSuite (kind: Kind, { lengths, etag: form, none }: ReadingOptions): void {
  const longest = Math.max(...lengths)
  const whole = pattern(longest)
  const at = (length: number): string => `${on.store.bucket}/read/${length}`
  const same = (got: Uint8Array, start: number, end: number, what?: string): void => {
    assert.equal(got.length, Math.max(0, end - start), what)
    assert.ok(Buffer.from(got.buffer, got.byteOffset, got.length).equals(whole.subarray(start, end)), what)
  }
  const on = storeStage(() => kind.openStore())
  before(async () => { await Promise.all(lengths.map(length => on.fs.pipeFile(at(length), whole.subarray(0, length)))) })

  for (const length of lengths) {
    it(titled(kind, 'G1', `reads ${length} bytes whole and in every form of range`), async () => {
      const { fs } = on
      const path = at(length)
      same(await fs.catFile(path), 0, length)
      const ranges: Array<[number, number | undefined]> = [
        [0, undefined], [0, 1], [1, 3], [-1, undefined], [-5, -2], [5, undefined], [0, -1], [length, undefined], [length - 1, length + 10], [length + 5, length + 9],
        [0, length + 100], [3, 3], [5, 2], [-length - 7, undefined], [0, part], [0, part + 1], [1, part + 1], [part - 1, part + 2]
      ]
      for (const [start, end] of ranges) {
        const wanted = whole.subarray(0, length).slice(start, end)
        const got = await fs.catFile(path, { start, end })
        assert.ok(Buffer.from(got).equals(wanted), `[${start}, ${end}) of ${length}: ${got.length} instead of ${wanted.length}`)
      }
      assert.equal(await fs.size(path), length)
    })

    it(`reads ${length} bytes through handles and streams`, async () => {
      const { fs } = on
      const path = at(length)
      for (const cache of ['readahead', 'block', 'all', 'none'] as const) {
        const file = await fs.open(path, 'r', { cache })
        assert.equal(file.size, length)
        same(await file.readFile(), 0, length, cache)
        const target = new Uint8Array(2 * MiB)
        const middle = Math.floor(length / 2)
        const { bytesRead } = await file.read(target, 0, target.length, middle)
        assert.equal(bytesRead, Math.min(target.length, length - middle))
        same(target.subarray(0, bytesRead), middle, middle + bytesRead, cache)
        same(await file.readRange(length - 3 < 0 ? 0 : length - 3, length + 5), Math.max(0, length - 3), length)
        await file.close()
      }
      same(await buffer(fs.createReadStream(path)), 0, length)
      same(new Uint8Array(await new Response(fs.readable(path)).arrayBuffer()), 0, length)
    })
  }

  it('puts ranges where they belong', async () => {
    const target = new Uint8Array(longest)
    const ranges = [
      { path: at(longest), start: 0, end: longest }, { path: at(short), start: 5, end: 10 }, { path: at(part), start: 5, end: 10 }, { path: at(0), start: 0, end: 10 }
    ]
    const rooms = [target, new Uint8Array(5), new Uint8Array(5), new Uint8Array(10)]
    const [first, second, third, fourth] = await on.fs.catRanges(ranges, { into: (_range, index) => rooms[index]! }) as Uint8Array[]
    assert.equal(first!.buffer, target.buffer)
    same(target, 0, target.length)
    same(second!, 5, 10)
    same(third!, 5, 10)
    assert.equal(fourth!.length, 0)
  })

  it('reads only the version that is asked for', async () => {
    const { fs } = on
    for (const length of [short, 1]) {
      const { etag } = await fs.info(at(length))
      assert.match(etag!, form)
      same(await fs.catFile(at(length), { ifMatch: etag }), 0, length)
      for (const ifMatch of none) {
        for (const end of [undefined, 100]) await assert.rejects(fs.catFile(at(length), { end, ifMatch }), code('FORKFS_CHANGED'))
        await assert.rejects(fs.open(at(length), 'r', { ifMatch }), code('FORKFS_CHANGED'))
      }
    }
    const path = `${on.store.bucket}/read/changing`
    await fs.pipeFile(path, 'first')
    const file = await fs.open(path, 'r', { cache: 'none' })
    await fs.pipeFile(path, 'other')
    await assert.rejects(file.readFile(), code('FORKFS_CHANGED'))
    await file.close()
  })

  it('gives memory that can be transferred', async () => {
    for (const length of [short, 1]) {
      const { buffer: memory } = await on.fs.catFile(at(length))
      assert.equal(memory.byteLength, length)
      structuredClone(memory, { transfer: [memory as ArrayBuffer] })
    }
  })

  it('rejects with the reason of a signal, before and while', async () => {
    const { fs } = on
    const reason = new Error('enough')
    await assert.rejects(fs.catFile(at(1), { signal: AbortSignal.abort(reason) }), error => error === reason)
    const controller = new AbortController()
    const reading = fs.catFile(at(longest), { signal: controller.signal })
    controller.abort(reason)
    await assert.rejects(reading, error => error === reason)
  })
}
