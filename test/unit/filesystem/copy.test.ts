import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm as remove, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FsError } from '../../../lib/errors/index.js'
import { cp, mv } from '../../../lib/filesystem/copy.js'
import { LocalCore } from '../../../lib/filesystem/local-core.js'
import { Recorder, Store } from './copy-core.js'

let folder = ''
const signal = new AbortController().signal

/** Which name goes where is told by the conformance suite, on every kind of store. */
describe('copying', () => {
  beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'forkfs-copy-')) })
  afterEach(async () => { await remove(folder, { recursive: true, force: true }) })

  describe('cp()', () => {
    it('rejects with ENOENT when a source is missing, or a pattern matches nothing', async () => {
      const core = new Store({}, { 'b/file': '' }).core()
      for (const [source, recursive] of [['b/gone', false], ['b/gone', true], ['b/*.x', false], [['b/file', 'b/gone'], false]] as const) {
        await assert.rejects(cp(core, source, 'b/target', { recursive }), { code: 'ENOENT' }, String(source))
      }
    })

    it('rejects with a RangeError when lists differ in length or maxDepth is 0', async () => {
      const core = new Store({}, { 'b/file': '' }).core()
      await assert.rejects(cp(core, ['b/file'], ['x', 'y']), RangeError)
      await assert.rejects(cp(core, 'b/', 'c', { recursive: true, maxDepth: 0 }), RangeError)
      await assert.rejects(cp(core, 'b/file', ['x']), TypeError)
      await assert.rejects(cp(core, 'b/file', 7 as unknown as string), TypeError)
    })

    it('refuses two sources for one target before anything is copied', async () => {
      const store = new Store({}, { 'b/x/file': '1', 'b/y/file': '2' })
      await assert.rejects(cp(store.core(), ['b/x/file', 'b/y/file'], 'b/target'), { code: 'EINVAL' })
      assert.equal(store.count('copy'), 0)
    })

    it('leaves a file as it is when it is copied onto itself', async () => {
      const store = new Store({}, { 'b/file': 'text' })
      await cp(store.core(), 'b/file', 'b/file')
      assert.equal(store.text('b/file'), 'text')
      assert.equal(store.count('copy'), 0)
    })

    it('ends when a directory is copied into itself, with what is not in the target', async () => {
      const store = new Store({}, { 'b/x': '', 'b/sub/y': '', 'b/copy/old': '' })
      for (let time = 0; time < 2; time++) await cp(store.core(), 'b/', 'b/copy', { recursive: true })
      assert.deepEqual(store.below('b'), ['copy/old', 'copy/sub/y', 'copy/x', 'sub/y', 'x'])
    })

    it('keeps empty directories where both sides keep them', async () => {
      const store = new Store({ emptyDirectories: true }, { 'b/x/file': '' })
      store.directories.add('b/x/empty')
      await cp(store.core(), 'b/x', 'b/y', { recursive: true })
      assert.ok(store.directories.has('b/y/empty'))
    })

    it('makes no directory for a directory that a list names where none are kept, and EISDIR of one that is paired', async () => {
      const store = new Store({}, { 'b/x/file': '' })
      await cp(store.core(), ['b/x'], 'b/target')
      assert.deepEqual(store.below('b'), ['x/file'])
      await assert.rejects(cp(store.core(), ['b/x'], ['b/y']), { code: 'EISDIR' })
    })

    it('passes over files that vanish during a recursive copy, unless onError says otherwise', async () => {
      const vanish = (): Store => {
        const store = new Store({}, { 'b/x/1': '', 'b/x/2': '', 'b/x/3': '' })
        store.fault = (operation, path) => { if (operation === 'copy' && path.startsWith('b/x/2')) store.files.delete('b/x/2') }
        return store
      }
      const store = vanish()
      await cp(store.core(), 'b/x', 'b/y', { recursive: true })
      assert.deepEqual(store.below('b/y'), ['1', '3'])
      await assert.rejects(cp(vanish().core(), 'b/x', 'b/y', { recursive: true, onError: 'raise' }), { code: 'ENOENT' })
    })

    it('rejects with ENOENT of a target although the copy is recursive', async () => {
      const store = new Store({}, { 'b/x/1': '' })
      store.fault = operation => { if (operation === 'copy') throw new FsError('ENOENT', 'no such bucket') }
      await assert.rejects(cp(store.core(), 'b/x', 'c/y', { recursive: true }), { code: 'ENOENT' })
    })

    it('goes on without what failed, and tells of all of it when onError is return', async () => {
      const store = new Store({}, { 'b/x/1': '', 'b/x/2': '', 'b/x/3': '', 'b/x/4': '' })
      store.fault = (operation, path) => { if (operation === 'copy' && /^b\/x\/[24]/.test(path)) throw new FsError('EACCES', path) }
      await cp(store.core(), 'b/x', 'b/omit', { recursive: true, onError: 'omit' })
      assert.deepEqual(store.below('b/omit'), ['1', '3'])
      const told = (error: unknown): boolean => error instanceof AggregateError && error.errors.map(each => (each as FsError).condition.slice(0, 5)).join() === 'b/x/2,b/x/4'
      await assert.rejects(cp(store.core(), 'b/x', 'b/return', { recursive: true, onError: 'return' }), told)
      assert.deepEqual(store.below('b/return'), ['1', '3'])
    })

    it('counts files, and bytes in branches that are closed', async () => {
      const store = new Store({}, { 'b/x/1': 'one', 'b/x/2': 'three' })
      const progress = new Recorder()
      await cp(store.core(), 'b/x', 'b/y', { recursive: true, progress })
      assert.deepEqual([progress.size, progress.done, progress.closed], [2, 2, 1])
      assert.deepEqual([...progress.children].map(([name, child]) => [name, child.size, child.done, child.closed]), [['b/x/1 -> b/y/1', 3, 3, 1], ['b/x/2 -> b/y/2', 5, 5, 1]])
      const failing = new Recorder()
      await assert.rejects(cp(store.core(), 'b/gone', 'b/y', { progress: failing }))
      assert.equal(failing.closed, 1)
    })

    it('lists a tree twice when it has more files than are held: the same names, all counted before the first', async () => {
      const count = 10_100
      const names = Array.from({ length: count }, (_, index) => `b/x/d${index % 7}/${index}`)
      const store = new Store({ emptyDirectories: true, concurrency: 64 }, Object.fromEntries(names.map(name => [name, name])))
      const progress = new Recorder()
      const sizes = new Set<number>()
      store.fault = operation => { if (operation === 'copy') sizes.add(progress.size) }
      await cp(store.core(), 'b/x', 'b/x/y', { recursive: true, progress: { setSize: size => progress.setSize(size), advance: by => progress.advance(by), close: () => progress.close() } })
      assert.deepEqual(store.below('b/x/y'), names.map(name => name.slice('b/x/'.length)).sort())
      assert.equal(store.text('b/x/y/d3/3'), 'b/x/d3/3')
      assert.deepEqual([[...sizes], progress.done, progress.closed], [[count], count, 1])
      assert.equal(store.count('list'), 2 * Math.ceil((count + 7) / 1000))
    })

    it('stops at an abort: nothing starts and nothing is under way after it', async () => {
      const store = new Store({}, Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`b/x/${index}`, ''])))
      const controller = new AbortController()
      const reason = new Error('stop')
      store.fault = operation => { if (operation === 'copy' && store.count('copy') === 10) controller.abort(reason) }
      await assert.rejects(cp(store.core(controller.signal), 'b/x', 'b/y', { recursive: true }), error => error === reason)
      assert.equal(store.inFlight, 0)
      assert.ok(store.count('copy') <= 14)
      assert.ok(store.below('b/y').length < 10)
    })
  })

  describe('mv()', () => {
    it('does nothing when a path is moved onto itself', async () => {
      const store = new Store({}, { 'b/x': '1' })
      await mv(store.core(), 'b/x', 'b/x/')
      assert.deepEqual(store.calls, [])
      const renaming = new Store({ rename: true, emptyDirectories: true }, { 'b/x': '1' })
      await mv(renaming.core(), 'b/x', 'b')
      assert.deepEqual([renaming.count('rename'), renaming.text('b/x')], [0, '1'])
    })

    for (const rename of [false, true]) {
      it(`moves files, directories, lists and patterns ${rename ? 'by rename' : 'by copy and delete'}`, async () => {
        const store = new Store({ rename, emptyDirectories: rename }, { 'b/file': 'f', 'b/dir/1': '1', 'b/dir/sub/2': '2', 'b/p1': 'p', 'b/p2': 'q', 'b/to/keep': '' })
        const core = store.core()
        await mv(core, 'b/file', 'b/to')
        await mv(core, 'b/dir', 'b/to', { recursive: true })
        await mv(core, 'b/p*', 'b/ps')
        await mv(core, ['b/ps/p1', 'b/to/file'], ['b/q', 'b/r'])
        assert.deepEqual(store.below('b'), ['ps/p2', 'q', 'r', 'to/dir/1', 'to/dir/sub/2', 'to/keep'])
        assert.deepEqual([store.text('b/q'), store.text('b/r'), store.text('b/to/dir/sub/2')], ['p', 'f', '2'])
        assert.ok(!store.directories.has('b/dir') || !rename)
        assert.equal(store.count('rename') > 0, rename)
      })
    }

    it('copies and deletes where a rename does not get', async () => {
      const store = new Store({ rename: true, emptyDirectories: true }, { 'b/file': 'f', 'b/dir/sub/1': '1', 'b/to/keep': '' })
      store.fault = operation => {
        if (operation === 'rename') throw new FsError('FORKFS_BACKEND', 'no', { cause: Object.assign(new Error('other device'), { code: 'EXDEV' }) })
      }
      await mv(store.core(), 'b/file', 'b/to')
      await mv(store.core(), 'b/dir', 'b/to/new', { recursive: true })
      assert.deepEqual(store.below('b'), ['to/file', 'to/keep', 'to/new/sub/1'])
      assert.ok(!store.directories.has('b/dir'))
    })

    it('keeps each file at one place when a rename of several fails', async () => {
      const store = new Store({ rename: true, emptyDirectories: true }, { 'b/x1': '1', 'b/x2': '2', 'b/x3': '3' })
      store.fault = (operation, path) => { if (operation === 'rename' && path.startsWith('b/x2')) throw new FsError('EACCES', 'no') }
      await assert.rejects(mv(store.core(), 'b/x*', 'b/to'), { code: 'EACCES' })
      assert.deepEqual(store.below('b').map(name => name.replace('to/', '')).sort(), ['x1', 'x2', 'x3'])
      assert.equal(store.count('delete'), 0)
    })

    it('deletes nothing when a copy fails', async () => {
      const store = new Store({}, { 'b/x/1': '', 'b/x/2': '', 'b/x/3': '' })
      store.fault = (operation, path) => { if (operation === 'copy' && path.startsWith('b/x/2')) throw new FsError('EACCES', 'no') }
      await assert.rejects(mv(store.core(), 'b/x', 'b/y', { recursive: true }), { code: 'EACCES' })
      assert.deepEqual(store.below('b/x'), ['1', '2', '3'])
      assert.equal(store.count('delete'), 0)
    })

    it('refuses what would destroy the source: a directory into itself, moves that depend on each other', async () => {
      for (const rename of [false, true]) {
        const store = new Store({ rename, emptyDirectories: rename }, { 'b/x/1': '', 'b/x/sub/1': '', 'b/y': '' })
        await assert.rejects(mv(store.core(), 'b/x', 'b/x/sub', { recursive: true }), { code: 'EINVAL' })
        await assert.rejects(mv(store.core(), ['b/x/1', 'b/y'], ['b/y', 'b/z']), { code: 'EINVAL' })
        assert.deepEqual(store.below('b'), ['x/1', 'x/sub/1', 'y'])
      }
    })

    it('rejects with EISDIR for a directory without recursive where it would be copied', async () => {
      const store = new Store({}, { 'b/x/1': '' })
      await assert.rejects(mv(store.core(), 'b/x', 'b/y'), { code: 'EISDIR' })
      assert.deepEqual(store.below('b'), ['x/1'])
    })

    it('keeps the local source when the target has no parent, or a full directory is in the way', async () => {
      const core = new LocalCore({ signal, cwd: folder })
      await writeFile(join(folder, 'file'), 'text')
      await assert.rejects(mv(core, 'file', 'missing/file'), { code: 'ENOENT' })
      await mkdir(join(folder, 'dir'))
      await mkdir(join(folder, 'to/dir/full'), { recursive: true })
      await assert.rejects(mv(core, 'dir', 'to'), { code: 'ENOTEMPTY' })
      assert.deepEqual((await readdir(folder)).sort(), ['dir', 'file', 'to'])
    })

    it('leaves no directory behind when a local directory spills into another', async () => {
      const core = new LocalCore({ signal, cwd: folder })
      await mkdir(join(folder, 'dir/sub'), { recursive: true })
      await mkdir(join(folder, 'to'))
      await writeFile(join(folder, 'dir/sub/file'), 'text')
      await mv(core, 'dir/', 'to', { recursive: true })
      assert.deepEqual(await readdir(folder), ['to'])
      assert.equal(await readFile(join(folder, 'to/sub/file'), 'utf8'), 'text')
    })
  })

  describe('LocalCore.copy()', () => {
    it('leaves the target as it was and no staged file when the source is no file', async () => {
      const core = new LocalCore({ signal, cwd: folder })
      await mkdir(join(folder, 'dir'))
      await writeFile(join(folder, 'old'), 'old')
      await symlink(join(folder, 'nowhere'), join(folder, 'link'))
      await assert.rejects(core.copy(join(folder, 'dir'), join(folder, 'old')), { code: 'EISDIR' })
      await assert.rejects(core.copy(join(folder, 'link'), join(folder, 'old')), { code: 'FORKFS_NOT_SUPPORTED' })
      await assert.rejects(core.copy(join(folder, 'gone'), join(folder, 'old')), { code: 'ENOENT' })
      await assert.rejects(core.copy(join(folder, 'old'), join(folder, 'missing/new')), { code: 'ENOENT' })
      await assert.rejects(core.copy(join(folder, 'old'), join(folder, 'dir')), { code: 'EISDIR' })
      assert.deepEqual((await readdir(folder)).sort(), ['dir', 'link', 'old'])
      assert.equal(await readFile(join(folder, 'old'), 'utf8'), 'old')
    })
  })
})
