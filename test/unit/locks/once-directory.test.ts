import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { isFsError } from '../../../lib/errors/index.js'
import { onceDirectory } from '../../../lib/locks/index.js'
import { resetForFork } from '../../../lib/owner/index.js'

let directory: string

/** What is there beside the locks. */
const homes = async (): Promise<string[]> => (await readdir(directory)).filter(name => !name.startsWith('.'))
const insideHome = async (): Promise<string[]> => (await readdir(join(directory, (await homes())[0]!))).sort()

describe('onceDirectory()', () => {
  beforeEach(async () => { directory = await mkdtemp(join(tmpdir(), 'forkfs-once-')) })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  it('C1, C4: shares one making among callers of a thread; later ones make nothing', async () => {
    let made = 0
    const make = async (folder: string): Promise<unknown> => {
      await writeFile(join(folder, 'a'), String(++made))
      return { etag: 'x' }
    }
    const copies = await Promise.all([1, 2, 3, 4].map(() => onceDirectory({ directory, key: 'k', make })))
    assert.deepEqual([made, new Set(copies.map(copy => copy.path)).size, copies[0]!.made, copies[3]!.info], [1, 1, true, { etag: 'x' }])
    await Promise.all(copies.map(copy => copy.release()))
    const later = await onceDirectory({ directory, key: 'k', make })
    assert.deepEqual([made, later.made, later.info, await readFile(join(later.path, 'a'), 'utf8')], [1, false, { etag: 'x' }, '1'])
    await later.release()
    assert.deepEqual(await insideHome(), ['current', 'leases'])
  })

  it('C3, C17: rejects all who wait with the maker\'s error, leaves nothing, and makes it the next time', async () => {
    const failure = Object.assign(new Error('no space'), { code: 'ENOSPC', syscall: 'write' })
    let works = false
    const make = async (folder: string): Promise<void> => {
      await writeFile(join(folder, 'a'), 'half')
      if (!works) throw failure
    }
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => onceDirectory({ directory, key: 'k', make })))
    assert.ok(outcomes.every(outcome => outcome.status === 'rejected' && isFsError(outcome.reason, 'ENOSPC')))
    assert.deepEqual(await homes(), [])
    works = true
    const copy = await onceDirectory({ directory, key: 'k', make, transient: true })
    assert.equal(copy.made, true)
    await copy.release()
    assert.deepEqual(await homes(), [])
  })

  it('C5: keeps a transient one while anybody of the thread reads it, nested or side by side', async () => {
    const make = (folder: string): Promise<void> => writeFile(join(folder, 'a'), '1')
    const outer = await onceDirectory({ directory, key: 'k', make, transient: true })
    const inner = await onceDirectory({ directory, key: 'k', make, transient: true })
    await Promise.all([outer.release(), outer.release()])
    assert.ok(existsSync(join(inner.path, 'a')))
    await inner.release()
    assert.deepEqual(await homes(), [])
  })

  it('aborts the maker when the last one who waits gives up, and settles after it', async () => {
    let ended = false
    const make = (_folder: string, signal: AbortSignal): Promise<void> => new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => { setTimeout(() => { ended = true; reject(signal.reason) }, 20) })
      begun()
    })
    let begun = (): void => {}
    const making = new Promise<void>(resolve => { begun = resolve })
    const [one, two] = [new AbortController(), new AbortController()]
    const first = onceDirectory({ directory, key: 'k', make, signal: one.signal })
    const second = onceDirectory({ directory, key: 'k', make, signal: two.signal })
    await making
    one.abort(new Error('one'))
    await assert.rejects(first, { message: 'one' })
    assert.equal(ended, false)
    two.abort(new Error('two'))
    await assert.rejects(second, { message: 'two' })
    assert.equal(ended, true)
    assert.deepEqual(await homes(), [])
  })

  it('does not count the time of its own making against timeoutMs', async () => {
    const make = (): Promise<void> => new Promise(resolve => { setTimeout(resolve, 60) })
    const copies = await Promise.all([onceDirectory({ directory, key: 'k', make, timeoutMs: 2000 }), onceDirectory({ directory, key: 'k', make })])
    assert.equal(copies[0].path, copies[1].path)
    const quick = await onceDirectory({ directory, key: 'other', make, timeoutMs: 0 })
    for (const copy of [...copies, quick]) await copy.release()
  })

  it('makes it again when the manifest of another boot does not fit what is there', async () => {
    const make = (folder: string): Promise<void> => writeFile(join(folder, 'a'), 'whole')
    const first = await onceDirectory({ directory, key: 'k', make })
    await first.release()
    const path = join(dirname(first.path), 'manifest.json')
    const manifest = JSON.parse(await readFile(path, 'utf8')) as object
    await writeFile(path, JSON.stringify({ ...manifest, bootId: 'another' }))
    const same = await onceDirectory({ directory, key: 'k', make })
    assert.equal(same.made, false)
    await same.release()
    await truncate(join(first.path, 'a'), 0)
    const again = await onceDirectory({ directory, key: 'k', make })
    assert.deepEqual([again.made, await readFile(join(again.path, 'a'), 'utf8')], [true, 'whole'])
    await again.release()
  })

  it('publishes nothing for an owner that is gone, removes nothing of its, and rejects with FORKFS_RESET', async () => {
    let finish = (): void => {}
    let begun = (): void => {}
    const making = new Promise<void>(resolve => { begun = resolve })
    const make = async (folder: string): Promise<void> => {
      await writeFile(join(folder, 'a'), 'of the old epoch')
      begun()
      await new Promise<void>(resolve => { finish = resolve })
    }
    const pending = onceDirectory({ directory, key: 'k', make })
    await making
    resetForFork()
    await assert.rejects(pending, error => isFsError(error, 'FORKFS_RESET'))
    finish()
    await new Promise(resolve => { setTimeout(resolve, 20) }) // what it would do it would do now
    assert.ok((await insideHome()).every(name => name.startsWith('.staging-')))
    const copy = await onceDirectory({ directory, key: 'k', make: folder => writeFile(join(folder, 'a'), 'new') })
    assert.deepEqual([await readFile(join(copy.path, 'a'), 'utf8'), await insideHome()], ['new', ['current', 'leases']])
    await copy.release()
  })

  it('refuses wrong arguments before any I/O', async () => {
    const make = async (): Promise<void> => {}
    await assert.rejects(onceDirectory({ directory: 'relative', key: 'k', make }), TypeError)
    await assert.rejects(onceDirectory({ directory, key: '', make }), TypeError)
    await assert.rejects(onceDirectory({ directory, key: 'k', make: 5 as never }), TypeError)
    assert.deepEqual(await readdir(directory), [])
  })
})
