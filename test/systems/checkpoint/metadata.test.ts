import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Checkpoint } from '../../../lib/checkpoint/index.js'
import { localTemporaryPath } from '../../../lib/file/local.js'
import { code, onStage } from './support.js'

describe('the metadata of a checkpoint', function () {
  this.timeout(60_000)

  for (const where of ['local', 's3'] as const) {
    it(`C11: on ${where} is {} at first, is added to, overridden and replaced as a whole, in Ray's file`, () => onStage(async stage => {
      const folder = await stage.local('run')
      const checkpoint = where === 'local' ? Checkpoint.fromDirectory(folder) : await stage.stored('data/run')
      const stored = async (): Promise<unknown> => where === 'local'
        ? existsSync(join(folder, '.metadata.json')) && JSON.parse(await readFile(join(folder, '.metadata.json'), 'utf8'))
        : stage.server.get('data', 'run/.metadata.json').then(data => data !== undefined && JSON.parse(Buffer.from(data).toString()))
      assert.deepEqual([await checkpoint.getMetadata(), await stored()], [{}, false])
      await checkpoint.updateMetadata({ a: 1, b: [1, { c: null }] })
      await checkpoint.updateMetadata({ a: 2, d: 'ü' })
      assert.deepEqual([await checkpoint.getMetadata(), await stored()], [{ a: 2, b: [1, { c: null }], d: 'ü' }, { a: 2, b: [1, { c: null }], d: 'ü' }])
      await checkpoint.setMetadata({ e: true })
      assert.deepEqual(await checkpoint.getMetadata(), { e: true })
    }))
  }

  it('C11: refuses what JSON can not hold, and keeps what is there', () => onStage(async stage => {
    const checkpoint = Checkpoint.fromDirectory(await stage.local('run'))
    await checkpoint.setMetadata({ a: 1 })
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    for (const wrong of [{ a: () => {} }, { a: 1n }, { a: NaN }, { a: undefined }, { a: new Date() }, { a: [new Map()] }, circle, [], 'a', null]) {
      await assert.rejects(checkpoint.setMetadata(wrong as Record<string, unknown>), TypeError)
      await assert.rejects(checkpoint.updateMetadata(wrong as Record<string, unknown>), TypeError)
    }
    const shared = { x: 1 }
    await checkpoint.setMetadata({ a: shared, b: shared, undefined: null })
    assert.deepEqual(await checkpoint.getMetadata(), { a: shared, b: shared, undefined: null })
  }))

  it('rejects with FORKFS_PROTOCOL where the file is no JSON object', () => onStage(async stage => {
    for (const text of ['', '[1]', '{"a":']) {
      await assert.rejects(Checkpoint.fromDirectory(await stage.local('run', { '.metadata.json': text })).getMetadata(), code('FORKFS_PROTOCOL'))
    }
  }))

  for (const where of ['local', 's3'] as const) {
    it(`C11: on ${where} loses nothing of concurrent updates from threads and processes`, () => onStage(async stage => {
      const env = where === 'local' ? { FORKFS_TEST_S3: 'null' } : {}
      const path = where === 'local' ? await stage.local('run') : (await stage.stored('data/run')).path
      const actors = await Promise.all([1, 2, 3, 4].map(() => stage.actor('process', { env })))
      await Promise.all(actors.map(actor => actor.ask({ verb: 'merge', path, count: 5 })))
      assert.equal(Object.keys(await actors[0]!.ask<object>({ verb: 'metadata', path })).length, 20)
    }))
  }

  it('C11: loses nothing of updates from another host, which knows nothing of our locks', () => onStage(async stage => {
    const { path } = await stage.stored('data/run', { '.metadata.json': '{}' })
    // Both have read before either writes.
    await stage.server.addFault({ match: { operation: 'GetObject', key: 'run/.metadata.json' }, times: 2, action: { type: 'delay', ms: 1000, applied: true } })
    const [here, there] = await Promise.all(['one', 'two'].map(name => stage.actor('process', { env: { FORKFS_TMPDIR: join(stage.folder, name) } })))
    await Promise.all([here!, there!].map(actor => actor.ask({ verb: 'merge', path, count: 10 })))
    assert.equal(Object.keys(await stage.checkpoint(path).getMetadata()).length, 20)
    assert.ok(((await stage.server.counters()).statuses['412'] ?? 0) > 0, 'they did not meet')
  }))

  it('C11: rids its directory of what killed writers staged there, when it is old, and of nothing else', () => onStage(async stage => {
    const path = await stage.local('run', { model: 'm' })
    const [old, fresh] = [1, 2].map(() => localTemporaryPath(join(path, '.metadata.json'))) as [string, string]
    const other = localTemporaryPath(join(path, 'model'))
    for (const staged of [old, fresh, other]) await writeFile(staged, '{"half":')
    for (const staged of [old, other]) await utimes(staged, new Date(), new Date(Date.now() - 16 * 60_000))
    await Checkpoint.fromDirectory(path).updateMetadata({ a: 1 })
    assert.deepEqual((await readdir(path)).sort(), [fresh, other, join(path, '.metadata.json'), join(path, 'model')].map(each => basename(each)).sort())
  }))

  it('C11: is the old or the new one after a kill at any moment of a write', () => onStage(async stage => {
    const path = await stage.local('run')
    const checkpoint = Checkpoint.fromDirectory(path)
    const text = 'x'.repeat(1 << 20)
    await checkpoint.setMetadata({ n: -1, text })
    for (let n = 0; n < 5; n++) {
      const actor = await stage.actor('process', { env: { FORKFS_TEST_S3: 'null' } })
      for (let m = 0; m < 20; m++) void actor.ask({ verb: 'set', path, value: { n: m, text } })
      await new Promise(resolve => { setTimeout(resolve, 20 + n * 15) }) // some moment
      await actor.kill()
      const metadata = await checkpoint.getMetadata()
      assert.deepEqual([typeof metadata['n'], (metadata['text'] as string).length], ['number', text.length])
    }
  }))
})
