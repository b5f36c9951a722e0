import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { startFileServer } from '../../servers/index.js'
import { raw } from './support.js'
import type { FileServer, FileServerOptions } from '../../servers/index.js'
import type { RawReply, RawRequest } from './support.js'

describe('startFileServer()', () => {
  let server: FileServer

  const ask = (target: string, options?: RawRequest): Promise<RawReply> => raw(server.endpoint, target, options)

  async function start (options: FileServerOptions = {}): Promise<void> {
    server = await startFileServer({ files: { 'a.txt': '0123456789', 'dir/b c.txt': 'b', 'dir/sub/c%d.txt': 'c', 'dir/x:y': 'd' }, ...options })
  }

  afterEach(() => server.close())

  it('serves files, whole and in ranges, and their absence', async () => {
    await start()
    const whole = await ask('/a.txt')
    assert.deepEqual([whole.status, whole.body.toString(), whole.headers['content-length'], whole.headers['accept-ranges']], [200, '0123456789', '10', 'bytes'])
    for (const [range, expected, contentRange] of [['bytes=2-3', '23', 'bytes 2-3/10'], ['bytes=8-', '89', 'bytes 8-9/10'], ['bytes=-2', '89', 'bytes 8-9/10']]) {
      const got = await ask('/a.txt', { headers: { range: range! } })
      assert.deepEqual([got.status, got.body.toString(), got.headers['content-range']], [206, expected, contentRange])
    }
    const past = await ask('/a.txt', { headers: { range: 'bytes=10-' } })
    assert.deepEqual([past.status, past.headers['content-range']], [416, 'bytes */10'])
    assert.equal((await ask('/dir/b%20c.txt')).body.toString(), 'b')
    assert.equal((await ask('/dir/sub/c%25d.txt?x=1')).body.toString(), 'c')
    assert.equal((await ask('/missing')).status, 404)
    assert.equal((await ask('/%')).status, 400)
    assert.equal((await ask('/a.txt', { method: 'DELETE' })).status, 405)
    assert.equal((await server.counters()).gets['a.txt'], 5)
  })

  it('answers HEAD, refuses it, or answers it wrongly', async () => {
    await start()
    const seen: [number, string | undefined][] = []
    for (const head of ['ok', 'refused', 'noLength', 'wrongLength'] as const) {
      server.set({ head })
      const { status, headers } = await ask('/a.txt', { method: 'HEAD' })
      seen.push([status, status === 200 ? headers['content-length'] : undefined])
    }
    assert.deepEqual(seen, [[200, '10'], [405, undefined], [200, undefined], [200, '17']])
  })

  it('leaves out ranges, length, ETag and date when told to', async () => {
    await start({ ranges: false, contentLength: false, etag: false, lastModified: false })
    const { status, headers, body } = await ask('/a.txt', { headers: { range: 'bytes=0-1' } })
    assert.deepEqual([status, body.toString(), headers['transfer-encoding']], [200, '0123456789', 'chunked'])
    for (const name of ['accept-ranges', 'content-length', 'etag', 'last-modified']) assert.equal(headers[name], undefined, name)
  })

  it('holds to conditions, weak tags and If-Range', async () => {
    await start()
    server.put('a.txt', '0123456789', { modified: Date.UTC(2024, 0, 1) })
    const { etag, 'last-modified': date } = (await ask('/a.txt')).headers
    const status = async (headers: Record<string, string>): Promise<number> => (await ask('/a.txt', { headers })).status
    assert.equal(date, 'Mon, 01 Jan 2024 00:00:00 GMT')
    assert.equal(await status({ 'if-none-match': etag! }), 304)
    assert.equal(await status({ 'if-modified-since': date }), 304)
    assert.equal(await status({ 'if-match': '"other"' }), 412)
    assert.equal(await status({ 'if-range': etag!, range: 'bytes=0-1' }), 206)
    assert.equal(await status({ 'if-range': '"other"', range: 'bytes=0-1' }), 200)
    server.set({ etag: 'weak' })
    assert.equal((await ask('/a.txt')).headers.etag, `W/${etag}`)
    assert.equal(await status({ 'if-match': etag! }), 412)
    assert.equal(await status({ 'if-range': etag!, range: 'bytes=0-1' }), 200)
    assert.equal(await status({ 'if-none-match': `W/${etag}` }), 304)
  })

  it('lists folders as web servers do, in several styles', async () => {
    await start()
    const hrefs = async (target: string): Promise<string[]> => [...(await ask(target)).body.toString().matchAll(/href="([^"]*)"/g)].map(match => match[1]!)
    assert.deepEqual(await hrefs('/dir/'), ['?C=N;O=D', '?C=M;O=A', '?C=S;O=A', '/', 'b%20c.txt', 'sub/', 'x%3Ay'])
    server.set({ listing: 'relative' })
    assert.deepEqual(await hrefs('/'), ['a.txt', 'dir/'])
    server.set({ listing: 'absolute' })
    assert.deepEqual(await hrefs('/dir/'), ['/dir/b%20c.txt', '/dir/sub/', '/dir/x%3Ay'])
    server.set({ listing: 'full' })
    assert.deepEqual((await hrefs('/dir/'))[0], `${server.endpoint}/dir/b%20c.txt`)
    server.set({ listing: 'mixed' })
    const mixed = await hrefs('/dir/')
    for (const href of ['../', '#top', '//elsewhere.invalid/stolen.txt', '/dir/../../outside.txt', 'b%20c.txt']) assert.ok(mixed.includes(href), href)
    const bare = await ask('/dir')
    assert.deepEqual([bare.status, bare.headers.location], [301, '/dir/'])
    server.set({ listing: false })
    assert.equal((await ask('/dir/')).status, 404)
  })

  it('redirects, and shows which headers arrived where', async () => {
    await start()
    await using other = await startFileServer({ files: { b: 'elsewhere' } })
    server.set({ redirects: { here: { to: '/a.txt' }, there: { to: `${other.endpoint}/b`, status: 307 } } })
    const here = await ask('/here')
    assert.deepEqual([here.status, here.headers.location], [302, '/a.txt'])
    const followed = await fetch(`${server.endpoint}/there`, { headers: { authorization: 'Bearer secret', 'x-own': '1' } })
    assert.equal(await followed.text(), 'elsewhere')
    const [arrived] = await other.requests()
    assert.ok(arrived!.rawHeaders.includes('x-own'))
    assert.ok(!arrived!.rawHeaders.includes('Bearer secret')) // fetch drops it at another origin
    assert.ok((await server.requests()).at(-1)!.rawHeaders.includes('Bearer secret'))
  })

  it('asks for a password or a token', async () => {
    await start({ auth: { user: 'me', password: 'pass:word' } })
    const refused = await ask('/a.txt')
    assert.deepEqual([refused.status, refused.headers['www-authenticate']], [401, 'Basic realm="test"'])
    assert.equal((await ask('/a.txt', { headers: { authorization: `Basic ${Buffer.from('me:pass:word').toString('base64')}` } })).status, 200)
    server.set({ auth: { bearer: 'token' } })
    assert.equal((await ask('/a.txt', { headers: { authorization: 'Bearer token' } })).status, 200)
    assert.equal((await ask('/a.txt', { headers: { authorization: 'Bearer other' } })).status, 401)
  })

  it('compresses for those who accept it, or for all', async () => {
    await start({ gzip: true })
    assert.equal((await ask('/a.txt')).body.toString(), '0123456789')
    const zipped = await ask('/a.txt', { headers: { 'accept-encoding': 'gzip' } })
    assert.deepEqual([zipped.headers['content-encoding'], gunzipSync(zipped.body).toString()], ['gzip', '0123456789'])
    server.set({ gzip: 'always' })
    assert.equal((await ask('/a.txt', { headers: { range: 'bytes=0-1' } })).headers['content-encoding'], 'gzip')
  })

  it('serves a folder on disk, and nothing outside it', async () => {
    const root = await mkdtemp(join(tmpdir(), 'forkfs-files-'))
    try {
      await mkdir(join(root, 'public', 'sub'), { recursive: true })
      await writeFile(join(root, 'secret.txt'), 'secret')
      await writeFile(join(root, 'public', 'p.txt'), 'public')
      await start({ root: join(root, 'public'), listing: 'relative' })
      assert.equal((await ask('/p.txt')).body.toString(), 'public')
      assert.match((await ask('/')).body.toString(), /href="p\.txt"[\s\S]*href="sub\/"/)
      for (const target of ['/../secret.txt', '/%2e%2e/secret.txt', '/sub/../../secret.txt', '/p.txt%00']) assert.equal((await ask(target)).status, 404, target)
    } finally {
      await rm(root, { recursive: true })
    }
  })

  it('has the faults and counters of the S3 server', async () => {
    await start()
    await server.addFault({ match: { operation: 'GET', key: 'a.txt' }, action: { type: 'status', status: 503, headers: { 'retry-after': '1' } } })
    const reply = await ask('/a.txt')
    assert.deepEqual([reply.status, reply.headers['retry-after']], [503, '1'])
    await server.addFault({ action: { type: 'cut', afterBytes: 3 } })
    assert.deepEqual([(await ask('/a.txt')).body.toString(), (await server.counters()).faults], ['012', 2])
    await server.resetCounters()
    assert.equal((await server.counters()).requests, 0)
  })

  it('tells when connections, requests under way, operations and faults have come to what is waited for, and not before', async () => {
    await start()
    await server.addFault({ action: { type: 'stall', at: 'headers' } })
    const told: string[] = []
    const wait = (name: string, wanted: Parameters<FileServer['reached']>[0]): Promise<void> => server.reached(wanted).then(() => { told.push(name) })
    const socket = connect(server.port, '127.0.0.1')
    const waits = [wait('two', { operations: { GET: 2 } }), wait('one', { sockets: 1, inFlight: 1, operations: { GET: 1 } })]
    socket.write('GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n')
    await waits[1]
    assert.deepEqual(told, ['one'])
    const spoilt = wait('a fault', { faults: 2 })
    await server.reached({ faults: 1 })
    assert.deepEqual(told, ['one'])
    const gone = wait('gone', { sockets: 0, inFlight: 0 })
    await server.reached({ sockets: 1 })
    assert.deepEqual(told, ['one'])
    socket.destroy()
    await gone
    await ask('/a.txt')
    await waits[0]
    assert.deepEqual(told, ['one', 'gone', 'two'])
    await server.addFault({ action: { type: 'status', status: 500 } })
    await ask('/a.txt')
    await spoilt
    assert.deepEqual(told, ['one', 'gone', 'two', 'a fault'])
  })
})
