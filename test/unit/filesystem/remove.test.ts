import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readdir, rm as remove, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { FsError } from '../../../lib/errors/index.js'
import { LocalCore } from '../../../lib/filesystem/local-core.js'
import { rm } from '../../../lib/filesystem/remove.js'
import { Recorder, Store } from './copy-core.js'

const tree = { 'b/file': '', 'b/other': '', 'b/dir/1': '', 'b/dir/2': '', 'b/dir/sub/3': '', 'b/dir/sub/deep/4': '', 'b/directory': '' }

for (const emptyDirectories of [false, true]) {
  describe(`rm() on a store ${emptyDirectories ? 'with' : 'without'} empty directories`, () => {
    const make = (pageSize = 1000): Store => new Store({ emptyDirectories, pageSize }, tree)

    it('removes a file, a list, what a pattern matches, a directory', async () => {
      for (const pageSize of [1, 2, 1000]) {
        const store = make(pageSize)
        await rm(store.core(), 'b/file')
        await rm(store.core(), ['b/other', 'b/dir/2'])
        assert.deepEqual(store.below('b'), ['dir/1', 'dir/sub/3', 'dir/sub/deep/4', 'directory'])
        await rm(store.core(), 'b/dir/s*', { recursive: true })
        assert.deepEqual(store.below('b'), ['dir/1', 'directory'])
        await rm(store.core(), 'b/dir/', { recursive: true })
        assert.deepEqual(store.below('b'), ['directory'])
        assert.ok(![...store.directories].some(name => name.startsWith('b/dir/')) || !emptyDirectories)
      }
    })

    it('rejects with ENOENT for a missing path, with EISDIR for a directory without recursive, and removes nothing', async () => {
      const store = make()
      await assert.rejects(rm(store.core(), 'b/gone'), { code: 'ENOENT' })
      await assert.rejects(rm(store.core(), ['b/file', 'b/gone'], { recursive: true }), { code: 'ENOENT' })
      await assert.rejects(rm(store.core(), 'b/dir'), { code: 'EISDIR' })
      await assert.rejects(rm(store.core(), 'b/*'), { code: 'EISDIR' })
      await assert.rejects(rm(store.core(), '', { recursive: true }), { code: 'EINVAL' })
      await assert.rejects(rm(store.core(), 'b/dir', { recursive: true, maxDepth: 0 }), RangeError)
      assert.equal(store.files.size, Object.keys(tree).length)
    })

    it('rejects with ENOENT when nothing matches, and removes what else a list names when one pattern does not', async () => {
      const store = make()
      await assert.rejects(rm(store.core(), 'b/*.none'), { code: 'ENOENT' })
      await assert.rejects(rm(store.core(), ['b/*.none', 'b/n*/x']), { code: 'ENOENT' })
      assert.equal(store.files.size, Object.keys(tree).length)
      await rm(store.core(), ['b/*.none', 'b/fil*'])
      await rm(store.core(), [])
      assert.equal(store.files.size, Object.keys(tree).length - 1)
    })

    it('removes so many levels as maxDepth says', async () => {
      const store = make(2)
      await rm(store.core(), 'b/dir', { recursive: true, maxDepth: 2 })
      assert.deepEqual(store.below('b'), ['dir/sub/deep/4', 'directory', 'file', 'other'])
    })

    it('counts files as listings tell of them', async () => {
      const progress = new Recorder()
      await rm(make(1).core(), ['b/dir', 'b/file'], { recursive: true, progress })
      assert.deepEqual([progress.size, progress.done, progress.closed], [5, 5, 1])
    })
  })
}

describe('rm()', () => {
  it('streams a tree: two pages of deletes under way at most, none held', async () => {
    const store = new Store({ pageSize: 10 })
    for (let index = 0; index < 1000; index++) store.put(`b/x/${String(index).padStart(4, '0')}`)
    let listed = 0
    let deleting = 0
    let most = 0
    store.fault = async (operation, path) => {
      if (operation === 'list') {
        listed++
        assert.ok(listed - store.count('delete') <= 4, `${listed} pages listed`)
      }
      if (operation !== 'delete') return
      assert.ok(path.split(',').length <= 10)
      most = Math.max(most, ++deleting)
      for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve))
      deleting--
    }
    await rm(store.core(), 'b/x', { recursive: true })
    assert.equal(store.files.size, 0)
    assert.equal(most, 2)
  })

  it('asks for no info when a list of plain paths is removed, and deletes by batches of 1,000', async () => {
    const store = new Store()
    for (let index = 0; index < 2500; index++) store.put(`b/${index}`)
    await rm(store.core(), [...store.files.keys()])
    assert.equal(store.files.size, 0)
    assert.deepEqual([store.count('info'), store.count('list'), store.count('delete')], [0, 0, 3])
  })

  it('removes what has the name of a file and of a directory alike when it is recursive', async () => {
    const store = new Store({}, { 'b/x': '', 'b/x/1': '', 'b/xy': '' })
    await rm(store.core(), 'b/x')
    assert.deepEqual(store.below('b'), ['x/1', 'xy'])
    store.put('b/x')
    await rm(store.core(), 'b/x', { recursive: true })
    assert.deepEqual(store.below('b'), ['xy'])
  })

  it('stops at the first error, and at an abort', async () => {
    const store = new Store({ pageSize: 1 }, tree)
    store.fault = (operation, path) => { if (operation === 'delete' && path === 'b/dir/2') throw new FsError('EACCES', 'no', { path }) }
    await assert.rejects(rm(store.core(), 'b/dir', { recursive: true }), { code: 'EACCES' })
    assert.ok(store.files.has('b/dir/sub/deep/4'))
    const controller = new AbortController()
    const reason = new Error('stop')
    store.fault = operation => { if (operation === 'delete') controller.abort(reason) }
    await assert.rejects(rm(store.core(controller.signal), 'b/dir', { recursive: true }), error => error === reason)
    assert.equal(store.inFlight, 0)
  })

  it('counts as removed what others removed meanwhile', async () => {
    const store = new Store({ emptyDirectories: true }, tree)
    store.fault = operation => { if (operation === 'delete') store.files.delete('b/dir/1') }
    await rm(store.core(), 'b/dir', { recursive: true })
    assert.deepEqual(store.below('b'), ['directory', 'file', 'other'])
  })

  it('empties a directory again that fills meanwhile, and gives up with ENOTEMPTY', async () => {
    const store = new Store({ emptyDirectories: true }, tree)
    let more = 1
    store.fault = operation => { if (operation === 'removeDirectory' && more-- > 0) store.put(`b/dir/more${more}`) }
    await rm(store.core(), 'b/dir', { recursive: true })
    assert.deepEqual(store.below('b'), ['directory', 'file', 'other'])
    store.put('b/dir/1')
    more = Number.POSITIVE_INFINITY
    await assert.rejects(rm(store.core(), 'b/dir', { recursive: true }), { code: 'ENOTEMPTY' })
  })

  describe('on local files', () => {
    let folder = ''
    const at = (...names: readonly string[]): string => join(folder, ...names)
    const core = (): LocalCore => new LocalCore({ signal: new AbortController().signal, cwd: folder })

    beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'forkfs-rm-')) })
    afterEach(async () => { await remove(folder, { recursive: true, force: true }) })

    it('removes trees with staged files in them, links without what they point to', async () => {
      await mkdir(at('outside'))
      await writeFile(at('outside/keep'), '')
      await mkdir(at('x/sub/deep'), { recursive: true })
      await writeFile(at('x/sub/.file.1.0123456789abcdef.forkfs-tmp'), '')
      await symlink(at('outside'), at('x/sub/link'))
      await symlink(at('nowhere'), at('x/broken'))
      await symlink(at('outside'), at('top'))
      await rm(core(), 'top')
      await rm(core(), 'x', { recursive: true })
      assert.deepEqual((await readdir(folder, { recursive: true })).sort(), ['outside', 'outside/keep'])
    })

    it('refuses the root, the working directory and what it lies in, also by a link', async () => {
      const here = process.cwd()
      await symlink(dirname(here), at('link'))
      for (const path of ['/', here, dirname(here), `${here}/`, join(folder, 'link', here.slice(dirname(here).length + 1))]) {
        await assert.rejects(rm(new LocalCore({ signal: AbortSignal.timeout(10_000) }), path, { recursive: true }), { code: 'EINVAL' }, path)
      }
    })

    it('rejects with EISDIR for a directory in a list, and with ENOENT for what is missing', async () => {
      await mkdir(at('dir'))
      await assert.rejects(rm(core(), ['dir']), { code: 'EISDIR' })
      await assert.rejects(rm(core(), ['gone']), { code: 'ENOENT' })
      await chmod(at('dir'), 0o755)
      await rm(core(), 'd*', { recursive: true })
      assert.deepEqual(await readdir(folder), [])
    })
  })
})
