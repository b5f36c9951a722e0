import assert from 'node:assert/strict'
import { resetForFork } from '../../../lib/index.js'
import type { Suite } from '../suite.js'
import { possible } from './calls.js'

export function foreign (suite: Suite): void {
  suite.family('resetForFork()', suite => {
    suite.here('leaves every verb of an instance that is held working, for the new owner', async ({ fs, at, seed }) => {
      for (const { name, call } of possible(fs)) {
        await seed({ [`${name}/file`]: 'text' })
        const { epoch } = resetForFork()
        await call(fs, at(`${name}/file`), at(`${name}/fresh`), {})
        assert.equal(fs.owner.epoch, epoch)
      }
    })

    suite.here('ends what is pending with FORKFS_RESET, and the next call works', async ({ fs, at, seed, text }) => {
      await seed({ file: 'text' })
      const pending = [fs.catFile(at('file')), fs.info(at('file')), fs.ls(at('')), fs.find(at(''))]
      resetForFork()
      for (const [index, result] of (await Promise.allSettled(pending)).entries()) {
        assert.equal(result.status === 'rejected' ? (result.reason as { code?: string }).code : 'fulfilled', 'FORKFS_RESET', `call ${index}`)
      }
      assert.equal(await text('file'), 'text')
    })

    suite.here('ends open handles and iterators for ever', async ({ fs, at, seed }) => {
      await seed({ 'd/a': 'text', 'd/b': 'text', 'd/c/d': 'text' })
      const file = await fs.open(at('d/a'))
      const iterators = [fs.list(at('d'))[Symbol.asyncIterator](), fs.walk(at('d'))[Symbol.asyncIterator]()]
      for (const iterator of iterators) await iterator.next()
      resetForFork()
      for (let time = 0; time < 2; time++) {
        await assert.rejects(file.readRange(0, 2), { code: 'FORKFS_RESET' })
        await assert.rejects(file.read(new Uint8Array(1)), { code: 'FORKFS_RESET' })
      }
      await file.close().catch(() => {})
      for (const iterator of iterators) await assert.rejects(iterator.next(), { code: 'FORKFS_RESET' })
      await fs.withFile(at('d/a'), 'r', async again => { assert.equal((await again.readRange(0, 4)).length, 4) })
    })

    suite.here('ends an open write: nothing of it is ever seen', async ({ fs, at, seed, text, files }) => {
      await seed({ 'd/old': 'old' })
      const file = await fs.open(at('d/old'), 'w')
      await file.write('half')
      resetForFork()
      await assert.rejects(file.write('more'), { code: 'FORKFS_RESET' })
      await assert.rejects(file.close(), { code: 'FORKFS_RESET' })
      assert.deepEqual([await text('d/old'), await files()], ['old', ['d/old']])
    }, { needs: ['write'] })

    suite.once('is refused by every verb with FORKFS_FOREIGN_OWNER under `onForeignOwner: \'throw\'`, with nothing sent', async context => {
      const { fs, at } = await context.another({ onForeignOwner: 'throw' })
      resetForFork()
      const before = fs.stats.requests
      for (const { name, call } of possible(fs)) await assert.rejects(call(fs, at('file'), at('fresh'), {}), { code: 'FORKFS_FOREIGN_OWNER' }, name)
      assert.equal(fs.stats.requests, before)
    })
  })

  suite.family('reset()', suite => {
    suite.here('does the same to one instance: pending calls and handles end, the next call works', async ({ fs, at, seed, text }) => {
      await seed({ file: 'text' })
      const file = await fs.open(at('file'))
      const pending = fs.catFile(at('file'))
      fs.reset()
      await assert.rejects(pending, { code: 'FORKFS_RESET' })
      await assert.rejects(file.readRange(0, 1), { code: 'FORKFS_RESET' })
      await file.close().catch(() => {})
      assert.equal(await text('file'), 'text')
    })
  })
}
