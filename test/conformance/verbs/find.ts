import assert from 'node:assert/strict'
import type { Suite } from '../suite.js'

const tree = { 'f/a': '1', 'f/b/c': '22', 'f/b/d/e': '333', 'f.txt': '4444', 'ff/g': '' }

export function find (suite: Suite): void {
  suite.family('find(), du()', suite => {
    suite.it('gives the sorted names of all files below, component-wise', async ({ fs, at, seed, under }) => {
      await seed(tree)
      assert.deepEqual((await fs.find(at('f'))).map(under), ['f/a', 'f/b/c', 'f/b/d/e'])
      assert.deepEqual((await fs.find(at('f/'))).map(under), ['f/a', 'f/b/c', 'f/b/d/e'])
    })

    suite.it('gives directories and the path itself with `withDirectories`', async ({ fs, at, seed, under }) => {
      await seed(tree)
      assert.deepEqual((await fs.find(at('f'), { withDirectories: true })).map(under), ['f', 'f/a', 'f/b', 'f/b/c', 'f/b/d', 'f/b/d/e'])
    })

    suite.it('gives infos with `detail`, in the same order', async ({ fs, at, seed, under, options }) => {
      const size = (bytes: number): number => options.indexPages === true ? 0 : bytes
      await seed(tree)
      const found = await fs.find(at('f'), { detail: true, withDirectories: true })
      assert.deepEqual([...found].map(([name, info]) => [under(name), info.name === name, info.type, info.type === 'file' && options.indexPages === true ? 0 : info.size]), [
        ['f', true, 'directory', undefined], ['f/a', true, 'file', size(1)], ['f/b', true, 'directory', undefined], ['f/b/c', true, 'file', size(2)], ['f/b/d', true, 'directory', undefined], ['f/b/d/e', true, 'file', size(3)]
      ])
    })

    suite.it('stops at `maxDepth` levels', async ({ fs, at, seed, under }) => {
      await seed(tree)
      assert.deepEqual((await fs.find(at('f'), { maxDepth: 1 })).map(under), ['f/a'])
      assert.deepEqual((await fs.find(at('f'), { maxDepth: 2, withDirectories: true })).map(under), ['f', 'f/a', 'f/b', 'f/b/c', 'f/b/d'])
      await assert.rejects(fs.find(at('f'), { maxDepth: 0 }), { name: 'RangeError' })
    })

    suite.it('gives a file itself, and nothing where nothing is', async ({ fs, at, seed, under }) => {
      await seed(tree)
      assert.deepEqual((await fs.find(at('f/a'))).map(under), ['f/a'])
      assert.deepEqual(await fs.find(at('gone')), [])
      assert.deepEqual(await fs.find(at('f/b/')).then(names => names.map(under)), ['f/b/c', 'f/b/d/e'])
    })

    suite.it('du() adds up the sizes of files', async ({ fs, at, seed }) => {
      await seed(tree)
      assert.equal(await fs.du(at('f')), 6)
      assert.equal(await fs.du(at('f'), { maxDepth: 2 }), 3)
      assert.equal(await fs.du(at('f.txt')), 4)
      assert.equal(await fs.du(at('gone')), 0)
    })
  })
}
