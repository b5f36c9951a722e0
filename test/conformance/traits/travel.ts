import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import type { FileSystem } from '../../../lib/index.js'
import type { Suite } from '../suite.js'
import { possible } from './calls.js'

/** Enumerable properties of its own, symbols too: what structured clone and spreading would take along. */
function visible (value: object): PropertyKey[] {
  return Reflect.ownKeys(value).filter(key => Object.getOwnPropertyDescriptor(value, key)?.enumerable === true)
}

function everythingShown (fs: FileSystem, path: string): string {
  return [JSON.stringify(fs), JSON.stringify(structuredClone(fs)), inspect(fs, { depth: Infinity, showHidden: true }), fs.token, fs.url(path)].join('\n')
}

export function travel (suite: Suite): void {
  suite.family('an instance on its way', suite => {
    suite.here('has $forkfs as its only enumerable property, before and after every verb', async ({ fs, at, seed }) => {
      assert.deepEqual(visible(fs), ['$forkfs'])
      for (const { name, call } of possible(fs)) {
        await seed({ [`${name}/file`]: 'text' })
        await call(fs, at(`${name}/file`), at(`${name}/fresh`), {})
        assert.deepEqual(visible(fs), ['$forkfs'], name)
      }
      for (const name of Reflect.ownKeys(fs)) assert.equal(name, '$forkfs')
    })

    suite.here('is the same descriptor by structuredClone(), JSON and toJSON()', async ({ fs }) => {
      const { $forkfs } = fs
      assert.equal($forkfs.v, 1)
      assert.equal($forkfs.type, fs.protocol)
      assert.deepEqual(structuredClone(fs), { $forkfs })
      assert.deepEqual(JSON.parse(JSON.stringify(fs)), { $forkfs: JSON.parse(JSON.stringify($forkfs)) as unknown })
      assert.deepEqual(fs.toJSON('key'), { $forkfs })
      await Promise.resolve()
    })

    suite.here('shows no secret, in errors neither', async ({ fs, at, seed, options }) => {
      await seed({ other: '' })
      const error = await fs.info(at('gone')).then(() => undefined, (thrown: unknown) => thrown)
      const shown = everythingShown(fs, at('gone')) + inspect(error, { depth: Infinity, showHidden: true })
      for (const secret of options.secrets ?? []) assert.equal(shown.includes(secret), false)
    })

    suite.here('has a token that is the same for each look', async ({ fs }) => {
      assert.equal(fs.token, fs.token)
      assert.match(fs.token, /^[0-9a-f]{8,}$/)
      await Promise.resolve()
    })
  })

  suite.family('errors', suite => {
    suite.it('name the condition, the verb, the path and the protocol', async ({ fs, at, seed }) => {
      await seed({ other: '' })
      const path = at('gone/for good')
      for (const [operation, call] of [['info', () => fs.info(path)], ['catFile', () => fs.catFile(path)], ['ls', () => fs.ls(path)], ['catFile', () => fs.catFile(path, { start: 1, end: 3 })]] as const) {
        await assert.rejects(call(), { name: 'FsError', code: 'ENOENT', operation, path: fs.normalize(path), protocol: fs.protocol, retry: 'never' }, operation)
      }
    })
  })
}
