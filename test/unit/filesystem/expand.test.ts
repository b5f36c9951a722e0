import assert from 'node:assert/strict'
import { expandEntries, expandPath } from '../../../lib/filesystem/expand.js'
import type { ExpandOptions } from '../../../lib/filesystem/expand.js'
import { at, kinds, TreeCore } from './tree-core.js'

const second = 'top_level/second_level'
const dates = ['date=2019-10-01', 'date=2019-10-02', 'date=2019-10-04'].map(date => `${second}/${date}`)
const leaves = [`${dates[0]!}/a.parquet`, `${dates[0]!}/b.parquet`, `${dates[1]!}/a.parquet`, `${dates[2]!}/a.parquet`]
const tree = [...leaves, 'misc/foo.txt']
const rec: ExpandOptions = { recursive: true }

const cases: ReadonlyArray<readonly [path: string | readonly string[], options: ExpandOptions, expected: readonly string[]]> = [
  [second, rec, [second, ...dates, ...leaves]],
  [second, { recursive: true, maxDepth: 1 }, [second, ...dates]],
  [second, { recursive: true, maxDepth: 2 }, [second, ...dates, ...leaves]],
  [`${second}/`, rec, [second, ...dates, ...leaves]],
  ['top_level/*', {}, [second]],
  ['top_level/*', rec, [second, ...dates, ...leaves]],
  ['top_level/*', { recursive: true, maxDepth: 1 }, [second]],
  ['top_level/*', { recursive: true, maxDepth: 2 }, [second, ...dates]],
  [`${second}/date=2019-10-0[1-4]`, {}, dates],
  [`${second}/date=2019-10-0[1-4]/*`, {}, leaves],
  [`${second}/date=2019-10-0[1-2]`, rec, [dates[0]!, dates[1]!, ...leaves.slice(0, 3)]],
  ['top_level/**', {}, ['top_level', second, ...dates, ...leaves]],
  ['top_level/**', rec, ['top_level', second, ...dates, ...leaves]],
  ['top_level/**', { maxDepth: 1 }, ['top_level', second]],
  ['top_level/**', { recursive: true, maxDepth: 1 }, ['top_level', second]],
  ['top_level/**', { recursive: true, maxDepth: 2 }, ['top_level', second, ...dates, ...leaves]], // the matches reach level 2, one more below each
  ['top_level/**/a.*', {}, leaves.filter(name => name.endsWith('a.parquet'))],
  ['**/a.*', rec, leaves.filter(name => name.endsWith('a.parquet'))],
  ['*/', {}, ['misc', 'top_level']],
  ['misc/*/', rec, []],
  [['misc/foo.txt', 'misc', 'misc/*'], {}, ['misc', 'misc/foo.txt']],
  [[`${second}/*/a.*`, `${second}/date=2019-10-01`, 'misc'], rec, ['misc', 'misc/foo.txt', dates[0]!, ...leaves]],
  [['misc/nope', 'misc/foo.txt'], rec, ['misc/foo.txt']],
  ['misc/foo.txt', rec, ['misc/foo.txt']],
  [[], {}, []],
  [[], rec, []]
]

describe('expandPath()', () => {
  for (const [title, options] of kinds) {
    it(`returns what the table says on ${title}`, async () => {
      const core = new TreeCore(at(options, ...tree), options)
      for (const [path, how, names] of cases) {
        const asked = typeof path === 'string' ? at(options, path)[0]! : at(options, ...path)
        const expected = at(options, ...names).sort()
        if (expected.length === 0 && path.length > 0) {
          await assert.rejects(expandPath(core, asked, how), { code: 'ENOENT' })
          continue
        }
        const shown = `${String(asked)} ${JSON.stringify(how)}`
        assert.deepEqual(await expandPath(core, asked, how), expected, shown)
        const entries = await expandEntries(core, asked, how)
        assert.deepEqual(entries.map(({ name }) => name), expected, shown)
        for (const { name, info } of entries) {
          assert.ok(info === undefined || (info.name === name && info.type === core.entry(name)!.type), shown)
          assert.ok(info !== undefined || how.recursive !== true, 'what was looked for was found')
        }
      }
    })

    it(`takes names literally that it found itself on ${title}`, async () => {
      const names = at(options, 'd/[1]/x', 'd/[1]/x?', 'd/*/y', 'd/1/no')
      const core = new TreeCore(names, options)
      const [all, star] = at(options, 'd', 'd/[[*]*') as [string, string]
      assert.deepEqual(await expandPath(core, all, rec), [all, ...names, ...at(options, 'd/[1]', 'd/*', 'd/1')].sort())
      assert.deepEqual(await expandPath(core, star, rec), at(options, 'd/*', 'd/*/y', 'd/[1]', 'd/[1]/x', 'd/[1]/x?').sort())
      assert.deepEqual(await expandPath(core, star, { recursive: true, maxDepth: 2 }), at(options, 'd/*', 'd/*/y', 'd/[1]', 'd/[1]/x', 'd/[1]/x?').sort())
    })

    it(`takes magic for letters with literal on ${title}`, async () => {
      const core = new TreeCore(at(options, 'd/[1]/x', 'd/1/y'), options)
      const [directory] = at(options, 'd/[1]') as [string]
      assert.deepEqual(await expandPath(core, directory, { literal: true }), [directory])
      assert.deepEqual(await expandPath(core, directory, { literal: true, recursive: true }), at(options, 'd/[1]', 'd/[1]/x'))
      assert.deepEqual(await expandPath(core, directory, { recursive: true }), at(options, 'd/1', 'd/1/y'))
    })
  }

  it('returns a path without magic unchecked, without a request', async () => {
    const core = new TreeCore(tree)
    assert.deepEqual(await expandEntries(core, ['nope', 'misc/', 'tree://misc', '']), [{ name: '' }, { name: 'misc' }, { name: 'nope' }])
    assert.deepEqual([core.lists, core.infos], [[], []])
  })

  it('rejects with ENOENT where nothing is, for a pattern or recursive', async () => {
    for (const strict of [false, true]) {
      const core = new TreeCore(tree, { strict })
      await assert.rejects(expandPath(core, 'misc/x*'), { code: 'ENOENT' })
      await assert.rejects(expandPath(core, 'misc/x*', rec), { code: 'ENOENT' })
      await assert.rejects(expandPath(core, 'misc/nope', rec), { code: 'ENOENT' })
      await assert.rejects(expandPath(core, ['misc/nope', 'x/*'], rec), { code: 'ENOENT' })
    }
  })

  it('returns the root alone, and with everything below it', async () => {
    for (const [, options] of kinds) {
      const core = new TreeCore(at(options, 'a/b'), options)
      const root = options.root ?? ''
      assert.deepEqual(await expandPath(core, root), [root])
      assert.deepEqual(await expandPath(core, root, rec), [root, ...at(options, 'a', 'a/b')])
    }
  })

  it('does not follow links to directories that it finds', async () => {
    const core = new TreeCore(['/t/d/x'], { root: '/', emptyDirectories: true, directoriesInRecursive: true })
    core.link('/t/l', '/t/d')
    for (const path of ['/t/*', '/t/?']) assert.deepEqual(await expandPath(core, path, rec), ['/t/d', '/t/d/x', '/t/l'])
    assert.deepEqual(await expandPath(core, '/t/*', { recursive: true, maxDepth: 3 }), ['/t/d', '/t/d/x', '/t/l'])
    assert.deepEqual(await expandPath(core, '/t/l', rec), ['/t/l', '/t/l/x'])
  })

  it('lists once what a pattern and recursion both cover', async () => {
    const asked = async (path: string, options: ExpandOptions): Promise<string[]> => {
      const core = new TreeCore(tree)
      await expandEntries(core, path, options)
      assert.deepEqual(core.infos, [], 'the listings told enough')
      return core.lists.sort()
    }
    assert.deepEqual(await asked('top_level/**', rec), ['top_level/**'])
    assert.deepEqual(await asked('top_level/**/*', rec), ['top_level/**', 'top_level/second_level/**'])
    assert.deepEqual(await asked('misc/*', rec), ['misc'], 'matching files are not listed')
    assert.deepEqual(await asked(`${second}/*`, { recursive: true, maxDepth: 1 }), [second])
  })

  it('throws TypeError for what is no path, RangeError for a maxDepth below 1', async () => {
    const core = new TreeCore(tree)
    for (const bad of [undefined, null, 7, {}, [7]]) await assert.rejects(expandPath(core, bad as unknown as string), TypeError)
    await assert.rejects(expandPath(core, 'misc/a**'), TypeError)
    await assert.rejects(expandPath(core, 'misc', { maxDepth: 0 }), RangeError)
  })

  it('rejects with the reason of the signal and lists no further', async () => {
    const abort = new AbortController()
    const onPage = (path: string): void => { if (path === dates[0]) abort.abort('enough') }
    const core = new TreeCore(tree, { signal: abort.signal, onPage, concurrency: 1 })
    await assert.rejects(expandPath(core, `${second}/*`, { recursive: true, maxDepth: 3 }), reason => reason === 'enough')
    assert.deepEqual([core.lists, core.open], [[second, dates[0]!], 0])
  })
})
