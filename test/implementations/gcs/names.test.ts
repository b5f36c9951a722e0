import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { code, openFaulty, openStore } from './support.js'

const names = [
  'with space', ' at the ends ', 'a%b', 'a%2Fb', 'a%2e%2e', 'a#b', 'a?b=c&d', 'a+b', 'a"b\'c', 'a//b', '/a', 'a/', 'a/./b', 'a/../b', '../a', './a', 'a/..',
  'cafe\u0301', 'caf\u00e9', '🌍/漢字', 'a\tb\u0001c', 'a[1]*{x}~$!@^|<>\\:;,=()', 'moveTo/o/b', 'x'.repeat(1024)
]

describe('GCS: names', function () {
  this.timeout(30_000)

  it('G3: keeps odd names exactly both ways, and no request leaves its bucket', async () => {
    await using running = await openFaulty({ buckets: ['test', 'other'] })
    const { fs, server } = running
    const written = names.filter(name => !name.endsWith('/'))
    for (const name of written) await fs.pipeFile(`test/${name}`, name)
    for (const name of names.filter(name => name.endsWith('/'))) await server.put('test', name, '')
    assert.deepEqual(new Set(await server.keys('test')), new Set(names))
    for (const name of written) {
      assert.equal(await fs.readText(`test/${name}`), name)
      assert.equal((await fs.info(`test/${name}`)).name, `test/${name}`)
      if (/[*?[]/.test(name)) continue // a pattern, whose target is a directory
      await fs.cp(`test/${name}`, `other/${name}`)
      await fs.mv(`other/${name}`, `other/moved ${name.slice(0, 100)}`)
      await fs.rm([`other/moved ${name.slice(0, 100)}`])
    }
    assert.deepEqual(await server.keys('other'), [])
    const found = await fs.find('test')
    for (const name of written) assert.ok(found.includes(`test/${name}`), name)
    for (const { target } of await server.requests()) {
      assert.match(target, /^\/(?:upload\/|batch\/)?storage\/v1(?:\/b\/(?:test|other)(?:\/o(?:\/[^/?]+(?:\/(?:rewriteTo\/b\/other\/o|moveTo\/o)\/[^/?]+)?)?)?)?(?:\?[^#]*)?$/)
    }
  })

  it('G3: refuses names that no object can have, before anything is sent', async () => {
    await using running = await openFaulty()
    const { fs, server } = running
    for (const name of ['.', '..', 'a\nb', 'a\rb', 'x'.repeat(1025), 'ü'.repeat(513), '\ud800']) {
      await assert.rejects(fs.pipeFile(`test/${name}`, 'x'), code('EINVAL'), JSON.stringify(name))
      await assert.rejects(fs.catFile(`test/${name}`), code('EINVAL'), JSON.stringify(name))
    }
    for (const bucket of ['a', 'Test', 'b c', 'b'.repeat(223), '..']) {
      await assert.rejects(fs.catFile(`${bucket}/x`), code('ENOENT'))
      assert.equal(await fs.exists(`${bucket}/x`), false)
      await assert.rejects(fs.mkdir(bucket), code('EINVAL'))
    }
    assert.equal((await server.counters()).requests, 0)
  })

  it('G4: get() writes nothing outside of its target, whatever objects are called', async () => {
    await using running = await openFaulty()
    const { fs, server } = running
    const folder = await mkdtemp(join(tmpdir(), 'forkfs-test-'))
    try {
      for (const name of ['../up', 'a/../../up', '/absolute', '..\\up', 'C:\\up', 'a//b', './here']) await server.put('test', `tree/${name}`, name)
      await server.put('test', 'tree/plain', 'plain')
      const target = join(folder, 'deep', 'target')
      await fs.get('test/tree', target, { recursive: true, onError: 'omit' }).catch((error: { code?: string }) => { assert.match(String(error.code), /^(?:EINVAL|FORKFS_NOT_ALLOWED)$/) })
      assert.deepEqual(await readdir(folder), (await readdir(folder)).filter(name => name === 'deep'))
      const inside = await readdir(join(folder, 'deep')).catch(() => [])
      assert.deepEqual(inside.filter(name => name !== 'target'), [])
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('G5: tells files, prefixes and markers of one name apart', async () => {
    await using store = await openStore()
    const fs = store.open()
    const at = (name: string): string => `${store.bucket}/${name}`
    const [bucket] = [store.bucket]
    const marker = await fs.open(at('x/y/file'), 'w') // what lies deep implies its directories
    await marker.write('deep')
    await marker.close()
    await fs.pipe({ [at('both')]: 'file', [at('both/below')]: 'below', [at('both.txt')]: 'beside', [at('x.y')]: 'beside' })
    const put = (name: string): Promise<unknown> => fetch(`${store.options.apiEndpoint!}/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${encodeURIComponent(name)}`, { method: 'POST', body: '' }).then(reply => reply.text())
    await put('marked/')
    await put('marked-too/')
    await fs.pipeFile(at('marked-too/file'), 'x')
    const types: Record<string, [type: string | undefined, entries: string[]]> = {
      '': ['directory', ['both', 'both', 'both.txt', 'marked', 'marked-too', 'x', 'x.y']],
      both: ['file', ['both/below']],
      'both/below': ['file', ['both/below']],
      'both.txt': ['file', ['both.txt']],
      marked: ['directory', []],
      'marked-too': ['directory', ['marked-too/file']],
      x: ['directory', ['x/y']],
      'x/y': ['directory', ['x/y/file']],
      'x/y/fil': [undefined, []],
      gone: [undefined, []]
    }
    for (const [name, [type, entries]] of Object.entries(types)) {
      const path = name === '' ? bucket : at(name)
      assert.deepEqual([await fs.isFile(path), await fs.isDirectory(path), await fs.exists(path)], [type === 'file', type === 'directory', type !== undefined], name)
      if (type === undefined) await assert.rejects(fs.info(path), code('ENOENT'))
      else assert.equal((await fs.info(path)).type, type, name)
      if (type === undefined || (type === 'file' && name === 'both')) continue
      assert.deepEqual((await fs.ls(path)).map(entry => entry.name.slice(bucket.length + 1)).sort(), entries, `ls of ${name}`)
    }
    assert.deepEqual((await fs.find(bucket)).map(name => name.slice(bucket.length + 1)), ['both', 'both.txt', 'both/below', 'marked-too/file', 'x.y', 'x/y/file'])
    assert.deepEqual(await fs.find(store.other), [])
    assert.deepEqual(await fs.ls(store.other), [])
    assert.equal((await fs.info('')).type, 'directory')
    assert.ok((await fs.ls('')).some(({ name }) => name === bucket))
  })
})
