import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { chmod, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isFsError } from '../../../lib/index.js'
import { canBeAnotherUser } from '../../capabilities.js'
import { inHaste } from '../../process/support.js'
import { code, contentsOf, onStage, sample, sampleNames } from './support.js'
import type { Actor, Contents } from './support.js'

describe('a checkpoint read by many', function () {
  this.timeout(120_000)

  it('C1, C4: is downloaded once for 8 processes with 4 calls each; a late caller asks the store for nothing', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    const actors = await stage.actorsOf(['process', 'process', 'process', 'process', 'process', 'cluster', 'cluster', 'thread'])
    const all = (await Promise.all(actors.map(actor => actor.open(path, { count: 4 })))).flat()
    assert.equal(all.length, 32)
    assert.deepEqual(new Set(all.map(each => each.path)).size, 1)
    assert.deepEqual(new Set(all.map(each => each.digest)).size, 1)
    assert.deepEqual(all[0]!.names, sampleNames)
    for (const name of Object.keys(sample)) assert.equal(await stage.gets(`data/runs/1/${name}`), 1)
    await stage.server.resetCounters()
    const late = await stage.checkpoint(path).asDirectory(async folder => contentsOf(folder))
    assert.deepEqual([late, (await stage.server.counters()).requests], [all[0], 0])
    await Promise.all(actors.map(actor => actor.leave()))
    assert.deepEqual(await stage.copies(), [])
  }))

  it('C1: is copied to one place once by several threads and processes; later calls ask the store for nothing', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    const actors = await stage.actorsOf(['process', 'process', 'cluster', 'thread'])
    const target = join(stage.folder, 'new/place [1]')
    const all = (await Promise.all(actors.map(actor => actor.ask<Contents[]>({ verb: 'directory', path, target, count: 2 })))).flat()
    assert.deepEqual(all.map(each => each.path), Array(8).fill(target))
    assert.equal(new Set(all.map(each => each.digest)).size, 1)
    assert.deepEqual(all[0]!.names, ['.checkpoint.copy', ...sampleNames])
    assert.equal(await stage.gets('data/runs/1/model.bin'), 1)
    await stage.server.resetCounters()
    await Promise.all(actors.map(actor => actor.leave()))
    assert.equal(await stage.checkpoint(path).toDirectory(target), target)
    assert.equal((await stage.server.counters()).requests, 0)
    assert.deepEqual(await stage.copies(), [])
    assert.deepEqual((await readFile(join(target, 'model.bin'))), Buffer.from(sample['model.bin']!))
  }))

  it('C1: gives toDirectory() without a path one copy for all, which stays until the last that asked has ended', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    const actors = await stage.actorsOf(['process', 'process', 'process', 'process', 'process'])
    const all = (await Promise.all(actors.map(actor => actor.ask<Contents[]>({ verb: 'directory', path, count: 2 })))).flat()
    assert.equal(new Set(all.map(each => each.path)).size, 1)
    assert.equal(await stage.gets('data/runs/1/model.bin'), 1)
    for (const actor of actors) {
      assert.ok(existsSync(join(all[0]!.path, 'model.bin')))
      await actor.leave()
    }
    assert.equal(existsSync(all[0]!.path), false)
    assert.deepEqual(await stage.copies(), [])
  }))

  it('C2: is downloaded by a waiter within two seconds when the downloader is killed, and nothing unfinished stays', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    await stage.server.addFault({ match: { operation: 'GetObject', key: 'runs/1/model.bin' }, action: { type: 'stall', at: 'body', afterBytes: 100_000 } })
    const [leader, ...waiters] = await stage.actorsOf(['process', 'process', 'cluster', 'thread'])
    void leader!.open(path)
    await stage.server.reached({ operations: { GetObject: 4 } }) // the manifest, and files of which one hangs
    const waiting = Promise.all(waiters.map(waiter => waiter.open(path)))
    await leader!.kill()
    const killed = performance.now()
    const all = (await waiting).flat()
    assert.ok(performance.now() - killed < 2000, `${Math.round(performance.now() - killed)} ms`)
    assert.deepEqual(new Set(all.map(each => each.digest)).size, 1)
    assert.deepEqual(all[0]!.names, sampleNames)
    assert.equal(await stage.gets('data/runs/1/model.bin'), 2)
    await Promise.all(waiters.map(waiter => waiter.leave()))
    assert.deepEqual(await stage.copies(), [])
  }))

  it('C2: is copied to a place by a waiter when the one that did is killed, and nothing unfinished stays beside it', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    await stage.server.addFault({ match: { operation: 'GetObject', key: 'runs/1/model.bin' }, action: { type: 'stall', at: 'body', afterBytes: 100_000 } })
    const [leader, waiter] = await stage.actorsOf(['process', 'process'])
    await waiter!.open((await stage.stored('data/runs/2', { a: 'b' })).path) // it has swept: only what takes over cleans up
    await waiter!.ask({ verb: 'release' })
    await stage.server.resetCounters()
    const target = join(stage.folder, 'places/1')
    void leader!.ask({ verb: 'directory', path, target })
    await stage.server.reached({ operations: { GetObject: 4 } })
    const waiting = waiter!.ask<Contents[]>({ verb: 'directory', path, target })
    await leader!.kill()
    assert.deepEqual((await waiting)[0]!.names, ['.checkpoint.copy', ...sampleNames])
    assert.deepEqual(contentsOf(join(stage.folder, 'places')).names.filter(name => !name.startsWith('1/')), [])
    await waiter!.leave()
    assert.deepEqual(await stage.copies(), [])
  }))

  it('C2: is removed from beside its place by the next process that reads any, when the one that copied it was killed', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    const other = await stage.persisted('data/runs/2', { a: 'b' })
    await stage.server.addFault({ match: { operation: 'GetObject', key: 'runs/1/model.bin' }, action: { type: 'stall', at: 'body', afterBytes: 100_000 } })
    const [killed, next] = await stage.actorsOf(['process', 'process'])
    void killed!.ask({ verb: 'directory', path, target: join(stage.folder, 'places/1') })
    await stage.server.reached({ operations: { GetObject: 4 } })
    assert.equal((await readdir(join(stage.folder, 'places'))).length, 1)
    await killed!.kill()
    await next!.open(other.path)
    await next!.leave()
    assert.deepEqual([await readdir(join(stage.folder, 'places')), await stage.copies()], [[], []])
  }))

  it('C3: that can not be downloaded rejects for each caller, in each process, and leaves nothing', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    const actors = await stage.actorsOf(['process', 'process', 'thread'])
    await stage.server.addFault({ match: { operation: 'GetObject', key: 'runs/1/shards/1.bin', from: 1 }, action: { type: 'status', status: 403, code: 'AccessDenied' } })
    const target = join(stage.folder, 'deep/place')
    for (const more of [{ verb: 'open' }, { verb: 'directory', target }] as const) {
      const outcomes = await Promise.all(actors.map(actor => actor.ask({ path, count: 3, ...more }).then(() => 'resolved', (error: { code: string }) => error.code)))
      assert.deepEqual(outcomes, ['EACCES', 'EACCES', 'EACCES'])
    }
    assert.equal(existsSync(join(stage.folder, 'deep')), false)
    await stage.server.clearFaults()
    assert.deepEqual((await actors[0]!.open(path))[0]!.names, sampleNames)
    await Promise.all(actors.map(actor => actor.leave()))
    assert.deepEqual(await stage.copies(), [])
  }))

  it('C5: is there until the last of nested and parallel readers in one thread, two threads and two processes leaves', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    const checkpoint = stage.checkpoint(path)
    const actors = await stage.actorsOf(['process', 'process', 'thread', 'thread'])
    let seen = ''
    await checkpoint.asDirectory(async outer => {
      await Promise.all([checkpoint, stage.checkpoint(path)].map(each => each.asDirectory(async inner => { assert.equal(inner, outer) })))
      assert.ok(existsSync(join(outer, 'model.bin')))
      const others = (await Promise.all(actors.map(actor => actor.open(path)))).flat()
      assert.deepEqual(others.map(each => each.path), Array(4).fill(outer))
      seen = outer
    })
    for (const actor of actors) {
      assert.ok(existsSync(join(seen, 'model.bin')))
      await actor.ask({ verb: 'release' })
    }
    assert.equal(existsSync(seen), false)
    assert.deepEqual(await stage.copies(), [])
  }))

  it('C6: lets go of it when the callback throws, and passes the error', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    const failure = new Error('mine')
    await assert.rejects(stage.checkpoint(path).asDirectory(async () => { throw failure }), error => error === failure)
    assert.deepEqual(await stage.copies(), [])
  }))

  it('C7: goes with the next user when its reader was killed inside', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    const [killed, next] = await stage.actorsOf(['process', 'process'])
    const [first] = await killed!.open(path)
    await killed!.kill()
    assert.ok(existsSync(first!.path))
    await next!.open(path)
    assert.equal(await stage.gets('data/runs/1/model.bin'), 1)
    await next!.leave()
    assert.deepEqual(await stage.copies(), [])
  }))

  it('C7: goes with the sweep of another checkpoint\'s first reader when its reader was killed inside', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    const other = await stage.persisted('data/runs/2', { a: 'b' })
    const killed = await stage.actor()
    await killed.open(path)
    await killed.kill()
    assert.equal((await stage.copies()).length, 1)
    const next = await stage.actor()
    await next.open(other.path)
    await next.leave()
    assert.deepEqual(await stage.copies(), [])
  }))

  // A few kills. `npm run kill -- --systems checkpoint --kills 1000` has the thousand.
  it('C7: keeps every file for live readers while others come, leave and are killed at random', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    const steady = await stage.actor()
    const [own] = await steady.open(path)
    let kills = 0
    const round = async (): Promise<void> => {
      for (let n = 0; n < 6; n++) {
        const actor = await stage.actor()
        const work = actor.open(path)
        if ((n + kills) % 3 === 0) {
          assert.equal((await work)[0]!.digest, own!.digest)
          await actor.leave()
        } else {
          kills++
          void actor.open(path)
          await new Promise(resolve => { setTimeout(resolve, (kills * 7) % 40) }) // a random moment of its life
          await actor.kill()
        }
        assert.deepEqual(await steady.ask({ verb: 'check' }), [own!.digest])
      }
    }
    await Promise.all([round(), round()])
    await steady.leave()
    assert.deepEqual(await stage.copies(), [])
  }))

  it('C7: goes with the next process when its reader left by process.exit()', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    const [leaving, next] = await stage.actorsOf(['process', 'process'])
    await leaving!.open(path)
    void leaving!.ask({ verb: 'exit' })
    await leaving!.exited
    await next!.open(path)
    assert.equal(await stage.gets('data/runs/1/model.bin'), 1)
    await next!.leave()
    assert.deepEqual(await stage.copies(), [])
  }))

  it('C10: is downloaded once for each of two users of one machine', async function () {
    if (!canBeAnotherUser) this.skip()
    await onStage(async stage => {
      const { path } = await stage.persisted('data/runs/1')
      await chmod(stage.folder, 0o755)
      await chmod(process.env.FORKFS_TMPDIR!, 0o1777)
      let other: Actor
      try {
        other = await stage.actor('process', { via: ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] })
      } catch {
        this.skip() // it may not read the code
      }
      const [theirs, mine] = await Promise.all([other.open(path), stage.checkpoint(path).asDirectory(async folder => contentsOf(folder))])
      assert.deepEqual([theirs[0]!.digest, theirs[0]!.path === mine.path], [mine.digest, false])
      assert.equal(await stage.gets('data/runs/1/model.bin'), 2)
      await other.leave()
    })
  })

  it('C14: is not downloaded by another while the downloader\'s event loop is blocked', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    await stage.server.addFault({ match: { operation: 'GetObject', key: 'runs/1/model.bin' }, action: { type: 'stall', at: 'headers', ms: 500 } })
    const [leader, waiter] = await stage.actorsOf(['process', 'process'])
    const leading = leader!.open(path)
    await stage.server.reached({ operations: { GetObject: 4 } })
    const blocked = leader!.ask({ verb: 'block', ms: 3000 })
    await assert.rejects(waiter!.open(path, { options: { timeoutMs: 1000 } }), { code: 'FORKFS_LOCK_TIMEOUT' })
    await blocked
    await Promise.all([leading, waiter!.open(path)])
    assert.equal(await stage.gets('data/runs/1/model.bin'), 1)
  }))

  it('C15: is downloaded by one of the workers of a cluster', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    const actors = await stage.actorsOf(['cluster', 'cluster', 'cluster'])
    await Promise.all(actors.map(actor => actor.open(path)))
    assert.equal(await stage.gets('data/runs/1/model.bin'), 1)
  }))

  it('C16: is waited for as long as signal and timeoutMs allow, and the download goes on for those who stay', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    await stage.server.addFault({ match: { operation: 'GetObject', key: 'runs/1/model.bin' }, action: { type: 'stall', at: 'headers', ms: 1500 } })
    const leader = await stage.actor()
    const leading = leader.open(path)
    await stage.server.reached({ operations: { GetObject: 4 } })
    const reason = new Error('enough')
    const controller = new AbortController()
    const staying = stage.checkpoint(path).asDirectory()
    const leaving = stage.checkpoint(path).asDirectory({ signal: controller.signal })
    controller.abort(reason)
    await assert.rejects(leaving, error => error === reason)
    await assert.rejects(stage.checkpoint(path).asDirectory({ timeoutMs: 50 }), { code: 'FORKFS_LOCK_TIMEOUT' })
    await assert.rejects(stage.checkpoint(path).toDirectory(join(stage.folder, 'x'), { timeoutMs: -1 }), RangeError)
    await leading
    await (await staying).release()
    assert.equal(await stage.gets('data/runs/1/model.bin'), 1)
  }))

  it('C16: is waited for ten minutes where nothing else is asked for', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    await stage.server.addFault({ match: { operation: 'GetObject', key: 'runs/1/model.bin' }, action: { type: 'stall', at: 'headers' } })
    const leader = await stage.actor()
    void leader.open(path).catch(() => {})
    await stage.server.reached({ operations: { GetObject: 4 } })
    await inHaste(600_000, () => assert.rejects(stage.checkpoint(path).asDirectory(), code('FORKFS_LOCK_TIMEOUT')))
    assert.equal(await stage.gets('data/runs/1/model.bin'), 1)
  }))

  it('C16: ends the download when the only caller aborts, with its reason, and leaves nothing', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    await stage.server.addFault({ match: { operation: 'GetObject', key: 'runs/1/model.bin' }, action: { type: 'stall', at: 'body', afterBytes: 1000 } })
    const controller = new AbortController()
    const reason = new Error('enough')
    const reading = stage.checkpoint(path).asDirectory({ signal: controller.signal })
    await stage.server.reached({ operations: { GetObject: 4 } })
    controller.abort(reason)
    await assert.rejects(reading, error => error === reason)
    assert.deepEqual(await stage.copies(), [])
    assert.equal((await stage.server.counters()).inFlight.now, 0)
  }))

  it('C18: is no deadlock for one owner that uses it, and its metadata, inside of its own use', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    const checkpoint = stage.checkpoint(path)
    await checkpoint.asDirectory(() => checkpoint.asDirectory(async () => {
      await Promise.all([checkpoint.updateMetadata({ a: 1 }), checkpoint.updateMetadata({ b: 2 })])
      await checkpoint.toDirectory(join(stage.folder, 'place'))
    }))
    assert.deepEqual(await checkpoint.getMetadata(), { a: 1, b: 2 })
  }))

  it('rejects what is under way at a reset with FORKFS_RESET, and works for the new owner', () => onStage(async stage => {
    const { path } = await stage.persisted('data/runs/1')
    await stage.server.addFault({ match: { operation: 'GetObject', key: 'runs/1/model.bin' }, action: { type: 'stall', at: 'body', afterBytes: 1000 } })
    const actor = await stage.actor()
    const reading = actor.open(path).then(() => undefined, (error: unknown) => error)
    await stage.server.reached({ operations: { GetObject: 4 } })
    await actor.ask({ verb: 'reset' })
    assert.equal((await reading as { code?: string }).code, 'FORKFS_RESET')
    assert.deepEqual((await actor.open(path))[0]!.names, sampleNames)
    await actor.leave()
    assert.equal(isFsError(await reading), false) // it came over a channel
  }))
})
