import assert from 'node:assert/strict'
import { copyObject } from '../../../implementations/s3/copy.js'
import { writingSuite } from '../object-store/writing.js'
import { code, MiB, s3 } from './support.js'

const limit = 16 * MiB

describe('S3: writing', function () {
  this.timeout(60_000)
  const on = writingSuite(s3, {
    lengths: [0, 1, limit, limit + 1, 3 * 8 * MiB + 7],
    metadata: { given: { Colour: 'blue', n: '1 2' }, kept: { colour: 'blue', n: '1 2' } },
    noVersion: '"0123"'
  })

  it('refuses metadata that no header can carry', async () => {
    for (const metadata of [{ 'a b': 'c' }, { a: 'bell\u0007' }]) await assert.rejects(on.fs.pipeFile(on.path, 'x', { metadata }), TypeError)
  })

  it('signs URLs for reading and writing', async () => {
    const { fs, path, store } = on
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

  it('copies what is too large for one request in parts of one version', async () => {
    const { fs, path, big, store } = on
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
    const target = `${store.other}/${to.key}`
    await on.holds(big, target)
    const { contentType, metadata, etag } = await fs.info(target)
    assert.deepEqual([contentType, metadata], ['text/x-test', { a: 'b' }])
    assert.match(etag!, /-5"$/)
  })
})
