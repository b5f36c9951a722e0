import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { filesystem, openFiles } from '../../../lib/index.js'
import { rejects, Stage } from './support.js'

const stage = new Stage()

describe('http: paths', () => {
  afterEach(() => stage.end())

  it('send what is legal in a request target byte for byte, and encode the rest', async () => {
    const server = await stage.server()
    const fs = stage.fs()
    const targets: Array<[written: string, sent: string]> = [
      ['/b/a/../secret', '/b/a/../secret'],
      ['/./a/./b', '/./a/./b'],
      ['//a//b//', '//a//b//'],
      ['/a%2Fb%2fc%41', '/a%2Fb%2fc%41'],
      ['/100%.csv', '/100%25.csv'],
      ['/%zz%4', '/%25zz%254'],
      ['/a b\u00e9\u{1f600}', '/a%20b%C3%A9%F0%9F%98%80'],
      ['/q?x=1&y=a b&z=[1]#frag?ment', '/q?x=1&y=a%20b&z=%5B1%5D'],
      ['/q?next=http://h/../x', '/q?next=http://h/../x'],
      ['/a"<>\\^`{|}', '/a%22%3C%3E%5C%5E%60%7B%7C%7D'],
      ['/!$&\'()*+,;=:@-._~', '/!$&\'()*+,;=:@-._~'],
      ['?x=1', '/?x=1'],
      ['', '/'],
      ['/', '/'],
      ['/dir/', '/dir/']
    ]
    for (const [written] of targets) await fs.info(server.endpoint + written).catch(() => {})
    const arrived = (await server.requests()).filter(({ method }) => method === 'HEAD').map(({ target }) => target)
    assert.deepEqual(arrived, targets.map(([, sent]) => sent))
    for (const [written, sent] of targets) assert.equal(fs.url(server.endpoint + written), server.endpoint + sent)
  })

  it('take a question mark for the beginning of a query, in get(), cat() and openFiles() too', async () => {
    const server = await stage.server({ files: { 'd/a': 'one', 'd/a[1]': 'odd', 'd/b': 'two' } })
    const fs = stage.fs({ baseUrl: `${server.endpoint}/d` })
    const folder = await mkdtemp(join(tmpdir(), 'forkfs-http-'))
    try {
      await fs.get('a?x=1', `${folder}/signed`)
      await fs.get('a?list=*', `${folder}/starred`)
      await fs.get(['a?x=1', 'b'], `${folder}/list`)
      assert.deepEqual((await readdir(folder, { recursive: true })).sort(), ['list', 'list/a?x=1', 'list/b', 'signed', 'starred'])
      assert.equal(await readFile(`${folder}/signed`, 'utf8'), 'one')
    } finally {
      await rm(folder, { recursive: true })
    }
    assert.deepEqual([...(await fs.cat(['a?x=1']) as Map<string, Uint8Array>).keys()], [`${server.endpoint}/d/a?x=1`])
    assert.deepEqual(await fs.expandPath('a?x=1', { recursive: true }), [`${server.endpoint}/d/a?x=1`])
    assert.deepEqual(await fs.glob('b?'), [`${server.endpoint}/d/b?`])
    assert.deepEqual([fs.isPattern('a?x=*'), fs.isPattern('*?x')], [false, true])
    for (const [url, text] of [[`${server.endpoint}/d/a?x=1`, 'one'], [`${server.endpoint}/d/a?x=[1]`, 'one']] as const) {
      const [file, ...others] = await openFiles(url)
      assert.deepEqual([await file!.readFile('utf8'), others], [text, []])
      await file!.close()
    }
  })

  it('are relative to baseUrl', () => {
    const fs = stage.fs({ baseUrl: 'HTTP://Example.COM:80/data/' })
    for (const [path, url] of [['a/b', 'http://example.com/data/a/b'], ['/a', 'http://example.com/data/a'], ['//a', 'http://example.com/data//a'], ['../a', 'http://example.com/data/../a'],
      ['', 'http://example.com/data'], ['a b/', 'http://example.com/data/a%20b/'], ['https://other/x', 'https://other/x']] as const) {
      assert.equal(fs.normalize(path), url)
    }
  })

  it('have one spelling, which is stable', () => {
    const fs = stage.fs()
    for (const url of ['http://EXAMPLE.com:80/A b', 'https://b\u00fccher.example:443/', 'http://[::1]:8080/a[1].txt', 'http://h/%7e?q=%', 'http://h']) {
      assert.equal(fs.normalize(fs.normalize(url)), fs.normalize(url))
    }
    assert.equal(fs.normalize('http://EXAMPLE.com:80/A%20b'), 'http://example.com/A%20b')
    assert.equal(fs.normalize('https://b\u00fccher.example:443/'), 'https://xn--bcher-kva.example')
  })

  it('that hold control characters or half a surrogate pair are EINVAL, without a request', async () => {
    const server = await stage.server()
    const fs = stage.fs({ baseUrl: server.endpoint })
    for (const path of ['a\r\nx: y', 'a\0b', 'a\tb', 'a\x7f', 'a\ud800b']) await rejects(fs.catFile(path), 'EINVAL')
    assert.equal((await server.counters()).requests, 0)
  })

  it('that are no http URL are TypeErrors, and never repeat a password', async () => {
    const fs = stage.fs()
    for (const path of ['a/b', 's3://bucket/a', 'http://', 'http:///a', 'http://user:hunter2@h/a', 'http://hunter2@h/', 'http://h:99999/', 'http://h\\x/a']) {
      await assert.rejects(fs.catFile(path), error => error instanceof TypeError && !error.message.includes('hunter2'))
    }
  })

  it('keep their query out of errors', async () => {
    const server = await stage.server()
    const fs = stage.fs()
    const error = await rejects(fs.catFile(`${server.endpoint}/missing?signature=hunter2`), 'ENOENT')
    assert.ok(!JSON.stringify({ ...error, message: error.message, stack: error.stack }).includes('hunter2'))
    assert.equal(error.operation, 'catFile')
  })

  it('with a query are read by cat(), in lists too, and found by glob()', async () => {
    const server = await stage.server({ files: { a: 'A', b: 'B' } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    const text = (data: unknown): string => Buffer.from(data as Uint8Array).toString()
    assert.equal(text(await fs.cat('a?x=1')), 'A')
    const both = await fs.cat(['a?x=1', 'b']) as Map<string, Uint8Array>
    assert.deepEqual([...both].map(([name, data]) => [name, text(data)]), [[`${server.endpoint}/a?x=1`, 'A'], [`${server.endpoint}/b`, 'B']])
    assert.deepEqual(await fs.glob('a?x=1'), [`${server.endpoint}/a?x=1`])
  })
})

describe('http: options', () => {
  it('are refused with a TypeError when malformed, without the value of what is secret', () => {
    const wrong: Array<Record<string, unknown>> = [
      { baseUrl: 'data/' }, { baseUrl: 'http://u:hunter2@h/' }, { baseUrl: 'ftp://h/' }, { baseUrl: 'http://h/?sig=hunter2' }, { headers: { 'a b': 'x' } }, { headers: { a: 1 } },
      { headers: { authorization: 'hunter2\r\nx: y' } }, { headers: { Range: 'bytes=0-1' } }, { ca: '' }, { ca: '/etc/ssl/ca.pem' }, { transport: 'quic' }, { transport: 'direct', dispatcher: { dispatch: () => true } }, { baseurl: 'http://h' }
    ]
    for (const options of wrong) assert.throws(() => filesystem('http', options as object), error => error instanceof TypeError && !error.message.includes('hunter2'))
  })
})
