import assert from 'node:assert/strict'
import { readdir, readFile, stat, truncate } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isFsError, resetForFork } from '../../../lib/index.js'
import { openStream, UploadError, withStream } from '../../../lib/streams/index.js'
import type { ObjectStream } from '../../../lib/streams/index.js'
import { code, MiB, onPlace, pattern, warningsOf } from './support.js'
import type { Place } from './support.js'

const uri = 's3://data/a'

async function nothingLeft (place: Place): Promise<void> {
  assert.deepEqual(await place.staged(), [])
  assert.deepEqual(await place.journalled(), [])
  assert.deepEqual(await place.server.uploads('data'), [])
}

async function publications (place: Place): Promise<number> {
  const { operations } = await place.server.counters()
  return (operations['PutObject'] ?? 0) + (operations['CompleteMultipartUpload'] ?? 0)
}

describe('a written stream', function () {
  this.timeout(30_000)

  it('publishes exactly its bytes when withStream, an await using block or close() ends it (A1)', async () => {
    await onPlace(async place => {
      assert.equal(await withStream(uri, 'w', async stream => { await stream.write('with'); return 7 }, place.options), 7)
      assert.equal(await place.text('a'), 'with')
      await (async () => {
        await using stream = await openStream(uri, 'w', place.options)
        await stream.write('using')
        assert.equal(await place.text('a'), 'with')
      })()
      assert.equal(await place.text('a'), 'using')
      const stream = await openStream(uri, 'w', place.options)
      const parts = [pattern(100_000, 1), pattern(300_000, 2), pattern(1, 3), pattern(262_144, 4)]
      for (const part of parts) assert.deepEqual(await stream.write(part), { bytesWritten: part.length })
      assert.equal(stream.size, 662_145)
      await stream.close()
      assert.deepEqual(Buffer.from((await place.server.get('data', 'a'))!), Buffer.concat(parts))
      assert.equal(await publications(place), 3)
      await nothingLeft(place)
    })
  })

  it('uploads once, however often and by whatever it is closed (A2)', async () => {
    await onPlace(async place => {
      for (const close of [
        async (stream: ObjectStream) => { await stream.close(); await stream.close() },
        async (stream: ObjectStream) => { await Promise.all(Array.from({ length: 10 }, () => stream.close())) },
        async (stream: ObjectStream) => { await stream.close(); await stream[Symbol.asyncDispose]() },
        async (stream: ObjectStream) => { await Promise.all([stream.commit(), stream[Symbol.asyncDispose](), stream.close()]) }
      ]) {
        for (const content of [new Uint8Array(1000), new Uint8Array(9 * MiB)]) {
          await place.server.resetCounters()
          const stream = await openStream(uri, 'w', place.options)
          await stream.write(content)
          await close(stream)
          assert.equal(await publications(place), 1)
          assert.equal((await place.server.get('data', 'a'))!.length, content.length)
        }
      }
      await nothingLeft(place)
    })
  })

  it('leaves the old object and nothing else when withStream\'s function throws, and rejects with its error (A3)', async () => {
    await onPlace(async place => {
      await place.server.put('data', 'a', 'old')
      const reason = new Error('changed my mind')
      await assert.rejects(withStream(uri, 'w', async stream => {
        await stream.write(pattern(9 * MiB))
        throw reason
      }, place.options), error => error === reason)
      assert.equal(await place.text('a'), 'old')
      assert.equal(await publications(place), 0)
      await nothingLeft(place)
    })
  })

  it('keeps the error of withStream\'s function where the clean-up fails as well, and attaches that one (A3)', async () => {
    await onPlace(async place => {
      const reason = new Error('changed my mind')
      await assert.rejects(withStream(uri, 'w', async stream => {
        await stream.write('text')
        resetForFork() // aborting is not this owner's any more
        throw reason
      }, place.options), error => error === reason && isFsError((error as { suppressed?: unknown }).suppressed, 'FORKFS_RESET'))
      assert.equal(await place.text('a'), undefined)
    })
  })

  it('publishes nothing by dispose after a call of write() that failed', async () => {
    await onPlace(async place => {
      const write = async (): Promise<void> => {
        await using stream = await openStream(uri, 'w', place.options)
        await stream.write('half')
        await stream.write(7 as unknown as string)
      }
      await assert.rejects(write(), TypeError)
      assert.equal(await place.text('a'), undefined)
      await nothingLeft(place)
    })
  })

  it('keeps its bytes when the upload fails, tells where, and sends them by retryCommit() (A5)', async () => {
    await onPlace(async place => {
      const content = pattern(11 * MiB)
      await place.server.addFault({ times: Infinity, match: { operation: 'UploadPart', partNumber: 3 }, action: { type: 'status', status: 500 } })
      const stream = await openStream(uri, 'w', { ...place.options, partBytes: 5 * MiB })
      await stream.write(content)
      const first: unknown = await stream.close().catch((error: unknown) => error)
      assert.ok(first instanceof UploadError && isFsError(first, 'FORKFS_UPLOAD_FAILED'))
      assert.deepEqual(Buffer.from(await readFile(first.keptAt!)), Buffer.from(content))
      assert.equal(await stream.close().catch((error: unknown) => error), first)
      assert.deepEqual([await place.text('a'), await place.server.uploads('data'), await place.journalled()], [undefined, [], ['staged']])
      assert.ok(isFsError(await first.retryCommit().catch((error: unknown) => error), 'FORKFS_UPLOAD_FAILED'))
      await place.server.clearFaults()
      await place.server.resetCounters()
      await Promise.all([first.retryCommit(), first.retryCommit()])
      await first.retryCommit()
      assert.equal(await publications(place), 1)
      assert.deepEqual(Buffer.from((await place.server.get('data', 'a'))!), Buffer.from(content))
      await nothingLeft(place)
    })
  })

  it('gives up what was kept by abort(), and keeps nothing with onUploadError: discard', async () => {
    await onPlace(async place => {
      await place.server.addFault({ times: Infinity, match: { operation: 'PutObject' }, action: { type: 'status', status: 403, code: 'AccessDenied' } })
      const kept = await openStream(uri, 'w', place.options)
      await kept.write('text')
      const error: unknown = await kept.close().catch((failure: unknown) => failure)
      assert.ok(error instanceof UploadError && isFsError(error.cause, 'EACCES'))
      await kept.abort()
      await nothingLeft(place)
      await assert.rejects(error.retryCommit(), code('FORKFS_CLOSED'))
      const discarded = await openStream(uri, 'w', { ...place.options, onUploadError: 'discard' })
      await discarded.write('text')
      const other: unknown = await discarded.close().catch((failure: unknown) => failure)
      assert.ok(other instanceof UploadError && other.keptAt === undefined)
      await assert.rejects(other.retryCommit(), code('FORKFS_CLOSED'))
      await nothingLeft(place)
    })
  })

  it('rejects when the answer that completes an upload is a 200 with an error in it (A6)', async () => {
    await onPlace(async place => {
      await place.server.addFault({ times: Infinity, match: { operation: 'CompleteMultipartUpload' }, action: { type: 'errorInside', code: 'InternalError' } })
      const stream = await openStream(uri, 'w', { ...place.options, onUploadError: 'discard' })
      await stream.write(pattern(9 * MiB))
      await assert.rejects(stream.close(), code('FORKFS_UPLOAD_FAILED'))
      assert.equal(await place.text('a'), undefined)
      await nothingLeft(place)
    })
  })

  it('may be empty, and may end where a part does (A12)', async () => {
    await onPlace(async place => {
      for (const size of [0, 8 * MiB, 16 * MiB]) {
        await withStream(uri, 'w', async stream => { await stream.write(new Uint8Array(size)) }, place.options)
        assert.equal((await place.server.get('data', 'a'))!.length, size)
      }
      await withStream(uri, 'w', async () => {}, place.options)
      assert.equal((await place.server.get('data', 'a'))!.length, 0)
      await nothingLeft(place)
    })
  })

  it('is not opened for appending, and the old object stays (A17)', async () => {
    await onPlace(async place => {
      await place.server.put('data', 'a', 'old')
      await assert.rejects(openStream(uri, 'a' as 'w', place.options), code('FORKFS_NOT_SUPPORTED'))
      await assert.rejects(openStream(uri, 'ab' as 'w', place.options), TypeError)
      assert.equal(await place.text('a'), 'old')
      assert.equal((await place.server.counters()).requests, 0)
    })
  })

  it('is staged in a file that only its user may read, in a folder that only its user may enter (A18)', async () => {
    await onPlace(async place => {
      const stream = await openStream(uri, 'w', place.options)
      await stream.write('text')
      const [path, ...more] = await place.staged()
      assert.deepEqual(more, [])
      assert.equal((await stat(path!)).mode & 0o777, 0o600)
      for (let folder = dirname(path!); folder !== place.folder; folder = dirname(folder)) assert.equal((await stat(folder)).mode & 0o777, 0o700)
      await stream.abort()
      await nothingLeft(place)
    })
  })

  it('never replaces an object with wx, told at once or at the end', async () => {
    await onPlace(async place => {
      await place.server.put('data', 'a', 'old')
      await assert.rejects(openStream(uri, 'wx', place.options), code('EEXIST'))
      const stream = await openStream('s3://data/b', 'wx', place.options)
      await stream.write('mine')
      await place.server.put('data', 'b', 'theirs')
      await assert.rejects(stream.close(), code('EEXIST'))
      assert.deepEqual([await place.text('a'), await place.text('b')], ['old', 'theirs'])
      await nothingLeft(place)
    })
  })

  it('drops everything when its signal aborts, and rejects with the reason', async () => {
    await onPlace(async place => {
      const reason = new Error('enough')
      const early = new AbortController()
      const stream = await openStream(uri, 'w', { ...place.options, signal: early.signal })
      await stream.write('text')
      early.abort(reason)
      await assert.rejects(stream.write('more'), error => error === reason)
      await assert.rejects(stream.close(), error => error === reason)
      const silent = new AbortController()
      const other = await openStream(uri, 'w', { ...place.options, signal: silent.signal })
      silent.abort(reason)
      await assert.rejects(other[Symbol.asyncDispose](), error => error === reason)
      const late = new AbortController()
      await place.server.addFault({ times: Infinity, match: { operation: 'UploadPart' }, action: { type: 'stall', at: 'headers' } })
      const sending = await openStream(uri, 'w', { ...place.options, signal: late.signal })
      await sending.write(pattern(9 * MiB))
      const closing = sending.close()
      await place.server.reached({ operations: { UploadPart: 1 } })
      late.abort(reason)
      await assert.rejects(closing, error => error === reason)
      assert.equal(await place.text('a'), undefined)
      await nothingLeft(place)
    })
  })

  it('drops everything at a local path when its signal aborts, and rejects with the reason', async () => {
    await onPlace(async place => {
      const reason = new Error('enough')
      const controller = new AbortController()
      const folder = join(place.folder, 'local')
      const warnings = await warningsOf(async () => {
        const streams = await Promise.all(Array.from({ length: 12 }, (_, index) => openStream(join(folder, `${index}`), 'w', { signal: controller.signal })))
        await Promise.all(streams.map(stream => stream.write('text')))
        controller.abort(reason)
        for (const [index, stream] of streams.entries()) {
          await assert.rejects(index % 2 === 0 ? stream.close() : stream[Symbol.asyncDispose](), error => error === reason)
        }
      })
      assert.deepEqual([warnings, await readdir(folder)], [[], []])
    })
  })

  it('publishes nothing when somebody else cuts its staged file, and leaves no upload open', async () => {
    await onPlace(async place => {
      const stream = await openStream(uri, 'w', place.options)
      await stream.write(new Uint8Array(17 * MiB))
      const [file] = await place.staged()
      await truncate(file!, 9 * MiB)
      const error: unknown = await stream.close().catch((failure: unknown) => failure)
      assert.ok(error instanceof UploadError && isFsError(error.cause, 'FORKFS_TRUNCATED'))
      assert.deepEqual([await place.text('a'), await place.server.uploads('data')], [undefined, []])
      assert.equal((await place.server.counters()).operations['CreateMultipartUpload'], 1)
    })
  })

  it('is dropped by dispose with onDispose: abort, and published by close() all the same', async () => {
    await onPlace(async place => {
      const options = { ...place.options, onDispose: 'abort' as const }
      const warnings = await warningsOf(async () => {
        const stream = await openStream(uri, 'w', options)
        await stream.write('text')
        await stream[Symbol.asyncDispose]()
        assert.equal(await place.text('a'), undefined)
      })
      assert.deepEqual(warnings, [])
      const stream = await openStream(uri, 'w', options)
      await stream.write('text')
      await stream.close()
      await stream[Symbol.asyncDispose]()
      assert.equal(await place.text('a'), 'text')
      await nothingLeft(place)
    })
  })

  it('is refused after close, and for reading', async () => {
    await onPlace(async place => {
      const stream = await openStream(uri, 'w', place.options)
      await assert.rejects(stream.readFile(), code('FORKFS_NOT_SUPPORTED'))
      await assert.rejects(stream.reopen(), code('FORKFS_NOT_SUPPORTED'))
      assert.throws(() => structuredClone(stream), code('FORKFS_UNCLONEABLE'))
      await stream.close()
      await assert.rejects(stream.write('more'), code('FORKFS_CLOSED'))
    })
  })

  it('counts its bytes and requests as its own', async () => {
    await onPlace(async place => {
      const [small, large] = await Promise.all([openStream(uri, 'w', place.options), openStream('s3://data/b', 'w', place.options)])
      await small.write('text')
      await large.write(new Uint8Array(20 * MiB))
      await Promise.all([small.close(), large.close()])
      assert.deepEqual(small.stats, { bytes: 4, requests: 1, retries: 0 })
      assert.deepEqual(large.stats, { bytes: 20 * MiB, requests: 5, retries: 0 })
    })
  })

  it('appears at a local path, its parents made, and in memory, whole or not at all', async () => {
    await onPlace(async place => {
      const folder = join(place.folder, 'deep', 'er')
      for (const target of [join(folder, 'a'), new URL(`file://${folder}/b`), 'memory://streams/a']) {
        await assert.rejects(withStream(target, 'w', async stream => {
          await stream.write('half')
          throw new RangeError('no')
        }), RangeError)
        await assert.rejects(openStream(target), code('ENOENT'))
        await (async () => {
          await using stream = await openStream(target, 'wx')
          await stream.write('whole')
        })()
        assert.equal(await withStream(target, 'r', stream => stream.readFile('utf8')), 'whole')
        await assert.rejects(withStream(target, 'wx', async stream => { await stream.write('other') }), code('EEXIST'))
      }
      assert.deepEqual((await readdir(folder)).sort(), ['a', 'b'])
    })
  })

  it('rejects before anything is made where the store can not be written', async () => {
    await assert.rejects(openStream('http://127.0.0.1:1/a', 'w'), code('FORKFS_NOT_SUPPORTED'))
  })
})
