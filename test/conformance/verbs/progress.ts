import assert from 'node:assert/strict'
import type { FileSystem, Progress } from '../../../lib/index.js'
import type { Suite } from '../suite.js'
import type { Capability, Context } from '../types.js'

const tree = { 's/a': '1', 's/b': '22', 's/c': '333' }

/** What one call told, and what it told of each file. */
class Told implements Progress {
  size = 0
  advanced = 0
  closed = 0
  readonly children: Told[] = []

  setSize (size: number): void { this.size = size }
  advance (by: number): void { this.advanced += by }
  close (): void { this.closed++ }
  branch (): Told {
    const child = new Told()
    this.children.push(child)
    return child
  }
}

interface Row {
  readonly verb: string
  readonly needs?: readonly Capability[]
  /** Each file has a child that counts its bytes. */
  readonly branches?: boolean
  readonly call: (context: Context, fs: FileSystem, progress: Progress, local: string) => Promise<unknown>
}

const rows: readonly Row[] = [
  { verb: 'get', branches: true, call: ({ at }, fs, progress, local) => fs.get(at('s'), `${local}/got`, { recursive: true, progress }) },
  { verb: 'cat', call: ({ at }, fs, progress) => fs.cat([at('s/a'), at('s/b'), at('s/c')], { progress }) },
  { verb: 'catRanges', call: ({ at }, fs, progress) => fs.catRanges(['a', 'b', 'c'].map(name => ({ path: at(`s/${name}`), start: 0, end: 1 })), { progress }) },
  { verb: 'put', needs: ['write'], branches: true, call: ({ at }, fs, progress, local) => fs.put(`${local}/got`, at('put'), { recursive: true, progress }) },
  { verb: 'cp', needs: ['write'], branches: true, call: ({ at }, fs, progress) => fs.cp(at('s'), at('cp'), { recursive: true, progress }) },
  { verb: 'pipe', needs: ['write'], call: ({ at }, fs, progress) => fs.pipe({ [at('s/d')]: '', [at('s/e')]: '5', [at('s/f')]: '' }, { progress }) },
  { verb: 'mv of a list', needs: ['write'], call: ({ at }, fs, progress) => fs.mv([at('s/d'), at('s/e'), at('s/f')], at('cp'), { progress }) },
  { verb: 'rm', needs: ['write'], call: ({ at }, fs, progress) => fs.rm([at('s/a'), at('s/b'), at('s/c')], { progress }) }
]

export function progress (suite: Suite): void {
  suite.family('progress', suite => {
    suite.here('of every bulk verb counts its files, and bytes in the branch of each; all of them are closed', async context => {
      const { fs, seed, folder } = context
      const local = await folder()
      await seed(tree)
      for (const { verb, needs = [], branches = false, call } of rows) {
        if (needs.some(name => !fs.capabilities[name])) continue
        const told = new Told()
        await call(context, fs, told, local)
        assert.deepEqual({ size: told.size, advanced: told.advanced, closed: told.closed }, { size: 3, advanced: 3, closed: 1 }, verb)
        for (const child of told.children) assert.equal(child.closed, 1, verb)
        if (branches) assert.deepEqual(told.children.map(({ size, advanced }) => [size, advanced]).sort(), [[1, 1], [2, 2], [3, 3]], verb)
      }
    })

    suite.here('is closed once when a verb fails, before its first file or after it', async ({ fs, at, seed, folder }) => {
      const local = await folder()
      await seed(tree)
      const fails = async (call: (progress: Progress) => Promise<unknown>, what: string): Promise<void> => {
        const told = new Told()
        await assert.rejects(call(told), { code: 'ENOENT' }, what)
        assert.equal(told.closed, 1, what)
      }
      await fails(progress => fs.get(at('gone'), `${local}/x`, { progress }), 'get of nothing')
      await fails(progress => fs.get([at('s/a'), at('gone')], `${local}/x`, { progress }), 'get of one and nothing')
      await fails(progress => fs.cat([at('s/a'), at('gone')], { progress }), 'cat')
      await fails(progress => fs.catRanges([{ path: at('gone'), start: 0, end: 1 }], { progress }), 'catRanges')
      if (fs.capabilities.write) await fails(progress => fs.cp([at('s/a'), at('gone')], at('x'), { progress }), 'cp')
    })
  })
}
