import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { GcsFileSystem } from '../../../implementations/gcs/index.js'
import type { FileHandle } from '../../../lib/index.js'
import type { FaultAction, FaultRule, GcsServer } from '../../servers/index.js'
import { code, MiB, openFaulty, optionsOf, pattern } from './support.js'
import type { FaultyStore } from './support.js'

const KiB = 1024
const quantum = 256 * KiB
const large = pattern(9 * MiB + 5)
const streamed = pattern(4 * quantum + 7)
const put = { operation: 'uploads.put' }

describe('GCS: faults while writing', function () {
  this.timeout(20_000)
  let running: FaultyStore
  let server: GcsServer
  let fs: GcsFileSystem
  beforeEach(async () => {
    running = await openFaulty();
    ({ server, fs } = running)
  })
  afterEach(async () => {
    await server.clearFaults()
    await Promise.all([fs.close()])
    await server.reached({ sockets: 0, inFlight: 0 })
    await running.close()
  })
  const fault = (action: FaultRule['action'], match: FaultRule['match'], times = 1): Promise<void> => server.addFault({ action, match, times })
  const count = async (operation: string): Promise<number> => (await server.counters()).operations[operation] ?? 0
  const holds = async (expected: Uint8Array | string, key = 'x'): Promise<void> => {
    const found = await server.get('test', key)
    assert.ok(found !== undefined && Buffer.from(found).equals(Buffer.from(expected as string)), `it holds ${found?.length} bytes`)
  }
  const writeStreamed = (more: object = {}): Promise<void> => fs.withFile('test/x', 'w', async file => { await file.write(streamed) }, { partBytes: quantum, ...more })

  const passing: Record<string, FaultAction> = {
    'a 503': { type: 'status', status: 503 },
    'a 500': { type: 'status', status: 500 },
    'a 429': { type: 'status', status: 429, headers: { 'Retry-After': '0' } },
    'a quota in a 403': { type: 'status', status: 403, code: 'rateLimitExceeded', headers: { 'Retry-After': '0' } },
    'an answer that is lost': { type: 'reset' },
    'an answer that ends early': { type: 'cut' },
    'a reset at the request': { type: 'reset', of: 'request' },
    'an answer that is HTML': { type: 'garbage', text: '<html>' }
  }
  for (const [name, action] of Object.entries(passing)) {
    it(`G15: writes again after ${name}: insert, session, last chunk, stream`, async () => {
      await fault(action, { operation: 'objects.insert' })
      await fs.pipeFile('test/x', 'short')
      await holds('short')
      await fault(action, { operation: 'uploads.start' })
      await fs.pipeFile('test/x', large)
      await holds(large)
      await fault(action, put)
      await fs.pipeFile('test/x', large.subarray(1))
      await holds(large.subarray(1))
      for (const nth of [1, 3, 5]) {
        await fault(action, { ...put, nth })
        await writeStreamed()
        await holds(streamed)
      }
    })

    it(`G15: copies, moves, deletes and makes buckets again after ${name}`, async () => {
      await fs.pipe({ 'test/a': 'a', 'test/b': 'b' })
      await fault(action, { operation: 'objects.rewrite' })
      await fs.cp('test/a', 'test/copied')
      await holds('a', 'copied')
      await fault(action, { operation: 'objects.move' })
      await fs.mv('test/copied', 'test/moved')
      await holds('a', 'moved')
      assert.equal(await server.get('test', 'copied'), undefined)
      await fault(action, { operation: 'objects.delete' })
      await fs.rm('test/moved')
      await fault(action, { operation: 'batch' })
      await fs.rm(['test/a', 'test/b'])
      assert.deepEqual(await server.keys('test'), [])
      await fault(action, { operation: 'buckets.insert' })
      await fs.mkdir('new-bucket')
      await fault(action, { operation: 'buckets.delete' })
      await fs.rmdir('new-bucket')
      assert.equal(await fs.exists('new-bucket'), false)
    })
  }

  for (const [name, action] of Object.entries({ 'is lost': { type: 'reset' }, 'ends early': { type: 'cut' } } as const)) {
    it(`G10: knows its own object when the answer of a conditional write ${name}`, async () => {
      await fault(action, { operation: 'objects.insert' })
      const { etag } = await fs.pipeFile('test/x', 'mine', { flag: 'wx' })
      assert.equal(etag, await server.generation('test', 'x'))
      assert.deepEqual((await fs.info('test/x'))['metadata'], {})
      await fault(action, { operation: 'objects.insert' })
      await fs.pipeFile('test/x', 'again', { ifMatch: etag })
      await holds('again')
      await fault(action, put)
      await fs.pipeFile('test/y', large, { flag: 'wx' })
      await holds(large, 'y')
      await fault(action, { ...put, nth: 5 })
      await fs.withFile('test/z', 'wx', async file => { await file.write(streamed) }, { partBytes: quantum })
      await holds(streamed, 'z')
    })
  }

  it('G10: finds the object of another one there after a lost answer', async () => {
    await fault([{ type: 'reset', of: 'request' }], { operation: 'objects.insert' })
    const racing = fs.pipeFile('test/x', 'mine', { flag: 'wx' })
    await server.put('test', 'x', 'theirs')
    await assert.rejects(racing, code('EEXIST'))
    await holds('theirs')
  })

  it('G10: does not know whose object is there when it may not look', async () => {
    await fault({ type: 'reset' }, { operation: 'objects.insert' })
    await fault({ type: 'status', status: 403, code: 'forbidden' }, { operation: 'objects.get' }, 10)
    await assert.rejects(fs.pipeFile('test/x', 'mine', { flag: 'wx' }), code('FORKFS_OUTCOME_UNKNOWN'))
  })

  it('G10: takes a repeated delete that finds nothing for done', async () => {
    await fs.pipeFile('test/x', 'x')
    await fault({ type: 'reset' }, { operation: 'objects.delete' })
    await fs.rm('test/x')
    assert.equal(await server.get('test', 'x'), undefined)
  })

  it('G16: goes on where a 308 says, whatever of a chunk was stored', async () => {
    for (const bytes of [0, quantum, 3 * quantum]) {
      await fault({ type: 'persist', bytes }, put)
      await fs.pipeFile('test/x', large, { partBytes: MiB })
      await holds(large)
      await fault([{ type: 'persist', bytes }, { type: 'reset' }], put)
      await fs.pipeFile('test/x', large, { partBytes: MiB })
      await holds(large)
      await fault([{ type: 'persist', bytes: 0 }, { type: 'reset' }], { ...put, nth: 2 })
      await writeStreamed()
      await holds(streamed)
    }
  })

  it('G16: takes a 308 whose Range has no unit, and refuses one that says more than was sent', async () => {
    await fault({ type: 'header', name: 'range', value: `0-${quantum - 1}` }, { ...put, nth: 1 })
    await writeStreamed()
    await holds(streamed)
    await fault({ type: 'header', name: 'range', value: 'bytes=0-99999999' }, { ...put, nth: 1 })
    await assert.rejects(writeStreamed(), code('FORKFS_PROTOCOL'))
    await holds(streamed)
  })

  for (const status of [404, 410]) {
    it(`G16: begins anew when a session is lost with ${status} and the bytes are at hand, and fails where they are not`, async () => {
      await fault({ type: 'loseSession', status }, { ...put, nth: 3 })
      await fs.pipeFile('test/x', large, { partBytes: MiB })
      await holds(large)
      await fault({ type: 'loseSession', status }, { ...put, nth: 1 })
      await writeStreamed() // the first chunk is still at hand
      await holds(streamed)
      await fault({ type: 'loseSession', status }, { ...put, nth: 3 })
      await assert.rejects(fs.withFile('test/y', 'w', async file => { await file.write(streamed) }, { partBytes: quantum }), code('FORKFS_UPLOAD_FAILED'))
      assert.equal(await server.get('test', 'y'), undefined)
    })
  }

  it('G16: says that an upload was cancelled by somebody else', async () => {
    await fault({ type: 'status', status: 499 }, put, 10)
    await assert.rejects(fs.pipeFile('test/x', large), code('FORKFS_UPLOAD_FAILED'))
  })

  it('G16: gives up when no byte more is taken, and cancels', async () => {
    await fault({ type: 'persist', bytes: 0 }, put, 100)
    await assert.rejects(fs.pipeFile('test/x', large), code('FORKFS_PROTOCOL', { retry: 'exhausted' }))
    assert.equal(await server.get('test', 'x'), undefined)
    assert.deepEqual(await server.uploads('test'), [])
    await server.clearFaults()
    await fault({ type: 'status', status: 503 }, { method: 'PUT' }, 100)
    await assert.rejects(fs.pipeFile('test/x', large), code('FORKFS_BACKEND', { retry: 'exhausted' }))
    assert.deepEqual(await server.uploads('test'), [])
  })

  it('refuses a written object whose CRC32C is another one, and takes it away', async () => {
    await fault({ type: 'json', set: { crc32c: 'AAAAAA==' } }, put)
    await assert.rejects(fs.pipeFile('test/x', large), code('FORKFS_CHECKSUM'))
    assert.equal(await server.get('test', 'x'), undefined)
  })

  it('G22: copies in as many calls as the store wants, with a lost answer among them, and without the bytes', async () => {
    await using slow = await openFaulty({ rewriteBytes: 2 * MiB, buckets: ['test', 'other'] })
    await slow.server.put('test', 'x', large, { contentType: 'text/x-test', metadata: { a: 'b' } })
    await slow.server.addFault({ action: { type: 'reset' }, match: { operation: 'objects.rewrite', nth: 2 } })
    await slow.fs.cp('test/x', 'other/x')
    assert.ok(Buffer.from((await slow.server.get('other', 'x'))!).equals(large))
    const info = await slow.fs.info('other/x')
    assert.deepEqual([info['contentType'], info['metadata']], ['text/x-test', { a: 'b' }])
    assert.ok((await slow.server.counters()).operations['objects.rewrite']! >= 5)
    assert.ok(slow.fs.stats.bytesIn < 100_000)
  })

  for (const status of [400, 404, 405, 501]) {
    it(`G22: moves by a copy and a conditional delete where moveTo is answered with ${status}`, async () => {
      await fs.pipe({ 'test/a': 'a', 'test/b': 'b' })
      await fault({ type: 'status', status }, { operation: 'objects.move' }, 10)
      await fs.mv('test/a', 'test/c')
      await fs.mv('test/b', 'test/d')
      assert.deepEqual(await server.keys('test'), ['c', 'd'])
      assert.equal(await count('objects.move'), 1)
      await assert.rejects(fs.mv('test/none', 'test/e'), code('ENOENT'))
    })
  }

  /** Write most of an object until chunks of it were sent, then end in the way that is tested. */
  const sent = (): Promise<void> => server.reached({ operations: { 'uploads.put': 2 } })
  const reason = new Error('no')
  const half = async (signal?: AbortSignal): Promise<FileHandle> => {
    const file = await fs.open('test/x', 'w', { partBytes: quantum, ...(signal === undefined ? {} : { signal }) })
    await file.write(streamed)
    await sent()
    return file
  }
  for (const [name, end] of Object.entries<() => Promise<unknown>>({
    'abort()': async () => (await half()).abort(reason),
    'a signal': async () => {
      const controller = new AbortController()
      const file = await half(controller.signal)
      controller.abort(reason)
      await assert.rejects(file.close(), error => error === reason)
    },
    'the end of its scope': async () => { await using _file = await half() },
    'an exception': () => assert.rejects(fs.withFile('test/x', 'w', async file => {
      await file.write(streamed)
      await sent()
      throw reason
    }, { partBytes: quantum }), error => error === reason),
    'destroy() of a stream of Node': async () => {
      const stream = fs.createWriteStream('test/x', { partBytes: quantum })
      stream.write(streamed)
      await sent()
      const closed = once(stream, 'close')
      stream.destroy()
      await closed
    },
    'destroy() with an error': async () => {
      const stream = fs.createWriteStream('test/x', { partBytes: quantum })
      stream.write(streamed)
      await sent()
      const failed = once(stream, 'error')
      stream.destroy(reason)
      assert.deepEqual(await failed, [reason])
    },
    'a pipeline whose source fails': () => assert.rejects(pipeline((async function * () {
      yield streamed
      await sent()
      throw reason
    })(), fs.createWriteStream('test/x', { partBytes: quantum })), error => error === reason),
    'abort() of a stream of the web': async () => {
      const writer = fs.writable('test/x', { partBytes: quantum }).getWriter()
      await writer.write(streamed)
      await sent()
      await writer.abort(reason)
    }
  })) {
    it(`G18: leaves neither object nor session after ${name}`, async () => {
      await end()
      await server.reached({ operations: { 'uploads.cancel': 1 }, inFlight: 0 })
      assert.deepEqual([await server.get('test', 'x'), await server.uploads('test'), await count('uploads.cancel')], [undefined, [], 1])
      await fs.pipeFile('test/after', 'works on')
      assert.ok((await server.counters()).sockets.open <= 2)
    })
  }

  it('G18: cancels a session that is answered after the abort', async () => {
    await fault({ type: 'delay', ms: 100, applied: true }, { operation: 'uploads.start' })
    const controller = new AbortController()
    const reason = new Error('enough')
    const writing = fs.pipeFile('test/x', large, { signal: controller.signal })
    const refused = assert.rejects(writing, error => error === reason)
    await server.reached({ operations: { 'uploads.start': 1 } })
    controller.abort(reason)
    await refused
    assert.deepEqual(await server.uploads('test'), [])
    assert.equal(await count('uploads.cancel'), 1)
  })

  it('G19: shows nothing of an upload whose process was killed, and recover() ends its session', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'forkfs-gcs-'))
    try {
      const env = { ...process.env, FORKFS_TMPDIR: folder }
      const child = fork(new URL('./fixtures/upload.child.js', import.meta.url), [JSON.stringify(optionsOf(server)), 'test/killed'], { env })
      await once(child, 'message')
      child.kill('SIGKILL')
      await once(child, 'exit')
      assert.equal(await server.get('test', 'killed'), undefined)
      assert.deepEqual(await fs.find('test'), [])
      assert.equal((await server.uploads('test')).length, 1)
      const recovering = fork(new URL('./fixtures/recover.child.js', import.meta.url), { env })
      const [report] = await once(recovering, 'message') as [{ uploadsAborted: number, failures: number }]
      assert.deepEqual(report, { uploadsAborted: 1, failures: 0 })
      assert.deepEqual(await server.uploads('test'), [])
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('ends nothing that is not an upload session', async () => {
    await server.put('test', 'a', 'text')
    const { endpoint } = server
    for (const id of ['upload', `${endpoint}/storage/v1/b/test/o/a?upload_id=1`, `${endpoint}/upload/storage/v1/b/test/o?name=a`]) {
      await assert.rejects(fs.abortUpload('test/a', id), code('EINVAL'))
    }
    assert.equal(String(await server.get('test', 'a')), 'text')
  })
})
