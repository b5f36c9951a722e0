import assert from 'node:assert/strict'
import { escapeGlob } from '../../../lib/index.js'
import type { S3FileSystem } from '../../../implementations/s3/index.js'
import { oddKeys, wildKeys } from './keys.js'
import { code, openStore } from './support.js'
import type { Store } from './support.js'

async function names (entries: AsyncIterable<{ readonly name: string }>): Promise<string[]> {
  const found: string[] = []
  for await (const { name } of entries) found.push(name)
  return found
}

describe('S3: names', function () {
  this.timeout(60_000)
  let store: Store
  let fs: S3FileSystem
  let bucket: string
  before(async () => {
    store = await openStore()
    fs = store.open()
    bucket = store.bucket
  })
  after(() => store.close())

  describe('places', () => {
    before(async () => {
      await fs.pipe({ [`${bucket}/top`]: 'top', [`${bucket}/dir/a`]: 'a', [`${bucket}/dir/sub/b`]: 'bb', [`${bucket}/dire`]: '' })
    })

    it('tells the root and its buckets', async () => {
      assert.equal((await fs.info('')).type, 'directory')
      assert.equal((await fs.info('s3://')).type, 'directory')
      assert.ok((await names(fs.list(''))).includes(bucket))
      assert.equal(await fs.isDirectory(''), true)
    })

    it('tells a bucket, an object, a prefix', async () => {
      assert.deepEqual(await fs.info(bucket), { name: bucket, size: undefined, type: 'directory' })
      assert.deepEqual(await fs.info(`s3://${bucket}/dir/`), { name: `${bucket}/dir`, size: undefined, type: 'directory' })
      const info = await fs.info(`${bucket}/top`)
      assert.equal(info.name, `${bucket}/top`)
      assert.equal(info.size, 3)
      assert.equal(info.type, 'file')
      assert.ok(info.modified instanceof Date)
      assert.match(info.etag!, /^".+"$/)
      assert.equal(await fs.size(`${bucket}/top`), 3)
      assert.deepEqual([await fs.isFile(`${bucket}/top`), await fs.isDirectory(`${bucket}/top`)], [true, false])
      assert.deepEqual([await fs.isFile(`${bucket}/dir`), await fs.isDirectory(`${bucket}/dir`)], [false, true])
      assert.equal(await fs.checksum(`${bucket}/top`), info.etag)
    })

    it('tells what is missing', async () => {
      for (const path of [`${bucket}/di`, `${bucket}/dir/x`, 'forkfs-no-such-bucket-42', 'forkfs-no-such-bucket-42/key']) {
        await assert.rejects(fs.info(path), code('ENOENT'), path)
        assert.equal(await fs.exists(path), false, path)
        await assert.rejects(fs.ls(path), code('ENOENT'), path)
        assert.deepEqual(await fs.find(path), [], path)
      }
      await assert.rejects(fs.catFile(`${bucket}/none`), code('ENOENT'))
      await assert.rejects(fs.open(`${bucket}/none`), code('ENOENT'))
      await assert.rejects(fs.open(`${bucket}/dir`), code('EISDIR'))
      await assert.rejects(fs.catFile(bucket), code('EISDIR'))
      await assert.rejects(fs.catFile(''), code('EISDIR'))
    })

    it('lists one level, and a file as itself', async () => {
      assert.deepEqual((await fs.ls(bucket)).map(({ name, type }) => [name.slice(bucket.length + 1), type]).sort(), [['dir', 'directory'], ['dire', 'file'], ['top', 'file']])
      assert.deepEqual((await fs.ls(`${bucket}/dir`)).map(({ name, type, size }) => [name, type, size]).sort(), [[`${bucket}/dir/a`, 'file', 1], [`${bucket}/dir/sub`, 'directory', undefined]])
      assert.deepEqual((await fs.ls(`${bucket}/top`)).map(({ name }) => name), [`${bucket}/top`])
    })

    it('finds all below, with and without directories', async () => {
      assert.deepEqual(await fs.find(bucket), ['dir/a', 'dir/sub/b', 'dire', 'top'].map(key => `${bucket}/${key}`))
      assert.deepEqual(await fs.find(`${bucket}/dir`, { withDirectories: true }), ['dir', 'dir/a', 'dir/sub', 'dir/sub/b'].map(key => `${bucket}/${key}`))
      assert.deepEqual(await fs.find(`${bucket}/dir`, { maxDepth: 1 }), [`${bucket}/dir/a`])
      assert.deepEqual(await fs.glob(`${bucket}/d*/**/b`), [`${bucket}/dir/sub/b`])
      assert.equal(await fs.du(`${bucket}/dir`), 3)
    })

    it('gives the same info in a listing as alone', async () => {
      const alone = await fs.info(`${bucket}/dir/a`)
      const [listed] = (await fs.ls(`${bucket}/dir`)).filter(({ type }) => type === 'file')
      assert.equal(listed!.etag, alone.etag)
      assert.equal(listed!.size, alone.size)
      assert.equal(Math.floor(listed!.modified!.getTime() / 1000), Math.floor(alone.modified!.getTime() / 1000))
      assert.deepEqual(structuredClone(listed), listed)
      assert.equal(Object.getPrototypeOf(listed), Object.prototype)
    })
  })

  it('takes marker objects for directories, and removes them with their tree', async () => {
    const at = `${bucket}/marked`
    for (const key of ['marked/', 'marked/deep/', 'marked/deep/er/']) {
      await putRaw(store, bucket, key)
    }
    assert.equal(await fs.isDirectory(at), true)
    assert.deepEqual((await fs.ls(at)).map(({ name, type }) => [name, type]), [[`${at}/deep`, 'directory']])
    assert.deepEqual(await fs.find(at), [])
    assert.deepEqual(await fs.find(at, { withDirectories: true }), [at, `${at}/deep`, `${at}/deep/er`])
    await assert.rejects(fs.rmdir(at), code('ENOTEMPTY'))
    await fs.rm(at, { recursive: true })
    assert.equal(await fs.exists(at), false)
  })

  it('removes an empty directory that has a marker, and knows of no other', async () => {
    await putRaw(store, bucket, 'empty/')
    await fs.rmdir(`${bucket}/empty`)
    assert.equal(await fs.exists(`${bucket}/empty`), false)
    await assert.rejects(fs.rmdir(`${bucket}/empty`), code('ENOENT'))
  })

  it('keeps odd names byte for byte', async () => {
    const keys = store.outside ? oddKeys : [...oddKeys, ...wildKeys]
    const root = store.other
    for (const key of keys) await fs.pipeFile(`${root}/${key}`, key)
    const found = await fs.find(root)
    assert.deepEqual(found, keys.map(key => `${root}/${key}`).sort())
    for (const key of keys) {
      const path = `${root}/${key}`
      assert.equal(new TextDecoder('utf-8', { ignoreBOM: true }).decode(await fs.catFile(path)), key, JSON.stringify(key))
      assert.equal((await fs.info(path)).name, path)
      const response = await fetch(await fs.sign(path))
      if (!/(^|\/)\.\.?(\/|$)/.test(key)) assert.equal(await response.text(), key, JSON.stringify(key)) // fetch removes dot segments itself
      else await response.body?.cancel()
      if (key.length > 500) continue
      await fs.cp([path], [`${bucket}/copies/${key}`])
      assert.equal((await fs.info(`${bucket}/copies/${key}`)).size, Buffer.byteLength(key))
    }
    await fs.rm(keys.map(key => escapeGlob(`${root}/${key}`)))
    assert.deepEqual(await fs.find(root), [])
    await fs.rm(`${bucket}/copies`, { recursive: true })
    assert.equal(await fs.exists(`${bucket}/copies`), false)
  })

  it('refuses longer keys than S3 takes, and half characters, without a request', async () => {
    const dead = store.open({ endpoint: 'http://127.0.0.1:1', retry: { attempts: 1 } })
    await assert.rejects(dead.pipeFile(`${bucket}/${'k'.repeat(1025)}`, 'x'), code('EINVAL'))
    await assert.rejects(dead.catFile(`${bucket}/${'\u00e9'.repeat(513)}`), code('EINVAL'))
    await assert.rejects(dead.catFile(`${bucket}/\ud800`), TypeError)
    assert.equal(dead.stats.requests, 0)
  })
})

/** A key that ends in a slash can not be named by a path: it is put as a console does. */
async function putRaw (store: Store, bucket: string, key: string): Promise<void> {
  const { Signer } = await import('../../../implementations/s3/sign.js')
  const { endpoint, region, credentials } = store.options as { endpoint: string, region: string, credentials: { accessKeyId: string, secretAccessKey: string } }
  const query = new Signer(credentials, region).presign('PUT', new URL(endpoint).host, `/${bucket}/${key}`, '')
  const response = await fetch(`${endpoint}/${bucket}/${key}?${query}`, { method: 'PUT', body: '' })
  await response.arrayBuffer()
  assert.equal(response.status, 200)
}
