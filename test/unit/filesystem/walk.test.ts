import assert from 'node:assert/strict'
import { FsError } from '../../../lib/errors/index.js'
import type { ErrorCode } from '../../../lib/errors/index.js'
import { walk } from '../../../lib/filesystem/walk.js'
import type { WalkStep } from '../../../lib/filesystem/walk.js'
import { at, kinds, TreeCore } from './tree-core.js'

const names = ['t/a.txt', 't/d/x1', 't/d/s1/y1', 't/d/s1/n1/z1', 't/e/v', 'tt/other']

function show ([path, directories, files]: WalkStep): string {
  const last = (name: string): string => name.slice(name.lastIndexOf('/') + 1)
  return `${path}: ${directories.map(({ name }) => last(name)).sort().join()} | ${files.map(({ name }) => last(name)).sort().join()}`
}

async function collect (steps: AsyncIterable<WalkStep>): Promise<string[]> {
  const shown: string[] = []
  for await (const step of steps) shown.push(show(step))
  return shown
}

describe('walk()', () => {
  for (const [title, options] of kinds) {
    it(`yields every directory before what is below it, or after, on ${title}`, async () => {
      const core = new TreeCore(at(options, ...names), options)
      const root = at(options, 't')[0]!
      const steps = ['t: d,e | a.txt', 't/d: s1 | x1', 't/d/s1: n1 | y1', 't/d/s1/n1:  | z1', 't/e:  | v'].map(step => at(options, step)[0]!)
      const down = await collect(walk(core, root))
      assert.deepEqual([...down].sort(), [...steps].sort())
      const up = await collect(walk(core, root, { topDown: false }))
      assert.deepEqual([...up].sort(), [...steps].sort())
      for (const [above, below] of [[0, 1], [1, 2], [2, 3], [0, 4]] as const) {
        assert.ok(down.indexOf(steps[above]!) < down.indexOf(steps[below]!))
        assert.ok(up.indexOf(steps[above]!) > up.indexOf(steps[below]!))
      }
      assert.equal(core.lists.length, 10, 'one listing per directory')
      assert.deepEqual(core.infos, [])
    })

    it(`yields nothing for a missing path and for a file on ${title}`, async () => {
      const core = new TreeCore(at(options, ...names), options)
      for (const topDown of [true, false]) {
        for (const path of at(options, 't/nope', 't/a.txt')) assert.deepEqual(await collect(walk(core, path, { topDown })), [])
      }
    })

    it(`rejects with ENOENT and ENOTDIR for them with onError 'raise' on ${title}`, async () => {
      const core = new TreeCore(at(options, ...names), options)
      await assert.rejects(collect(walk(core, at(options, 't/nope')[0]!, { onError: 'raise' })), { code: 'ENOENT' })
      await assert.rejects(collect(walk(core, at(options, 't/a.txt')[0]!, { onError: 'raise', topDown: false })), { code: 'ENOTDIR' })
    })
  }

  it('follows the order of the store, depth first', async () => {
    assert.deepEqual((await collect(walk(new TreeCore(names), 't'))).map(step => step.split(':')[0]), ['t', 't/d', 't/d/s1', 't/d/s1/n1', 't/e'])
    assert.deepEqual((await collect(walk(new TreeCore(names), 't', { topDown: false }))).map(step => step.split(':')[0]),
      ['t/d/s1/n1', 't/d/s1', 't/d', 't/e', 't'])
  })

  it('enters what the caller leaves in directories, in the caller\'s order', async () => {
    const core = new TreeCore(names)
    const seen: string[] = []
    for await (const [path, directories] of walk(core, 't')) {
      seen.push(path)
      if (path === 't') directories.reverse()
      if (path === 't/d') directories.splice(0)
    }
    assert.deepEqual(seen, ['t', 't/e', 't/d'])
    assert.deepEqual(core.lists, ['t', 't/e', 't/d'], 'what was pruned is not listed')
  })

  it('lists maxDepth levels and names the directories of the last one', async () => {
    for (const topDown of [true, false]) {
      const core = new TreeCore(names)
      assert.deepEqual(await collect(walk(core, 't', { maxDepth: 1, topDown })), ['t: d,e | a.txt'])
      assert.deepEqual(core.lists, ['t'])
      assert.equal((await collect(walk(core, 't', { maxDepth: 2, topDown }))).length, 3)
    }
  })

  it('throws at the call for a wrong maxDepth or onError', () => {
    const core = new TreeCore(names)
    assert.throws(() => walk(core, 't', { maxDepth: 0 }), RangeError)
    assert.throws(() => walk(core, 't', { onError: 'ignore' as 'omit' }), TypeError)
  })

  it('yields empty directories, the path itself too', async () => {
    const core = new TreeCore(['/e/', '/d/e/'], { root: '/', emptyDirectories: true, strict: true })
    assert.deepEqual(await collect(walk(core, '/e')), ['/e:  | '])
    assert.deepEqual(await collect(walk(core, '/d')), ['/d: e | ', '/d/e:  | '])
  })

  it('names links to directories and does not enter them', async () => {
    const core = new TreeCore(['/t/d/x'], { root: '/', emptyDirectories: true })
    core.link('/t/d/circle', '/t')
    assert.deepEqual(await collect(walk(core, '/t')), ['/t: d | ', '/t/d: circle | x'])
    assert.deepEqual(await collect(walk(core, '/t', { topDown: false })), ['/t/d: circle | x', '/t: d | '])
  })

  it('walks the root, and past a file that bears the name of a directory', async () => {
    assert.deepEqual(await collect(walk(new TreeCore(['x', 'x/y']), '')), [': x | x', 'x:  | y'])
  })

  const failing = (code: ErrorCode): TreeCore => new TreeCore(names, {
    onPage: path => { if (path === 't/d/s1') throw new FsError(code, 'out of order', { path }) }
  })

  it('leaves out a directory that may not be read, wherever it lies', async () => {
    for (const topDown of [true, false]) {
      for (const code of ['EACCES', 'ENOENT', 'ENOTDIR', 'EINVAL'] as const) {
        assert.deepEqual((await collect(walk(failing(code), 't', { topDown }))).sort(), ['t/d: s1 | x1', 't/e:  | v', 't: d,e | a.txt'])
      }
    }
  })

  it('tells a function of it, which may throw', async () => {
    const told: string[] = []
    const steps = await collect(walk(failing('FORKFS_NETWORK'), 't', { onError: error => { told.push((error as FsError).code) } }))
    assert.deepEqual([steps.length, told], [3, ['FORKFS_NETWORK']])
    const mine = new Error('mine')
    await assert.rejects(collect(walk(failing('EACCES'), 't', { onError: () => { throw mine } })), error => error === mine)
  })

  it('rejects with it for onError raise, deep down too', async () => {
    for (const code of ['EACCES', 'ENOENT'] as const) await assert.rejects(collect(walk(failing(code), 't', { onError: 'raise' })), { code })
  })

  it('never takes a failing store for an empty directory', async () => {
    for (const code of ['FORKFS_NETWORK', 'FORKFS_RATE_LIMITED', 'FORKFS_CREDENTIALS'] as const) await assert.rejects(collect(walk(failing(code), 't')), { code })
  })

  it('rejects whatever onError says after a reset', async () => {
    for (const onError of ['omit', () => {}] as const) {
      for (const code of ['FORKFS_RESET', 'FORKFS_FOREIGN_OWNER', 'FORKFS_CLOSED'] as const) {
        await assert.rejects(collect(walk(failing(code), 't', { onError })), { code })
      }
    }
  })

  it('rejects with the reason of the signal, whatever onError says, and lists no further directory', async () => {
    for (const onError of ['omit', () => {}] as const) {
      const abort = new AbortController()
      const core = new TreeCore(names, { signal: abort.signal })
      const steps = walk(core, 't', { onError })
      assert.equal((await steps.next()).value?.[0], 't')
      abort.abort('enough')
      await assert.rejects(steps.next(), reason => reason === 'enough')
      assert.deepEqual([core.lists, core.open], [['t'], 0])
    }
  })
})
