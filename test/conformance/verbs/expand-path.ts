import assert from 'node:assert/strict'
import type { Suite } from '../suite.js'

const dates = ['date=01', 'date=02', 'date=04']
const tree = Object.fromEntries([...dates.map(date => `top/second/${date}/a.parquet`), 'top/second/date=01/b.parquet', 'misc/foo.txt'].map(name => [name, '']))
const days = dates.map(date => `top/second/${date}`)
const parquets = ['top/second/date=01/a.parquet', 'top/second/date=01/b.parquet', 'top/second/date=02/a.parquet', 'top/second/date=04/a.parquet']
const all = [...days, ...parquets]

type Row = readonly [path: string, options: { readonly recursive?: boolean, readonly maxDepth?: number }, expected: readonly string[]]
const rows: readonly Row[] = [
  ['', {}, ['']],
  ['**', { recursive: true, maxDepth: 1 }, ['', 'misc', 'top']],
  ['top/**', { recursive: true, maxDepth: 1 }, ['top', 'top/second']],
  ['top/second', {}, ['top/second']],
  ['top/second', { recursive: true }, ['top/second', ...all]],
  ['top/second/*', {}, days],
  ['top/second', { recursive: true, maxDepth: 1 }, ['top/second', ...days]],
  ['top/second', { recursive: true, maxDepth: 2 }, ['top/second', ...all]],
  ['top/*', { recursive: true, maxDepth: 1 }, ['top/second']],
  ['top/*', { recursive: true, maxDepth: 2 }, ['top/second', ...days]],
  ['top/**', {}, ['top', 'top/second', ...all]],
  ['top/**', { recursive: true }, ['top', 'top/second', ...all]],
  ['**/a.*', {}, parquets.filter(name => name.includes('/a.'))],
  ['gone', {}, ['gone']]
]

export function expandPath (suite: Suite): void {
  suite.family('expandPath()', suite => {
    suite.it('gives what patterns and directories stand for, sorted', async ({ fs, patternAt, seed, under }) => {
      await seed(tree)
      for (const [path, options, expected] of rows) {
        assert.deepEqual((await fs.expandPath(patternAt(path), options)).map(under), [...expected].sort(), `${path} ${JSON.stringify(options)}`)
      }
    })

    suite.it('gives the top of the filesystem for an empty path, without looking', async ({ fs, options }) => {
      if (options.urls === true) return // there is none
      assert.deepEqual(await fs.expandPath(''), [fs.normalize('')])
    })

    suite.it('gives the union over a list, each path once', async ({ fs, at, patternAt, seed, under }) => {
      await seed(tree)
      assert.deepEqual((await fs.expandPath([patternAt('top/second/*'), at('top/second/date=01'), at('misc/foo.txt')])).map(under), ['misc/foo.txt', ...days])
    })

    suite.it('takes names found by recursion, and all with `literal`, as they are', async ({ fs, at, seed, under }) => {
      await seed({ 'odd/x[1]/q?': '', 'odd/x1/qq': '' })
      assert.deepEqual((await fs.expandPath(at('odd'), { recursive: true })).map(under).sort(), ['odd', 'odd/x1', 'odd/x1/qq', 'odd/x[1]', 'odd/x[1]/q?'].sort())
      assert.deepEqual((await fs.expandPath(at('odd/x[1]'), { literal: true, recursive: true })).map(under), ['odd/x[1]', 'odd/x[1]/q?'])
    })

    suite.it('rejects with ENOENT when nothing matches, with a RangeError for maxDepth 0', async ({ fs, at, patternAt, seed }) => {
      await seed(tree)
      await assert.rejects(fs.expandPath(patternAt('*.gone')), { code: 'ENOENT' })
      await assert.rejects(fs.expandPath(at('gone'), { recursive: true }), { code: 'ENOENT' })
      await assert.rejects(fs.expandPath(at('top'), { recursive: true, maxDepth: 0 }), { name: 'RangeError' })
    })
  })
}
