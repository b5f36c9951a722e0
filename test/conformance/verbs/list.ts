import assert from 'node:assert/strict'
import type { FileInfo } from '../../../lib/index.js'
import type { Suite } from '../suite.js'
import type { Context } from '../types.js'

const tree = { 'dir/a': '1', 'dir/a.b': '22', 'dir/sub/x': '333', 'dir/sub/deep/y': '4444', 'dir.txt': '', 'dirs/z': '' }

function named ({ under }: Context, entries: readonly FileInfo[]): string[] {
  return entries.map(({ name, type }) => `${type[0]} ${under(name)}`).sort()
}

async function collect (iterable: AsyncIterable<FileInfo>): Promise<FileInfo[]> {
  const entries: FileInfo[] = []
  for await (const entry of iterable) entries.push(entry)
  return entries
}

export function list (suite: Suite): void {
  suite.family('ls(), list()', suite => {
    suite.it('gives what lies directly in a directory, each once, and nothing of its siblings', async context => {
      const { fs, at, seed } = context
      await seed(tree)
      const expected = ['d dir/sub', 'f dir/a', 'f dir/a.b']
      for (const path of ['dir', 'dir/']) {
        assert.deepEqual(named(context, await fs.ls(at(path))), expected)
        assert.deepEqual(named(context, await collect(fs.list(at(path)))), expected)
      }
    })

    suite.it('gives the same infos as info()', async ({ fs, at, seed, options }) => {
      await seed(tree)
      for (const entry of await fs.ls(at('dir'))) {
        const { name, size, type, etag } = await fs.info(entry.name)
        assert.deepEqual({ name: entry.name, type: entry.type }, { name, type })
        assert.equal(entry.size, type === 'directory' || options.indexPages === true ? undefined : size)
        if (entry.etag !== undefined) assert.equal(entry.etag, etag)
      }
    })

    suite.it('gives every file below with `recursive`', async context => {
      const { fs, at, seed } = context
      await seed(tree)
      const found = named(context, await collect(fs.list(at('dir'), { recursive: true })))
      assert.deepEqual(found.filter(entry => entry.startsWith('f')), ['f dir/a', 'f dir/a.b', 'f dir/sub/deep/y', 'f dir/sub/x'])
      assert.deepEqual(found.filter(entry => entry.startsWith('d')).filter(entry => !['d dir/sub', 'd dir/sub/deep'].includes(entry)), [])
    })

    suite.it('gives a file itself', async context => {
      const { fs, at, seed } = context
      await seed(tree)
      assert.deepEqual(named(context, await fs.ls(at('dir/a'))), ['f dir/a'])
      assert.deepEqual(named(context, await collect(fs.list(at('dir/a'), { recursive: true }))), ['f dir/a'])
    })

    suite.it('rejects with ENOENT when nothing is there', async ({ fs, at, seed }) => {
      await seed(tree)
      for (const name of ['gone', 'di', 'dir/su']) {
        await assert.rejects(fs.ls(at(name)), { code: 'ENOENT' }, name)
        await assert.rejects(collect(fs.list(at(name), { recursive: true })), { code: 'ENOENT' }, name)
      }
    })

    suite.it('gives an empty list for an empty directory', async ({ fs, at }) => {
      await fs.makedirs(at('empty/here'))
      assert.deepEqual(await fs.ls(at('empty/here')), [])
      assert.deepEqual((await fs.ls(at('empty'))).map(({ type }) => type), ['directory'])
    }, { needs: ['write', 'emptyDirectories'] })

    suite.it('keeps a, a.b and a/b apart', async context => {
      const { fs, at, seed } = context
      await seed({ 'a/b': '1', 'a.b': '2', 'a!': '3', a0: '4' })
      assert.deepEqual(named(context, await fs.ls(at(''))), ['d a', 'f a!', 'f a.b', 'f a0'])
      assert.deepEqual(named(context, await fs.ls(at('a'))), ['f a/b'])
    })

    suite.it('sees its own writes and deletes at once', async context => {
      const { fs, at, seed } = context
      await seed({ 'dir/a': '', 'dir/b': '' })
      assert.deepEqual(named(context, await fs.ls(at('dir'))), ['f dir/a', 'f dir/b'])
      await fs.pipeFile(at('dir/c'), 'new')
      await fs.rm(at('dir/a'))
      assert.deepEqual(named(context, await fs.ls(at('dir'))), ['f dir/b', 'f dir/c'])
    }, { needs: ['write'] })

    suite.here('lets go of a listing that is left early', async ({ fs, at, seed }) => {
      await seed(tree)
      for await (const entry of fs.list(at('dir'), { recursive: true })) { assert.ok(entry.name); break }
      await fs.close()
    })

    suite.once('gives 1,001 entries each once, in ls(), list(), find() and below a prefix', async ({ fs, at, patternAt, seed, under }) => {
      const names = Array.from({ length: 1001 }, (_, index) => `many/file-${String(index).padStart(4, '0')}`)
      await seed(Object.fromEntries(names.map(name => [name, name])))
      const flat = async (entries: Promise<readonly FileInfo[]>): Promise<string[]> => (await entries).map(({ name }) => under(name)).sort()
      assert.deepEqual(await flat(fs.ls(at('many'))), names)
      assert.deepEqual(await flat(collect(fs.list(at(''), { recursive: true })).then(entries => entries.filter(({ type }) => type === 'file'))), names)
      assert.deepEqual((await fs.find(at('many'))).map(under), names)
      assert.equal((await fs.glob(patternAt('many/file-1*'))).length, 1)
      if (!fs.capabilities.write) return
      await fs.rm(at('many'), { recursive: true })
      assert.equal(await fs.exists(at('many')), false)
    })
  })
}
