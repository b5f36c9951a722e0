import assert from 'node:assert/strict'
import { filesystem } from '../../../lib/index.js'
import { openStream, UploadError, withStream } from '../../../lib/streams/index.js'
import type { StreamOptions } from '../../../lib/streams/index.js'
import { startGcsServer } from '../../servers/index.js'
import { code, MiB, onPlace, pattern } from './support.js'

describe('a stream on Google Cloud Storage', function () {
  this.timeout(30_000)

  it('publishes once and whole or not at all, and keeps what could not be sent', async () => {
    await onPlace(async place => {
      const server = await startGcsServer({ buckets: ['data'] })
      const options: StreamOptions = { gs: { apiEndpoint: server.endpoint, credentials: 'anonymous', retry: { attempts: 2, baseMs: 1, maxMs: 5 } } }
      try {
        for (const content of [Buffer.alloc(0), Buffer.from('text'), Buffer.from(pattern(18 * MiB))]) {
          await withStream('gs://data/a', 'w', async stream => { await stream.write(content) }, options)
          assert.deepEqual(await withStream('gs://data/a', 'r', async stream => Buffer.from(await stream.readFile()), options), content)
        }
        await assert.rejects(withStream('gs://data/b', 'w', async stream => {
          await stream.write('half')
          throw new RangeError('no')
        }, options), RangeError)
        await assert.rejects(openStream('gs://data/a', 'wx', options), code('EEXIST'))
        assert.equal(await filesystem('gs', options.gs).exists('data/b'), false)
        await server.addFault({ times: Infinity, match: { method: 'POST' }, action: { type: 'status', status: 403 } })
        const stream = await openStream('gs://data/b', 'w', options)
        await stream.write('kept')
        const error: unknown = await stream.close().catch((failure: unknown) => failure)
        assert.ok(error instanceof UploadError)
        await server.clearFaults()
        await error.retryCommit()
        assert.equal(await withStream('gs://data/b', 'r', reader => reader.readFile('utf8'), options), 'kept')
        assert.deepEqual([await place.staged(), await place.journalled()], [[], []])
      } finally {
        await server.close()
      }
    })
  })
})
