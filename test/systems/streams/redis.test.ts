import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { resetForFork } from '../../../lib/index.js'
import { openStream, withStream } from '../../../lib/streams/index.js'
import { RedisLink } from '../../../lib/streams/redis-client.js'
import { hasRedisServer } from '../../capabilities.js'
import { code, MiB, pattern } from './support.js'

const peer = 'redis'
const hasPeer = await import(peer).then(() => true, () => false)
/** Why the tests with a server are left out here. */
const absence = !hasPeer ? ' (left out: the package redis is not installed)' : !hasRedisServer ? ' (left out: there is no redis-server here)' : ''

interface Client { connect (): Promise<unknown>, set (key: string, value: Buffer | string): Promise<unknown>, close (): Promise<unknown> }

/** A port that nobody listens on just now. */
async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

describe('a stream from redis', () => {
  it('rejects a URL without a host or a prefix, or with credentials in it, and wrong options before any I/O', async () => {
    for (const uri of ['redis://', 'redis://h', 'redis://h/', 'redis://h:99999/a', 'redis:///a', 'redis://user:pass@h/a']) await assert.rejects(openStream(uri), TypeError, uri)
    for (const redis of [{ database: '1' }, { password: 1 }, { timeoutMs: '1' }]) await assert.rejects(openStream('redis://127.0.0.1/a', 'r', { redis } as object), TypeError)
    await assert.rejects(openStream('redis://127.0.0.1/a', 'w'), code('FORKFS_NOT_SUPPORTED'))
  })

  if (!hasPeer) {
    it('rejects with FORKFS_MISSING_PEER where the package redis is not installed', async () => {
      await assert.rejects(openStream('redis://127.0.0.1:1/a'), code('FORKFS_MISSING_PEER'))
    })
  }
})

describe(`a stream from a redis server${absence}`, function () {
  this.timeout(20_000)
  const password = 'not so secret'
  const content = Buffer.from(pattern(MiB + 4096))
  const cuts = [0, 1024, 1040, 5000, MiB, content.length]
  let server: ChildProcess | undefined
  let origin: string
  const options = { redis: { password, database: 3 } }

  before(async function () {
    if (absence !== '') this.skip()
    const port = await freePort()
    const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--requirepass', password], { stdio: ['ignore', 'pipe', 'inherit'], cwd: '/' })
    server = child
    await new Promise<void>((resolve, reject) => {
      child.stdout.on('data', text => { if (String(text).includes('Ready to accept connections')) resolve() })
      child.once('exit', () => { reject(new Error('redis-server ended')) })
    })
    origin = `redis://127.0.0.1:${port}`
    const { createClient } = await import(peer) as { createClient (options: object): Client }
    const client = createClient({ password, database: 3, socket: { host: '127.0.0.1', port } })
    await client.connect()
    for (let index = 0; index + 1 < cuts.length; index++) await client.set(`model:t${index}:${cuts[index]}`, content.subarray(cuts[index], cuts[index + 1]))
    await client.set('model-2:a:0', 'another')
    await client.set('gaps:a:0', 'abc')
    await client.set('gaps:b:5', 'fgh')
    await client.set('twice:a:0', 'abc')
    await client.set('twice:b:2', 'c')
    await client.set('mo*el:a:0', 'star')
    await client.close()
  })
  after(async () => {
    if (server === undefined) return
    server.kill('SIGKILL')
    await once(server, 'exit')
  })

  it('gives the values of its keys in the order of their offsets: at the start, at a key\'s end, across keys, as a whole', async () => {
    const stream = await openStream(`${origin}/model`, 'r', options)
    assert.equal(stream.size, content.length)
    for (const [start, end] of [[0, 1024], [1024, 1040], [1024 - 16, 1024], [1000, 6000], [MiB - 10, MiB + 10], [content.length - 3, content.length + 9]]) {
      assert.deepEqual(Buffer.from(await stream.readRange(start!, end!)), content.subarray(start, end))
    }
    assert.deepEqual(Buffer.from(await stream.readFile()), content)
    await stream.close()
    await assert.rejects(stream.readFile(), code('FORKFS_CLOSED'))
  })

  it('is opened again, and clipped to a range', async () => {
    await withStream(`${origin}/model`, 'r', async stream => {
      const other = await stream.reopen({ begin: 0, end: 10 })
      assert.deepEqual(Buffer.from(await other.readFile()), content.subarray(0, 10))
      await other.close()
      assert.deepEqual(Buffer.from(await stream.readFile()), content.subarray(100, 2000))
    }, { ...options, begin: 100, end: 2000 })
    assert.equal(await withStream(`${origin}/mo*el`, 'r', stream => stream.readFile('utf8'), options), 'star')
  })

  it('rejects where there are no keys, where two hold the same bytes, and where none holds those that are read', async () => {
    await assert.rejects(openStream(`${origin}/nobody`, 'r', options), code('ENOENT'))
    await assert.rejects(openStream(`${origin}/twice`, 'r', options), code('FORKFS_PROTOCOL'))
    await withStream(`${origin}/gaps`, 'r', async stream => {
      assert.equal(Buffer.from(await stream.readRange(5, 8)).toString(), 'fgh')
      await assert.rejects(stream.readFile(), code('FORKFS_INCOMPLETE'))
    }, { ...options, begin: 0 })
  })

  it('rejects with FORKFS_CREDENTIALS for a wrong password, FORKFS_NETWORK where nobody listens', async () => {
    await assert.rejects(openStream(`${origin}/model`, 'r', { redis: { password: 'wrong' } }), code('FORKFS_CREDENTIALS'))
    await assert.rejects(openStream(`redis://127.0.0.1:${await freePort()}/model`), code('FORKFS_NETWORK'))
  })

  it('rejects within its deadline, and at once when its signal aborts, where nobody answers', async () => {
    const sockets = new Set<Socket>()
    const silent = createServer(socket => { sockets.add(socket.resume().on('error', () => {})) }).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const uri = `redis://127.0.0.1:${(silent.address() as AddressInfo).port}/a`
    try {
      await assert.rejects(openStream(uri, 'r', { redis: { timeoutMs: 100 } }), code('ETIMEDOUT'))
      const controller = new AbortController()
      const reason = new Error('enough')
      const opening = openStream(uri, 'r', { signal: controller.signal })
      silent.once('connection', () => { controller.abort(reason) })
      await assert.rejects(opening, error => error === reason)
    } finally {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => silent.close(resolve))
    }
  })

  it('rejects with FORKFS_RESET after resetForFork(), and reads on over a new connection after a lost one', async () => {
    const stream = await openStream(`${origin}/model`, 'r', options)
    resetForFork()
    await assert.rejects(stream.readRange(0, 5), code('FORKFS_RESET'))
    const url = new URL(origin.replace('redis:', 'http:'))
    const link = new RedisLink({ host: url.hostname, port: Number(url.port), tls: false }, options.redis)
    assert.equal(await link.command(['STRLEN', 'gaps:a:0'], undefined), 3)
    link.drop(true)
    assert.equal(await link.command(['STRLEN', 'gaps:a:0'], undefined), 3)
    const asking = link.command(['STRLEN', 'gaps:a:0'], undefined)
    resetForFork()
    await assert.rejects(asking, code('FORKFS_RESET'))
    link.close()
  })
})
