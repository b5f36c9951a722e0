import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises'
import { resetForFork } from '../../../lib/owner/index.js'
import { localInfo, localTemporaryPattern, openLocalWriter } from '../../../lib/file/local.js'
import { eventually } from '../../eventually.js'
import { Folder, pattern } from './helpers.js'

/** Descriptors of this process that lead into the folder. */
async function descriptorsInto (path: string): Promise<number> {
  const targets = await Promise.all((await readdir('/proc/self/fd')).map(fd => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
  return targets.filter(target => target.startsWith(path)).length
}

describe('LocalWriter', () => {
  it('gives its descriptor back at a reset, though nobody closes it, and leaves its file to the sweep', async function () {
    if (process.platform !== 'linux') this.skip() // elsewhere no folder lists descriptors
    await using folder = await Folder.make()
    const writers = [await openLocalWriter(folder.file('a')), await openLocalWriter(folder.file('b'))]
    await Promise.all(writers.map(writer => writer.write(pattern(1000))))
    await writers.pop()!.commit()
    assert.equal(await descriptorsInto(folder.path), 1)
    resetForFork()
    assert.ok(await eventually(async () => await descriptorsInto(folder.path) === 0))
    assert.equal((await folder.names()).filter(name => localTemporaryPattern.test(name)).length, 1)
  })

  it('shows nothing before commit() and the whole file after it, with the info of its version', async () => {
    await using folder = await Folder.make()
    const path = folder.file('a')
    const writer = await openLocalWriter(path)
    await writer.write(Buffer.from('hello '))
    await writer.write(Buffer.from('world'))
    const [staged] = await folder.names()
    assert.match(staged ?? '', localTemporaryPattern)
    const info = await writer.commit()
    assert.equal(await readFile(path, 'utf8'), 'hello world')
    assert.deepEqual(info, await localInfo(path))
    assert.deepEqual(await folder.names(), ['a'])
    assert.equal(await writer.commit(), info)
    await assert.rejects(writer.write(Buffer.from('!')), { code: 'FORKFS_CLOSED' })
  })

  it('takes chunks at their places from writers in parallel', async () => {
    await using folder = await Folder.make()
    const bytes = pattern(1_000_000)
    const writer = await openLocalWriter(folder.file('a'))
    const starts = Array.from({ length: 10 }, (_, i) => i * 100_000).reverse()
    await Promise.all(starts.map(start => writer.writeAt(bytes.subarray(start, start + 100_000), start)))
    assert.equal((await writer.commit()).size, 1_000_000)
    assert.ok(Buffer.from(bytes).equals(await readFile(folder.file('a'))))
  })

  it('leaves the old file and nothing else after abort(), which waits for writes and may be called again', async () => {
    await using folder = await Folder.make()
    await writeFile(folder.file('a'), 'old')
    const writer = await openLocalWriter(folder.file('a'))
    const writing = writer.write(pattern(500_000))
    await Promise.all([writer.abort(), writer.abort()])
    await writing
    assert.deepEqual(await folder.names(), ['a'])
    assert.equal(await readFile(folder.file('a'), 'utf8'), 'old')
    await assert.rejects(writer.commit(), { code: 'FORKFS_CLOSED' })
  })

  it('gives a new file the mode that node:fs gives and keeps the mode of an overwritten one', async () => {
    await using folder = await Folder.make()
    await writeFile(folder.file('reference'), '')
    await writeFile(folder.file('old'), '')
    await chmod(folder.file('old'), 0o776)
    for (const name of ['new', 'old']) await (await openLocalWriter(folder.file(name))).commit()
    assert.equal((await stat(folder.file('new'))).mode, (await stat(folder.file('reference'))).mode)
    assert.equal((await stat(folder.file('old'))).mode & 0o7777, 0o776)
  })

  it('writes through a link, also one to a file that is not there yet, and leaves the link', async () => {
    await using folder = await Folder.make()
    await writeFile(folder.file('a'), 'old')
    await symlink('a', folder.file('link'))
    await symlink('b', folder.file('dangling'))
    for (const name of ['link', 'dangling']) {
      const writer = await openLocalWriter(folder.file(name))
      await writer.write(Buffer.from(name))
      await writer.commit()
    }
    assert.deepEqual(await folder.names(), ['a', 'b', 'dangling', 'link'])
    assert.equal(await readlink(folder.file('link')), 'a')
    assert.equal(await readFile(folder.file('a'), 'utf8'), 'link')
    assert.equal(await readFile(folder.file('b'), 'utf8'), 'dangling')
  })

  it('lets exactly one of two exclusive writers win, and rejects with EEXIST at open when there is something', async () => {
    await using folder = await Folder.make()
    const writers = await Promise.all([openLocalWriter(folder.file('a'), { flag: 'wx' }), openLocalWriter(folder.file('a'), { flag: 'wx' })])
    await Promise.all(writers.map((writer, i) => writer.write(Buffer.from(`writer ${i}`))))
    const results = await Promise.allSettled(writers.map(writer => writer.commit()))
    const winner = results.findIndex(result => result.status === 'fulfilled')
    const [loser] = results.filter(result => result.status === 'rejected')
    assert.equal((loser?.reason as { code?: unknown }).code, 'EEXIST')
    assert.equal(await readFile(folder.file('a'), 'utf8'), `writer ${winner}`)
    assert.deepEqual(await folder.names(), ['a'])
    await assert.rejects(openLocalWriter(folder.file('a'), { flag: 'wx' }), { code: 'EEXIST' })
    await symlink('nowhere', folder.file('link'))
    await assert.rejects(openLocalWriter(folder.file('link'), { flag: 'wx' }), { code: 'EEXIST' })
  })

  it('rejects with FORKFS_CHANGED when the version is another one, at open and at commit', async () => {
    await using folder = await Folder.make()
    await writeFile(folder.file('a'), 'old')
    const { etag } = await localInfo(folder.file('a'))
    const writer = await openLocalWriter(folder.file('a'), { ifMatch: etag })
    await writeFile(folder.file('a'), 'newer')
    await assert.rejects(writer.commit(), { code: 'FORKFS_CHANGED' })
    await assert.rejects(openLocalWriter(folder.file('a'), { ifMatch: etag }), { code: 'FORKFS_CHANGED' })
    await assert.rejects(openLocalWriter(folder.file('none'), { ifMatch: etag }), { code: 'FORKFS_CHANGED' })
    assert.equal(await readFile(folder.file('a'), 'utf8'), 'newer')
    assert.deepEqual(await folder.names(), ['a'])
  })

  it('rejects for directories, missing parents and devices, and creates parents on request', async () => {
    await using folder = await Folder.make()
    await assert.rejects(openLocalWriter(folder.path), { code: 'EISDIR' })
    await assert.rejects(openLocalWriter(folder.file('x/y')), { code: 'ENOENT' })
    await assert.rejects(openLocalWriter('/dev/null'), { code: 'FORKFS_NOT_SUPPORTED' })
    await (await openLocalWriter(folder.file('x/y'), { autoMkdir: true })).commit()
    assert.equal((await stat(folder.file('x/y'))).size, 0)
    const taken = await openLocalWriter(folder.file('d'))
    await mkdir(folder.file('d'))
    await assert.rejects(taken.commit(), { code: 'EISDIR' })
    assert.deepEqual(await folder.names(), ['d', 'x'])
  })

  it('leaves the old file whole when the process is killed between write and commit', async () => {
    await using folder = await Folder.make()
    await writeFile(folder.file('a'), 'old')
    const child = fork(new URL('./fixtures/write-and-wait.child.js', import.meta.url), [folder.file('a')])
    const exited = once(child, 'exit')
    await once(child, 'message')
    child.kill('SIGKILL')
    assert.deepEqual(await exited, [null, 'SIGKILL'])
    assert.equal(await readFile(folder.file('a'), 'utf8'), 'old')
    const left = (await folder.names()).filter(name => name !== 'a')
    assert.deepEqual(left.map(name => localTemporaryPattern.exec(name)?.[1]), [String(child.pid)])
  })
})
