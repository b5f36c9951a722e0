import assert from 'node:assert/strict'
import type { Suite } from '../suite.js'

const tree = { a: '', 'a.b': '', 'd/x': '', 'd/y': '', 'd/e/z': '', dd: '', 'd.txt': '' }

export function remove (suite: Suite): void {
  suite.family('rm()', suite => {
    suite.it('removes a file and nothing else', async ({ fs, at, seed, files }) => {
      await seed(tree)
      await fs.rm(at('a'))
      await fs.rm(at('d/e/z'))
      assert.deepEqual(await files(), ['a.b', 'd.txt', 'd/x', 'd/y', 'dd'])
      assert.equal(await fs.exists(at('a')), false)
    })

    suite.it('removes a directory with all that is below it, not its siblings', async ({ fs, at, seed, files }) => {
      await seed(tree)
      await fs.rm(at('d'), { recursive: true })
      assert.deepEqual(await files(), ['a', 'a.b', 'd.txt', 'dd'])
      assert.equal(await fs.exists(at('d')), false)
      await fs.rm(at('a'), { recursive: true })
      assert.deepEqual(await files(), ['a.b', 'd.txt', 'dd'])
    })

    suite.it('removes what a list or a pattern names; ENOENT where nothing matches', async ({ fs, at, patternAt, seed, files, options }) => {
      await seed(tree)
      await fs.rm([at('a'), at('d/x')])
      await fs.rm(patternAt(options.urls === true ? 'd[dx]' : 'd?'))
      await assert.rejects(fs.rm(patternAt('*.gone')), { code: 'ENOENT' })
      await fs.rm([at('d.txt'), patternAt('*.gone')])
      assert.deepEqual(await files(), ['a.b', 'd/e/z', 'd/y'])
    })

    suite.it('rejects and removes nothing: EISDIR for a directory without `recursive`, ENOENT for what is missing', async ({ fs, at, seed, files }) => {
      await seed(tree)
      await assert.rejects(fs.rm(at('d')), { code: 'EISDIR' })
      await assert.rejects(fs.rm(at('gone')), { code: 'ENOENT' })
      await assert.rejects(fs.rm(at('gone'), { recursive: true }), { code: 'ENOENT' })
      await assert.rejects(fs.rm([at('a'), at('gone')], { recursive: true }), { code: 'ENOENT' })
      await assert.rejects(fs.rm(at('d'), { recursive: true, maxDepth: 0 }), { name: 'RangeError' })
      assert.deepEqual(await files(), Object.keys(tree).sort())
    })

    suite.it('stops at `maxDepth` levels', async ({ fs, at, seed, files }) => {
      await seed(tree)
      await fs.rm(at('d'), { recursive: true, maxDepth: 1 })
      assert.deepEqual(await files('d'), ['e/z'])
    })

    suite.it('removes names that look like patterns when they are below a directory', async ({ fs, at, seed, files }) => {
      await seed({ 'd/[x]': '', 'd/*': '', 'd/x': '', x: '' })
      await fs.rm(at('d'), { recursive: true })
      assert.deepEqual(await files(), ['x'])
    })
  }, { needs: ['write'] })

  suite.family('mkdir(), makedirs(), rmdir()', suite => {
    suite.it('mkdir() makes a directory with its parents, one at a time on request', async ({ fs, at }) => {
      await fs.mkdir(at('one/two'))
      assert.deepEqual([await fs.isDirectory(at('one')), await fs.isDirectory(at('one/two'))], [true, true])
      await assert.rejects(fs.mkdir(at('one/two')), { code: 'EEXIST' })
      await assert.rejects(fs.mkdir(at('gone/three'), { createParents: false }), { code: 'ENOENT' })
      assert.equal(await fs.exists(at('gone')), false)
      await fs.mkdir(at('one/three'), { createParents: false })
      assert.deepEqual((await fs.ls(at('one'))).map(({ type }) => type), ['directory', 'directory'])
    })

    suite.it('makedirs() rejects with EEXIST when it is there, unless `existOk`', async ({ fs, at, seed }) => {
      await fs.makedirs(at('a/b/c'))
      await assert.rejects(fs.makedirs(at('a/b/c')), { code: 'EEXIST' })
      await fs.makedirs(at('a/b/c'), { existOk: true })
      await seed({ 'a/file': 'x' })
      await assert.rejects(fs.mkdir(at('a/file')), { code: 'EEXIST' })
      assert.equal(await fs.isFile(at('a/file')), true)
    })

    suite.it('rmdir() removes an empty directory only', async ({ fs, at, seed, text }) => {
      await seed({ 'full/file': 'kept' })
      await fs.makedirs(at('empty'))
      await fs.rmdir(at('empty'))
      assert.equal(await fs.exists(at('empty')), false)
      await assert.rejects(fs.rmdir(at('full')), { code: 'ENOTEMPTY' })
      await assert.rejects(fs.rmdir(at('gone')), { code: 'ENOENT' })
      await assert.rejects(fs.rmdir(at('full/file')), { code: 'ENOTDIR' })
      assert.equal(await text('full/file'), 'kept')
    })

    suite.it('a directory stays when its last file goes, and rm() takes empty ones', async ({ fs, at, seed }) => {
      await seed({ 'd/file': 'x' })
      await fs.rm(at('d/file'))
      assert.equal(await fs.isDirectory(at('d')), true)
      await fs.makedirs(at('d/e/f'))
      await fs.rm(at('d'), { recursive: true })
      assert.equal(await fs.exists(at('d')), false)
    })
  }, { needs: ['write', 'emptyDirectories'] })
}
