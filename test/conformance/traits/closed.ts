import assert from 'node:assert/strict'
import { pattern } from '../bytes.js'
import type { Suite } from '../suite.js'
import { possible } from './calls.js'

export function closed (suite: Suite): void {
  suite.family('close()', suite => {
    suite.here('may be called twice, at once, and before the first use', async ({ fs, at, seed, text }) => {
      await fs.close()
      await Promise.all([fs.close(), fs.close()])
      await seed({ file: 'text' })
      assert.equal(await text('file'), 'text')
      await fs.close()
      await fs.close()
      assert.equal(await fs.exists(at('file')), true)
    })

    suite.here('lets every verb open anew afterwards', async ({ fs, at, seed }) => {
      for (const { name, call } of possible(fs)) {
        await seed({ [`${name}/file`]: 'text' })
        await fs.close()
        await call(fs, at(`${name}/file`), at(`${name}/fresh`), {})
      }
    })

    suite.here('waits for work that was begun before it', async ({ fs, at, seed }) => {
      await seed({ file: pattern(100_000) })
      const order: string[] = []
      const reading = Promise.all([1, 2, 3].map(() => fs.catFile(at('file')).then(data => { order.push(`read ${data.length}`) })))
      await fs.close().then(() => { order.push('closed') })
      await reading
      assert.deepEqual(order, ['read 100000', 'read 100000', 'read 100000', 'closed'])
    })

    suite.here('leaves an open handle usable', async ({ fs, at, seed }) => {
      await seed({ file: '0123456789' })
      await fs.withFile(at('file'), 'r', async file => {
        await fs.close()
        assert.equal(new TextDecoder().decode(await file.readRange(2, 5)), '234')
      })
    })

    suite.here('is not what `await using` does to a cached instance, which goes on', async ({ fs, at, seed }) => {
      await seed({ file: 'text' })
      await fs[Symbol.asyncDispose]()
      assert.equal(await fs.exists(at('file')), true)
    })
  })
}
