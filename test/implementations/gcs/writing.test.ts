import assert from 'node:assert/strict'
import { pipeline } from 'node:stream/promises'
import type { GcsFileSystem } from '../../../implementations/gcs/index.js'
import { code, MiB, openFaulty, openStore, pattern } from './support.js'
import type { Store } from './support.js'

const limit = 8 * MiB

describe('GCS: writing', function () {
  this.timeout(60_000)
  let store: Store
  let fs: GcsFileSystem
  let path: string
  const big = pattern(33 * MiB + 7)
  before(async () => {
    store = await openStore()
    fs = store.open()
  })
  beforeEach(() => { path = `${store.bucket}/write/${Math.random().toString(36).slice(2)}` })
  after(() => store.close())

  const holds = async (expected: Uint8Array | string): Promise<void> => {
    assert.ok(Buffer.from(await fs.catFile(path)).equals(Buffer.from(expected as string)), `it does not hold the ${expected.length} bytes`)
  }

  for (const length of [0, 1, limit, limit + 1, 16 * MiB, 16 * MiB + 1, 32 * MiB, big.length]) {
    it(`puts ${length} bytes at once`, async () => {
      const info = await fs.pipeFile(path, big.subarray(0, length), { contentType: 'text/x-test', metadata: { Colour: 'blue', 'n ü': '1 2' } })
      assert.deepEqual([info.size, info.name], [length, path])
      await holds(big.subarray(0, length))
      const found = await fs.info(path)
      assert.deepEqual([found.etag, found['contentType'], found['metadata'], found.size], [info.etag, 'text/x-test', { Colour: 'blue', 'n ü': '1 2' }, length])
    })

    it(`writes ${length} bytes through a handle`, async () => {
      await fs.withFile(path, 'w', async file => {
        for (let at = 0; at < length; at += 3 * MiB) await file.write(big.subarray(at, Math.min(length, at + 3 * MiB)))
      }, { contentType: 'text/x-test', metadata: { a: 'b' } })
      await holds(big.subarray(0, length))
      const found = await fs.info(path)
      assert.deepEqual([found['contentType'], found['metadata']], ['text/x-test', { a: 'b' }])
    })
  }

  it('writes through streams of Node and of the web', async () => {
    await pipeline((function * () { for (let at = 0; at < big.length; at += MiB) yield big.subarray(at, at + MiB) })(), fs.createWriteStream(path))
    await holds(big)
    const writer = fs.writable(path).getWriter()
    await writer.write(new TextEncoder().encode('web'))
    await writer.close()
    await holds('web')
  })

  it('G9: writes only where nothing is yet, and leaves what is there', async () => {
    await fs.pipeFile(path, 'first', { flag: 'wx' })
    await assert.rejects(fs.pipeFile(path, 'second', { flag: 'wx' }), code('EEXIST'))
    await assert.rejects(fs.pipeFile(path, big, { flag: 'wx' }), code('EEXIST'))
    await assert.rejects(fs.open(path, 'wx'), code('EEXIST'))
    await holds('first')
    assert.deepEqual((await fs.info(path))['metadata'], {})
  })

  for (const length of [5, big.length]) {
    it(`G9: lets one of two exclusive writers of ${length} bytes win, whoever began first`, async () => {
      const one = await fs.open(path, 'wx')
      const two = await fs.open(path, 'wx')
      await one.write(big.subarray(0, length))
      await two.write(big.subarray(0, length))
      await two.close()
      await assert.rejects(one.close(), code('EEXIST'))
      await holds(big.subarray(0, length))
    })
  }

  it('G9: lets one of 50 creators at once win', async () => {
    const results = await Promise.allSettled(Array.from({ length: 50 }, (_, index) => fs.pipeFile(path, `from ${index}`, { flag: 'wx' })))
    const winner = results.findIndex(({ status }) => status === 'fulfilled')
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
    for (const result of results) if (result.status === 'rejected') assert.equal((result.reason as { code: string }).code, 'EEXIST')
    await holds(`from ${winner}`)
  })

  it('G11: writes only over the generation that is named', async () => {
    const first = await fs.pipeFile(path, 'first')
    const second = await fs.pipeFile(path, 'second', { ifMatch: first.etag })
    await assert.rejects(fs.pipeFile(path, 'third', { ifMatch: first.etag }), code('FORKFS_CHANGED'))
    await assert.rejects(fs.pipeFile(path, 'third', { ifMatch: 'no generation' }), code('FORKFS_CHANGED'))
    await assert.rejects(fs.pipeFile(path, big, { ifMatch: first.etag }), code('FORKFS_CHANGED'))
    await holds('second')
    await fs.pipeFile(path, big, { ifMatch: second.etag })
    await holds(big)
    await fs.rm(path)
    await assert.rejects(fs.pipeFile(path, 'x', { ifMatch: second.etag }), code('FORKFS_CHANGED'))
    assert.equal(await fs.exists(path), false)
  })

  for (const length of [5, big.length]) {
    it(`G18: leaves the old object when a write of ${length} bytes throws`, async () => {
      await fs.pipeFile(path, 'old')
      const reason = new Error('no')
      await assert.rejects(fs.withFile(path, 'w', async file => {
        await file.write(big.subarray(0, length))
        throw reason
      }), error => error === reason)
      await holds('old')
    })
  }

  it('G8: refuses what it can not do, and makes no bucket on the way', async () => {
    for (const flag of ['a', 'r+'] as const) await assert.rejects(fs.open(path, flag), code('FORKFS_NOT_SUPPORTED'))
    await assert.rejects(fs.pipeFile(store.bucket, 'x'), code('EISDIR'))
    await assert.rejects(fs.pipeFile(path, 'x', { partBytes: 0 }), RangeError)
    const missing = 'forkfs-no-such-bucket-42'
    for (const data of ['x', big]) await assert.rejects(fs.pipeFile(`${missing}/x`, data), code('ENOENT', { operation: 'pipeFile', path: `${missing}/x`, protocol: 'gs' }))
    await fs.pipeFile(path, 'x')
    await assert.rejects(fs.cp(path, `${missing}/x`), code('ENOENT', { operation: 'cp' }))
    await assert.rejects(fs.cp(`${path}-none`, path), code('ENOENT', { operation: 'cp', path: `${path}-none` }))
    await assert.rejects(fs.mv(`${path}-none`, path), code('ENOENT', { operation: 'mv', path: `${path}-none` }))
    await assert.rejects(fs.rm(`${path}-none`), code('ENOENT', { operation: 'rm', path: `${path}-none` }))
    for (const verb of ['info', 'catFile', 'ls', 'size', 'checksum', 'readText', 'head'] as const) {
      await assert.rejects(fs[verb](`${missing}/x`), code('ENOENT', { operation: verb, protocol: 'gs' }))
      await assert.rejects(fs[verb](`${path}-none`), code('ENOENT', { operation: verb, path: `${path}-none` }))
    }
    await assert.rejects(fs.open(`${path}-none`), code('ENOENT', { operation: 'open', path: `${path}-none` }))
    assert.deepEqual([await fs.exists(missing), await fs.exists('No_Such.Bucket!/x')], [false, false])
  })

  it('shows its own writes at once, everywhere', async () => {
    assert.equal(await fs.exists(path), false)
    await fs.pipeFile(path, 'x')
    assert.equal(await fs.exists(path), true)
    assert.ok((await fs.find(`${store.bucket}/write`)).includes(path))
    await fs.rm(path)
    assert.equal(await fs.exists(path), false)
  })

  it('G22: copies and moves in a bucket and between buckets, with content type and metadata', async () => {
    await fs.pipeFile(path, 'copied', { contentType: 'text/x-test', metadata: { a: 'b' } })
    for (const target of [`${path}-copy`, `${store.other}/copy`]) {
      await fs.cp(path, target)
      assert.equal(await fs.readText(target), 'copied')
      const { contentType, metadata } = await fs.info(target)
      assert.deepEqual([contentType, metadata], ['text/x-test', { a: 'b' }])
    }
    await fs.mv(`${path}-copy`, `${path}-moved`)
    assert.deepEqual([await fs.exists(`${path}-copy`), await fs.readText(`${path}-moved`)], [false, 'copied'])
    await fs.mv(`${path}-moved`, `${store.other}/moved`)
    assert.deepEqual([await fs.exists(`${path}-moved`), await fs.readText(`${store.other}/moved`)], [false, 'copied'])
    await fs.pipe({ [`${path}-tree/a/b`]: '1', [`${path}-tree/c`]: '2' })
    await fs.mv(`${path}-tree`, `${path}-other`, { recursive: true })
    assert.deepEqual(await fs.find(`${path}-other`), [`${path}-other/a/b`, `${path}-other/c`])
    assert.equal(await fs.exists(`${path}-tree`), false)
  })

  it('makes and removes buckets, and nothing below them', async () => {
    const name = `${store.bucket}-new`
    await fs.mkdir(name)
    await assert.rejects(fs.mkdir(name), code('EEXIST'))
    await fs.makedirs(name, { existOk: true })
    await fs.mkdir(`${name}/below`)
    assert.equal(await fs.exists(`${name}/below`), false)
    await fs.pipeFile(`${name}/object`, '')
    await assert.rejects(fs.rmdir(name), code('ENOTEMPTY'))
    await fs.rm(`${name}/object`)
    await fs.rmdir(name)
    assert.equal(await fs.exists(name), false)
    await assert.rejects(fs.rmdir(name), code('ENOENT'))
    await assert.rejects(fs.mkdir('No Bucket'), code('EINVAL'))
    await assert.rejects(fs.rmdir(''), code('EINVAL'))
  })
})

describe('GCS: uploads', function () {
  this.timeout(60_000)

  it('G17: sends chunks of multiples of 256 KiB whatever is written, and keeps the bytes in order', async () => {
    await using running = await openFaulty()
    const { fs, server } = running
    const whole = pattern(4 * MiB)
    let seed = 42
    const random = (most: number): number => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return Math.floor(seed / 2 ** 32 * most) }
    for (let round = 0; round < 60; round++) {
      const partBytes = 1 + random(MiB)
      const length = random(whole.length)
      await fs.withFile('test/chunks', 'w', async file => {
        for (let at = 0; at < length;) {
          const step = Math.min(length - at, 1 + random(random(2) === 0 ? 1000 : 900_000))
          await file.write(whole.subarray(at, at + step))
          at += step
        }
      }, { partBytes })
      assert.ok(Buffer.from((await server.get('test', 'chunks'))!).equals(whole.subarray(0, length)), `round ${round}`)
    }
    const puts = (await server.requests()).filter(({ operation }) => operation === 'uploads.put')
    const ranges = puts.map(({ rawHeaders }) => /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(rawHeaders[rawHeaders.findIndex(name => name.toLowerCase() === 'content-range') + 1]!)!)
    assert.ok(ranges.length > 60)
    for (const [text, from, to, total] of ranges) if (total === '*') assert.equal((Number(to) + 1 - Number(from)) % (256 * 1024), 0, text)
  })

  it('G17: holds two chunks at most, and settles once whatever is called at once', async () => {
    await using running = await openFaulty()
    const { fs, server } = running
    const file = await fs.open('test/once', 'w', { partBytes: MiB })
    await file.write(pattern(3 * MiB))
    await Promise.all([file.close(), file.close(), file.close()])
    assert.equal((await server.get('test', 'once'))!.length, 3 * MiB)
    const other = await fs.open('test/never', 'w', { partBytes: MiB })
    await other.write(pattern(3 * MiB))
    await Promise.all([other.abort(), other.abort(), other.close().catch(() => {})])
    assert.equal(await server.get('test', 'never'), undefined)
    assert.deepEqual(await server.uploads('test'), [])
  })
})
