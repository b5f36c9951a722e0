import assert from 'node:assert/strict'
import { buffer } from 'node:stream/consumers'
import type { S3FileSystem } from '../../../implementations/s3/index.js'
import { code, MiB, openStore, pattern } from './support.js'
import type { Store } from './support.js'

const part = 8 * MiB
const lengths = [0, 1, 10_240, part - 1, part, part + 1, 2 * part, 2 * part + 1, 3 * part + 5]

describe('S3: reading', function () {
  this.timeout(60_000)
  let store: Store
  let fs: S3FileSystem
  let at: (length: number) => string
  const whole = pattern(3 * part + 5)
  const same = (got: Uint8Array, start: number, end: number, what?: string): void => {
    assert.equal(got.length, Math.max(0, end - start), what)
    assert.ok(Buffer.from(got.buffer, got.byteOffset, got.length).equals(whole.subarray(start, end)), what)
  }
  before(async () => {
    store = await openStore()
    fs = store.open()
    at = length => `${store.bucket}/read/${length}`
    await Promise.all(lengths.map(length => fs.pipeFile(at(length), whole.subarray(0, length))))
  })
  after(() => store.close())

  for (const length of lengths) {
    it(`reads ${length} bytes whole and in ranges`, async () => {
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
    })

    it(`reads ${length} bytes through handles and streams`, async () => {
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
    const target = new Uint8Array(3 * part + 5)
    const ranges = [{ path: at(3 * part + 5), start: 0, end: 3 * part + 5 }, { path: at(10_240), start: 5, end: 10 }, { path: at(0), start: 0, end: 10 }]
    const rooms = [target, new Uint8Array(5), new Uint8Array(10)]
    const [first, second, third] = await fs.catRanges(ranges, { into: (_range, index) => rooms[index]! }) as Uint8Array[]
    assert.equal(first!.buffer, target.buffer)
    same(target, 0, target.length)
    same(second!, 5, 10)
    assert.equal(third!.length, 0)
  })

  it('reads only the version that is asked for', async () => {
    const { etag } = await fs.info(at(10_240))
    same(await fs.catFile(at(10_240), { ifMatch: etag }), 0, 10_240)
    for (const end of [undefined, 100]) await assert.rejects(fs.catFile(at(10_240), { end, ifMatch: '"0123"' }), code('FORKFS_CHANGED'))
    await assert.rejects(fs.open(at(10_240), 'r', { ifMatch: '"0123"' }), code('FORKFS_CHANGED'))
    const path = `${store.bucket}/read/changing`
    await fs.pipeFile(path, 'first')
    const file = await fs.open(path, 'r', { cache: 'none' })
    await fs.pipeFile(path, 'other')
    await assert.rejects(file.readFile(), code('FORKFS_CHANGED'))
    await file.close()
  })

  it('gives memory that can be transferred', async () => {
    const { buffer: memory } = await fs.catFile(at(10_240))
    assert.equal(memory.byteLength, 10_240)
    structuredClone(memory, { transfer: [memory as ArrayBuffer] })
  })

  it('rejects with the reason of a signal, before and while', async () => {
    const reason = new Error('enough')
    await assert.rejects(fs.catFile(at(1), { signal: AbortSignal.abort(reason) }), error => error === reason)
    const controller = new AbortController()
    const reading = fs.catFile(at(3 * part + 5), { signal: controller.signal })
    controller.abort(reason)
    await assert.rejects(reading, error => error === reason)
  })
})
