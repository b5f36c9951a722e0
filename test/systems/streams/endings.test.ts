import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { clearInstanceCache, resetForFork, shutdown } from '../../../lib/index.js'
import { openStream, recover, UploadError } from '../../../lib/streams/index.js'
import { code, MiB, onPlace, pattern } from './support.js'
import type { Place } from './support.js'

const uri = 's3://data/a'
const nothing = { uploadsAborted: 0, filesRemoved: 0, committed: 0, kept: 0, failures: [] }

async function nothingLeft (place: Place): Promise<void> {
  assert.deepEqual([await place.staged(), await place.journalled(), await place.server.uploads('data')], [[], [], []])
}

describe('a stream whose process ends', function () {
  this.timeout(30_000)

  it('publishes nothing when it is killed while writing, and the sweep removes its folder (A7)', async () => {
    await onPlace(async place => {
      const child = place.child({ action: 'kill-after-write', uri, bytes: 9 * MiB })
      await child.said('written')
      assert.equal((await place.staged()).length, 1)
      await child.kill()
      assert.deepEqual(await recover({ ...place.options, dryRun: true }), { ...nothing, filesRemoved: 1 })
      assert.equal((await place.staged()).length, 1)
      assert.deepEqual(await recover(place.options), { ...nothing, filesRemoved: 1 })
      assert.equal(await place.text('a'), undefined)
      await nothingLeft(place)
      assert.deepEqual(await recover(place.options), nothing)
    })
  })

  it('publishes nothing when it is killed while sending, and recover() ends its upload at the store (A8)', async () => {
    await onPlace(async place => {
      await place.server.addFault({ match: { operation: 'UploadPart', nth: 2 }, action: { type: 'stall', at: 'headers' } })
      const child = place.child({ action: 'close', uri, bytes: 17 * MiB, options: { s3: { ...place.options.s3, shareCredentials: true } } })
      await place.server.reached({ operations: { UploadPart: 2 } })
      await child.kill()
      assert.equal((await place.server.uploads('data')).length, 1)
      assert.deepEqual(await place.journalled(), ['upload'])
      const text = await place.journalText()
      for (const secret of [place.server.secretAccessKey, place.server.sessionToken ?? place.server.secretAccessKey]) assert.ok(!text.includes(secret))
      assert.deepEqual(await recover({ ...place.options, dryRun: true }), { ...nothing, uploadsAborted: 1, filesRemoved: 1 })
      assert.equal((await place.server.uploads('data')).length, 1)
      assert.deepEqual(await recover(place.options), { ...nothing, uploadsAborted: 1, filesRemoved: 1 })
      assert.equal(await place.text('a'), undefined)
      await nothingLeft(place)
    })
  })

  it('is published when the process ends by itself (A9)', async () => {
    await onPlace(async place => {
      for (const bytes of [5, 9 * MiB]) {
        const { code: exit, lines, errors } = await place.child({ action: 'leave', uri, bytes }).ended
        assert.deepEqual([exit, lines, errors], [0, [`taken ${bytes}`], ''])
        assert.equal((await place.server.get('data', 'a'))?.length, bytes)
        await nothingLeft(place)
        assert.deepEqual(await place.roots(), [])
      }
    })
  })

  it('is told of and kept for recover() when it could not be sent at the natural end of the process', async () => {
    await onPlace(async place => {
      await place.server.addFault({ times: Infinity, match: { operation: 'PutObject' }, action: { type: 'status', status: 403, code: 'AccessDenied' } })
      const { code: exit, errors } = await place.child({ action: 'leave', uri, text: 'late' }).ended
      assert.deepEqual([exit, errors.includes('ForkfsWarning'), await place.journalled()], [0, true, ['staged']])
      await place.server.clearFaults()
      assert.deepEqual(await recover(place.options), { ...nothing, committed: 1, filesRemoved: 1 })
      assert.equal(await place.text('a'), 'late')
      await nothingLeft(place)
    })
  })

  it('is published by recover() when process.exit() came first (A9)', async () => {
    await onPlace(async place => {
      for (const action of ['exit', 'exit-closing'] as const) {
        assert.equal((await place.child({ action, uri: `s3://data/${action}`, text: action }).ended).code, 0)
        assert.equal(await place.text(action), undefined)
        assert.deepEqual(await place.journalled(), ['staged'])
        assert.ok(!(await place.journalText()).includes(place.server.secretAccessKey))
        assert.deepEqual(await recover({ ...place.options, dryRun: true }), { ...nothing, committed: 1, filesRemoved: 1 })
        assert.deepEqual(await recover(place.options), { ...nothing, committed: 1, filesRemoved: 1 })
        assert.equal(await place.text(action), action)
        await nothingLeft(place)
        assert.deepEqual(await recover(place.options), nothing)
      }
    })
  })

  it('is published by recover() with the keys of a .s3cfg', async () => {
    await onPlace(async place => {
      const { host, port, region, accessKeyId, secretAccessKey } = place.server
      const s3cfg = join(place.folder, 's3cfg')
      await writeFile(s3cfg, `[default]\nhost_base = ${host}:${port}\nuse_https = False\naccess_key = ${accessKeyId}\nsecret_key = ${secretAccessKey}\n`)
      await place.child({ action: 'exit', uri, options: { s3cfg, s3: { region } } }).ended
      assert.ok(!(await place.journalText()).includes(secretAccessKey))
      assert.deepEqual(await recover({ s3cfg }), { ...nothing, committed: 1, filesRemoved: 1 })
      assert.equal(await place.text('a'), 'whole')
      await nothingLeft(place)
    })
  })

  it('is not published by recover() when process.exit() came in the middle of a call of write()', async () => {
    await onPlace(async place => {
      assert.equal((await place.child({ action: 'exit-writing', uri }).ended).code, 0)
      assert.deepEqual(await place.journalled(), [])
      assert.equal((await recover(place.options)).committed, 0)
      assert.equal(await place.text('a'), undefined)
      await nothingLeft(place)
    })
  })

  it('is dropped with onDispose: abort, at the natural end and at process.exit() (A9)', async () => {
    await onPlace(async place => {
      for (const action of ['leave', 'exit'] as const) {
        const { code: exit, errors } = await place.child({ action, uri, options: { onDispose: 'abort' } }).ended
        assert.deepEqual([exit, errors], [0, ''])
        await nothingLeft(place)
        assert.equal((await recover(place.options)).committed, 0)
        assert.equal(await place.text('a'), undefined)
      }
    })
  })

  it('is published by shutdown(), and dropped by it with onDispose: abort', async () => {
    await onPlace(async place => {
      const [stream, other] = await Promise.all([openStream(uri, 'w', place.options), openStream('s3://data/b', 'w', { ...place.options, onDispose: 'abort' })])
      await Promise.all([stream.write('text'), other.write('text')])
      await shutdown()
      assert.deepEqual([await place.text('a'), await place.text('b')], ['text', undefined])
      await stream.close()
      await nothingLeft(place)
    })
  })

  it('is told once when nobody holds it any more, is not uploaded, and is kept for recover() (A10)', async () => {
    await onPlace(async place => {
      const { code: exit, lines } = await place.child({ action: 'collect', uri, text: 'lost' }, { execArgv: ['--expose-gc'] }).ended
      assert.deepEqual([exit, lines], [0, ['ForkfsWarning', 'alive']])
      assert.equal(await place.text('a'), undefined)
      assert.deepEqual(await recover(place.options), { ...nothing, committed: 1, filesRemoved: 1 })
      assert.equal(await place.text('a'), 'lost')
      await nothingLeft(place)
    })
  })

  it('keeps nobody alive, open or closed (A20)', async () => {
    await onPlace(async place => {
      const begun = performance.now()
      for (const action of ['leave', 'close', 'leave-reading', 'leave-thread'] as const) {
        const { code: exit, signal, errors } = await place.child({ action, uri }).ended
        assert.deepEqual([exit, signal, errors], [0, null, ''])
      }
      assert.ok(performance.now() - begun < 15_000)
      assert.equal(await place.text('a'), 'from a thread') // its natural end commits as well
    })
  })

  it('sends what a failed upload kept in the next process, by the credentials of that process', async () => {
    await onPlace(async place => {
      await place.server.addFault({ times: Infinity, match: { operation: 'PutObject' }, action: { type: 'status', status: 403, code: 'AccessDenied' } })
      const { code: exit } = await place.child({ action: 'close', uri, text: 'kept' }).ended
      assert.equal(exit, 1)
      assert.deepEqual(await place.journalled(), ['staged'])
      const failed = await recover(place.options)
      assert.deepEqual({ ...failed, failures: failed.failures.length }, { ...nothing, kept: 1, failures: 1 })
      assert.equal((await place.staged()).length, 1)
      await place.server.clearFaults()
      const strangers = await recover({ allowedProtocols: ['gs'] })
      assert.deepEqual({ ...strangers, failures: strangers.failures.length }, { ...nothing, kept: 1, failures: 1 })
      assert.deepEqual(await recover(place.options), { ...nothing, committed: 1, filesRemoved: 1 })
      assert.equal(await place.text('a'), 'kept')
      await nothingLeft(place)
    })
  })

  it('does not overwrite by recover() what was written since', async () => {
    await onPlace(async place => {
      await place.child({ action: 'exit', uri, text: 'old' }).ended
      await place.server.setClock(5000)
      const stream = await openStream(uri, 'w', place.options)
      await stream.write('new')
      await stream.close()
      const { committed, failures } = await recover(place.options)
      assert.deepEqual([committed, failures], [0, []])
      assert.equal(await place.text('a'), 'new')
      await nothingLeft(place)
    })
  })
})

describe('recover()', function () {
  this.timeout(30_000)

  it('ends uploads that the store lists below a prefix when they are older than olderThanMs', async () => {
    await onPlace(async place => {
      await place.server.addFault({ times: Infinity, match: { operation: 'UploadPart' }, action: { type: 'stall', at: 'headers' } })
      for (const key of ['models/a', 'models/b', 'other/c']) {
        const child = place.child({ action: 'close', uri: `s3://data/${key}`, bytes: 9 * MiB })
        await place.server.reached({ operations: { UploadPart: 1 } })
        await child.kill()
        await place.server.resetCounters()
      }
      await place.server.clearFaults()
      process.env.FORKFS_TMPDIR = join(place.folder, 'another-machine')
      await mkdir(process.env.FORKFS_TMPDIR)
      const uploads = 's3://data/models/'
      assert.deepEqual(await recover({ ...place.options, uploads }), nothing)
      assert.deepEqual(await recover({ ...place.options, uploads, olderThanMs: 0, dryRun: true }), { ...nothing, uploadsAborted: 2 })
      assert.equal((await place.server.uploads('data')).length, 3)
      assert.deepEqual(await recover({ ...place.options, uploads, olderThanMs: 0 }), { ...nothing, uploadsAborted: 2 })
      assert.deepEqual((await place.server.uploads('data')).map(({ key }) => key), ['other/c'])
    })
  })

  it('rejects for wrong options before anything is done', async () => {
    for (const options of [null, { dryRun: 1 }, { uploads: 7 }, { olderThanMs: 'a day' }]) await assert.rejects(recover(options as object), TypeError)
    await assert.rejects(recover({ olderThanMs: -1 }), RangeError)
    await onPlace(async () => { await assert.rejects(recover({ uploads: 'memory://a' }), code('FORKFS_NOT_SUPPORTED')) })
  })
})

describe('a stream of another owner', function () {
  this.timeout(30_000)

  it('refuses everything after resetForFork(), and leaves its file and the store alone (A11)', async () => {
    await onPlace(async place => {
      const stream = await openStream(uri, 'w', place.options)
      await stream.write('before')
      const [file] = await place.staged()
      assert.ok(resetForFork().finalizers >= 1)
      for (const work of [() => stream.write('after'), () => stream.commit(), () => stream.close(), () => stream.abort(), () => stream.stat()]) {
        await assert.rejects(work(), code('FORKFS_RESET'))
      }
      await stream[Symbol.asyncDispose]().catch(() => {})
      await shutdown()
      assert.deepEqual([await place.text('a'), existsSync(file!), (await place.server.counters()).requests], [undefined, true, 0])
      const reader = await openStream('memory://a/b', 'w').then(async other => {
        await other.write('text')
        await other.close()
        return openStream('memory://a/b')
      })
      resetForFork()
      await assert.rejects(reader.readFile(), code('FORKFS_RESET'))
      await assert.rejects(reader.close(), code('FORKFS_RESET'))
      await clearInstanceCache()
    })
  })

  it('rejects a close under way with FORKFS_RESET, ends nothing at the store and keeps its file', async () => {
    await onPlace(async place => {
      await place.server.addFault({ match: { operation: 'UploadPart' }, action: { type: 'stall', at: 'headers' } })
      const stream = await openStream(uri, 'w', place.options)
      await stream.write(pattern(9 * MiB))
      const closing = stream.close()
      await place.server.reached({ operations: { UploadPart: 1 } })
      resetForFork()
      await assert.rejects(closing, code('FORKFS_RESET'))
      assert.equal((await place.staged()).length, 1)
      assert.equal((await place.server.uploads('data')).length, 1)
      assert.equal((await place.server.counters()).operations['AbortMultipartUpload'], undefined)
    })
  })
})

/** A user namespace with mounts of its own: not every machine lets users have one. */
const mayMount = ((): boolean => {
  try {
    execFileSync('unshare', ['-Urm', 'true'], { stdio: 'ignore', timeout: 5000 })
    return true
  } catch {
    return false
  }
})()

describe('a temporary folder that can not be used', function () {
  this.timeout(30_000)

  it('rejects with ENOSPC where files may not grow, and publishes nothing by dispose (A4)', async () => {
    await onPlace(async place => {
      const { lines, code: exit } = await place.child({ action: 'full-disk', uri, bytes: 9 * MiB }, { shell: 'ulimit -f 1000; trap "" XFSZ' }).ended
      assert.deepEqual([exit, lines], [0, ['ENOSPC', 'disposed']])
      assert.equal((await place.server.counters()).requests, 0)
      await nothingLeft(place)
    })
  })

  if (mayMount) {
    it('rejects with ENOSPC on a full disk, and publishes nothing by dispose (A4)', async () => {
      await onPlace(async place => {
        const disk = join(place.folder, 'disk')
        await mkdir(disk)
        const program = `mount -t tmpfs -o size=2m none ${disk}; exec "$@"; :`
        const shell = `set -- unshare -Urm /bin/sh -c '${program}' sh "$@"`
        const { lines, code: exit, errors } = await place.child({ action: 'full-disk', uri, bytes: 9 * MiB }, { shell, tmp: disk }).ended
        assert.deepEqual([exit, lines], [0, ['ENOSPC', 'disposed']], errors)
        assert.equal((await place.server.counters()).requests, 0)
      })
    })
  }

  it('rejects with its code where it is a file or is not absolute', async () => {
    await onPlace(async place => {
      const file = join(place.folder, 'file')
      await (await openStream(file, 'w')).close()
      assert.equal((await readFile(file)).length, 0)
      for (const [folder, expected] of [[file, 'FORKFS_CONFIG'], [join(file, 'below'), 'FORKFS_CONFIG'], ['relative', 'FORKFS_CONFIG']] as const) {
        process.env.FORKFS_TMPDIR = folder
        await assert.rejects(openStream(uri, 'w', place.options), code(expected))
      }
      assert.equal((await place.server.counters()).requests, 0)
    })
  })

  it('is no matter to a failed upload whose bytes can not be written into the journal: they are kept all the same', async () => {
    await onPlace(async place => {
      await place.server.addFault({ times: Infinity, match: { operation: 'PutObject' }, action: { type: 'status', status: 403, code: 'AccessDenied' } })
      const stream = await openStream(uri, 'w', place.options)
      await stream.write('text')
      process.env.FORKFS_TMPDIR = join(place.folder, 'file')
      await (await openStream(process.env.FORKFS_TMPDIR, 'w')).close()
      const error: unknown = await stream.close().catch((failure: unknown) => failure)
      assert.ok(error instanceof UploadError)
      assert.equal(await readFile(error.keptAt!, 'utf8'), 'text')
      await place.server.clearFaults()
      await error.retryCommit()
      assert.equal(await place.text('a'), 'text')
    })
  })
})
