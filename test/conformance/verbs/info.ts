import assert from 'node:assert/strict'
import type { Suite } from '../suite.js'

const absent = ['ENOENT', 'ENOTDIR']

export function info (suite: Suite): void {
  suite.family('info(), exists(), isFile(), isDirectory(), size()', suite => {
    suite.it('tells name, size, type, version and time of a file', async ({ fs, at, seed }) => {
      await seed({ 'a/file.txt': 'twelve bytes' })
      const { name, size, type, modified, etag } = await fs.info(at('a/file.txt'))
      assert.deepEqual({ name, size, type }, { name: fs.normalize(at('a/file.txt')), size: 12, type: 'file' })
      if (modified !== undefined) assert.ok(modified instanceof Date && !Number.isNaN(modified.getTime()))
      if (etag !== undefined) assert.ok(typeof etag === 'string' && etag !== '')
    }, { needs: ['read'] })

    suite.it('tells size 0 of an empty file', async ({ fs, at, seed }) => {
      await seed({ empty: '' })
      assert.equal((await fs.info(at('empty'))).size, 0)
      assert.equal(await fs.size(at('empty')), 0)
    })

    suite.it('tells a directory by the files below it, without a size, and takes a closing slash', async ({ fs, at, seed }) => {
      await seed({ 'a/b/file': '' })
      for (const name of ['a', 'a/', 'a/b', 'a/b/']) {
        const found = await fs.info(at(name))
        assert.deepEqual([found.type, found.name, found.size], ['directory', fs.normalize(at(name)), undefined], name)
      }
    })

    suite.it('rejects with ENOENT when nothing is there', async ({ fs, at, seed }) => {
      await seed({ file: '' })
      for (const verb of ['info', 'size'] as const) await assert.rejects(fs[verb](at('gone')), { code: 'ENOENT' }, verb)
      await assert.rejects(fs.info(at('file/below')), (error: { code?: string }) => absent.includes(String(error.code)))
    })

    suite.it('does not take a sibling with the same beginning for the path', async ({ fs, at, seed }) => {
      await seed({ 'abc/file': '', 'ab.txt': '' })
      await assert.rejects(fs.info(at('ab')), { code: 'ENOENT' })
      await assert.rejects(fs.info(at('a')), { code: 'ENOENT' })
      assert.equal(await fs.exists(at('ab')), false)
      assert.equal(await fs.isDirectory(at('ab')), false)
    })

    suite.it('answers yes and no for files, directories and what is missing', async ({ fs, at, seed }) => {
      await seed({ 'dir/file': 'x' })
      const answers = async (name: string): Promise<boolean[]> => Promise.all([fs.exists(at(name)), fs.isFile(at(name)), fs.isDirectory(at(name))])
      assert.deepEqual(await answers('dir/file'), [true, true, false])
      assert.deepEqual(await answers('dir'), [true, false, true])
      assert.deepEqual(await answers('gone'), [false, false, false])
      assert.deepEqual(await answers('dir/file/below'), [false, false, false])
    })

    suite.it('tells the same path by its URL', async ({ fs, at, seed }) => {
      await seed({ 'dir/file': 'x' })
      assert.equal((await fs.info(fs.url(at('dir/file')))).name, (await fs.info(at('dir/file'))).name)
    })

    suite.it('rejects with a TypeError when the path is no string', async ({ fs }) => {
      for (const path of [undefined, null, 7, {}]) await assert.rejects(fs.info(path as unknown as string), { name: 'TypeError' })
    })
  })
}
