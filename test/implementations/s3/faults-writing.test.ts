import assert from 'node:assert/strict'
import { crc32 } from 'node:zlib'
import type { S3FileSystem } from '../../../implementations/s3/index.js'
import type { FaultAction, FaultRule, S3Server } from '../../servers/index.js'
import { noSingleCopies, PartwiseS3FileSystem } from './partwise.js'
import { code, MiB, openFaulty, optionsOf, pattern } from './support.js'
import type { Options } from './support.js'

const small = pattern(20_000)
const large = pattern(20 * MiB + 3)

function sum (data: Uint8Array): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32(data))
  return bytes.toString('base64')
}

function header (raw: readonly string[], name: string): string | undefined {
  const at = raw.findIndex((text, index) => index % 2 === 0 && text.toLowerCase() === name)
  return at < 0 ? undefined : raw[at + 1]
}

describe('S3: faults while writing', function () {
  this.timeout(20_000)
  let server: S3Server
  let fs: S3FileSystem
  let open: (options?: Options) => S3FileSystem
  let close: () => Promise<void>
  let path: string
  let key: string
  let count = 0
  before(async () => { ({ server, fs, open, close } = await openFaulty({ buckets: ['test', 'other'] })) })
  after(() => close())
  beforeEach(async () => {
    key = `key-${count++}`
    path = `test/${key}`
    await server.resetCounters()
  })
  afterEach(async () => {
    await server.clearFaults()
    await fs.close()
    assert.deepEqual(await server.uploads('test'), [])
    await server.reached({ sockets: 0 })
  })
  const fault = (action: FaultRule['action'], operation: string, times = 1, nth?: number): Promise<void> => server.addFault({ action, match: { operation, nth }, times })
  const operations = async (): Promise<Readonly<Record<string, number>>> => (await server.counters()).operations
  const holds = async (expected: Uint8Array): Promise<void> => { assert.ok(Buffer.from((await server.get('test', key))!).equals(expected)) }
  const headersOf = async (operation: string): Promise<Array<readonly string[]>> => {
    return (await server.requests()).filter(request => request.operation === operation).map(({ rawHeaders }) => rawHeaders)
  }

  const passing: Record<string, FaultAction> = {
    'a 503': { type: 'status', status: 503 }, 'a 500': { type: 'status', status: 500 }, 'an early 503': { type: 'status', status: 503, early: true },
    'a lost answer': { type: 'reset' }, 'a reset at the request': { type: 'reset', of: 'request', afterBytes: 1000 }, 'an end without an answer': { type: 'cut' }, 'a digest that differs': { type: 'status', status: 400, code: 'BadDigest' }
  }
  for (const [name, action] of Object.entries(passing)) {
    it(`puts again after ${name}`, async () => {
      await fault(action, 'PutObject')
      await fs.pipeFile(path, small)
      await holds(small)
      assert.equal((await operations())['PutObject'], 2)
    })

    it(`sends a part again after ${name}, and that part only`, async () => {
      await fault(action, 'UploadPart', 1, 2)
      await fs.pipeFile(path, large)
      await holds(large)
      assert.deepEqual(await operations(), { CreateMultipartUpload: 1, UploadPart: 4, CompleteMultipartUpload: 1 })
    })

    it(`completes an upload in spite of ${name}`, async () => {
      await fault(action, 'CompleteMultipartUpload')
      const info = await fs.pipeFile(path, large)
      await holds(large)
      assert.equal((await fs.info(path)).etag, info.etag)
    })

    for (const data of [small, large]) {
      it(`knows its own exclusive write of ${data.length} bytes after ${name}`, async () => {
        const operation = data === small ? 'PutObject' : 'CompleteMultipartUpload'
        await fault(action, operation)
        const info = await fs.pipeFile(path, data, { flag: 'wx', metadata: { a: 'b' } })
        await holds(data)
        const found = await fs.info(path)
        assert.equal(found.etag, info.etag)
        assert.deepEqual(found['metadata'], { a: 'b' })
        await fault(action, operation)
        const again = await fs.pipeFile(path, data, { ifMatch: info.etag, metadata: { c: 'd' } })
        assert.deepEqual([(await fs.info(path)).etag, (await fs.info(path))['metadata']], [again.etag, { c: 'd' }])
      })

      it(`does not take the object of another writer for its own after ${name} (${data.length} bytes)`, async () => {
        await server.put('test', key, 'theirs')
        await fault(action, data === small ? 'PutObject' : 'CompleteMultipartUpload')
        await assert.rejects(fs.pipeFile(path, data, { flag: 'wx' }), code('EEXIST'))
        await holds(Buffer.from('theirs'))
      })
    }
  }

  it('says that it does not know, where the answer of a Complete is lost and the store tells nothing', async () => {
    const { server: opaque, fs: plain, close: end } = await openFaulty()
    await opaque.addFault({ action: { type: 'reset' }, match: { operation: 'CompleteMultipartUpload' } })
    await opaque.addFault({ action: { type: 'changeEtag' }, match: { operation: 'HeadObject' } }) // as where objects are encrypted
    await assert.rejects(plain.pipeFile('test/a', large), code('FORKFS_OUTCOME_UNKNOWN'))
    await end()
  })

  it('takes an error in a 200 of a Complete for an error', async () => {
    await fault({ type: 'errorInside', code: 'InternalError' }, 'CompleteMultipartUpload')
    await fs.pipeFile(path, large)
    await holds(large)
    await server.put('test', key, 'old')
    await fault({ type: 'errorInside', code: 'AccessDenied' }, 'CompleteMultipartUpload')
    await assert.rejects(fs.pipeFile(path, large), code('EACCES'))
    await holds(Buffer.from('old'))
    await fault({ type: 'garbage' }, 'CompleteMultipartUpload', 1)
    await fs.pipeFile(path, large).catch((error: unknown) => { assert.equal((error as { code: string }).code, 'FORKFS_PROTOCOL') })
  })

  describe('a copy in parts', () => {
    const partwise = (on = server): S3FileSystem => new PartwiseS3FileSystem({ ...optionsOf(on), retry: { baseMs: 1, maxMs: 4 } })

    for (const [name, action] of Object.entries(passing)) {
      it(`is completed in spite of ${name}`, async () => {
        await server.put('test', 'source', large)
        await server.addFault(noSingleCopies)
        await fault(action, 'CompleteMultipartUpload')
        const copies = partwise()
        await copies.cp('test/source', path)
        await holds(large)
        await copies.close()
      })
    }

    it('says that it does not know, where the answer of its Complete is lost and the store tells nothing, also amid a tree', async () => {
      await server.put('test', 'tree/source', large)
      await server.addFault(noSingleCopies)
      const copies = partwise()
      for (const copy of [() => copies.cp('test/tree/source', path), () => copies.cp('test/tree', `${path}-tree`, { recursive: true })]) {
        const before = (await operations())['HeadObject'] ?? 0
        await fault({ type: 'reset' }, 'CompleteMultipartUpload')
        await server.addFault({ action: { type: 'changeEtag' }, match: { operation: 'HeadObject', key }, times: Infinity }) // as where objects are encrypted
        await server.addFault({ action: { type: 'changeEtag' }, match: { operation: 'HeadObject', key: /-tree/ }, times: Infinity })
        await assert.rejects(copy(), code('FORKFS_OUTCOME_UNKNOWN'))
        assert.ok((await operations())['HeadObject']! > before)
      }
      await copies.close()
    })
  })

  it('takes an error in a 200 of a copy for an error', async () => {
    await server.put('test', 'source', 'source')
    await fault({ type: 'errorInside', code: 'SlowDown' }, 'CopyObject')
    await fs.cp('test/source', path)
    await holds(Buffer.from('source'))
    await fault({ type: 'errorInside', code: 'AccessDenied' }, 'CopyObject')
    await assert.rejects(fs.cp('test/source', path), code('EACCES'))
  })

  it('leaves the old object and no upload when a part is refused', async () => {
    await server.put('test', key, 'old')
    await fault({ type: 'status', status: 403, code: 'AccessDenied' }, 'UploadPart', 1, 2)
    await assert.rejects(fs.pipeFile(path, large), code('EACCES'))
    await fault({ type: 'status', status: 403, code: 'AccessDenied' }, 'UploadPart', 1, 1)
    await assert.rejects(fs.withFile(path, 'w', file => file.write(large)), code('EACCES'))
    await holds(Buffer.from('old'))
  })

  it('leaves the old object and no upload when fn throws, and when the handle is only disposed', async () => {
    await server.put('test', key, 'old')
    const reason = new Error('no')
    await assert.rejects(fs.withFile(path, 'w', async file => {
      await file.write(large)
      throw reason
    }), error => error === reason)
    const warned: Error[] = []
    const warn = (warning: Error): void => { warned.push(warning) }
    process.on('warning', warn)
    const file = await fs.open(path, 'w')
    await file.write(large)
    await file[Symbol.asyncDispose]()
    await new Promise(resolve => setImmediate(resolve))
    process.off('warning', warn)
    assert.equal(warned.length, 1)
    await holds(Buffer.from('old'))
    assert.equal((await operations())['CreateMultipartUpload'], 2)
  })

  for (const [stage, operation] of [['is begun', 'CreateMultipartUpload'], ['sends its parts', 'UploadPart'], ['is completed', 'CompleteMultipartUpload']] as const) {
    it(`leaves no upload and settles with the reason when it is aborted while it ${stage}`, async () => {
      await server.put('test', key, 'old')
      const reason = new Error('enough')
      for (const write of [
        (signal: AbortSignal) => fs.pipeFile(path, large, { signal }),
        (signal: AbortSignal) => fs.withFile(path, 'w', async file => { await file.write(large) }, { signal })
      ]) {
        await server.resetCounters()
        // What is begun late must be ended all the same; a Complete that is carried out late would be no fault of ours.
        await fault(operation === 'CompleteMultipartUpload' ? { type: 'stall', at: 'headers', applied: false } : { type: 'delay', ms: 80 }, operation)
        const controller = new AbortController()
        const writing = write(controller.signal)
        void server.reached({ operations: { [operation]: 1 } }).then(() => { controller.abort(reason) })
        await assert.rejects(writing, error => error === reason)
        assert.deepEqual(await server.uploads('test'), [])
        await holds(Buffer.from('old'))
      }
    })
  }

  it('rejects with what fn threw, though the upload can not be aborted', async () => {
    await fault({ type: 'status', status: 500 }, 'AbortMultipartUpload', 100)
    const reason = new Error('no')
    await assert.rejects(fs.withFile(path, 'w', async file => {
      await file.write(large)
      throw reason
    }), error => error === reason)
    assert.equal(await server.get('test', key), undefined)
    assert.equal(await server.expireUploads('test', key), 1)
  })

  it('leaves an upload without parts, and nothing else, when the answer to its beginning is lost', async () => {
    await fault({ type: 'reset' }, 'CreateMultipartUpload')
    await fs.pipeFile(path, large)
    await holds(large)
    assert.deepEqual((await server.uploads('test')).map(upload => [upload.key, upload.parts]), [[key, {}]])
    assert.equal(await server.expireUploads('test', 'another'), 0)
    assert.equal(await server.expireUploads('test', key), 1)
  })

  it('asks for no encoding, since nothing would tell one from the object\'s own', async () => {
    await fs.pipeFile(path, small)
    await fs.catFile(path)
    for (const operation of ['PutObject', 'GetObject']) assert.equal(header((await headersOf(operation))[0]!, 'accept-encoding'), 'identity')
  })

  it('sends a CRC32 with objects and parts, unless it is told not to', async () => {
    await fs.pipeFile(path, small)
    assert.deepEqual((await headersOf('PutObject')).map(raw => header(raw, 'x-amz-checksum-crc32')), [sum(small)])
    await fs.pipeFile(path, large)
    const parts = (await headersOf('UploadPart')).map(raw => header(raw, 'x-amz-checksum-crc32')).sort()
    assert.deepEqual(parts, [0, 1, 2].map(part => sum(large.subarray(part * 8 * MiB, (part + 1) * 8 * MiB))).sort())
    await server.resetCounters()
    const plain = open({ checksums: false })
    await plain.pipeFile(path, small)
    await plain.pipeFile(path, large)
    for (const operation of ['PutObject', 'UploadPart', 'CreateMultipartUpload']) {
      for (const raw of await headersOf(operation)) assert.ok(!raw.some(text => text.toLowerCase().startsWith('x-amz-checksum')))
    }
    await plain.close()
  })

  it('cuts by partBytes, but never below what S3 takes', async () => {
    await fs.pipeFile(path, large, { partBytes: 5 * MiB })
    assert.equal((await operations())['UploadPart'], 5)
    await server.resetCounters()
    await fs.withFile(path, 'w', file => file.write(large), { partBytes: 1000 })
    assert.equal((await operations())['UploadPart'], 5)
    await server.resetCounters()
    await fs.withFile(path, 'w', file => file.write(large), { partBytes: 20 * MiB })
    assert.deepEqual([(await operations())['UploadPart'], (await operations())['PutObject']], [2, undefined])
    await holds(large)
  })

  it('asks for encryption and accepts charges where that is set', async () => {
    const set = open({ requesterPays: true, serverSideEncryption: 'aws:kms', kmsKeyId: 'key-id' })
    await set.pipeFile(path, small)
    await set.pipeFile(path, large)
    await set.cp(path, `${path}-copy`)
    await set.catFile(path, { end: 5 })
    await set.info(path)
    const requests = await server.requests()
    assert.ok(requests.length >= 8)
    for (const { operation, rawHeaders } of requests) {
      assert.equal(header(rawHeaders, 'x-amz-request-payer'), 'requester', operation)
      const encrypts = ['PutObject', 'CreateMultipartUpload', 'CopyObject'].includes(operation)
      assert.equal(header(rawHeaders, 'x-amz-server-side-encryption'), encrypts ? 'aws:kms' : undefined, operation)
      assert.equal(header(rawHeaders, 'x-amz-server-side-encryption-aws-kms-key-id'), encrypts ? 'key-id' : undefined, operation)
    }
    await set.close()
  })

  it('removes 1,000 keys with a request, and alone those that XML can not carry', async () => {
    const keys = Array.from({ length: 1001 }, (_, index) => `many/${index}`)
    await server.putMany('test', [...keys, 'many/\u0001', 'many/\ufffe'], '')
    await fs.rm(keys.map(each => `test/${each}`).concat('test/many/\u0001', 'test/many/\ufffe'))
    assert.deepEqual(await server.keys('test', 'many/'), [])
    assert.deepEqual(await operations(), { DeleteObjects: 2, DeleteObject: 2 })
    await server.putMany('test', keys, '')
    await server.resetCounters()
    await fs.rm('test/many', { recursive: true })
    assert.deepEqual(await server.keys('test', 'many/'), [])
    assert.deepEqual(await operations(), { HeadObject: 1, ListObjectsV2: 3, DeleteObjects: 1, DeleteObject: 1 })
  })

  it('tells which object of many could not be removed', async () => {
    await server.put('test', 'a', '')
    const text = '<DeleteResult><Error><Key>a</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>'
    await fault({ type: 'garbage', text }, 'DeleteObjects')
    await assert.rejects(fs.rm(['test/a', 'test/b']), code('EACCES', { path: 'test/a' }))
    await fault({ type: 'status', status: 503 }, 'DeleteObjects')
    await fs.rm(['test/a', 'test/b'])
  })

  it('ends uploads that were forgotten, when the process ends', async () => {
    const { drainFinalizers } = await import('../../../lib/owner/index.js')
    const file = await fs.open(path, 'w')
    await file.write(large)
    assert.equal((await server.uploads('test')).length, 1)
    await drainFinalizers()
    assert.deepEqual(await server.uploads('test'), [])
    await assert.rejects(file.close())
  })

  it('settles with the reason of a signal at random moments, and leaves no upload', async () => {
    const reason = new Error('enough')
    for (let i = 0; i < 15; i++) {
      const controller = new AbortController()
      setTimeout(() => { controller.abort(reason) }, Math.random() * 30)
      await fs.pipeFile(path, large, { signal: controller.signal }).then(() => {}, (error: unknown) => { assert.equal(error, reason) })
    }
  })
})
