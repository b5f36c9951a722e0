import assert from 'node:assert/strict'
import { gate } from '../gate.js'
import type { Suite } from '../suite.js'

export function transaction (suite: Suite): void {
  suite.family('transaction()', suite => {
    suite.here('publishes what fn wrote when it returns, and gives its result', async ({ fs, at, seed, text, files }) => {
      await seed({ old: 'old' })
      const result = await fs.transaction(async () => {
        await fs.pipeFile(at('old'), 'new')
        await fs.withFile(at('opened'), 'w', async file => { await file.write('opened') })
        assert.deepEqual([await text('old'), await files()], ['old', ['old']])
        return 'done'
      })
      assert.equal(result, 'done')
      assert.deepEqual([await text('old'), await text('opened')], ['new', 'opened'])
    })

    suite.here('drops everything when fn throws', async ({ fs, at, seed, text, files }) => {
      await seed({ old: 'old' })
      const thrown = new Error('thrown by fn')
      await assert.rejects(fs.transaction(async () => {
        await fs.pipeFile(at('old'), 'new')
        await fs.pipeFile(at('fresh'), 'fresh')
        throw thrown
      }), error => error === thrown)
      assert.deepEqual([await text('old'), await files()], ['old', ['old']])
      await fs.pipeFile(at('after'), 'at once')
      assert.equal(await text('after'), 'at once')
    })

    suite.here('does not touch what others write on the same instance meanwhile', async ({ fs, at, seed, text }) => {
      await seed({ other: '' })
      const [inside, left] = [gate(), gate()]
      const open = fs.transaction(async () => {
        await fs.pipeFile(at('mine'), 'mine')
        inside.open()
        await left.opened
      })
      await inside.opened
      await fs.pipeFile(at('theirs'), 'theirs')
      assert.deepEqual([await text('mine'), await text('theirs')], [undefined, 'theirs'])
      left.open()
      await open
      assert.equal(await text('mine'), 'mine')
    })

    suite.here('tells what stands when a write can not be published, drops the rest, and leaves the instance as it was', async ({ fs, at, seed, text, files }) => {
      await seed({ other: '' })
      const [inside, left] = [gate(), gate()]
      const open = fs.transaction(async () => {
        await fs.pipeFile(at('first'), 'first')
        await fs.pipeFile(at('second'), 'mine', { flag: 'wx' })
        await fs.pipeFile(at('third'), 'third')
        inside.open()
        await left.opened
      })
      await inside.opened
      await fs.pipeFile(at('second'), 'theirs')
      left.open()
      await assert.rejects(open, (error: { code?: string, published?: unknown, cause?: { code?: string } }) => {
        assert.deepEqual([error.code, error.cause?.code, error.published], ['FORKFS_UPLOAD_FAILED', 'EEXIST', [fs.normalize(at('first'))]])
        return true
      })
      assert.deepEqual([await text('second'), await files()], ['theirs', ['first', 'other', 'second']])
      await fs.pipeFile(at('after'), 'at once')
      assert.equal(await text('after'), 'at once')
    }, { needs: ['exclusiveCreate'] })
  }, { needs: ['write'] })
}
