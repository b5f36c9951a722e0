import assert from 'node:assert/strict'
import { Mapper, revive } from '../../../lib/index.js'
import { bytesOf, textOf } from '../bytes.js'
import type { Suite } from '../suite.js'

function shown (data: Uint8Array | undefined): string | undefined { return data === undefined ? undefined : textOf(data) }

async function collect (keys: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = []
  for await (const key of keys) found.push(key)
  return found.sort()
}

export function mapper (suite: Suite): void {
  suite.family('Mapper', suite => {
    suite.here('get(), getRange(), getMany(), has() give what is there, and undefined or nothing for what is not', async ({ fs, at, seed, options }) => {
      await seed({ 'm/a': '0123456789', 'm/b/c': 'c', 'mm/x': '' })
      const map = new Mapper(fs, at('m'))
      assert.deepEqual([shown(await map.get('a')), shown(await map.get('/b/c')), await map.get('gone')], ['0123456789', 'c', undefined])
      if (options.indexPages !== true) assert.equal(await map.get('b'), undefined)
      assert.equal(shown(await map.getRange('a', { offset: 2, length: 3 })), '234')
      assert.equal(shown(await map.getRange('a', { offset: 8, length: 10 })), '89')
      assert.equal(shown(await map.getRange('a', { suffixLength: 4 })), '6789')
      assert.equal(shown(await map.getRange('a', { suffixLength: 40 })), '0123456789')
      assert.equal(shown(await map.getRange('a', { suffixLength: 0 })), '')
      assert.equal(await map.getRange('gone', { offset: 0, length: 1 }), undefined)
      assert.deepEqual([...await map.getMany(['a', 'gone', 'b/c'])].map(([key, data]) => [key, textOf(data)]).sort(), [['a', '0123456789'], ['b/c', 'c']])
      assert.deepEqual([await map.has('a'), await map.has('b'), await map.has('gone')], [true, false, false])
      assert.deepEqual(await collect(map.keys()), ['a', 'b/c'])
      assert.deepEqual(await collect(new Mapper(fs, at('nowhere')).keys()), [])
    })

    suite.here('set(), setMany(), delete() write and remove', async ({ fs, at, seed, files }) => {
      await seed({ other: '' })
      const map = new Mapper(fs, at('m'))
      await map.set('x/y', bytesOf('1'))
      await map.setMany(new Map([['z', bytesOf('2')], ['x/w', bytesOf('3')]]))
      assert.deepEqual(await files('m'), ['x/w', 'x/y', 'z'])
      assert.equal(shown(await map.get('x/w')), '3')
      assert.deepEqual([await map.delete('z'), await map.delete('z'), await map.delete('x')], [true, false, false])
      assert.deepEqual(await collect(map.keys()), ['x/w', 'x/y'])
    }, { needs: ['write'] })

    suite.here('travels as its descriptor alone', async ({ fs, at, seed }) => {
      await seed({ 'm/a': 'text' })
      const map = new Mapper(fs, at('m'))
      assert.deepEqual(Object.keys(map), ['$forkfs'])
      assert.deepEqual(structuredClone(map), { $forkfs: map.$forkfs })
      if (suite.options.harnesses?.includes('revived') === false) return
      assert.equal(shown(await (revive(structuredClone(map)) as Mapper).get('a')), 'text')
    })
  })
}
