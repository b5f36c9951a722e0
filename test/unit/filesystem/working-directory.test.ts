import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { copy, filesystem, open, openFiles, urlToFs } from '../../../lib/index.js'
import type { FileSystem } from '../../../lib/index.js'

/** What a verb found, by the last parts of the names. */
type Found = Promise<readonly string[]>

async function names (entries: AsyncIterable<{ readonly name: string }>): Found {
  const found: string[] = []
  for await (const { name } of entries) found.push(name)
  return found
}

async function walked (fs: FileSystem): Found {
  const found: string[] = []
  const steps = fs.walk('tree')
  for await (const [, , files] of steps) found.push(...files.map(({ name }) => name))
  return found
}

describe('relative paths and the working directory', () => {
  const home = process.cwd()
  let folder: string
  const fs = filesystem('file')

  before(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'forkfs-cwd-')))
    for (const side of ['here', 'there']) {
      await mkdir(join(folder, side, 'tree'), { recursive: true })
      await writeFile(join(folder, side, 'tree', 'a'), side)
    }
  })

  afterEach(() => { process.chdir(home) })
  after(() => rm(folder, { recursive: true }))

  /** Begin in one directory, go to the other at once. */
  async function moved<T> (begin: () => Promise<T>): Promise<T> {
    process.chdir(join(folder, 'here'))
    const work = begin()
    process.chdir(join(folder, 'there'))
    return work
  }

  const a = (): string => join(folder, 'here', 'tree', 'a')

  it('ls(), find(), glob() and expandPath() look where they were called', async () => {
    assert.deepEqual((await moved(() => fs.ls('tree'))).map(({ name }) => name), [a()])
    assert.deepEqual(await moved(() => fs.find('tree')), [a()])
    assert.deepEqual(await moved(() => fs.glob('tree/*')), [a()])
    assert.deepEqual(await moved(() => fs.expandPath('tree/a')), [a()])
    assert.equal(await moved(() => fs.du('tree')), 4)
  })

  it('list() and walk() look where they were called, not where they were first asked', async () => {
    assert.deepEqual(await moved(() => names(fs.list('tree'))), [a()])
    assert.deepEqual(await moved(() => names(fs.list('.', { recursive: true }))).then(all => all.filter(name => name.endsWith('a'))), [a()])
    assert.deepEqual(await moved(() => walked(fs)), [a()])
    process.chdir(join(folder, 'here'))
    const entries = fs.list('tree')
    process.chdir(join(folder, 'there'))
    assert.deepEqual(await names(entries), [a()])
  })

  it('open(), cat() and readText() read where they were called', async () => {
    assert.equal(await moved(() => fs.readText('tree/a')), 'here')
    assert.equal(Buffer.from(await moved(() => fs.cat('tree/a'))).toString(), 'here')
    assert.equal(await moved(() => fs.withFile('tree/a', 'r', file => file.readFile('utf8'))), 'here')
    const file = await moved(() => open('tree/a'))
    assert.equal(await file.readFile('utf8'), 'here')
    await file.close()
    const files = await moved(() => openFiles(['tree/a', 'tree/../tree/a']))
    for (const each of files) {
      assert.equal(await each.readFile('utf8'), 'here')
      await each.close()
    }
    assert.equal((await moved(() => urlToFs('tree/a')))[1], a())
  })

  it('cp(), get(), put() and copy() read and write where they were called', async () => {
    const memory = filesystem('memory', { fresh: true })
    await moved(() => fs.cp('tree/a', 'copied'))
    await moved(() => fs.get('tree/a', 'got'))
    await moved(() => memory.put('tree/a', 'b/put'))
    await moved(() => memory.get('b/put', 'got-too'))
    await moved(() => copy('tree/', 'tree-too/', { recursive: true }))
    for (const name of ['copied', 'got', 'got-too', 'tree-too/a']) assert.equal(await readFile(join(folder, 'here', name), 'utf8'), 'here', name)
    await moved(() => fs.rm('got'))
    assert.equal(await fs.exists(join(folder, 'here', 'got')), false)
    assert.deepEqual((await fs.ls(join(folder, 'there'))).map(({ name }) => name), [join(folder, 'there', 'tree')])
  })

  it('absolute paths work when the working directory is gone', async () => {
    const gone = join(folder, 'gone')
    await mkdir(gone)
    process.chdir(gone)
    await rm(gone, { recursive: true })
    assert.deepEqual(await fs.find(join(folder, 'there', 'tree')), [join(folder, 'there', 'tree', 'a')])
    assert.deepEqual(await names(fs.list(join(folder, 'there', 'tree'))), [join(folder, 'there', 'tree', 'a')])
  })
})
