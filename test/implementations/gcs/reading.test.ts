import assert from 'node:assert/strict'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { readingSuite } from '../object-store/reading.js'
import { storeStage } from '../object-store/stage.js'
import { versionsSuite } from '../object-store/versions.js'
import { code, gcs, KiB, MiB, openFaulty } from './support.js'

const part = 8 * MiB

describe('GCS: reading', function () {
  this.timeout(60_000)
  readingSuite(gcs, {
    lengths: [0, 1, 10_240, 256 * KiB - 1, 256 * KiB, 256 * KiB + 1, part - 1, part, part + 1, 16 * MiB + 3, 33 * MiB + 7],
    etag: /^\d+$/,
    none: ['17', '"0123"', '0']
  })
})

describe('GCS: checksums', () => {
  const on = storeStage(() => gcs.openStore())

  it('checksum() is the CRC32C', async () => {
    await on.fs.pipeFile(`${on.store.bucket}/empty`, '')
    assert.equal(await on.fs.checksum(`${on.store.bucket}/empty`), 'AAAAAA==')
  })
})

describe('GCS: versions', () => { versionsSuite(gcs) })

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

  it('G12: mixes nothing in 10,000 reads of several requests while the object is overwritten', async function () {
    this.timeout(120_000)
    await using running = await openFaulty()
    const { fs, server } = running
    const path = 'test/changing'
    const size = 48 * KiB
    const contents = [1, 2, 3].map(value => new Uint8Array(size).fill(value))
    let turn = 0
    const overwrite = (): Promise<string> => server.put('test', 'changing', contents[turn++ % 3]!)
    const uniform = (bytes: Uint8Array, length: number): void => {
      assert.equal(bytes.length, length)
      assert.ok(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).equals(contents[bytes[0]! - 1]!.subarray(0, length)), 'a mixture of generations')
    }
    const kinds: ReadonlyArray<() => Promise<void>> = [
      async () => { uniform(await fs.catFile(path), size) },
      () => fs.withFile(path, 'r', async file => { uniform(Buffer.concat([await file.readRange(0, 10), await file.readRange(size - 10, size)]), 20) }, { cache: 'none' }),
      () => fs.withFile(path, 'r', async file => { uniform(await buffer(file.createReadStream()), size) }, { blockBytes: 16 * KiB }),
      async () => {
        const ends = await fs.catRanges([{ path, start: 0, end: 10 }, { path, start: size - 10, end: size }], { maxGap: 0 }) as Uint8Array[]
        uniform(Buffer.concat(ends), 20)
      }
    ]
    const lane = async (first: number): Promise<void> => {
      for (let read = first; read < 10_000; read += 16) {
        if (read % 40 === 0) await overwrite()
        await kinds[read % 4]!().then(() => { whole++ }, (error: { code?: string }) => {
          assert.equal(error.code, 'FORKFS_CHANGED')
          refused++
        })
      }
    }
    let [whole, refused] = [0, 0]
    await overwrite()
    await Promise.all(Array.from({ length: 16 }, (_, index) => lane(index)))
    assert.equal(whole + refused, 10_000)
    assert.ok(whole > 5000 && refused > 0, `${whole} were whole, ${refused} refused`)
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
