import assert from 'node:assert/strict'
import { linksBelow } from '../../../implementations/http/links.js'
import type { ListingStyle } from '../../servers/index.js'
import { rejects, Stage } from './support.js'

const stage = new Stage()
const files = { 'd/a.txt': 'A', 'd/b c.txt': 'BB', 'd/sub/deep.txt': 'D', 'd/sub/more/x': 'X', 'd/caf\u00e9.txt': 'C', 'd/q?x#y&z.txt': 'Q', 'd/100%': 'P', 'd/a:b': 'S', 'd/[1].txt': 'N', 'other.txt': 'O', outside: 'no' }
const directly = ['d/%5B1%5D.txt', 'd/100%25', 'd/a%3Ab', 'd/a.txt', 'd/b%20c.txt', 'd/caf%C3%A9.txt', 'd/q%3Fx%23y%26z.txt', 'd/sub']
const names = (entries: ReadonlyArray<{ readonly name: string }>, endpoint: string): string[] => entries.map(({ name }) => name.replace(`${endpoint}/`, '')).sort()

describe('http: listings', () => {
  afterEach(() => stage.end())

  it('ls() gives what a page links to below it, whatever form its links have', async () => {
    for (const listing of ['apache', 'relative', 'absolute', 'full', 'mixed'] satisfies ListingStyle[]) {
      const server = await stage.server({ files, listing })
      const fs = stage.fs()
      for (const path of [`${server.endpoint}/d`, `${server.endpoint}/d/`]) {
        const entries = await fs.ls(path)
        assert.deepEqual(names(entries, server.endpoint), directly, listing)
        assert.deepEqual(entries.filter(({ type }) => type === 'directory').map(({ name }) => name), [`${server.endpoint}/d/sub`])
        assert.ok(entries.every(({ size }) => size === undefined))
      }
    }
  })

  it('names that are listed can be read', async () => {
    const server = await stage.server({ files })
    const fs = stage.fs({ baseUrl: `${server.endpoint}/d` })
    for (const { name, type } of await fs.ls('')) {
      if (type === 'directory') continue
      assert.equal(await fs.readText(name), files[decodeURIComponent(name.slice(server.endpoint.length + 1)) as keyof typeof files])
      assert.equal((await fs.info(name)).name, name)
    }
  })

  it('find(), walk(), glob() and du() go through a tree', async () => {
    const server = await stage.server({ files })
    const fs = stage.fs({ baseUrl: server.endpoint })
    const all = [...directly.filter(name => name !== 'd/sub'), 'd/sub/deep.txt', 'd/sub/more/x'].sort()
    assert.deepEqual((await fs.find('d/')).map(name => name.slice(server.endpoint.length + 1)), all)
    assert.deepEqual(names((await fs.find('d', { withDirectories: true })).map(name => ({ name })), server.endpoint), ['d', ...all, 'd/sub', 'd/sub/more'].sort())
    assert.deepEqual((await fs.glob('d/*.txt')).map(name => name.slice(server.endpoint.length + 1)), directly.filter(name => name.endsWith('.txt')))
    assert.deepEqual((await fs.glob('d/**/x')).map(name => name.slice(server.endpoint.length + 1)), ['d/sub/more/x'])
    assert.deepEqual((await fs.glob('d/s*/')).map(name => name.slice(server.endpoint.length + 1)), ['d/sub'])
    const walked: string[][] = []
    for await (const [path, directories, found] of fs.walk('d/')) walked.push([path.slice(server.endpoint.length + 1), String(directories.length), String(found.length)])
    assert.deepEqual(walked, [['d', '1', '7'], ['d/sub', '1', '1'], ['d/sub/more', '0', '1']])
    const streamed: string[] = []
    for await (const { name, type } of fs.list('d', { recursive: true })) if (type === 'file') streamed.push(name.slice(server.endpoint.length + 1))
    assert.deepEqual(streamed.sort(), all)
  })

  it('find() and ls() give a file itself, and the root of a server', async () => {
    const server = await stage.server({ files })
    const fs = stage.fs()
    assert.deepEqual(await fs.find(`${server.endpoint}/d/a.txt`), [`${server.endpoint}/d/a.txt`])
    assert.deepEqual(names(await fs.ls(`${server.endpoint}/d/a.txt?x=1`), server.endpoint), ['d/a.txt?x=1'])
    assert.deepEqual(names(await fs.ls(server.endpoint), server.endpoint), ['d', 'other.txt', 'outside'])
    await rejects(fs.ls(`${server.endpoint}/missing`), 'ENOENT')
    assert.equal(await fs.isDirectory(`${server.endpoint}/d`), true)
    assert.equal(await fs.isDirectory(`${server.endpoint}/d/a.txt`), false)
    assert.equal(await fs.isFile(`${server.endpoint}/d/a.txt`), true)
  })

  it('a page that is no HTML lists nothing, and its body is not read', async () => {
    const server = await stage.server()
    server.put('d/', '<a href="a.txt">'.padEnd(8 * 1024 * 1024), { headers: { 'Content-Type': 'application/octet-stream' } })
    const fs = stage.fs()
    assert.deepEqual(await fs.find(`${server.endpoint}/d`, { maxDepth: 2 }).then(found => found.length), 0)
    assert.ok(fs.stats.bytesIn < 1024 * 1024)
  })

  it('a circle of pages ends', async () => {
    const server = await stage.server({ redirects: { 'd/self/': { to: '/d/' } } })
    const html = { headers: { 'Content-Type': 'text/html' } }
    server.put('d/', '<A class="x" HREF=self/>self</A> <a href=\'a&amp;b.txt\'>a</a>', html)
    const fs = stage.fs({ baseUrl: server.endpoint })
    assert.deepEqual(names((await fs.find('d')).map(name => ({ name })), server.endpoint), ['d/a&b.txt'])
    assert.equal((await server.counters()).requests, 3)
  })

  it('a page that links deeper gives directories to ls(), and each file once to find()', async () => {
    const html = { headers: { 'Content-Type': 'text/html' } }
    const server = await stage.server({ files: { 'd/in/deep.txt': 'x', 'd/in/other.txt': 'y' } })
    server.put('d/', '<a href="in/deep.txt">deep</a> <a href="in/">in</a>', html)
    const fs = stage.fs({ baseUrl: server.endpoint })
    assert.deepEqual(names(await fs.ls('d'), server.endpoint), ['d/in'])
    const streamed: Array<{ name: string }> = []
    for await (const entry of fs.list('d', { recursive: true })) if (entry.type === 'file') streamed.push(entry)
    assert.deepEqual(names(streamed, server.endpoint), ['d/in/deep.txt', 'd/in/other.txt'])
  })

  it('a directory that forbids its listing rejects, one that vanished is passed over', async () => {
    const server = await stage.server({ files })
    const fs = stage.fs({ baseUrl: server.endpoint })
    await server.addFault({ match: { key: 'd/sub/' }, action: { type: 'status', status: 403 } })
    await rejects(fs.find('d'), 'EACCES')
    await server.addFault({ match: { key: 'd/sub/' }, action: { type: 'status', status: 404 } })
    assert.equal((await fs.find('d')).length, 7)
  })

  it('get() downloads a tree', async () => {
    const { mkdtemp, readFile, rm } = await import('node:fs/promises')
    const folder = await mkdtemp('/tmp/forkfs-http-')
    try {
      const server = await stage.server({ files })
      await stage.fs().get(`${server.endpoint}/d/sub/`, `${folder}/copy`, { recursive: true })
      assert.equal(await readFile(`${folder}/copy/more/x`, 'utf8'), 'X')
      assert.equal(await readFile(`${folder}/copy/deep.txt`, 'utf8'), 'D')
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('links are read from anchors and text, and only those below count', () => {
    const page = `<a href="x.txt">x</a><a title="y" href='s/'>s</a><a href=z.txt>z</a> see http://h/d/plain.bin, or http://h/other, https://h/d/tls <a href="?q">q</a>
      <a href="k.txt#part">k</a><a href="../up">u</a><a href="/d/abs.txt">a</a><a href="//h/d/same.txt">r</a><a href="http://h.evil/d/e">e</a><a href="..%2fup">odd</a>
      <a href="javascript:x()">j</a><a href="%2e%2e/up">u</a><a href="">self</a><a href="./">self</a><a href="&#x6d;&#109;.txt">m</a><a href="deep/er/f">f</a><a href="http://u:p@h/d/secret">s</a>`
    assert.deepEqual([...linksBelow(page, 'http://h/d/')].sort(), ['..%2fup', 'abs.txt', 'deep/er/f', 'mm.txt', 'plain.bin', 's/', 'same.txt', 'x.txt', 'z.txt'])
    assert.deepEqual([...linksBelow('<base href="/d/in/"><a href="x">', 'http://h/d/')], ['in/x'])
  })

  it('links of a hostile page are found in time that grows with its length', () => {
    for (const piece of ['<a ', '<a href', 'href= ', '<a href="', '&#', 'http://', '<a x=">" ']) {
      const began = performance.now()
      linksBelow(piece.repeat(1_000_000 / piece.length), 'http://h/d/')
      assert.ok(performance.now() - began < 4000, piece)
    }
  })
})
