import assert from 'node:assert/strict'
import type { S3FileSystem } from '../../../implementations/s3/index.js'
import { openStore } from './support.js'
import type { Store } from './support.js'

describe('S3: listing and removing many', function () {
  this.timeout(120_000)
  let store: Store
  let fs: S3FileSystem
  before(async () => {
    store = await openStore()
    fs = store.open()
  })
  after(() => store.close())

  for (const count of [0, 1, 1000, 1001, 2500]) {
    it(`lists ${count} objects and removes them`, async () => {
      const root = `${store.bucket}/many-${count}`
      const names = Array.from({ length: count }, (_, index) => `${root}/${String(index).padStart(4, '0')}&<é`)
      await fs.pipe(new Map(names.map(name => [name, 'x'])))
      assert.deepEqual(await fs.find(root), names)
      if (count > 0) assert.deepEqual((await fs.ls(root)).map(({ name }) => name), names)
      const seen: string[] = []
      if (count > 0) for await (const { name } of fs.list(root, { recursive: true })) seen.push(name)
      assert.deepEqual(seen, names)
      if (count > 0) await fs.rm(names)
      assert.deepEqual(await fs.find(root), [])
    })
  }

  it('lists more directories than fit a page', async () => {
    const root = `${store.other}/wide`
    const names = Array.from({ length: 1001 }, (_, index) => `${root}/${String(index).padStart(4, '0')}`)
    await fs.pipe(new Map(names.map(name => [`${name}/object`, ''])))
    const entries = await fs.ls(root)
    assert.deepEqual(entries.map(({ name }) => name), names)
    assert.ok(entries.every(({ type }) => type === 'directory'))
    await fs.rm(root, { recursive: true })
    assert.equal(await fs.exists(root), false)
  })

  it('stops a listing when its iterator is left', async () => {
    await fs.pipe({ [`${store.bucket}/left/a`]: '', [`${store.bucket}/left/b`]: '' })
    for await (const { name } of fs.list(`${store.bucket}/left`)) { assert.equal(name, `${store.bucket}/left/a`); break }
  })

  it('removes one object, none, and refuses a directory without recursive', async () => {
    await fs.pipe({ [`${store.bucket}/gone/a`]: 'a', [`${store.bucket}/gone/b`]: 'b' })
    await assert.rejects(fs.rm(`${store.bucket}/gone`), { code: 'EISDIR' })
    await fs.rm(`${store.bucket}/gone/a`)
    await assert.rejects(fs.rm(`${store.bucket}/gone/a`), { code: 'ENOENT' })
    await fs.rm([`${store.bucket}/gone/a`, `${store.bucket}/gone/b`])
    assert.equal(await fs.exists(`${store.bucket}/gone`), false)
  })
})
