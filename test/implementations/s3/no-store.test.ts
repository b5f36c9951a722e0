import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { S3FileSystem } from '../../../implementations/s3/index.js'
import { isFsError } from '../../../lib/errors/index.js'

/** What many people have between themselves and a store: everything is answered by 200 and a page. */
async function withPage (test: (fs: S3FileSystem) => Promise<void>): Promise<void> {
  const server = createServer((request, reply) => { request.resume().on('end', () => { reply.setHeader('content-type', 'text/html').end('<html>sign in</html>') }) })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const fs = new S3FileSystem({ endpoint, credentials: { accessKeyId: 'id', secretAccessKey: 'key' }, retry: { attempts: 2, baseMs: 1 } })
  try {
    await test(fs)
  } finally {
    await fs.close()
    server.closeAllConnections()
    server.close()
  }
}

describe('s3: an endpoint that is a web page', () => {
  it('never counts as a store that took a write', () => withPage(async fs => {
    await assert.rejects(fs.writeText('bucket/a', 'text'), error => isFsError(error, 'FORKFS_PROTOCOL'))
    await assert.rejects(fs.writeText('bucket/a', 'text', { flag: 'wx' }), error => isFsError(error, 'FORKFS_PROTOCOL'))
  }))

  it('is never taken for an object', () => withPage(async fs => {
    await assert.rejects(fs.readText('bucket/a'), error => isFsError(error, 'FORKFS_PROTOCOL'))
    await assert.rejects(fs.catFile('bucket/a', { start: 1, end: 5 }), error => isFsError(error, 'FORKFS_PROTOCOL'))
  }))

  it('lists nothing', () => withPage(async fs => {
    await assert.rejects(fs.ls('bucket'), error => isFsError(error, 'FORKFS_PROTOCOL'))
  }))
})
