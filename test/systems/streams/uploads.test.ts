import assert from 'node:assert/strict'
import { S3FileSystem } from '../../../implementations/s3/index.js'
import { S3Client } from '../../../implementations/s3/client.js'
import { resolveS3 } from '../../../implementations/s3/options.js'
import { beginUpload } from '../../../implementations/s3/uploads.js'
import { filesystem } from '../../../lib/index.js'
import { optionsOf } from '../../implementations/s3/support.js'
import { code, MiB, onPlace } from './support.js'

describe('uploads()', function () {
  this.timeout(30_000)

  it('goes through all pages of what was begun below a prefix, and abortUpload() ends one, again without an error', async () => {
    await onPlace(async place => {
      const fs = new S3FileSystem(optionsOf(place.server))
      const client = new S3Client({
        ...(fs as unknown as { readonly _options: ConstructorParameters<typeof S3Client>[0] })._options, settings: resolveS3(optionsOf(place.server), {}), parentKey: () => ''
      })
      try {
        const begin = (key: string): Promise<string> => beginUpload({ client, bucket: 'data', key }, [], new AbortController().signal)
        const keys = Array.from({ length: 1003 }, (_, index) => `many/é ${String(index).padStart(4, '0')}`)
        for (let from = 0; from < keys.length; from += 59) await Promise.all(keys.slice(from, from + 59).map(begin))
        await begin('other')
        const found: string[] = []
        for await (const { path, begun } of fs.uploads('data/many/')) {
          assert.ok(begun !== undefined && Math.abs(begun.getTime() - Date.now()) < 60_000)
          found.push(path)
        }
        assert.deepEqual(found, keys.map(key => `data/${key}`))
        const [first] = await place.server.uploads('data')
        await fs.abortUpload(`data/${first!.key}`, first!.uploadId)
        await fs.abortUpload(`data/${first!.key}`, first!.uploadId)
        assert.equal((await place.server.uploads('data')).length, keys.length)
      } finally {
        await client.close()
        await fs.close()
      }
    })
  })

  it('rejects with FORKFS_NOT_SUPPORTED where a store has no such thing', async () => {
    const list = async (): Promise<void> => { for await (const _ of filesystem('memory').uploads('a')) break }
    await assert.rejects(list(), code('FORKFS_NOT_SUPPORTED'))
    await assert.rejects(filesystem('memory').abortUpload('a', 'b'), code('FORKFS_NOT_SUPPORTED'))
  })

  it('are written down before their first part, and struck out when they end, whoever writes', async () => {
    await onPlace(async place => {
      const fs = new S3FileSystem(optionsOf(place.server))
      await place.server.addFault({ match: { operation: 'UploadPart', nth: 2 }, action: { type: 'stall', at: 'headers' } })
      const controller = new AbortController()
      const writing = fs.pipeFile('data/a', new Uint8Array(17 * MiB), { signal: controller.signal })
      await place.server.reached({ operations: { UploadPart: 2 } })
      assert.deepEqual(await place.journalled(), ['upload'])
      const reason = new Error('enough')
      controller.abort(reason)
      await assert.rejects(writing, error => error === reason)
      assert.deepEqual([await place.journalled(), await place.server.uploads('data')], [[], []])
      await fs.pipeFile('data/a', new Uint8Array(17 * MiB))
      assert.deepEqual(await place.journalled(), [])
      await fs.close()
    })
  })
})
