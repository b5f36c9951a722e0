import assert from 'node:assert/strict'
import { glob } from '../../../lib/filesystem/glob.js'
import { escapeGlob, hasMagic, join } from '../../../lib/filesystem/paths.js'
import { cases, counts, files } from '../../conformance/tables/glob-table.js'
import { at, kinds, TreeCore } from './tree-core.js'

const normal = ['b/logs/2025-01/a.gz', 'b/logs/2025-02/a.gz', 'b/logs/2026-01/a.gz', 'b/logs/2026-01/x/a.gz', 'b/logs/2026-02/b.gz', 'b/other/z', 'b/logs/2026']

describe('glob()', () => {
  it('has a table as long as its model, with the numbers of its model', () => {
    assert.equal(cases.length, 56)
    for (const [pattern, count] of Object.entries(counts)) assert.equal(cases.find(([each]) => each === pattern)![1].length, count, pattern)
  })

  for (const [title, options] of kinds) {
    const places: ReadonlyArray<readonly [base: string, written: string]> = [
      ['', ''], ['data/set', 'data/set'], ['da*[1]?/x', escapeGlob('da*[1]?/x')]
    ]
    for (const [place, written] of places) {
      const base = join(options.root ?? '', place)
      it(`returns what the table says on ${title}, in '${base}', in all three forms`, async () => {
        const neighbours = place === '' ? [] : at(options, 'zz/nonexistent', 'data/sets', 'data/set.txt')
        const core = new TreeCore([...files.map(name => join(base, name)), ...neighbours], options)
        for (const [pattern, matches] of cases) {
          const full = join(options.root ?? '', written, pattern)
          const self = base !== '' && (pattern === '**' || pattern === '**/') ? [base] : [] // the root '' has no name to return
          const expected = [...self, ...matches.map(name => join(base, name))].sort()
          assert.deepEqual(await glob(core, full), expected, full)

          const detail = await glob(core, full, { detail: true })
          assert.deepEqual([...detail.keys()], expected, full)
          for (const [name, info] of detail) {
            if (info.type !== 'directory' || !title.startsWith('directories that')) assert.deepEqual(info, core.entry(name), full)
          }

          if (!hasMagic(pattern)) continue
          const plain = expected.filter(name => core.entry(name)!.type === 'file')
          assert.deepEqual(await glob(core, full, { withDirectories: false }), plain, full)
        }
        assert.equal(core.open, 0)
      })
    }
  }

  describe('patterns', () => {
    const match = async (pattern: string, names: readonly string[]): Promise<string[]> =>
      (await glob(new TreeCore(names.map(name => `b/${name}`)), `b/${pattern}`)).map(name => name.slice(2))

    const table: ReadonlyArray<readonly [title: string, pattern: string, hits: readonly string[], misses: readonly string[]]> = [
      ['matches hidden names', '*', ['.hidden', 'x'], []],
      ['matches exactly one character with ?, a code point', 'a?', ['ab', 'a\u{1f600}'], ['a', 'abc', 'ae\u0301']],
      ['matches a run of any length beside letters', 'a*b*c', ['abc', 'aXbYc', 'abbcc'], ['ab', 'acb']],
      ['backtracks to the last run', '*ab*ba', ['ababa', 'xabxabba'], ['aba', 'abab']],
      ['steps by code points behind a run', '*[!\u{1f600}]', ['x', '\u{1f600}x'], ['\u{1f600}', 'x\u{1f600}']],
      ['matches sets and ranges', '[a-c-x]', ['a', 'b', 'c', '-', 'x'], ['d', 'y']],
      ['matches a bracket and a minus at the edges of a set', '[]-]', [']', '-'], ['[', 'x']],
      ['negates with !', '[!a-c]', ['d', '^', '!'], ['a', 'b']],
      ['negates a bracket', '[!]]', ['a'], [']']],
      ['takes ^ as a letter', '[^a]', ['^', 'a'], ['b']],
      ['matches nothing with an empty range, everything with its negation', '[z-a]', [], ['a', 'z', 'm']],
      ['takes a negated empty range as ?', '[!z-a]', ['a', 'z'], ['ab']],
      ['takes an unclosed bracket as a letter', 'a[b*', ['a[b', 'a[bc'], ['ab', 'a']],
      ['takes regular expression letters as letters', 'a.b+(c|d)^$*', ['a.b+(c|d)^$', 'a.b+(c|d)^$x'], ['aXb', 'a.bb']],
      ['knows neither braces nor extglob', '{a,b}*', ['{a,b}', '{a,b}c'], ['a', 'b']],
      ['keeps backslashes as letters', 'a\\*', ['a\\', 'a\\b'], ['a*', 'a']],
      ['matches odd names', '*#%&+*', ['a #%&+b'], ['a']],
      ['does not mix NFC and NFD', 'caf\u00e9*', ['caf\u00e9', 'caf\u00e9s'], ['cafe\u0301']],
      ['reads an escape as the letter', '[*][?][[]x*', ['*?[x', '*?[xy'], ['abcx', '*?x']],
      ['takes escaped stars for no globstar', '[*][*]', ['**'], ['a', '*']],
      ['matches a name that is only escaped', 'a[*]', ['a*'], ['ab']],
      ['goes any number of levels with **', 'a/**/z', ['a/z', 'a/b/z', 'a/b/c/z'], ['z', 'a/b/zz']],
      ['goes several times any number of levels', '**/a/**/b/**/c', ['a/b/c', 'x/a/y/y/b/b/z/c'], ['b/a/c', 'a/c']],
      ['takes names between globstars in order', '**/x?/**/y*', ['x1/y', 'q/x1/q/y2'], ['y/x1', 'x/y']],
      ['takes ** after ** as one', 'a/**/**/z', ['a/z', 'a/b/z'], ['z']],
      ['has empty components of keys', 'a//z*', ['a//z1'], ['a/z1', 'a/z/z1']]
    ]
    for (const [title, pattern, hits, misses] of table) {
      it(title, async () => {
        const files = [...hits, ...misses]
        const found = await match(pattern, files)
        assert.deepEqual(found.filter(name => files.includes(name)), [...hits].sort())
      })
    }

    it('matches every name by its escape, in every kind of store', async () => {
      const odd = ['a*b', 'a?b', '[1]', 'x[', '**', 'a b', '#?%&+', 'a\\b', '!', '[!x]', 'caf\u00e9', 'cafe\u0301', '\u{1f600}', '-', ']']
      for (const [, options] of kinds) {
        const names = at(options, ...odd.map(name => `d/${name}/${name}`))
        const core = new TreeCore(names, options)
        for (const name of names) {
          assert.deepEqual(await glob(core, escapeGlob(name)), [name])
          assert.deepEqual(await glob(core, `${at(options, 'd')[0]}/*/${escapeGlob(name.slice(name.lastIndexOf('/') + 1))}`), [name])
        }
      }
    })

    it('answers in time on a pattern that makes regular expressions backtrack', async () => {
      const core = new TreeCore([`b/${'a'.repeat(4000)}`, `b/${'a/'.repeat(300)}b`])
      assert.deepEqual(await glob(core, `b/${'*a'.repeat(20)}*b`), [])
      assert.deepEqual(await glob(core, `b/${'**/a/'.repeat(20)}c`), [])
    }).timeout(2000)

    it('rejects with TypeError where ** is not a whole component, before any request', async () => {
      const core = new TreeCore(normal)
      for (const pattern of ['b/a**', 'b/**a/x', 'b/***', 'b/x/a**b']) await assert.rejects(glob(core, pattern), TypeError, pattern)
      assert.deepEqual([core.lists, core.infos], [[], []])
    })
  })

  it('returns directories only for a closing slash, with and without magic', async () => {
    const core = new TreeCore(['b/x', 'b/x/y', 'b/f'])
    assert.deepEqual(await glob(core, 'b/f/'), [])
    assert.deepEqual(await glob(core, 'b/*/'), ['b/x'])
    assert.equal((await glob(core, 'b/*/', { detail: true })).get('b/x')!.type, 'directory')
    assert.equal((await glob(core, '*/x/', { detail: true })).get('b/x')!.type, 'directory')
    assert.deepEqual(await glob(core, 'b/*/', { withDirectories: false }), [])
  })

  it('does not take a file for the directory before a closing /**', async () => {
    for (const [, options] of kinds) {
      const core = new TreeCore(at(options, 'b/f', 'b/d/f/x'), options)
      const found = async (pattern: string): Promise<string[]> => glob(core, at(options, pattern)[0]!)
      assert.deepEqual(await found('b/f/**'), [])
      assert.deepEqual(await found('b/*/**'), at(options, 'b/d', 'b/d/f', 'b/d/f/x'))
      assert.deepEqual(await found('*/f/**'), [])
      assert.deepEqual(await found('b/nope/**'), [])
    }
  })

  it('leads through links to directories by component, not by **', async () => {
    const core = new TreeCore(['/t/d/x'], { root: '/', emptyDirectories: true, directoriesInRecursive: true })
    core.link('/t/l', '/t/d')
    assert.deepEqual(await glob(core, '/t/*/x*'), ['/t/d/x', '/t/l/x'])
    assert.deepEqual(await glob(core, '/t/**'), ['/t', '/t/d', '/t/d/x', '/t/l'])
    assert.deepEqual(await glob(core, '/t/**', { maxDepth: 3 }), ['/t', '/t/d', '/t/d/x', '/t/l'])
  })

  it('counts maxDepth from the first **', async () => {
    for (const [, options] of kinds) {
      const core = new TreeCore(at(options, 'b/a', 'b/d/x1', 'b/d/s1/y1', 'b/d/s1/n1/z1', 'b/e1'), options)
      const found = async (pattern: string, maxDepth: number): Promise<string[]> => glob(core, at(options, pattern)[0]!, { maxDepth })
      assert.deepEqual(await found('b/**', 1), at(options, 'b', 'b/a', 'b/d', 'b/e1'))
      assert.deepEqual(await found('b/*/**', 1), at(options, 'b/d', 'b/d/s1', 'b/d/x1'))
      assert.deepEqual(await found('b/**/*1', 2), at(options, 'b/d/s1', 'b/d/x1', 'b/e1'))
      assert.deepEqual(await found('b/d*/**/*1', 2), at(options, 'b/d/s1', 'b/d/s1/n1', 'b/d/s1/y1', 'b/d/x1'))
      assert.deepEqual(await found('b/*/*/*', 1), at(options, 'b/d/s1/n1', 'b/d/s1/y1'), 'no ** no effect')
    }
  })

  it('rejects with RangeError for a maxDepth below 1', async () => {
    await assert.rejects(glob(new TreeCore(normal), 'b/*', { maxDepth: 0 }), RangeError)
  })

  describe('requests', () => {
    const asked = async (pattern: string, options: Parameters<typeof glob>[2] = {}): Promise<{ lists: string[], infos: string[] }> => {
      const core = new TreeCore(normal)
      await glob(core, pattern, options)
      return { lists: core.lists.sort(), infos: core.infos.sort() }
    }

    const table: ReadonlyArray<readonly [title: string, pattern: string, lists: readonly string[], infos: readonly string[]]> = [
      ['are one info without magic', 'b/logs/2026', [], ['b/logs/2026']],
      ['are one info for an escaped name', 'b/logs[[]x', [], ['b/logs[x']],
      ['are one listing with the stem as prefix', 'b/logs/2026*', ['b/logs (2026)'], []],
      ['take the stem up to ? and [ and past escapes', 'b/logs/2026[-][0]?', ['b/logs (2026-0)'], []],
      ['go into matching directories only', 'b/logs/2026-*/a*', ['b/logs (2026-)', 'b/logs/2026-01 (a)', 'b/logs/2026-02 (a)'], []],
      ['list no file that matches a component on the way', 'b/logs/2026*/a*', ['b/logs (2026)', 'b/logs/2026-01 (a)', 'b/logs/2026-02 (a)'], []],
      ['do not list for a spelled component', 'b/*/2026-01/*.gz', ['b', 'b/logs/2026-01', 'b/other/2026-01'], []],
      ['ask info for a spelled end', 'b/logs/2025-*/a.gz', ['b/logs (2025-)'], ['b/logs/2025-01/a.gz', 'b/logs/2025-02/a.gz']],
      ['list once from ** on', 'b/logs/**/a.gz', ['b/logs/**'], []],
      ['list once with the stem before **', 'b/logs/2026-*/**/*.gz', ['b/logs/** (2026-)'], []],
      ['list once where * precedes **', 'b/*/**/a.gz', ['b/**'], []],
      ['list recursively below narrowing components only', 'b/logs/2026-?1/**', ['b/logs (2026-)', 'b/logs/2026-01/**'], []],
      ['are none but the first for a start that is missing', 'b/nope/*/x/*', ['b/nope'], []]
    ]
    for (const [title, pattern, lists, infos] of table) {
      it(title, async () => { assert.deepEqual(await asked(pattern), { lists, infos }) })
    }

    it('go no deeper than maxDepth from **', async () => {
      assert.deepEqual(await asked('b/logs/**', { maxDepth: 1 }), { lists: ['b/logs'], infos: [] })
    })

    it('are none for files only behind a closing slash', async () => {
      assert.deepEqual(await asked('b/*/', { withDirectories: false }), { lists: [], infos: [] })
    })
  })

  it('does not believe a store that ignores the prefix', async () => {
    const core = new TreeCore(normal, { honoursPrefix: false })
    assert.deepEqual(await glob(core, 'b/logs/2025*'), ['b/logs/2025-01', 'b/logs/2025-02'])
    assert.deepEqual(await glob(core, 'b/logs/2025*/**', { withDirectories: false }), ['b/logs/2025-01/a.gz', 'b/logs/2025-02/a.gz'])
  })

  it('rejects with the reason of the signal and asks for no further page or directory', async () => {
    for (const pattern of ['b/**/x', 'b/*/x*', 'b/*']) {
      const abort = new AbortController()
      const reason = { enough: true }
      const onPage = (_: string, page: number): void => { if (page === 3) abort.abort(reason) }
      const core = new TreeCore(Array.from({ length: 50 }, (_, i) => `b/${i}/x`), { pageSize: 1, signal: abort.signal, onPage })
      await assert.rejects(glob(core, pattern), thrown => thrown === reason)
      assert.deepEqual([core.pages, core.open, core.lists.length], [3, 0, 1])
    }
  })
})
