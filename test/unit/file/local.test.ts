import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFile, mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises'
import fc from 'fast-check'
import { localInfo, localList, localTemporaryPath, localTemporaryPattern, openLocalFile, readLocalRange } from '../../../lib/file/local.js'
import type { LocalInfo, LocalListOptions } from '../../../lib/file/local.js'
import { Folder, pattern } from './helpers.js'

async function names (folder: Folder, options?: LocalListOptions): Promise<string[]> {
  const found: string[] = []
  for await (const page of localList(folder.path, options)) found.push(...page.map(info => info.name.slice(folder.path.length + 1)))
  return found.sort()
}

describe('localInfo()', () => {
  it('gives name, size, type, times, mode and a quoted etag for a file', async () => {
    await using folder = await Folder.make()
    await writeFile(folder.file('a'), 'hello', { mode: 0o640 })
    const info = await localInfo(folder.file('./x/../a'))
    assert.equal(info.name, folder.file('a'))
    assert.deepEqual([info.size, info.type, info.islink, info.mode & 0o777], [5, 'file', false, 0o640])
    assert.ok(info.modified instanceof Date && info.created instanceof Date)
    assert.match(info.etag, /^".+"$/)
  })

  it('gives another etag after a change', async () => {
    await using folder = await Folder.make()
    await writeFile(folder.file('a'), 'hello')
    const before = await localInfo(folder.file('a'))
    await appendFile(folder.file('a'), '!')
    assert.notEqual((await localInfo(folder.file('a'))).etag, before.etag)
  })

  it('follows links and keeps where they point to; a broken or circular one is of type other', async () => {
    await using folder = await Folder.make()
    await writeFile(folder.file('a'), 'hello')
    await mkdir(folder.file('d'))
    for (const [target, link] of [['a', 'la'], ['d', 'ld'], ['nowhere', 'lx'], ['circle', 'circle']] as const) await symlink(target, folder.file(link))
    const shape = async (name: string): Promise<unknown> => {
      const { type, size, islink, destination } = await localInfo(folder.file(name))
      return { type, size, islink, destination }
    }
    assert.deepEqual(await shape('la'), { type: 'file', size: 5, islink: true, destination: 'a' })
    assert.deepEqual(await shape('ld'), { type: 'directory', size: undefined, islink: true, destination: 'd' })
    assert.deepEqual(await shape('lx'), { type: 'other', size: 0, islink: true, destination: 'nowhere' })
    assert.deepEqual(await shape('circle'), { type: 'other', size: 0, islink: true, destination: 'circle' })
  })

  it('rejects with ENOENT for what is missing and with the reason of an aborted signal', async () => {
    await using folder = await Folder.make()
    await assert.rejects(localInfo(folder.file('a')), { code: 'ENOENT', path: folder.file('a') })
    const reason = new Error('enough')
    await assert.rejects(localInfo(folder.path, AbortSignal.abort(reason)), error => error === reason)
  })
})

describe('localList()', () => {
  async function tree (): Promise<Folder> {
    const folder = await Folder.make()
    await mkdir(folder.file('d/e'), { recursive: true })
    for (const name of ['a', 'ab', 'd/x', 'd/e/y']) await writeFile(folder.file(name), name)
    await symlink('d', folder.file('link'))
    return folder
  }

  it('lists files and directories of one level', async () => {
    await using folder = await tree()
    assert.deepEqual(await names(folder), ['a', 'ab', 'd', 'link'])
  })

  it('lists a tree with its directories and does not follow links to directories when recursive', async () => {
    await using folder = await tree()
    assert.deepEqual(await names(folder, { recursive: true }), ['a', 'ab', 'd', 'd/e', 'd/e/y', 'd/x', 'link'])
  })

  it('leaves out what does not begin with the prefix, paths below the directory when recursive', async () => {
    await using folder = await tree()
    assert.deepEqual(await names(folder, { prefix: 'a' }), ['a', 'ab'])
    assert.deepEqual(await names(folder, { prefix: 'd/e/', recursive: true }), ['d/e/y'])
  })

  it('gives pages of at most 1,000 entries and all of 2,100', async () => {
    await using folder = await Folder.make()
    for (let i = 0; i < 2100; i += 100) await Promise.all(Array.from({ length: 100 }, (_, j) => writeFile(folder.file(`f${i + j}`), '')))
    const pages: Array<readonly LocalInfo[]> = []
    for await (const page of localList(folder.path)) pages.push(page)
    assert.deepEqual(pages.map(page => page.length), [1000, 1000, 100])
    assert.equal(new Set(pages.flat().map(info => info.name)).size, 2100)
  })

  it('shows staged files only when asked for', async () => {
    await using folder = await Folder.make()
    await writeFile(localTemporaryPath(folder.file('a')), '')
    assert.deepEqual(await names(folder), [])
    assert.equal((await names(folder, { temporary: true })).length, 1)
  })

  it('rejects with ENOENT, with ENOTDIR for a file, and with the reason of an abort between pages', async () => {
    await using folder = await tree()
    await assert.rejects(names(new Folder(folder.file('none'))), { code: 'ENOENT' })
    await assert.rejects(names(new Folder(folder.file('a'))), { code: 'ENOTDIR' })
    const reason = new Error('enough')
    await assert.rejects(names(folder, { signal: AbortSignal.abort(reason) }), error => error === reason)
  })
})

describe('localTemporaryPath()', () => {
  it('gives a name that fits the file system and tells the pid, for names as long as they may be', () => {
    for (const name of ['a', 'ü'.repeat(127), 'x'.repeat(255), '.hidden.txt']) {
      const base = localTemporaryPath(`/some/${name}`).slice('/some/'.length)
      assert.ok(Buffer.byteLength(base) <= 255)
      assert.equal(localTemporaryPattern.exec(base)?.[1], String(process.pid))
    }
  })
})

describe('readLocalRange()', () => {
  it('gives the bytes node:fs gives, for any range, with and without into', async () => {
    await using folder = await Folder.make()
    const bytes = pattern(10_000)
    await writeFile(folder.file('a'), bytes)
    await fc.assert(fc.asyncProperty(fc.nat(11_000), fc.nat(11_000), fc.boolean(), async (start, end, prepared) => {
      const into = prepared ? new Uint8Array(12_000).fill(255) : undefined
      const { data } = await readLocalRange(folder.file('a'), start, end, { into })
      assert.deepEqual(data, bytes.slice(start, Math.max(start, end)))
      if (into !== undefined) assert.equal(data.buffer, into.buffer)
    }), { numRuns: 60 })
    assert.deepEqual((await readLocalRange(folder.file('a'), 9_990, undefined)).data, bytes.slice(9_990))
  })

  it('gives what the system makes up for files whose size says 0, and nothing for empty ones', async () => {
    await using folder = await Folder.make()
    await writeFile(folder.file('empty'), '')
    assert.equal((await readLocalRange(folder.file('empty'), 0, undefined)).data.length, 0)
    const { data } = await readLocalRange('/proc/self/status', 0, 5)
    assert.equal(Buffer.from(data).toString(), 'Name:')
  })

  it('rejects with FORKFS_CHANGED for another version, EISDIR for a directory, FORKFS_NOT_SUPPORTED for a pipe', async () => {
    await using folder = await Folder.make()
    await writeFile(folder.file('a'), 'hello')
    const { etag } = await localInfo(folder.file('a'))
    await appendFile(folder.file('a'), '!')
    await assert.rejects(readLocalRange(folder.file('a'), 0, 2, { ifMatch: etag }), { code: 'FORKFS_CHANGED' })
    await assert.rejects(readLocalRange(folder.path, 0, 2), { code: 'EISDIR' })
    execFileSync('mkfifo', [folder.file('pipe')])
    await assert.rejects(readLocalRange(folder.file('pipe'), 0, 2), { code: 'FORKFS_NOT_SUPPORTED' })
  })
})

describe('openLocalFile()', () => {
  it('reads the version it opened after another file took its place, and rejects after a change in place', async () => {
    await using folder = await Folder.make()
    await writeFile(folder.file('a'), 'first')
    await writeFile(folder.file('b'), 'other')
    const file = await openLocalFile(folder.file('a'))
    await rename(folder.file('b'), folder.file('a'))
    assert.equal(Buffer.from(await file.read(0, 5)).toString(), 'first')
    await file.close()
    const again = await openLocalFile(folder.file('a'))
    await writeFile(folder.file('a'), 'third!')
    await assert.rejects(again.read(0, 5), { code: 'FORKFS_CHANGED' })
    await again.close()
    assert.equal(await readFile(folder.file('a'), 'utf8'), 'third!')
  })

  it('rejects with FORKFS_CLOSED after close(), which may be called again and waits for reads', async () => {
    await using folder = await Folder.make()
    await writeFile(folder.file('a'), pattern(100_000))
    const file = await openLocalFile(folder.file('a'))
    const reading = file.read(0, 100_000)
    await Promise.all([file.close(), file.close()])
    assert.deepEqual(await reading, pattern(100_000))
    await assert.rejects(file.read(0, 1), { code: 'FORKFS_CLOSED' })
  })
})
