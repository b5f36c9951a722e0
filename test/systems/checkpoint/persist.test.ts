import assert from 'node:assert/strict'
import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Checkpoint } from '../../../lib/checkpoint/index.js'
import { recover } from '../../../lib/streams/index.js'
import { code, contentsOf, MiB, onStage, pattern, sample, sampleNames } from './support.js'

describe('Checkpoint.persist()', function () {
  this.timeout(120_000)

  it('uploads a directory, whole, with a manifest and without a marker, and gives a checkpoint that reads the same', () => onStage(async stage => {
    const folder = await stage.local('run', { ...sample, '.metadata.json': '{"a":1}', 'big.bin': pattern(9 * MiB) })
    const checkpoint = await Checkpoint.persist(folder, 's3://data/runs/1', { s3: stage.options })
    assert.deepEqual(await stage.server.keys('data'), [...sampleNames, '.metadata.json', 'big.bin'].map(name => `runs/1/${name}`).sort())
    const manifest = JSON.parse(Buffer.from((await stage.server.get('data', 'runs/1/.checkpoint.json'))!).toString()) as { files: Array<{ name: string, size: number }> }
    assert.deepEqual(manifest.files.map(({ name, size }) => [name, size]), [['big.bin', 9 * MiB], ['config.json', 12], ['model.bin', 300_000], ['shards/0.bin', 1000], ['shards/1.bin', 1000]])
    await checkpoint.updateMetadata({ b: 2 })
    const copy = await checkpoint.toDirectory(join(stage.folder, 'copy'), { requireComplete: true })
    for (const name of ['.checkpoint.json', '.checkpoint.copy', '.metadata.json']) await rm(join(copy, name))
    await rm(join(folder, '.metadata.json'))
    assert.equal(contentsOf(copy).digest, contentsOf(folder).digest)
    assert.deepEqual(await checkpoint.getMetadata(), { a: 1, b: 2 })
  }))

  it('C12: killed at any write is not listed as complete; the next attempt succeeds and has no stale file', () => onStage(async stage => {
    const previous = await stage.persisted('data/runs/1', { a: '1' })
    const directory = await stage.local('two', { a: 'a', b: 'b', 'c/d': 'd' })
    const stale = await stage.local('stale', { a: 'old', 'stale/x': 'old', c: 'a file where a directory comes' })
    const path = 'data/runs/2'
    const writes = 5 // the marker, three files, the manifest
    for (let nth = 1; nth <= writes; nth++) {
      const actor = await stage.actor()
      await stage.server.resetCounters()
      // Its writer is killed while it waits for the answer to this write, which was carried out, or (the manifest) was not.
      await stage.server.addFault({ match: { operation: 'PutObject', nth }, action: { type: 'stall', at: 'headers', applied: nth < writes } })
      void actor.ask({ verb: 'persist', directory: stale, path })
      await stage.server.reached({ operations: { PutObject: nth } })
      await actor.kill()
      await stage.server.clearFaults()
      assert.equal((await Checkpoint.latestComplete('data/runs', stage.fs))?.path, previous.path)
      if ((await stage.server.keys('data', 'runs/2/')).length > 0) await assert.rejects(stage.checkpoint(path).asDirectory(), code('FORKFS_INCOMPLETE'))
      await Checkpoint.persist(directory, path, { filesystem: stage.fs })
      assert.deepEqual(await stage.server.keys('data', 'runs/2/'), ['.checkpoint.json', 'a', 'b', 'c/d'].map(name => `runs/2/${name}`))
      assert.equal((await Checkpoint.latestComplete('data/runs', stage.fs))?.path, path)
      await stage.fs.rm(path, { recursive: true })
    }
  }))

  it('C12: killed at any request of a file in parts is not listed as complete; the next attempt succeeds, has no stale file, and recover() ends the upload', () => onStage(async stage => {
    const previous = await stage.persisted('data/runs/1', { a: '1' })
    const directory = await stage.local('two', { a: 'a', big: pattern(9 * MiB, 2) })
    const stale = await stage.local('stale', { big: pattern(9 * MiB, 3), stale: 'old' })
    const path = 'data/runs/2'
    for (const [operation, nth, applied] of [['CreateMultipartUpload', 1, true], ['UploadPart', 1, true], ['UploadPart', 2, false], ['CompleteMultipartUpload', 1, false], ['CompleteMultipartUpload', 1, true]] as const) {
      const actor = await stage.actor()
      await stage.server.resetCounters()
      await stage.server.addFault({ match: { operation, nth }, action: { type: 'stall', at: 'headers', applied } })
      void actor.ask({ verb: 'persist', directory: stale, path })
      await stage.server.reached({ operations: { [operation]: nth } })
      await actor.kill()
      await stage.server.clearFaults()
      assert.equal((await Checkpoint.latestComplete('data/runs', stage.fs))?.path, previous.path)
      await assert.rejects(stage.checkpoint(path).asDirectory(), code('FORKFS_INCOMPLETE'))
      await Checkpoint.persist(directory, path, { filesystem: stage.fs })
      assert.deepEqual(await stage.server.keys('data', 'runs/2/'), ['.checkpoint.json', 'a', 'big'].map(name => `runs/2/${name}`))
      assert.deepEqual(Buffer.from((await stage.server.get('data', 'runs/2/big'))!), Buffer.from(pattern(9 * MiB, 2)))
      assert.deepEqual((await recover({ s3: stage.options })).failures, [])
      const uploads = await stage.server.uploads('data')
      assert.deepEqual(uploads.filter(({ parts }) => Object.keys(parts).length > 0), [])
      await stage.fs.rm(path, { recursive: true })
    }
  }))

  it('C12: killed at random moments of local writing is not listed as complete, and the next attempt succeeds', () => onStage(async stage => {
    const directory = await stage.local('source', Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`${n}`, pattern(2000, n + 1)])))
    const root = join(stage.folder, 'runs')
    const previous = await Checkpoint.persist(await stage.local('one', { a: '1' }), join(root, '1'))
    for (let n = 0; n < 5; n++) {
      const path = join(root, String(n + 2))
      const actor = await stage.actor('process', { env: { FORKFS_TEST_S3: 'null' } })
      const persisting = actor.ask({ verb: 'persist', directory, path }).then(() => true)
      const done = await Promise.race([persisting, new Promise<boolean>(resolve => { setTimeout(() => { resolve(false) }, 60 + n * 60) })])
      await actor.kill()
      const latest = await Checkpoint.latestComplete(root)
      if (done) assert.equal(latest?.path, path)
      else if (latest?.path !== path) assert.equal(latest?.path, previous.path)
      else continue // it was complete, and could not say so any more
      if (!done) await Checkpoint.persist(directory, path)
      assert.equal(await new Checkpoint(path).asDirectory(async folder => contentsOf(folder).names.length, { requireComplete: true }), 201)
      await rm(path, { recursive: true })
    }
  }))

  it('C12: killed while the marker itself is staged leaves nothing in the next attempt, and prune() removes what it left', () => onStage(async stage => {
    const root = join(stage.folder, 'runs')
    for (const [path, others] of [[join(root, 'next'), []], [join(root, 'other'), ['data']], [join(root, 'pruned'), []]] as const) {
      await mkdir(path, { recursive: true })
      for (const name of others) await writeFile(join(path, name), 'somebody else\'s')
      const actor = await stage.actor('process', { env: { FORKFS_TEST_S3: 'null' } })
      await actor.ask({ verb: 'stage', path: join(path, '.checkpoint.incomplete') })
      assert.deepEqual(await Checkpoint.prune(root, { keep: 1 }), [])
      await actor.kill()
      assert.equal((await readdir(path)).length, 1 + others.length)
      if (path !== join(root, 'next')) continue
      await Checkpoint.persist(await stage.local('source', { a: '1' }), path)
      assert.deepEqual((await readdir(path)).sort(), ['.checkpoint.json', 'a'])
    }
    await mkdir(join(root, 'empty'))
    assert.deepEqual(await Checkpoint.prune(root, { keep: 1 }), [join(root, 'pruned')])
    assert.deepEqual((await readdir(root)).sort(), ['empty', 'next', 'other'])
  }))

  it('C12: killed while it stages the manifest of a directory that is at the target leaves nothing in the next attempt', () => onStage(async stage => {
    const path = await stage.local('run', { a: '1' })
    const actor = await stage.actor('process', { env: { FORKFS_TEST_S3: 'null' } })
    await actor.ask({ verb: 'stage', path: join(path, '.checkpoint.json') })
    await actor.kill()
    await Checkpoint.persist(path, path)
    assert.deepEqual((await readdir(path)).sort(), ['.checkpoint.json', 'a'])
  }))

  it('takes no staged file of a killed or a live writer for contents', () => onStage(async stage => {
    const folder = await stage.local('run', { a: '1', 'b/c': '2' })
    const actor = await stage.actor('process', { env: { FORKFS_TEST_S3: 'null' } })
    for (const name of ['model', 'b/model']) await actor.ask({ verb: 'stage', path: join(folder, name) })
    await Checkpoint.persist(folder, join(stage.folder, 'copy'))
    assert.deepEqual((await readdir(join(stage.folder, 'copy'), { recursive: true })).sort(), ['.checkpoint.json', 'a', 'b', 'b/c'])
    await actor.kill()
    await Checkpoint.persist(folder, 'data/runs/1', { filesystem: stage.fs })
    assert.deepEqual(await stage.server.keys('data'), ['.checkpoint.json', 'a', 'b/c'].map(name => `runs/1/${name}`))
  }))

  it('that fails or is aborted leaves nothing', () => onStage(async stage => {
    const folder = await stage.local('run')
    await stage.server.addFault({ match: { operation: 'PutObject', key: 'runs/1/model.bin', from: 1 }, action: { type: 'status', status: 403, code: 'AccessDenied' } })
    await assert.rejects(Checkpoint.persist(folder, 'data/runs/1', { filesystem: stage.fs }), code('EACCES'))
    assert.deepEqual(await stage.server.keys('data'), [])
    await stage.server.clearFaults()
    await stage.server.resetCounters()
    await stage.server.addFault({ match: { operation: 'PutObject', key: 'runs/1/model.bin' }, action: { type: 'stall', at: 'headers' } })
    const controller = new AbortController()
    const reason = new Error('enough')
    const persisting = Checkpoint.persist(folder, 'data/runs/1', { filesystem: stage.fs, signal: controller.signal })
    await stage.server.reached({ operations: { PutObject: 5 } })
    controller.abort(reason)
    await assert.rejects(persisting, error => error === reason)
    assert.deepEqual(await stage.server.keys('data'), [])
  }))

  it('refuses a target that is complete, or holds files that no persist() left, and keeps them', () => onStage(async stage => {
    const folder = await stage.local('run')
    await stage.persisted('data/runs/1', { a: 'b' })
    await stage.stored('data/ray/1', { a: 'b' })
    await assert.rejects(Checkpoint.persist(folder, 'data/runs/1', { filesystem: stage.fs }), code('EEXIST'))
    await assert.rejects(Checkpoint.persist(folder, 'data/ray/1', { filesystem: stage.fs }), code('ENOTEMPTY'))
    await assert.rejects(Checkpoint.persist(folder, 'data/ray/1/a', { filesystem: stage.fs }), code('ENOTDIR'))
    assert.deepEqual(await stage.server.keys('data'), ['ray/1/a', 'runs/1/.checkpoint.json', 'runs/1/a'])
  }))

  it('of two processes at once to one target, one wins and the other is refused', () => onStage(async stage => {
    const directory = await stage.local('run')
    const actors = await stage.actorsOf(['process', 'process', 'thread'])
    const outcomes = await Promise.all(actors.map(actor => actor.ask({ verb: 'persist', directory, path: 'data/runs/1' }).then(() => 'done', (error: { code: string }) => error.code)))
    assert.deepEqual(outcomes.sort(), ['EEXIST', 'EEXIST', 'done'])
    assert.deepEqual(await stage.checkpoint('data/runs/1').asDirectory(async folder => contentsOf(folder).names, { requireComplete: true }), sampleNames)
  }))

  it('rejects when another host takes over the same target, and leaves that one alone', () => onStage(async stage => {
    const directory = await stage.local('run')
    const slow = await stage.actor('process', { env: { FORKFS_TMPDIR: join(stage.folder, 'elsewhere') } })
    await stage.server.addFault({ match: { operation: 'PutObject', key: 'runs/1/model.bin' }, action: { type: 'stall', at: 'headers', ms: 1500 } })
    const losing = slow.ask({ verb: 'persist', directory, path: 'data/runs/1' }).then(() => 'done', (error: { code: string }) => error.code)
    await stage.server.reached({ operations: { PutObject: 5 } })
    const mine = await stage.local('mine', { a: 'mine' })
    await Checkpoint.persist(mine, 'data/runs/1', { filesystem: stage.fs })
    assert.ok(['FORKFS_CHANGED', 'FORKFS_TRUNCATED'].includes(await losing), await losing)
    assert.equal(await stage.checkpoint('data/runs/1').asDirectory(async folder => contentsOf(folder).names.join(), { requireComplete: true }), '.checkpoint.json,a')
  }))

  it('rejects when another host has sealed the same target a moment before, and leaves that one alone', () => onStage(async stage => {
    const directory = await stage.local('run')
    const slow = await stage.actor('process', { env: { FORKFS_TMPDIR: join(stage.folder, 'elsewhere') } })
    await stage.server.addFault({ match: { operation: 'PutObject', key: 'runs/1/.checkpoint.json' }, action: { type: 'delay', ms: 2000 } })
    const losing = slow.ask({ verb: 'persist', directory, path: 'data/runs/1' }).then(() => 'done', (error: { code: string }) => error.code)
    await stage.server.reached({ operations: { PutObject: 6 } })
    await Checkpoint.persist(await stage.local('mine', { a: 'mine' }), 'data/runs/1', { filesystem: stage.fs })
    assert.equal(await losing, 'FORKFS_CHANGED')
    assert.equal(await stage.checkpoint('data/runs/1').asDirectory(async folder => contentsOf(folder).names.join(), { requireComplete: true }), '.checkpoint.json,a')
  }))

  it('rejects when another host takes over while it seals it, and takes its manifest back', () => onStage(async stage => {
    const directory = await stage.local('run')
    await stage.server.addFault({ match: { operation: 'PutObject', key: 'runs/1/.checkpoint.json' }, action: { type: 'delay', ms: 500 } })
    const losing = Checkpoint.persist(directory, 'data/runs/1', { filesystem: stage.fs })
    await stage.server.reached({ operations: { PutObject: 6 } })
    await stage.server.put('data', 'runs/1/.checkpoint.incomplete', JSON.stringify({ version: 1, attempt: 'theirs', begun: new Date().toISOString() }))
    await assert.rejects(losing, code('FORKFS_CHANGED'))
    assert.equal(await stage.server.get('data', 'runs/1/.checkpoint.json'), undefined)
  }))

  it('only seals a directory that is at the target already, and refuses a target inside of the source', () => onStage(async stage => {
    const folder = await stage.local('run')
    assert.equal((await Checkpoint.persist(folder, folder)).path, folder)
    assert.deepEqual(contentsOf(folder).names, sampleNames)
    await writeFile(join(folder, 'more'), 'x')
    await Checkpoint.persist(folder, folder)
    assert.equal((await Checkpoint.latestComplete(join(stage.folder, 'local')))?.path, folder)
    await assert.rejects(Checkpoint.persist(folder, join(folder, 'inside')), code('EINVAL'))
  }))

  it('rejects for a source that is missing, no directory, or holds what is no file', () => onStage(async stage => {
    const target = 'data/runs/1'
    const folder = await stage.local('run', { a: 'b' })
    await assert.rejects(Checkpoint.persist(join(stage.folder, 'missing'), target, { filesystem: stage.fs }), code('ENOENT'))
    await assert.rejects(Checkpoint.persist(join(folder, 'a'), target, { filesystem: stage.fs }), code('ENOTDIR'))
    await symlink(join(folder, 'a'), join(folder, 'link'))
    await mkdir(join(stage.folder, 'elsewhere'))
    await symlink(join(stage.folder, 'elsewhere'), join(folder, 'linked'))
    await assert.rejects(Checkpoint.persist(folder, target, { filesystem: stage.fs }), code('FORKFS_NOT_SUPPORTED'))
    assert.deepEqual(await stage.server.keys('data'), [])
    await rm(join(folder, 'linked'))
    await Checkpoint.persist(folder, target, { filesystem: stage.fs })
    assert.deepEqual(await stage.server.keys('data'), ['runs/1/.checkpoint.json', 'runs/1/a', 'runs/1/link'])
    await assert.rejects(Checkpoint.persist('s3://data/x', target), TypeError)
    await assert.rejects(Checkpoint.persist(folder, `s3://${target}`, { filesystem: stage.fs }), TypeError)
  }))

  it('rejects with FORKFS_CHANGED when a source file changes meanwhile, and leaves nothing', () => onStage(async stage => {
    const folder = await stage.local('run')
    await stage.server.addFault({ match: { operation: 'PutObject', key: 'runs/1/model.bin' }, action: { type: 'stall', at: 'headers', ms: 300 } })
    const persisting = Checkpoint.persist(folder, 'data/runs/1', { filesystem: stage.fs })
    await stage.server.reached({ operations: { PutObject: 5 } })
    await writeFile(join(folder, 'config.json'), '{"layers":3}')
    await assert.rejects(persisting, code('FORKFS_CHANGED'))
    assert.deepEqual(await stage.server.keys('data'), [])
  }))
})

describe('Checkpoint.latestComplete() and prune()', function () {
  this.timeout(60_000)

  it('find the newest by the time at which it was complete, and keep as many', () => onStage(async stage => {
    assert.equal(await Checkpoint.latestComplete('data/runs', stage.fs), undefined)
    assert.equal(await Checkpoint.latestComplete(join(stage.folder, 'nowhere')), undefined)
    const folder = await stage.local('run', { a: 'b' })
    for (const name of ['b', 'c', 'a']) await Checkpoint.persist(folder, `data/runs/${name}`, { filesystem: stage.fs })
    await stage.stored('data/runs/ray', { a: 'b' })
    await stage.stored('data/runs/damaged', { '.checkpoint.json': '{', '.checkpoint.incomplete': 'x' })
    assert.equal((await Checkpoint.latestComplete('data/runs', stage.fs))?.path, 'data/runs/a')
    assert.deepEqual((await Checkpoint.prune('data/runs', { keep: 1, filesystem: stage.fs })).sort(), ['data/runs/b', 'data/runs/c', 'data/runs/damaged'])
    assert.deepEqual(await stage.server.keys('data'), ['runs/a/.checkpoint.json', 'runs/a/a', 'runs/ray/a'])
    await assert.rejects(Checkpoint.prune('data/runs', { keep: 0, filesystem: stage.fs }), RangeError)
    await assert.rejects(Checkpoint.prune('data/runs', undefined as never), TypeError)
  }))

  it('take numbers in names as numbers where the times are equal', () => onStage(async stage => {
    const manifest = JSON.stringify({ version: 1, attempt: 'x', created: '2026-01-01T00:00:00.000Z', files: [] })
    for (const name of ['step-9', 'step-10', 'step-1']) await stage.stored(`data/runs/${name}`, { '.checkpoint.json': manifest })
    assert.equal((await Checkpoint.latestComplete('data/runs', stage.fs))?.path, 'data/runs/step-10')
  }))

  it('leave alone what a live writer of this node is at, and remove what a dead one left', () => onStage(async stage => {
    await stage.persisted('data/runs/1', { a: 'b' })
    const directory = await stage.local('run')
    const actor = await stage.actor()
    await stage.server.addFault({ match: { operation: 'PutObject', key: 'runs/2/model.bin' }, action: { type: 'stall', at: 'headers' } })
    void actor.ask({ verb: 'persist', directory, path: 'data/runs/2' })
    await stage.server.reached({ operations: { PutObject: 5 } })
    assert.deepEqual(await Checkpoint.prune('data/runs', { keep: 1, filesystem: stage.fs }), [])
    await actor.kill()
    assert.deepEqual(await Checkpoint.prune('data/runs', { keep: 1, filesystem: stage.fs }), ['data/runs/2'])
    assert.deepEqual(await stage.server.keys('data'), ['runs/1/.checkpoint.json', 'runs/1/a'])
  }))

  it('leave a marked checkpoint when the remover is stopped in the middle: nobody reads half of it', () => onStage(async stage => {
    const folder = await stage.local('run')
    for (const name of ['1', '2']) await Checkpoint.persist(folder, `data/runs/${name}`, { filesystem: stage.fs })
    await stage.server.addFault({ match: { operation: 'DeleteObjects', from: 1 }, action: { type: 'status', status: 403, code: 'AccessDenied' } })
    await assert.rejects(Checkpoint.prune('data/runs', { keep: 1, filesystem: stage.fs }), code('EACCES'))
    await assert.rejects(stage.checkpoint('data/runs/1').asDirectory(), code('FORKFS_INCOMPLETE'))
    await stage.server.clearFaults()
    assert.deepEqual(await stage.server.keys('data', 'runs/2/'), sampleNames.map(name => `runs/2/${name}`))
  }))
})
