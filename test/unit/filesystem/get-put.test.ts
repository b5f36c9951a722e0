import assert from 'node:assert/strict'
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm as remove, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FsError, isFsError } from '../../../lib/errors/index.js'
import { get, put } from '../../../lib/filesystem/get-put.js'
import { Recorder, Store } from './copy-core.js'

const MiB = 1024 * 1024
let folder = ''
const at = (...names: readonly string[]): string => join(folder, ...names)
/** Bytes that differ from page to page. */
const content = (length: number): Uint8Array => {
  const words = new Uint32Array(Math.ceil(length / 4))
  for (let index = 0; index < words.length; index += 64) words[index] = index
  return new Uint8Array(words.buffer, 0, length)
}
const same = (a: Uint8Array | undefined, b: Uint8Array): boolean => a !== undefined && Buffer.compare(a, b) === 0
const local = async (): Promise<string[]> => (await readdir(folder, { recursive: true })).sort()

beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'forkfs-get-put-')) })
afterEach(async () => { await remove(folder, { recursive: true, force: true }) })

describe('get()', () => {
  it('fetches a large file in parts of 8 MiB of one version, in parallel', async () => {
    const data = content(20 * MiB + 5)
    const store = new Store({}, { 'b/large': data })
    const progress = new Recorder()
    await get(store.core(), 'b/large', at('new/dir/file'), { progress })
    assert.ok(same(await readFile(at('new/dir/file')), data))
    assert.deepEqual([store.count('readRange'), store.count('readAll')], [3, 0])
    assert.equal(store.mostInFlight, 3)
    const [child] = progress.children.values()
    assert.deepEqual([progress.size, progress.done, progress.closed, child!.size, child!.done, child!.closed], [1, 1, 1, data.length, data.length, 1])
  })

  it('keeps the bytes of parts apart when their buffers go round', async () => {
    const files = { 'b/x/1': content(44 * MiB), 'b/x/2': content(36 * MiB).reverse() }
    const store = new Store({}, files)
    await get(store.core(), 'b/x', at('new'), { recursive: true, maxConcurrency: 2 })
    for (const [name, data] of Object.entries(files)) assert.ok(same(await readFile(at('new', name.slice(-1))), data), name)
    assert.equal(store.mostInFlight, 2)
  })

  it('reads a file whole when the store has no ranges, or does not say how long it is', async () => {
    const data = content(16 * MiB)
    for (const options of [{ ranges: false }, { sizes: false }]) {
      const store = new Store(options, { 'b/large': data })
      await get(store.core(), 'b/large', at('file'))
      assert.ok(same(await readFile(at('file')), data))
      assert.equal(store.count('readAll'), 1)
    }
  })

  it('leaves nothing but the old file when a part fails, also not a staged file', async () => {
    const store = new Store({}, { 'b/large': content(33 * MiB) })
    await writeFile(at('file'), 'old')
    store.fault = (operation, path) => { if (operation === 'readRange' && path.includes(` ${16 * MiB}-`)) throw new FsError('FORKFS_NETWORK', 'lost') }
    await assert.rejects(get(store.core(), 'b/large', at('file')), { code: 'FORKFS_NETWORK' })
    assert.deepEqual(await local(), ['file'])
    assert.equal(await readFile(at('file'), 'utf8'), 'old')
    assert.equal(store.inFlight, 0)
  })

  it('leaves no staged file when the call is aborted, and nothing lands afterwards', async () => {
    const store = new Store({}, { 'b/x/large': content(40 * MiB), 'b/x/small': 'text' })
    const controller = new AbortController()
    const reason = new Error('stop')
    let reads = 0
    store.fault = operation => { if (operation === 'readRange' && ++reads === 3) controller.abort(reason) }
    await assert.rejects(get(store.core(controller.signal), 'b/x', at('new'), { recursive: true }), error => error === reason)
    assert.equal(store.inFlight, 0)
    const left = await local()
    assert.ok(left.every(name => ['new', 'new/small'].includes(name)), left.join())
    await new Promise(resolve => setTimeout(resolve, 20))
    assert.deepEqual(await local(), left)
  })

  it('begins again when the file changes between two parts, and gives up with FORKFS_CHANGED when it changes again', async () => {
    for (const changes of [1, 2]) {
      const store = new Store({}, { 'b/large': content(24 * MiB) })
      let reads = 0
      store.fault = operation => {
        if (operation === 'readRange' && (++reads === 2 || (changes === 2 && reads === 5))) store.put('b/large', content(17 * MiB))
      }
      const getting = get(store.core(), 'b/large', at('file'))
      if (changes === 2) await assert.rejects(getting, { code: 'FORKFS_CHANGED' })
      else await getting
      assert.deepEqual(await local(), changes === 2 ? [] : ['file'])
      if (changes === 1) assert.ok(same(await readFile(at('file')), content(17 * MiB)))
      await remove(at('file'), { force: true })
    }
  })

  it('rejects with FORKFS_CHANGED when only the parts themselves tell that they are of two versions', async () => {
    const store = new Store({ listedEtags: false }, { 'b/large': content(24 * MiB) })
    let reads = 0
    store.fault = operation => { if (operation === 'readRange' && [2, 5].includes(++reads)) store.put('b/large', content(24 * MiB)) }
    await assert.rejects(get(store.core(), 'b/large', at('file')), { code: 'FORKFS_CHANGED' })
    assert.deepEqual(await local(), [])
  })

  it('rejects with FORKFS_TRUNCATED when a store without versions has fewer bytes than it said', async () => {
    const store = new Store({ etags: false }, { 'b/large': content(24 * MiB) })
    store.fault = operation => { if (operation === 'readRange') store.put('b/large', content(17 * MiB)) }
    await assert.rejects(get(store.core(), 'b/large', at('file')), { code: 'FORKFS_TRUNCATED' })
    assert.deepEqual(await local(), [])
  })

  it('begins a file again, once, when it is newer than the listing', async () => {
    const store = new Store({}, { 'b/x/file': 'old' })
    store.fault = operation => { if (operation === 'readAll' && store.count('readAll') === 1) store.put('b/x/file', 'newer') }
    const progress = new Recorder()
    await get(store.core(), 'b/x/', at('x'), { recursive: true, progress })
    assert.equal(await readFile(at('x/file'), 'utf8'), 'newer')
    assert.deepEqual([...progress.children.values()].map(({ size, done }) => [size, done]), [[5, 5]])
  })

  it('refuses keys that would leave the target directory, before anything is fetched', async () => {
    for (const key of ['../evil', 'a/../../evil', './a', 'a//b', '/etc/evil', 'a\0b', '..']) {
      const store = new Store({}, { 'b/x/good': '', [`b/x/${key}`]: '' })
      await assert.rejects(get(store.core(), 'b/x/', at('in'), { recursive: true }), error => isFsError(error, 'EINVAL') && error.path!.startsWith('b/x/'))
      assert.equal(store.count('readAll'), 0)
    }
    const store = new Store({}, { 'b/x/..': '' })
    await assert.rejects(get(store.core(), ['b/x/..'], at('in')), { code: 'EINVAL' })
    assert.deepEqual(await local(), [])
  })

  it('refuses such a key among more than it holds, too', async () => {
    const names = Array.from({ length: 10_001 }, (_, index) => `b/x/${String(index).padStart(5, '0')}`)
    const store = new Store({}, Object.fromEntries([...names, 'b/x/z/../../../out'].map(name => [name, '1'])))
    await assert.rejects(get(store.core(), 'b/x', at('into'), { recursive: true }), { code: 'EINVAL' })
    assert.deepEqual([store.count('readAll'), await local()], [0, []])
  })

  it('resolves relative paths against the working directory and takes ~ as a name', async () => {
    const store = new Store({}, { 'b/file': 'text' })
    const before = process.cwd()
    process.chdir(folder)
    try {
      const started = get(store.core(), 'b/file', '~/file')
      process.chdir(before)
      await started
    } finally {
      process.chdir(before)
    }
    assert.deepEqual(await local(), ['~', '~/file'])
  })

  it('makes a directory of an object that stands for one, and none for a directory without recursive', async () => {
    const store = new Store({}, { 'b/x/file': '', 'b/x/marker/': '' })
    await get(store.core(), 'b/x', at('new'), { recursive: true })
    assert.deepEqual(await local(), ['new', 'new/file', 'new/marker'])
    await get(store.core(), 'b/x', at('other/'))
    assert.deepEqual(await local(), ['new', 'new/file', 'new/marker'])
  })

  it('makes an empty directory for one that a list names', async () => {
    const store = new Store({}, { 'b/x/file': '', 'b/y': '' })
    await get(store.core(), ['b/x', 'b/y'], at('new'))
    assert.deepEqual(await local(), ['new', 'new/x', 'new/y'])
  })

  it('goes on without what failed when onError is omit', async () => {
    const store = new Store({}, { 'b/x/1': '', 'b/x/2': '2', 'b/x/3': '3' })
    store.fault = (operation, path) => { if (operation === 'readAll' && path === 'b/x/2') throw new FsError('EACCES', 'no') }
    await get(store.core(), 'b/x', at('new'), { recursive: true, onError: 'omit' })
    assert.deepEqual(await local(), ['new', 'new/1', 'new/3'])
    await assert.rejects(get(store.core(), 'b/x', at('new'), { recursive: true, onError: 'return' }), AggregateError)
  })
})

describe('put()', () => {
  it('writes small files in one go and large ones through the staged writer', async () => {
    const data = content(20 * MiB + 5)
    await mkdir(at('x/empty'), { recursive: true })
    await writeFile(at('x/large'), data)
    await writeFile(at('x/small'), 'text')
    const store = new Store()
    const progress = new Recorder()
    await put(store.core(), at('x'), 'b/y', { recursive: true, progress })
    assert.deepEqual(store.below('b/y'), ['large', 'small'])
    assert.ok(same(store.files.get('b/y/large')?.data, data))
    assert.deepEqual([store.count('write'), store.count('openWriter'), store.count('part'), store.count('commit')], [1, 1, 3, 1])
    assert.deepEqual([progress.size, progress.done, progress.closed], [2, 2, 1])
    assert.deepEqual([...progress.children.values()].map(({ size, done, closed }) => [size, done, closed]).sort(([a], [b]) => a! - b!), [[4, 4, 1], [data.length, data.length, 1]])
  })

  it('rejects with FORKFS_CHANGED and leaves the old object when the local file changes underneath', async () => {
    await writeFile(at('large'), content(20 * MiB))
    const store = new Store({}, { 'b/large': 'old' })
    store.fault = async operation => { if (operation === 'part' && store.count('part') === 1) await appendFile(at('large'), 'more') }
    await assert.rejects(put(store.core(), at('large'), 'b/large'), { code: 'FORKFS_CHANGED' })
    assert.equal(store.text('b/large'), 'old')
    assert.equal(store.open.size, 0)
  })

  it('aborts the upload when a part fails, or the call is aborted', async () => {
    await writeFile(at('large'), content(20 * MiB))
    for (const aborting of [false, true]) {
      const store = new Store()
      const controller = new AbortController()
      const reason = new FsError('FORKFS_BACKEND', 'no')
      store.fault = operation => {
        if (operation !== 'part' || store.count('part') !== 2) return
        if (aborting) controller.abort(reason)
        else throw reason
      }
      await assert.rejects(put(store.core(controller.signal), at('large'), 'b/large'), error => error === reason)
      assert.deepEqual([store.files.size, store.open.size, store.count('commit')], [0, 0, 0])
    }
  })

  it('makes parents where the store keeps directories, empty ones of the source included', async () => {
    await mkdir(at('x/deep/empty'), { recursive: true })
    await writeFile(at('x/file'), '')
    const store = new Store({ emptyDirectories: true })
    await put(store.core(), at('x'), 'b/y', { recursive: true })
    assert.deepEqual([...store.directories].sort(), ['b', 'b/y', 'b/y/deep', 'b/y/deep/empty'])
    assert.deepEqual(store.below('b'), ['y/file'])
  })

  it('follows links to files and refuses what is no file', async () => {
    await mkdir(at('x'))
    await writeFile(at('file'), 'text')
    await symlink(at('file'), at('x/link'))
    const store = new Store()
    await put(store.core(), at('x'), 'b/y', { recursive: true })
    assert.equal(store.text('b/y/link'), 'text')
    await symlink(at('nowhere'), at('x/broken'))
    await assert.rejects(put(store.core(), at('x'), 'b/z', { recursive: true }), { code: 'FORKFS_NOT_SUPPORTED' })
    await assert.rejects(put(store.core(), at('gone'), 'b/z'), { code: 'ENOENT' })
    assert.ok((await stat(at('file'))).isFile())
  })

  it('never has more files under way than maxConcurrency', async () => {
    await mkdir(at('x'))
    for (let index = 0; index < 20; index++) await writeFile(at('x', String(index)), 'text')
    const store = new Store()
    await put(store.core(), at('x'), 'b/y', { recursive: true, maxConcurrency: 3 })
    assert.equal(store.files.size, 20)
    assert.ok(store.mostInFlight <= 3, `${store.mostInFlight}`)
  })
})
