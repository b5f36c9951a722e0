import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MemoryFileSystem } from '../../../implementations/memory/index.js'
import { copy } from '../../../lib/index.js'
import type { CopyOptions } from '../../../lib/index.js'
import { startFileServer } from '../../servers/index.js'
import { code, onStores, text } from './support.js'

const tree: Readonly<Record<string, string>> = {
  'source/file1': 'one', 'source/file2': 'two', 'source/subdir/subfile1': 'three', 'source/subdir/subfile2': 'four', 'source/subdir/nesteddir/nestedfile': 'five'
}
const all = ['nesteddir/nestedfile', 'subfile1', 'subfile2']
const below = (directory: string, names: readonly string[]): string[] => names.map(name => `${directory}/${name}`)

interface Row {
  /** Below the bucket; a list is one. */
  readonly source: string | readonly string[]
  readonly target: string
  readonly options?: CopyOptions
  /** Whether the directory `target` is there before. */
  readonly there?: boolean
  readonly names: readonly string[]
}

/** One of each kind in docs/copying.md. */
const rows: readonly Row[] = [
  { source: 'source/subdir/subfile1', target: 'target', there: true, names: ['target/subfile1'] },
  { source: 'source/subdir/subfile1', target: 'target/newdir/', names: ['target/newdir/subfile1'] },
  { source: 'source/subdir/subfile1', target: 'target/newdir/newfile', names: ['target/newdir/newfile'] },
  { source: 'source/subdir', target: 'target', there: true, names: [] },
  { source: 'source/subdir', target: 'target', there: true, options: { recursive: true }, names: below('target/subdir', all) },
  { source: 'source/subdir/', target: 'target', there: true, options: { recursive: true }, names: below('target', all) },
  { source: 'source/subdir', target: 'target/newdir', options: { recursive: true }, names: below('target/newdir', all) },
  { source: 'source/subdir', target: 'target/newdir/', options: { recursive: true }, names: below('target/newdir/subdir', all) },
  { source: 'source/subdir/', target: 'target/newdir/', options: { recursive: true }, names: below('target/newdir', all) },
  { source: 'source/subdir/', target: 'target', options: { recursive: true, maxDepth: 1 }, names: ['target/subfile1', 'target/subfile2'] },
  { source: 'source/subdir/*', target: 'target', names: ['target/subfile1', 'target/subfile2'] },
  { source: 'source/subdir/**', target: 'target', names: below('target', all) },
  { source: 'source/fil?1', target: 'target', names: ['target/file1'] },
  { source: 'source/sub*', target: 'target', options: { recursive: true }, names: below('target', all) },
  { source: ['source/file1', 'source/subdir/subfile1'], target: 'target', names: ['target/file1', 'target/subfile1'] },
  { source: ['source/file1', 'source/subdir'], target: 'target', options: { recursive: true }, names: ['target/file1', 'target/nestedfile', 'target/subfile1', 'target/subfile2'] }
]

const urls = (base: string, source: string | readonly string[]): string | readonly string[] =>
  typeof source === 'string' ? `${base}${source}` : source.map(path => `${base}${path}`)

describe('names of copy() between filesystems', function () {
  this.timeout(30_000)

  for (const [index, { source, target, options = {}, there = false, names }] of rows.entries()) {
    const what = `${JSON.stringify(source)} to ${target}${there ? ' (there)' : ''} ${JSON.stringify(options)}`

    it(`are those of cp, for ${what}`, async () => {
      await onStores(async ({ s3, gs, folder, options: places }) => {
        const name = `copy-names-${index}`
        const memory = new MemoryFileSystem({ name })
        const more = { ...places, memory: { name }, ...options }
        await memory.pipe(tree)
        for (const [path, data] of Object.entries(tree)) {
          await s3.put('data', path, data)
          await gs.put('data', path, data)
        }
        if (there) {
          await memory.writeText('target/.keep', '')
          await s3.put('data', 'target/.keep', '')
          await gs.put('data', 'target/.keep', '')
          await mkdir(join(folder, 'target'))
        }
        const kept = (found: readonly string[]): string[] => found.filter(name => name.startsWith('target/') && name !== 'target/.keep').sort()
        await copy(urls('gs://data/', source), `s3://data/${target}`, more)
        await copy(urls('s3://data/', source), `gs://data/${target}`, more)
        await copy(urls('memory://', source), `${folder}/${target}`, more)
        const local = (await readdir(folder, { recursive: true, withFileTypes: true })).filter(entry => entry.isFile())
          .map(entry => join(entry.parentPath, entry.name).slice(folder.length + 1))
        await memory.cp(source, target, options)
        assert.deepEqual(kept(await memory.find('target').catch(() => [])), names, 'cp')
        assert.deepEqual(kept(await s3.keys('data')), names, 'gs to s3')
        assert.deepEqual(kept(await gs.keys('data')), names, 's3 to gs')
        assert.deepEqual(kept(local), names, 'memory to files')
      })
    })
  }

  it('go from files to a store, empty files and relative paths among them', async () => {
    await onStores(async ({ s3, folder, options }) => {
      await mkdir(join(folder, 'in/deep'), { recursive: true })
      await writeFile(join(folder, 'in/a'), 'A')
      await writeFile(join(folder, 'in/deep/empty'), '')
      const before = process.cwd()
      process.chdir(folder)
      try {
        await copy('in/', 's3://data/x', { recursive: true, ...options })
        await copy('file://' + join(folder, 'in'), 's3://data/x', { recursive: true, ...options })
      } finally {
        process.chdir(before)
      }
      assert.deepEqual(await s3.keys('data'), ['x/a', 'x/deep/empty', 'x/in/a', 'x/in/deep/empty'])
      assert.equal(text(await s3.get('data', 'x/a')), 'A')
      assert.equal(text(await s3.get('data', 'x/deep/empty')), '')
    })
  })

  it('go from a web server to a store: files, lists, and pages of links', async () => {
    await onStores(async ({ s3, options }) => {
      const server = await startFileServer({ files: { 'pub/a.txt': 'A', 'pub/b.txt': 'B', 'pub/deep/c.txt': 'C' } })
      const base = server.endpoint
      try {
        await copy(`${base}/pub/a.txt`, 's3://data/one/', options)
        await copy([`${base}/pub/a.txt`, `${base}/pub/deep/c.txt`], 's3://data/list', options)
        await copy(`${base}/pub/*.txt`, 's3://data/glob', options)
        await copy(`${base}/pub/`, 's3://data/tree', { recursive: true, ...options })
      } finally {
        await server.close()
      }
      assert.deepEqual(await s3.keys('data'), ['glob/a.txt', 'glob/b.txt', 'list/a.txt', 'list/c.txt', 'one/a.txt', 'tree/a.txt', 'tree/b.txt', 'tree/deep/c.txt'])
      assert.equal(text(await s3.get('data', 'tree/deep/c.txt')), 'C')
    })
  })

  it('of keys that would leave a folder are refused with EINVAL, and nothing is read', async () => {
    await onStores(async ({ s3, folder, options }) => {
      await s3.put('data', 'x/a', 'A')
      await s3.put('data', 'x/../evil', 'E')
      await assert.rejects(copy('s3://data/x', folder, { recursive: true, ...options }), code('EINVAL'))
      assert.equal((await s3.counters()).operations['GetObject'], undefined)
      assert.deepEqual(await readdir(folder), [])
    })
  })

  it('of two sources for one target are refused with EINVAL, and nothing is written', async () => {
    await onStores(async ({ s3, gs, options }) => {
      await s3.put('data', 'a/x', '1')
      await s3.put('data', 'b/x', '2')
      await assert.rejects(copy(['s3://data/a/x', 's3://data/b/x'], 'gs://data/t', options), code('EINVAL'))
      assert.deepEqual(await gs.keys('data'), [])
    })
  })

  it('that are opaque reach the other store exactly', async () => {
    await onStores(async ({ s3, gs, options }) => {
      const keys = ['x/#a', 'x/%41', 'x/a b', 'x/a//b', 'x/\u00e9', 'x/e\u0301']
      for (const key of keys) await s3.put('data', key, key)
      await copy('s3://data/x/', 'gs://data/y', { recursive: true, ...options })
      assert.deepEqual([...await gs.keys('data', 'y')].sort(), keys.map(key => key.replace('x/', 'y/')).sort())
      for (const key of keys) assert.equal(text(await gs.get('data', key.replace('x/', 'y/'))), key)
    })
  })

  it('of directories without files come along where directories are kept', async () => {
    await onStores(async ({ folder, options }) => {
      const memory = new MemoryFileSystem({ name: 'copy-empty' })
      await memory.mkdir('d/empty')
      await memory.writeText('d/full/a', 'A')
      await copy('memory://d', join(folder, 'new'), { ...options, recursive: true, memory: { name: 'copy-empty' } })
      assert.deepEqual((await readdir(join(folder, 'new'), { recursive: true })).sort(), ['empty', 'full', 'full/a'])
      assert.equal(await readFile(join(folder, 'new/full/a'), 'utf8'), 'A')
    })
  })
})
