import assert from 'node:assert/strict'
import { FsError } from '../../../lib/errors/index.js'
import { find, visitTree } from '../../../lib/filesystem/find.js'
import { listTree } from '../../../lib/filesystem/list-tree.js'
import { at, kinds, TreeCore } from './tree-core.js'

const names = ['b/source/file1', 'b/source/sub/file2', 'b/source/sub/deep/file3', 'b/sourcerer/x', 'b/sour', 'b/odd/a b#%&+?.txt',
  'b/odd/caf\u00e9', 'b/odd/cafe\u0301', 'b/odd/[1]', 'b/odd/x*y', 'b/odd/\u{1f600}']

async function collect<T> (entries: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const entry of entries) all.push(entry)
  return all
}

describe('find()', () => {
  for (const [title, options] of kinds) {
    describe(title, () => {
      const p = (...paths: readonly string[]): string[] => at(options, ...paths)
      const one = (path: string): string => p(path)[0]!
      let core: TreeCore
      beforeEach(() => { core = new TreeCore(p(...names), options) })

      it('returns the sorted names of the files below, of no sibling that begins alike', async () => {
        assert.deepEqual(await find(core, one('b/source')), p('b/source/file1', 'b/source/sub/deep/file3', 'b/source/sub/file2'))
        assert.deepEqual(await find(core, one('b/sou')), [])
      })

      it('returns directories and the path itself with withDirectories', async () => {
        const expected = p('b/source', 'b/source/file1', 'b/source/sub', 'b/source/sub/deep', 'b/source/sub/deep/file3', 'b/source/sub/file2')
        assert.deepEqual(await find(core, one('b/source/'), { withDirectories: true }), expected)
      })

      it('returns the infos that info() gives with detail, directories too', async () => {
        const found = await find(core, one('b/source'), { withDirectories: true, detail: true })
        assert.equal(found.size, 6)
        for (const [name, info] of found) {
          if (info.type === 'directory' && title.startsWith('directories that')) continue // derived ones know no more than their name
          assert.deepEqual(info, core.entry(name))
        }
        assert.deepEqual([...found.keys()], [...found.keys()].sort())
      })

      it('returns the file itself with its info for the path of a file', async () => {
        for (const path of p('b/source/file1', 'b/sour')) {
          for (const withDirectories of [false, true]) {
            assert.deepEqual(await find(core, path, { detail: true, withDirectories }), new Map([[path, core.entry(path)]]))
            assert.deepEqual(await find(core, path, { maxDepth: 1, withDirectories }), [path])
          }
        }
      })

      it('returns nothing for a missing path', async () => {
        assert.deepEqual(await find(core, one('b/nope'), { withDirectories: true }), [])
        assert.deepEqual(await find(core, one('b/nope'), { detail: true, maxDepth: 2 }), new Map())
        assert.deepEqual(await find(core, one('b/source/file1/below'), { withDirectories: true }), [])
      })

      it('stops at maxDepth and lists no directory below it', async () => {
        assert.deepEqual(await find(core, one('b/source'), { maxDepth: 1 }), p('b/source/file1'))
        assert.deepEqual(core.lists, p('b/source'))
        assert.deepEqual(await find(core, one('b/source'), { maxDepth: 2, withDirectories: true }),
          p('b/source', 'b/source/file1', 'b/source/sub', 'b/source/sub/deep', 'b/source/sub/file2'))
        assert.equal((await find(core, one('b/source'), { maxDepth: 3 })).length, 3)
      })

      it('returns odd names as they are, NFC beside NFD', async () => {
        const odd = p(...names.filter(name => name.startsWith('b/odd/'))).sort()
        assert.deepEqual(await find(core, one('b/odd')), odd)
        assert.deepEqual(await find(core, one('b/odd'), { maxDepth: 1 }), odd)
        for (const name of odd) assert.deepEqual(await find(core, name), [name])
      })

      it('returns the whole store for the root', async () => {
        assert.deepEqual(await find(core, options.root ?? ''), p(...names).sort())
      })
    })
  }

  it('leaves the nameless root out, keeps the root that has a name', async () => {
    assert.deepEqual(await find(new TreeCore(['a']), '', { withDirectories: true }), ['a'])
    assert.deepEqual(await find(new TreeCore(['/a'], { root: '/', emptyDirectories: true }), '/', { withDirectories: true }), ['/', '/a'])
  })

  it('finds empty directories where the store keeps them', async () => {
    const core = new TreeCore(['/a/', '/b/c/'], { root: '/', emptyDirectories: true, directoriesInRecursive: true })
    assert.deepEqual(await find(core, '/b', { withDirectories: true }), ['/b', '/b/c'])
    assert.deepEqual(await find(core, '/a', { withDirectories: true }), ['/a'])
    assert.deepEqual(await find(core, '/a'), [])
  })

  it('gives the object where a name is an object and a prefix', async () => {
    const core = new TreeCore(['b/x', 'b/x/y', 'b/x/y/z'])
    for (const maxDepth of [undefined, 9]) {
      const found = await find(core, 'b', { detail: true, withDirectories: true, maxDepth })
      assert.deepEqual([...found.values()].map(info => `${info.type} ${info.name}`), ['directory b', 'file b/x', 'file b/x/y', 'file b/x/y/z'])
    }
  })

  it('names links to directories and does not follow them, the path itself excepted', async () => {
    const core = new TreeCore(['/t/d/x'], { root: '/', emptyDirectories: true, directoriesInRecursive: true })
    core.link('/t/d/circle', '/t')
    core.link('/l', '/t')
    for (const maxDepth of [undefined, 9]) {
      assert.deepEqual(await find(core, '/t', { withDirectories: true, maxDepth }), ['/t', '/t/d', '/t/d/circle', '/t/d/x'])
      assert.deepEqual(await find(core, '/l', { maxDepth }), ['/l/d/x'])
    }
  })

  it('tells of a derived directory once where the store lists in order', async () => {
    const core = new TreeCore(['b/d/e/1', 'b/d/e/2', 'b/d/f/1', 'b/d/x'])
    const told: string[] = []
    await visitTree(core, 'b', { directories: true }, (entry, derived) => { if (derived) told.push(entry.name) })
    assert.deepEqual(told.sort(), ['b/d', 'b/d/e', 'b/d/f'])
  })

  it('costs one recursive listing, and no info where something was listed', async () => {
    const core = new TreeCore(names)
    await find(core, 'b')
    await find(core, 'b', { withDirectories: true, detail: true })
    assert.deepEqual([core.lists, core.infos], [['b/**', 'b/**'], []])
  })

  it('lists at most `concurrency` directories at once, and more than one', async () => {
    const core = new TreeCore(Array.from({ length: 20 }, (_, i) => `b/d${i}/x`), { concurrency: 3 })
    assert.equal((await find(core, 'b', { maxDepth: 2 })).length, 20)
    assert.equal(core.mostOpen, 3)
  })

  it('rejects with the error of a listing and begins no further one', async () => {
    const error = new FsError('EACCES', 'denied')
    const onPage = (path: string): void => { if (path === 'b/d3') throw error }
    const core = new TreeCore(Array.from({ length: 20 }, (_, i) => `b/d${i}/x`), { concurrency: 2, onPage })
    await assert.rejects(find(core, 'b', { maxDepth: 2 }), thrown => thrown === error)
    assert.equal(core.open, 0)
    assert.ok(core.lists.length < 20, `${core.lists.length} listings`)
  })

  it('ends the other listings with the first error', async () => {
    const onPage = (path: string): void => { if (path === 'b/d2') throw new FsError('EACCES', 'denied') }
    const core = new TreeCore([...Array.from({ length: 500 }, (_, i) => `b/d1/${i}`), 'b/d2/x'], { pageSize: 1, concurrency: 2, onPage })
    await assert.rejects(find(core, 'b', { maxDepth: 2 }), { code: 'EACCES' })
    assert.equal(core.open, 0)
    assert.ok(core.pages < 20, `${core.pages} pages`)
  })

  it('leaves out a directory that vanishes while it is listed', async () => {
    const onPage = (path: string): void => { if (path === 'b/d1') throw new FsError('ENOENT', 'gone') }
    const core = new TreeCore(['b/d1/x', 'b/d2/x'], { onPage })
    assert.deepEqual(await find(core, 'b', { maxDepth: 2 }), ['b/d2/x'])
  })

  it('rejects with the reason of the signal and asks for no further page', async () => {
    for (const maxDepth of [undefined, 1]) {
      const abort = new AbortController()
      const reason = new FsError('ENOENT', 'enough') // looks like a missing directory, and is none
      const onPage = (_: string, page: number): void => { if (page === 2) abort.abort(reason) }
      const core = new TreeCore(Array.from({ length: 50 }, (_, i) => `b/${i}`), { pageSize: 1, signal: abort.signal, onPage })
      await assert.rejects(find(core, 'b', { maxDepth }), thrown => thrown === reason)
      assert.deepEqual([core.pages, core.open], [2, 0])
      await assert.rejects(find(core, 'b', { maxDepth }), thrown => thrown === reason)
      assert.equal(core.lists.length, 1, 'an aborted call lists nothing')
    }
  })

  it('rejects with RangeError or TypeError for a wrong maxDepth, before any request', async () => {
    const core = new TreeCore(names)
    await assert.rejects(find(core, 'b', { maxDepth: 0 }), RangeError)
    await assert.rejects(find(core, 'b', { maxDepth: '1' as unknown as number }), TypeError)
    assert.deepEqual(core.lists, [])
  })
})

describe('listTree()', () => {
  it('yields what lies directly in a directory, or the whole tree', async () => {
    const core = new TreeCore(names)
    assert.deepEqual((await collect(listTree(core, 'b/source'))).flat().map(({ name }) => name), ['b/source/file1', 'b/source/sub'])
    assert.deepEqual((await collect(listTree(core, 'b/source', { recursive: true }))).flat().map(({ name }) => name),
      ['b/source/file1', 'b/source/sub/deep/file3', 'b/source/sub/file2'])
  })

  it('yields the file for the path of a file, nothing for an empty directory', async () => {
    for (const strict of [false, true]) {
      const core = new TreeCore(['/a/f', '/e/'], { root: '/', emptyDirectories: true, strict })
      assert.deepEqual(await collect(listTree(core, '/a/f')), [[core.entry('/a/f')]])
      assert.deepEqual(await collect(listTree(core, '/e')), [])
    }
  })

  it('rejects with ENOENT for a missing path', async () => {
    for (const strict of [false, true]) await assert.rejects(collect(listTree(new TreeCore(['a'], { strict }), 'b')), { code: 'ENOENT' })
  })

  it('holds one page at a time and ends the listing when the caller leaves', async () => {
    const core = new TreeCore(Array.from({ length: 50 }, (_, i) => `b/${i}`), { pageSize: 2 })
    let seen = 0
    for await (const page of listTree(core, 'b', { recursive: true })) {
      assert.deepEqual(page.map(({ type }) => type), ['file', 'file'])
      assert.equal(core.pages, ++seen)
      if (seen === 3) break
    }
    assert.equal(core.open, 0)
  })
})
