import assert from 'node:assert/strict'
import { FsError } from '../../../lib/errors/index.js'
import type { Core } from '../../../lib/filesystem/core.js'
import { du } from '../../../lib/filesystem/du.js'
import { at, kinds, TreeCore } from './tree-core.js'

const names = ['t/a.txt', 't/d/x1', 't/d/s1/y1', 'tt/other']

describe('du()', () => {
  for (const [title, options] of kinds) {
    it(`sums the sizes below a path from listings alone on ${title}`, async () => {
      const paths = at(options, ...names)
      const core = new TreeCore(paths, options)
      const size = (...each: readonly number[]): number => each.reduce((sum, index) => sum + core.entry(paths[index]!)!.size!, 0)
      const [root, file, missing] = at(options, 't', 't/a.txt', 't/nope') as [string, string, string]
      assert.equal(await du(core, root), size(0, 1, 2))
      assert.equal(await du(core, root, { maxDepth: 2 }), size(0, 1))
      assert.equal(await du(core, root, { maxDepth: 1 }), size(0))
      assert.deepEqual(core.infos, [])
      assert.equal(await du(core, file), size(0))
      assert.equal(await du(core, missing), 0)
    })
  }

  it('counts directories on request where they have a size', async () => {
    const core = new TreeCore(['/t/d/x'], { root: '/', emptyDirectories: true, directoriesInRecursive: true })
    assert.equal(await du(core, '/t', { withDirectories: true }), 2 * 4096 + '/t/d/x'.length)
    assert.equal(await du(core, '/t', { withDirectories: true, maxDepth: 1 }), 2 * 4096)
    assert.equal(await du(new TreeCore(['t/d/x']), 't', { withDirectories: true }), 't/d/x'.length)
  })

  it('asks for sizes that a listing does not tell, and counts what nobody tells as nothing', async () => {
    const told: Record<string, number | undefined> = { 't/a': 11, 't/b': undefined, 't/c': 13 }
    const names = [...Object.keys(told), 't/gone']
    const tree = new TreeCore([])
    const core: Core = Object.assign(tree, {
      async *list () {
        yield names.slice(0, 2).map(name => ({ name, size: undefined, type: 'file' as const }))
        yield [...names.slice(2).map(name => ({ name, size: undefined, type: 'file' as const })), { name: 't/pipe', size: undefined, type: 'other' as const }, { name: 't/d', size: 7, type: 'file' as const }]
      },
      info: async (name: string) => {
        tree.infos.push(name)
        if (!(name in told)) throw new FsError('ENOENT', 'gone meanwhile')
        return Promise.resolve({ name, size: told[name], type: 'file' as const })
      }
    })
    assert.equal(await du(core, 't'), 31)
    assert.deepEqual(tree.infos.sort(), names.sort())
  })

  it('rejects with RangeError for a maxDepth below 1', async () => {
    await assert.rejects(du(new TreeCore(names), 't', { maxDepth: 0 }), RangeError)
  })
})
