import assert from 'node:assert/strict'
import type { FileInfo } from '../../../lib/index.js'
import type { Suite } from '../suite.js'
import { cases, files, singles } from '../tables/glob-table.js'

const tree = Object.fromEntries(files.map(name => [name, name]))
const sorted = (names: readonly string[]): string[] => [...names].sort()

/** What a listing and a look at the path itself tell alike; times as far as both of them do, which may be to the second. */
function alike ({ name, type, size, etag, modified }: FileInfo, looked: FileInfo): unknown[] {
  const version = looked.etag === undefined ? undefined : etag
  const time = looked.modified === undefined ? undefined : modified?.getTime()
  return [name, type, size, version, time === undefined ? undefined : Math.floor(time / 1000)]
}

export function glob (suite: Suite): void {
  suite.family('glob()', suite => {
    suite.it(`matches as POSIX shells do (${cases.length} patterns)`, async ({ fs, patternAt, seed, under, options }) => {
      await seed(tree)
      const wrong: unknown[] = []
      await Promise.all([...cases, ...(options.urls === true ? [] : singles)].map(async ([pattern, expected]) => {
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

    suite.once('gives the infos that info() gives with `detail`, of directories too, whose size is unknown', async ({ fs, patternAt, seed, under, options }) => {
      await seed(tree)
      for (const pattern of ['*', '*/', '**', 'test0/*', 'test0/**/', '*/test1/**', 'test[0]', 'test0/test1', 'special_chars/*']) {
        const found = await fs.glob(patternAt(pattern), { detail: true })
        assert.deepEqual([...found.keys()], await fs.glob(patternAt(pattern)), pattern)
        for (const [name, info] of found) {
          const looked = await fs.info(name)
          if (info.type === 'directory') assert.equal(info.size, undefined, `${pattern}: ${under(name)}`)
          if (options.indexPages === true) assert.deepEqual([name, info.name, info.type], [name, looked.name, looked.type], pattern)
          else assert.deepEqual([name, ...alike(info, looked)], [name, ...alike(looked, info)], pattern)
        }
      }
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
