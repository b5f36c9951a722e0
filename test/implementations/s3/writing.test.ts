import assert from 'node:assert/strict'
import { pipeline } from 'node:stream/promises'
import type { S3FileSystem } from '../../../implementations/s3/index.js'
import { copyObject } from '../../../implementations/s3/copy.js'
import { code, MiB, openStore, pattern } from './support.js'
import type { Store } from './support.js'

const limit = 16 * MiB

describe('S3: writing', function () {
  this.timeout(60_000)
  let store: Store
  let fs: S3FileSystem
  let path: string
  const big = pattern(3 * 8 * MiB + 7)
  before(async () => {
    store = await openStore()
    fs = store.open()
  })
  beforeEach(() => { path = `${store.bucket}/write/${Math.random().toString(36).slice(2)}` })
  after(() => store.close())

  const holds = async (expected: Uint8Array | string): Promise<void> => {
    assert.ok(Buffer.from(await fs.catFile(path)).equals(Buffer.from(expected as string)), `it does not hold the ${expected.length} bytes`)
  }

  for (const length of [0, 1, limit, limit + 1, big.length]) {
    it(`puts ${length} bytes at once`, async () => {
      const info = await fs.pipeFile(path, big.subarray(0, length), { contentType: 'text/x-test', metadata: { Colour: 'blue', n: '1 2' } })
      assert.equal(info.size, length)
      assert.equal(info.name, path)
      await holds(big.subarray(0, length))
      const found = await fs.info(path)
      assert.deepEqual([found.etag, found['contentType'], found['metadata'], found.size], [info.etag, 'text/x-test', { colour: 'blue', n: '1 2' }, length])
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

  it('writes only where nothing is yet', async () => {
    await fs.pipeFile(path, 'first', { flag: 'wx' })
    await assert.rejects(fs.pipeFile(path, 'second', { flag: 'wx' }), code('EEXIST'))
    await assert.rejects(fs.pipeFile(path, big, { flag: 'wx' }), code('EEXIST'))
    await assert.rejects(fs.open(path, 'wx'), code('EEXIST'))
    await holds('first')
    assert.deepEqual((await fs.info(path))['metadata'], {})
  })

  for (const length of [5, big.length]) {
    it(`lets one of two exclusive writers of ${length} bytes win`, async () => {
      const one = await fs.open(path, 'wx')
      const two = await fs.open(path, 'wx')
      await one.write(big.subarray(0, length))
      await two.write(big.subarray(0, length))
      await one.close()
      await assert.rejects(two.close(), code('EEXIST'))
      await holds(big.subarray(0, length))
      await fs.rm(path)
      const results = await Promise.allSettled(Array.from({ length: 4 }, () => fs.pipeFile(path, 'x', { flag: 'wx' })))
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
    })
  }

  it('writes only over the version that is named', async () => {
    const first = await fs.pipeFile(path, 'first')
    const second = await fs.pipeFile(path, 'second', { ifMatch: first.etag })
    await assert.rejects(fs.pipeFile(path, 'third', { ifMatch: first.etag }), code('FORKFS_CHANGED'))
    await assert.rejects(fs.pipeFile(path, big, { ifMatch: first.etag }), code('FORKFS_CHANGED'))
    await fs.pipeFile(path, big, { ifMatch: second.etag })
    await holds(big)
  })

  for (const length of [5, big.length]) {
    it(`leaves the old object when a write of ${length} bytes throws`, async () => {
      await fs.pipeFile(path, 'old')
      const reason = new Error('no')
      await assert.rejects(fs.withFile(path, 'w', async file => {
        await file.write(big.subarray(0, length))
        throw reason
      }), error => error === reason)
      await holds('old')
    })
  }

  it('refuses what it can not do', async () => {
    for (const flag of ['a', 'r+'] as const) await assert.rejects(fs.open(path, flag), code('FORKFS_NOT_SUPPORTED'))
    await assert.rejects(fs.pipeFile(store.bucket, 'x'), code('EISDIR'))
    await assert.rejects(fs.pipeFile(path, 'x', { metadata: { 'a b': 'c' } }), TypeError)
    await assert.rejects(fs.pipeFile(path, 'x', { metadata: { a: 'bell\u0007' } }), TypeError)
    await assert.rejects(fs.pipeFile(path, 'x', { partBytes: 0 }), RangeError)
    await assert.rejects(fs.pipeFile('forkfs-no-such-bucket-42/x', 'x'), code('ENOENT'))
    await assert.rejects(fs.pipeFile('forkfs-no-such-bucket-42/x', big), code('ENOENT'))
  })

  it('shows its own writes at once, everywhere', async () => {
    assert.equal(await fs.exists(path), false)
    await fs.pipeFile(path, 'x')
    assert.equal(await fs.exists(path), true)
    assert.ok((await fs.find(`${store.bucket}/write`)).includes(path))
    await fs.rm(path)
    assert.equal(await fs.exists(path), false)
  })

  it('copies in a bucket and between buckets, with content type and metadata', async () => {
    await fs.pipeFile(path, 'copied', { contentType: 'text/x-test', metadata: { a: 'b' } })
    for (const target of [`${path}-copy`, `${store.other}/copy`]) {
      await fs.cp(path, target)
      assert.equal(await fs.readText(target), 'copied')
      const { contentType, metadata } = await fs.info(target)
      assert.deepEqual([contentType, metadata], ['text/x-test', { a: 'b' }])
    }
    await fs.mv(`${path}-copy`, `${path}-moved`)
    assert.deepEqual([await fs.exists(`${path}-copy`), await fs.readText(`${path}-moved`)], [false, 'copied'])
    await assert.rejects(fs.cp(`${path}-none`, path), code('ENOENT'))
    await assert.rejects(fs.cp(path, 'forkfs-no-such-bucket-42/x'), code('ENOENT'))
  })

  it('signs URLs for reading and writing', async () => {
    const response = await fetch(await fs.sign(path, { method: 'PUT', expiresSeconds: 60 }), { method: 'PUT', body: 'by URL' })
    assert.equal(response.status, 200)
    await response.arrayBuffer()
    assert.equal(await (await fetch(await fs.sign(path, { expiresSeconds: 60 }))).text(), 'by URL')
    const forbidden = await fetch((await fs.sign(path)).replace(/Signature=../, 'Signature=00'))
    await forbidden.arrayBuffer()
    assert.equal(forbidden.status, 403)
    await assert.rejects(fs.sign(path, { expiresSeconds: 604_801 }), RangeError)
    await assert.rejects(store.open({ credentials: 'anonymous' }).sign(path), code('FORKFS_CREDENTIALS'))
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
    await assert.rejects(fs.mkdir('No_Bucket'), code('EINVAL'))
    await assert.rejects(fs.rmdir(''), code('EINVAL'))
  })

  it('copies what is too large for one request in parts of one version', async () => {
    await fs.pipeFile(path, big, { contentType: 'text/x-test', metadata: { a: 'b' } })
    const [bucket, ...key] = path.split('/')
    const { S3Client } = await import('../../../implementations/s3/client.js')
    const { resolveS3 } = await import('../../../implementations/s3/options.js')
    const settings = resolveS3(store.options)
    const client = new S3Client({ maxConcurrency: 8, retry: { attempts: 2, baseMs: 1, maxMs: 1 }, timeoutMs: 20_000, idleTimeoutMs: 20_000, onForeignOwner: 'reset', settings, parentKey: () => '' } as never)
    const from = { bucket: bucket!, key: key.join('/') }
    const { refuseCopies } = await import('./refuse-copies.js')
    const to = { bucket: store.other, key: 'copied in parts' }
    await copyObject({ client: refuseCopies(client), from, to, storeHeaders: [], signal: new AbortController().signal }, { single: 6 * MiB, part: 5 * MiB })
    await client.close()
    path = `${store.other}/${to.key}`
    await holds(big)
    const { contentType, metadata, etag } = await fs.info(path)
    assert.deepEqual([contentType, metadata], ['text/x-test', { a: 'b' }])
    assert.match(etag!, /-5"$/)
  })
})
