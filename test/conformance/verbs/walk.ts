import assert from 'node:assert/strict'
import type { FileInfo } from '../../../lib/index.js'
import type { Suite } from '../suite.js'
import type { Context } from '../types.js'

const tree = { 'w/a': '', 'w/x/b': '', 'w/x/y/c': '', 'w/z/d': '' }
type Step = [path: string, directories: FileInfo[], files: FileInfo[]]

async function collect ({ under }: Context, steps: AsyncIterable<Step>): Promise<string[]> {
  const lines: string[] = []
  const names = (entries: readonly FileInfo[]): string => entries.map(({ name }) => name.slice(name.lastIndexOf('/') + 1)).sort().join(',')
  for await (const [path, directories, files] of steps) lines.push(`${under(path)}: ${names(directories)} | ${names(files)}`)
  return lines
}

const whole = ['w/x/y:  | c', 'w/x: y | b', 'w/z:  | d', 'w: x,z | a']

export function walk (suite: Suite): void {
  suite.family('walk()', suite => {
    suite.it('gives every directory with what lies directly in it, a directory before those below it', async context => {
      const { fs, at, seed } = context
      await seed(tree)
      const steps = await collect(context, fs.walk(at('w')))
      assert.deepEqual([...steps].sort(), whole)
      assert.equal(steps[0], 'w: x,z | a')
      assert.ok(steps.indexOf('w/x: y | b') < steps.indexOf('w/x/y:  | c'))
    })

    suite.it('gives a directory after those below it with `topDown: false`', async context => {
      const { fs, at, seed } = context
      await seed(tree)
      const steps = await collect(context, fs.walk(at('w'), { topDown: false }))
      assert.deepEqual([...steps].sort(), whole)
      assert.equal(steps.at(-1), 'w: x,z | a')
      assert.ok(steps.indexOf('w/x: y | b') > steps.indexOf('w/x/y:  | c'))
    })

    suite.it('stops at `maxDepth` levels', async context => {
      const { fs, at, seed } = context
      await seed(tree)
      assert.deepEqual(await collect(context, fs.walk(at('w'), { maxDepth: 1 })), ['w: x,z | a'])
      assert.deepEqual((await collect(context, fs.walk(at('w'), { maxDepth: 2 }))).sort(), ['w/x: y | b', 'w/z:  | d', 'w: x,z | a'])
      await assert.rejects(collect(context, fs.walk(at('w'), { maxDepth: 0 })), { name: 'RangeError' })
    })

    suite.here('does not enter a directory that the caller takes out', async context => {
      const { fs, at, seed, under } = context
      await seed(tree)
      const seen: string[] = []
      for await (const [path, directories] of fs.walk(at('w'))) {
        seen.push(under(path))
        const pruned = directories.filter(({ name }) => !name.endsWith('/x'))
        directories.splice(0, directories.length, ...pruned)
      }
      assert.deepEqual(seen, ['w', 'w/z'])
    })

    suite.it('gives nothing where nothing is, unless errors are to be raised', async context => {
      const { fs, at, seed } = context
      await seed(tree)
      assert.deepEqual(await collect(context, fs.walk(at('gone'))), [])
      await assert.rejects(collect(context, fs.walk(at('gone'), { onError: 'raise' })), { code: 'ENOENT' })
    })
  })
}
