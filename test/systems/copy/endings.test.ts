import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { getEventListeners } from 'node:events'
import { appendFileSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { copy, resetForFork } from '../../../lib/index.js'
import { code, MiB, onFirstBytes, onStores, pattern, same, text } from './support.js'

/** One part more than is read ahead. */
const large = pattern(40 * MiB)
const other = pattern(40 * MiB, 2)

describe('an ended copy() between filesystems', function () {
  this.timeout(60_000)

  it('rejects with FORKFS_CHANGED when the source changes midway, and leaves the old object and no upload', async () => {
    await onStores(async ({ s3, gs, options }) => {
      await s3.put('data', 'a', large)
      await gs.put('data', 'a', 'old')
      await assert.rejects(copy('s3://data/a', 'gs://data/a', { ...options, ...onFirstBytes(() => { void s3.put('data', 'a', other) }) }), code('FORKFS_CHANGED'))
      assert.equal(text(await gs.get('data', 'a')), 'old')
      await gs.put('data', 'b', large)
      await assert.rejects(copy('gs://data/b', 's3://data/b', { ...options, ...onFirstBytes(() => { void gs.put('data', 'b', other) }) }), code('FORKFS_CHANGED'))
      assert.deepEqual([await s3.keys('data'), await s3.uploads('data'), await gs.uploads('data')], [['a'], [], []])
    })
  })

  it('rejects with FORKFS_CHANGED when a local source changes midway', async () => {
    await onStores(async ({ s3, folder, options }) => {
      await writeFile(join(folder, 'a'), large)
      await assert.rejects(copy(join(folder, 'a'), 's3://data/a', { ...options, ...onFirstBytes(() => { appendFileSync(join(folder, 'a'), 'x') }) }), code('FORKFS_CHANGED'))
      assert.deepEqual([await s3.keys('data'), await s3.uploads('data')], [[], []])
    })
  })

  it('does not come of a file that is newer than its listing: it is begun again', async () => {
    await onStores(async ({ s3, gs, options }) => {
      await s3.put('data', 'x/a', 'old')
      await s3.put('data', 'x/b', large)
      const progress = { setSize: () => { void s3.put('data', 'x/a', 'newer'); void s3.put('data', 'x/b', other.subarray(0, 20 * MiB)) }, advance () {} }
      await copy('s3://data/x', 'gs://data/y', { recursive: true, progress, ...options })
      assert.equal(text(await gs.get('data', 'y/a')), 'newer')
      assert.ok(same(await gs.get('data', 'y/b'), other.subarray(0, 20 * MiB)))
    })
  })

  it('rejects with the error of the target that fails midway, and leaves no upload', async () => {
    await onStores(async ({ s3, gs, options }) => {
      await s3.put('data', 'a', large)
      await gs.addFault({ match: { operation: 'uploads.put', nth: 2 }, action: { type: 'status', status: 403 } })
      await assert.rejects(copy('s3://data/a', 'gs://data/a', options), code('EACCES', { protocol: 'gs' }))
      assert.deepEqual([await gs.keys('data'), await gs.uploads('data')], [[], []])
      await gs.put('data', 'b', large)
      for (const match of [{ operation: 'UploadPart', partNumber: 3 }, { operation: 'CompleteMultipartUpload' }]) {
        await s3.addFault({ match, times: 2, action: { type: 'status', status: 403, code: 'AccessDenied' } })
        await assert.rejects(copy('gs://data/b', 's3://data/b', options), code('EACCES', { protocol: 's3' }))
        await s3.clearFaults()
        assert.deepEqual([await s3.keys('data'), await s3.uploads('data')], [['a'], []])
      }
    })
  })

  it('rejects with the error of the source that fails midway, as the source\'s', async () => {
    await onStores(async ({ s3, gs, folder, options }) => {
      await s3.put('data', 'a', large)
      await s3.addFault({ match: { operation: 'GetObject', nth: 5 }, times: 1, action: { type: 'status', status: 403, code: 'AccessDenied' } })
      await assert.rejects(copy('s3://data/a', 'gs://data/a', options), code('EACCES', { protocol: 's3', operation: 'copy' }))
      assert.deepEqual([await gs.keys('data'), await gs.uploads('data')], [[], []])
      await assert.rejects(copy(join(folder, 'none'), 'gs://data/a', options), code('ENOENT', { protocol: 'file', path: join(folder, 'none') }))
    })
  })

  it('rejects with the reason of an abort midway, and leaves no upload, no file and no listener', async () => {
    await onStores(async ({ s3, gs, folder, options }) => {
      await s3.put('data', 'x/a', large)
      await gs.put('data', 'x/a', large)
      const reason = new Error('enough')
      for (const [source, target] of [['s3://data/x', 'gs://data/y'], ['gs://data/x', 's3://data/y'], ['s3://data/x', join(folder, 'y')]] as const) {
        const controller = new AbortController()
        const { signal } = controller
        await assert.rejects(copy(source, target, { recursive: true, signal, ...options, ...onFirstBytes(() => { controller.abort(reason) }) }), error => error === reason)
        assert.equal(getEventListeners(signal, 'abort').length, 0)
        assert.deepEqual([await s3.uploads('data'), await gs.uploads('data')], [[], []])
      }
      assert.deepEqual([await s3.keys('data'), await gs.keys('data'), (await readdir(folder, { recursive: true, withFileTypes: true })).filter(entry => entry.isFile())], [['x/a'], ['x/a'], []])
    })
  })

  it('rejects with the reason of an abort before, without a request', async () => {
    await onStores(async ({ s3, gs, options }) => {
      const reason = new Error('enough')
      await assert.rejects(copy('s3://data/x', 'gs://data/y', { signal: AbortSignal.abort(reason), ...options }), error => error === reason)
      assert.deepEqual([(await s3.counters()).requests, (await gs.counters()).requests], [0, 0])
    })
  })

  it('rejects with FORKFS_RESET when only the source is reset, and the target ends its upload all the same', async () => {
    await onStores(async ({ s3, gs, gsfs, options }) => {
      await gs.put('data', 'a', large)
      await assert.rejects(copy('gs://data/a', 's3://data/a', { ...options, ...onFirstBytes(() => { gsfs.reset() }) }), code('FORKFS_RESET'))
      await s3.reached({ operations: { AbortMultipartUpload: 1 }, inFlight: 0 })
      assert.deepEqual([await s3.keys('data'), await s3.uploads('data')], [[], []])
    })
  })

  it('rejects with FORKFS_RESET when only the target is reset, and reads no further', async () => {
    await onStores(async ({ s3, s3fs, gs, options }) => {
      await gs.put('data', 'a', large)
      await assert.rejects(copy('gs://data/a', 's3://data/a', { ...options, ...onFirstBytes(() => { s3fs.reset() }) }), code('FORKFS_RESET'))
      await gs.reached({ inFlight: 0 })
      assert.deepEqual(await s3.keys('data'), [])
      assert.ok((await gs.counters()).operations['objects.getMedia']! <= 4)
      await s3.expireUploads('data') // as after every reset: nobody runs what the old owner would have
    })
  })

  it('rejects with FORKFS_RESET at resetForFork(), sends nothing more, and works again', async () => {
    await onStores(async ({ s3, gs, options }) => {
      await gs.put('data', 'a', large)
      await assert.rejects(copy('gs://data/a', 's3://data/a', { ...options, ...onFirstBytes(() => { resetForFork() }) }), code('FORKFS_RESET'))
      for (const server of [s3, gs]) await server.reached({ sockets: 0, inFlight: 0 })
      const { operations } = await s3.counters()
      assert.deepEqual([operations['AbortMultipartUpload'], await s3.keys('data')], [undefined, []])
      await s3.expireUploads('data')
      await copy('gs://data/a', 's3://data/a', options)
      assert.ok(same(await s3.get('data', 'a'), large))
    })
  })

  it('is waited for by close() of the source and of the target', async () => {
    await onStores(async ({ s3, s3fs, gs, gsfs, options }) => {
      await gs.put('data', 'a', large)
      const closing: Array<Promise<void>> = []
      await copy('gs://data/a', 's3://data/a', { ...options, ...onFirstBytes(() => { closing.push(s3fs.close(), gsfs.close()) }) })
      await Promise.all(closing)
      assert.equal(closing.length, 2)
      assert.ok(same(await s3.get('data', 'a'), large))
    })
  })

  it('in a transaction of the target publishes with it, or nothing', async () => {
    await onStores(async ({ s3, gs, s3fs, options }) => {
      await gs.put('data', 'x/a', 'A')
      await gs.put('data', 'x/b', large)
      const failure = new Error('no')
      await assert.rejects(s3fs.transaction(async () => {
        await copy('gs://data/x', 's3://data/y', { recursive: true, ...options })
        throw failure
      }), error => error === failure)
      assert.deepEqual([await s3.keys('data'), await s3.uploads('data')], [[], []])
      await s3fs.transaction(async () => {
        await copy('gs://data/x', 's3://data/y', { recursive: true, ...options })
        assert.deepEqual(await s3.keys('data'), [])
      })
      assert.deepEqual(await s3.keys('data'), ['y/a', 'y/b'])
    })
  })

  it('goes on without what failed with onError omit, and tells it in the end with return', async () => {
    await onStores(async ({ s3, gs, options }) => {
      for (const name of ['a', 'b', 'c']) await s3.put('data', `x/${name}`, name)
      for (const onError of ['omit', 'return'] as const) {
        await gs.addFault({ match: { operation: 'objects.insert', key: 'y/b' }, action: { type: 'status', status: 403 } })
        const copying = copy('s3://data/x/', 'gs://data/y', { recursive: true, onError, ...options })
        if (onError === 'omit') await copying
        else await assert.rejects(copying, ({ errors }: AggregateError) => errors.length === 1 && (errors[0] as { code: string }).code === 'EACCES')
        await gs.clearFaults()
        assert.deepEqual(await gs.keys('data'), ['y/a', 'y/c'])
      }
      await copy('s3://data/x/', 'gs://data/y', { recursive: true, ...options })
      assert.deepEqual(await gs.keys('data'), ['y/a', 'y/b', 'y/c'])
    })
  })

  it('refuses what is no file with FORKFS_NOT_SUPPORTED', async () => {
    await onStores(async ({ s3, folder, options }) => {
      await mkdir(join(folder, 'x'))
      execFileSync('mkfifo', [join(folder, 'x/pipe')])
      await assert.rejects(copy(join(folder, 'x/pipe'), 's3://data/a', options), code('FORKFS_NOT_SUPPORTED'))
      await assert.rejects(copy(join(folder, 'x'), 's3://data/a', { recursive: true, ...options }), code('FORKFS_NOT_SUPPORTED'))
      assert.deepEqual(await s3.keys('data'), [])
    })
  })
})
