import assert from 'node:assert/strict'
import type { Suite } from '../suite.js'
import { cases, files } from '../tables/glob-table.js'

const tree = Object.fromEntries(files.map(name => [name, name]))
const sorted = (names: readonly string[]): string[] => [...names].sort()

export function glob (suite: Suite): void {
  suite.family('glob()', suite => {
    suite.it(`matches as POSIX shells do (${cases.length} patterns)`, async ({ fs, patternAt, seed, under }) => {
      await seed(tree)
      const wrong: unknown[] = []
      await Promise.all(cases.map(async ([pattern, expected]) => {
        const found = sorted((await fs.glob(patternAt(pattern))).map(under))
        // a pattern that ends in ** gives the directory that it starts from, too
        const wanted = sorted(pattern === '**' || pattern === '**/' ? ['', ...expected] : expected)
        if (JSON.stringify(found) !== JSON.stringify(wanted)) wrong.push({ pattern, found, wanted })
      }))
      assert.deepEqual(wrong, [])
    })

    suite.once('gives infos with `detail`, and files only without `withDirectories`', async ({ fs, patternAt, seed, under, options }) => {
      await seed(tree)
      const wrong: unknown[] = []
      await Promise.all(cases.filter(([pattern]) => /[*?[]/.test(pattern)).map(async ([pattern, expected]) => {
        const found = await fs.glob(patternAt(pattern), { detail: true, withDirectories: false })
        const names = sorted([...found.keys()].map(under))
        const wanted = sorted(expected.filter(name => files.includes(name)))
        const infos = [...found].every(([name, info]) => info.name === name && info.type === 'file' && info.size === (options.indexPages === true ? undefined : under(name).length))
        if (JSON.stringify(names) !== JSON.stringify(pattern.endsWith('/') ? [] : wanted) || !infos) wrong.push({ pattern, names, wanted, infos })
      }))
      assert.deepEqual(wrong, [])
    })

    suite.it('stops at `maxDepth` levels from the first `**` on', async ({ fs, patternAt, seed, under }) => {
      await seed({ 'g/a/x': '', 'g/a/b/x': '', 'g/a/b/c/x': '' })
      assert.deepEqual((await fs.glob(patternAt('g/**/x'), { maxDepth: 2 })).map(under), ['g/a/x'])
      await assert.rejects(fs.glob(patternAt('g/**'), { maxDepth: 0 }), { name: 'RangeError' })
    })

    suite.it('matches a name with a star only as a pattern, and the name itself by its brackets', async ({ fs, patternAt, seed, under }) => {
      await seed({ 's/a*b': '', 's/aXb': '' })
      assert.deepEqual((await fs.glob(patternAt('s/a*b'))).map(under), ['s/a*b', 's/aXb'])
      assert.deepEqual((await fs.glob(patternAt('s/a[*]b'))).map(under), ['s/a*b'])
    })

    suite.it('rejects with a TypeError when `**` is a part of a component', async ({ fs, patternAt }) => {
      await assert.rejects(fs.glob(patternAt('a**b')), { name: 'TypeError' })
    })
  })
}
