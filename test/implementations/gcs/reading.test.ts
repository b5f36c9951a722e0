import assert from 'node:assert/strict'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import type { GcsFileSystem } from '../../../implementations/gcs/index.js'
import { code, MiB, openFaulty, openStore, pattern } from './support.js'
import type { Store } from './support.js'

const part = 8 * MiB
const KiB = 1024
const lengths = [0, 1, 256 * KiB - 1, 256 * KiB, 256 * KiB + 1, part - 1, part, part + 1, 16 * MiB + 3, 33 * MiB + 7]

describe('GCS: reading', function () {
  this.timeout(60_000)
  let store: Store
  let fs: GcsFileSystem
  let at: (length: number) => string
  const whole = pattern(33 * MiB + 7)
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
    it(`G1: reads ${length} bytes whole and in every form of range`, async () => {
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
      const path = at(length)
      for (const cache of ['readahead', 'none'] as const) {
        const file = await fs.open(path, 'r', { cache })
        assert.equal(file.size, length)
        same(await file.readFile(), 0, length, cache)
        same(await file.readRange(length - 3 < 0 ? 0 : length - 3, length + 5), Math.max(0, length - 3), length)
        await file.close()
      }
      same(await buffer(fs.createReadStream(path)), 0, length)
      same(new Uint8Array(await new Response(fs.readable(path)).arrayBuffer()), 0, length)
    })
  }

  it('puts ranges where they belong', async () => {
    const target = new Uint8Array(16 * MiB + 3)
    const ranges = [{ path: at(16 * MiB + 3), start: 0, end: 16 * MiB + 3 }, { path: at(part), start: 5, end: 10 }, { path: at(0), start: 0, end: 10 }]
    const rooms = [target, new Uint8Array(5), new Uint8Array(10)]
    const [first, second, third] = await fs.catRanges(ranges, { into: (_range, index) => rooms[index]! }) as Uint8Array[]
    assert.equal(first!.buffer, target.buffer)
    same(target, 0, target.length)
    same(second!, 5, 10)
    assert.equal(third!.length, 0)
  })

  it('reads only the generation that is asked for', async () => {
    const { etag } = await fs.info(at(1))
    assert.match(etag!, /^\d+$/)
    same(await fs.catFile(at(1), { ifMatch: etag }), 0, 1)
    for (const ifMatch of ['17', '"0123"', '0']) {
      for (const end of [undefined, 100]) await assert.rejects(fs.catFile(at(1), { end, ifMatch }), code('FORKFS_CHANGED'))
      await assert.rejects(fs.open(at(1), 'r', { ifMatch }), code('FORKFS_CHANGED'))
    }
    const path = `${store.bucket}/read/changing`
    await fs.pipeFile(path, 'first')
    const file = await fs.open(path, 'r', { cache: 'none' })
    await fs.pipeFile(path, 'other')
    await assert.rejects(file.readFile(), code('FORKFS_CHANGED'))
    await file.close()
  })

  it('gives memory that can be transferred', async () => {
    const { buffer: memory } = await fs.catFile(at(1))
    assert.equal(memory.byteLength, 1)
    structuredClone(memory, { transfer: [memory as ArrayBuffer] })
  })

  it('rejects with the reason of a signal, before and while', async () => {
    const reason = new Error('enough')
    await assert.rejects(fs.catFile(at(1), { signal: AbortSignal.abort(reason) }), error => error === reason)
    const controller = new AbortController()
    const reading = fs.catFile(at(33 * MiB + 7), { signal: controller.signal })
    controller.abort(reason)
    await assert.rejects(reading, error => error === reason)
  })

  it('checksum() is the CRC32C', async () => {
    assert.equal(await fs.checksum(at(0)), 'AAAAAA==')
  })
})

describe('GCS: consistency', function () {
  this.timeout(60_000)

  it('G12: reads one generation while the object is overwritten: parallel parts, handles, streams, ranges', async () => {
    await using running = await openFaulty()
    const { fs } = running
    const path = 'test/changing'
    const contents = [1, 2, 3].map(value => new Uint8Array(18 * MiB).fill(value))
    await fs.pipeFile(path, contents[0]!)
    let writing = true
    const writer = (async () => {
      for (let turn = 1; writing; turn++) await fs.pipeFile(path, contents[turn % 3]!)
    })()
    const uniform = (bytes: Uint8Array): void => {
      assert.ok(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).equals(contents[bytes[0]! - 1]!.subarray(0, bytes.length)), 'a mixture of generations')
    }
    let [read, refused] = [0, 0]
    const tolerant = async (work: () => Promise<void>): Promise<void> => {
      read++
      await work().catch((error: { code?: string }) => {
        assert.equal(error.code, 'FORKFS_CHANGED')
        refused++
      })
    }
    for (let round = 0; round < 6; round++) {
      await tolerant(async () => { uniform(await fs.catFile(path)) })
      await tolerant(async () => { uniform(await buffer(fs.createReadStream(path, { start: 0, end: 3 * MiB }))) })
      await tolerant(() => fs.withFile(path, 'r', async file => {
        uniform(Buffer.concat([await file.readRange(0, 10), await file.readRange(17 * MiB, 17 * MiB + 10)]))
      }, { cache: 'none' }))
      await tolerant(async () => {
        for (const bytes of await fs.catRanges([{ path, start: 0, end: MiB }, { path, start: 3 * MiB, end: 4 * MiB }]) as Uint8Array[]) uniform(bytes)
      })
    }
    writing = false
    await writer
    assert.ok(refused < read, 'nothing could be read')
  })

  it('G12: gives the old bytes of a bucket that keeps generations, and with versionAware those that were seen first', async () => {
    await using running = await openFaulty({ buckets: [{ name: 'test', versioning: true }] })
    const { fs, open } = running
    const first = await fs.pipeFile('test/a', 'first')
    const file = await fs.open('test/a', 'r', { cache: 'none' })
    const aware = open({ versionAware: true })
    await aware.info('test/a')
    await fs.pipeFile('test/a', 'other')
    assert.equal(await file.readFile('utf8'), 'first')
    assert.equal(await fs.readText('test/a'), 'other')
    assert.equal(await aware.readText('test/a'), 'first')
    assert.equal(await aware.readText(`test/a#${(await fs.info('test/a')).etag}`), 'other')
    aware.invalidateCache('test/a')
    assert.equal(await aware.readText('test/a'), 'other')
    assert.equal(Buffer.from(await fs.catFile('test/a', { ifMatch: first.etag })).toString(), 'first')
    await assert.rejects(fs.info(`test/a#${first.etag}`), code('ENOENT')) // a name like any other here
    await file.close()
  })

  it('G13: takes a change of the metadata alone for no change', async () => {
    await using running = await openFaulty()
    const { fs, server } = running
    await fs.pipeFile('test/a', 'text')
    const file = await fs.open('test/a', 'r', { cache: 'none' })
    const before = await fs.info('test/a')
    const reply = await fetch(`${server.endpoint}/storage/v1/b/test/o/a`, { method: 'PATCH', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ metadata: { a: 'b' } }) })
    assert.equal(reply.status, 200)
    await reply.arrayBuffer()
    assert.equal(await file.readFile('utf8'), 'text')
    const after = await fs.info('test/a')
    assert.deepEqual([after.etag, after['metadata']], [before.etag, { a: 'b' }])
    assert.notEqual(after['metageneration'], before['metageneration'])
    await file.close()
  })

  it('G14: gives a stored gzip as it is stored: size, content, ranges; `compression` inflates it', async () => {
    await using running = await openFaulty()
    const { fs, server } = running
    const text = 'the same words '.repeat(2000)
    const stored = gzipSync(text)
    await server.put('test', 'a.gz', stored, { contentEncoding: 'gzip', contentType: 'text/plain' })
    assert.equal((await fs.info('test/a.gz')).size, stored.length)
    assert.ok(Buffer.from(await fs.catFile('test/a.gz')).equals(stored))
    assert.ok(Buffer.from(await fs.catFile('test/a.gz', { start: 3, end: 20 })).equals(stored.subarray(3, 20)))
    assert.ok(Buffer.from(await fs.tail('test/a.gz', 8)).equals(stored.subarray(-8)))
    await fs.withFile('test/a.gz', 'r', async file => { assert.ok(Buffer.from(await file.readFile()).equals(stored)) })
    await fs.withFile('test/a.gz', 'r', async file => { assert.equal(await file.readFile('utf8'), text) }, { compression: 'gzip' })
  })
})
