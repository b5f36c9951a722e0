import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { filesystem, getMapper, isFsError, open, openFiles, openLocal, shutdown } from '../../../lib/index.js'

const code = (wanted: string) => (error: unknown): boolean => isFsError(error) && error.code === wanted

describe('files by URL', () => {
  let folder: string
  beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'forkfs-url-')) })
  afterEach(async () => { await rm(folder, { recursive: true }) })

  it('open() reads and writes by path, file URL and other protocols', async () => {
    const file = await open(join(folder, 'a'), 'w')
    await file.write('hello')
    await file.close()
    for (const url of [join(folder, 'a'), `file://${folder}/a`, new URL(`file://${folder}/a`)]) {
      const read = await open(url)
      assert.equal(await read.readFile('utf8'), 'hello')
      await read.close()
    }
    await assert.rejects(open(join(folder, 'none')), code('ENOENT'))
    await assert.rejects(open(join(folder, 'a'), 'wx'), code('EEXIST'))
    await assert.rejects(open(join(folder, 'a'), 'x' as never), TypeError)
  })

  it('open() takes options of opening and of protocols side by side', async () => {
    const file = await open('memory://opened', 'w', { memory: { name: 'url-test' }, contentType: 'text/plain' })
    await file.write('x')
    await file.close()
    assert.equal(await filesystem('memory', { name: 'url-test' }).readText('opened'), 'x')
    await assert.rejects(open('memory://opened', 'r', { cach: 'all' } as never), TypeError)
  })

  it('openFiles() expands globs for reading, and numbers files for writing', async () => {
    for (const handle of await openFiles(`${folder}/part-*.txt`, 'w', { num: 11 })) {
      await handle.write(handle.path.slice(-6, -4))
      await handle.close()
    }
    assert.deepEqual((await readdir(folder)).sort(), Array.from({ length: 11 }, (_, index) => `part-${String(index).padStart(2, '0')}.txt`))
    const read = await openFiles(`${folder}/part-0?.txt`)
    assert.equal(read.length, 10)
    assert.equal(await read[3]!.readFile('utf8'), '03')
    await Promise.all(read.map(handle => handle.close()))
    const [first, second] = await openFiles([`${folder}/x`, `${folder}/y`], 'w')
    await first!.close()
    await second!.close()
    const parts = await openFiles('memory://dir', 'w', { num: 2 })
    assert.deepEqual(parts.map(({ path }) => path.split('/').slice(-2).join('/')), ['dir/0.part', 'dir/1.part'])
    await Promise.all(parts.map(handle => handle.abort()))
  })

  it('openFiles() makes missing parents, and names files as `name` says', async () => {
    const handles = await openFiles(`${folder}/new/deep/day-*.csv`, 'w', { num: 2, name: index => ['mon', 'tue'][index]! })
    await Promise.all(handles.map(handle => handle.close()))
    assert.deepEqual((await readdir(join(folder, 'new', 'deep'))).sort(), ['day-mon.csv', 'day-tue.csv'])
  })

  it('openFiles() refuses a star or `num` in a list of files to write, with nothing made', async () => {
    await assert.rejects(openFiles([`${folder}/x-*`], 'w'), TypeError)
    await assert.rejects(openFiles([`${folder}/sub/x`], 'w', { num: 2 }), TypeError)
    await assert.rejects(openFiles(`${folder}/sub/x`, 'w', { name: 'x' as never }), TypeError)
    assert.deepEqual(await readdir(folder), [])
  })

  it('openFiles() leaves nothing open or written where one of them can not be opened', async () => {
    await writeFile(join(folder, 'there'), 'old')
    await assert.rejects(openFiles([`${folder}/new`, `${folder}/there`], 'wx'), code('EEXIST'))
    assert.deepEqual(await readdir(folder), ['there'])
    await assert.rejects(openFiles([]), TypeError)
    await assert.rejects(openFiles(`${folder}/*-*`, 'w'), TypeError)
    await assert.rejects(openFiles(`${folder}/*`, 'w', { num: 0 }), RangeError)
  })

  it('openLocal() gives the path of what is on this machine', async () => {
    await writeFile(join(folder, 'a'), 'x')
    assert.equal(await readFile(await openLocal(`file://${folder}/a`), 'utf8'), 'x')
    await assert.rejects(openLocal(`${folder}/none`), code('ENOENT'))
    await assert.rejects(openLocal('memory://a'), code('FORKFS_NOT_SUPPORTED'))
  })

  it('getMapper() is a map of a directory: create makes it, check tries to write', async () => {
    const mapper = await getMapper(`${folder}/deep/map`, { create: true, check: true })
    assert.deepEqual(await readdir(join(folder, 'deep', 'map')), [])
    await mapper.setMany(new Map([['a/b', new Uint8Array([1, 2, 3])], ['c', new Uint8Array([4])]]))
    assert.deepEqual(await mapper.get('/a/b'), new Uint8Array([1, 2, 3]))
    assert.deepEqual(await mapper.getRange('a/b', { offset: 1, length: 5 }), new Uint8Array([2, 3]))
    assert.deepEqual(await mapper.getRange('a/b', { suffixLength: 1 }), new Uint8Array([3]))
    assert.deepEqual([...await mapper.getMany(['c', 'none'])], [['c', new Uint8Array([4])]])
    const keys: string[] = []
    for await (const key of mapper.keys()) keys.push(key)
    assert.deepEqual(keys.sort(), ['a/b', 'c'])
    assert.deepEqual([await mapper.has('a/b'), await mapper.has('a'), await mapper.delete('c'), await mapper.delete('c')], [true, false, true, false])
    await assert.rejects(mapper.set('../out', new Uint8Array(0)), TypeError)
    await assert.rejects(mapper.get(''), TypeError)
  })
})

describe('shutdown()', () => {
  it('closes cached instances; a use afterwards opens them again', async () => {
    const fs = filesystem('memory', { name: 'shutdown' })
    await fs.writeText('a', 'x')
    await shutdown()
    assert.notEqual(filesystem('memory', { name: 'shutdown' }), fs)
    assert.equal(await fs.readText('a'), 'x')
  })

  it('drops what is still being written', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'forkfs-shutdown-'))
    const file = await open(join(folder, 'a'), 'w')
    await file.write('half')
    await shutdown()
    assert.deepEqual(await readdir(folder), [])
    await file.close().catch(() => {})
    assert.deepEqual(await readdir(folder), [])
    await rm(folder, { recursive: true })
  })
})
