import assert from 'node:assert/strict'
import { crc32 } from 'node:zlib'
import type { S3FileSystem } from '../../../implementations/s3/index.js'
import type { FaultAction, FaultRule, S3Server } from '../../servers/index.js'
import { code, MiB, openFaulty, pattern } from './support.js'
import type { Options } from './support.js'

const part = 8 * MiB
const small = pattern(20_000)
const large = pattern(3 * part + 9)

describe('S3: faults while reading', function () {
  this.timeout(20_000)
  let server: S3Server
  let fs: S3FileSystem
  let open: (options?: Options) => S3FileSystem
  let close: () => Promise<void>
  let opened: S3FileSystem[]
  before(async () => {
    ({ server, open, close } = await openFaulty())
    await server.put('test', 'small', small)
    await server.put('test', 'large', large)
    await server.put('test', 'dir/a', '')
  })
  after(() => close())
  beforeEach(async () => {
    opened = []
    fs = keep({})
    await server.resetCounters()
  })
  afterEach(async () => {
    await server.clearFaults()
    await Promise.all(opened.map(each => each.close()))
    await server.reached({ sockets: 0 })
  })
  const keep = (options: Options): S3FileSystem => {
    const made = open(options)
    opened.push(made)
    return made
  }
  const fault = (action: FaultRule['action'], match: FaultRule['match'] = { operation: 'GetObject' }, times = 1): Promise<void> => server.addFault({ action, match, times })
  const gets = async (): Promise<number> => (await server.counters()).operations['GetObject'] ?? 0
  const holds = (got: Uint8Array, expected: Uint8Array): void => { assert.ok(Buffer.from(got).equals(expected), `${got.length} bytes instead of ${expected.length}, or others`) }

  const passing: Record<string, FaultAction> = {
    'a 503': { type: 'status', status: 503 },
    'a 500': { type: 'status', status: 500 },
    'a 500 without a body': { type: 'status', status: 502, code: 'Strange' },
    'a 429': { type: 'status', status: 429, code: 'TooManyRequests' },
    'a reset before the reply': { type: 'reset' },
    'a reset in the body': { type: 'reset', afterBytes: 1000 },
    'a reset at the request': { type: 'reset', of: 'request' },
    'an end before the reply': { type: 'cut' },
    'a body cut short': { type: 'cut', afterBytes: 1000 },
    'a length that is too large': { type: 'wrongLength', by: 5 },
    'a length that is too small': { type: 'wrongLength', by: -5 },
    'a flood of headers': { type: 'headerFlood' },
    'a Content-Range that lies': { type: 'wrongContentRange' },
    'a Content-Range that is none': { type: 'wrongContentRange', value: 'bytes all' },
    'a missing Content-Range': { type: 'noContentRange' },
    'an ignored range': { type: 'ignoreRange' }
  }
  for (const [name, action] of Object.entries(passing)) {
    it(`reads a range again after ${name}`, async () => {
      await fault(action)
      holds(await fs.catFile('test/small', { start: 10, end: 15_000 }), small.subarray(10, 15_000))
      assert.equal(await gets(), 2)
    })
  }
  for (const name of ['a 503', 'a reset before the reply', 'a reset in the body', 'a body cut short', 'a length that is too large', 'a flood of headers']) {
    it(`reads a whole object again after ${name}, and a part of a large one alone`, async () => {
      await fault(passing[name]!)
      holds(await fs.catFile('test/small'), small)
      await server.resetCounters()
      await fault(passing[name]!, { operation: 'GetObject', nth: 3 })
      holds(await fs.catFile('test/large'), large)
      assert.equal(await gets(), 5)
    })
  }

  it('reads replies in chunks, and of HTTP/1.0 with a length', async () => {
    await fault({ type: 'chunked' })
    holds(await fs.catFile('test/small'), small)
    await fault({ type: 'chunked' })
    holds(await fs.catFile('test/small', { start: 5, end: 50 }), small.subarray(5, 50))
    await fault({ type: 'http10', length: true })
    holds(await fs.catFile('test/small'), small)
    await fault({ type: 'http10' })
    holds(await fs.catFile('test/small', { start: 5, end: 50 }), small.subarray(5, 50))
    assert.equal(await gets(), 4)
  })

  it('does not believe a whole object of HTTP/1.0 whose length nobody tells', async () => {
    await fault({ type: 'http10' }, { operation: 'GetObject' }, 5)
    await assert.rejects(fs.catFile('test/small'), code('FORKFS_PROTOCOL', { retry: 'exhausted' }))
  })

  it('does not take a compressed range for the range', async () => {
    await fault({ type: 'gzip' })
    holds(await fs.catFile('test/small', { start: 10, end: 15_000 }), small.subarray(10, 15_000))
    assert.equal(await gets(), 2)
  })

  const lasting: Record<string, [FaultAction, string]> = {
    'throttling that lasts': [{ type: 'status', status: 503 }, 'FORKFS_RATE_LIMITED'],
    'a store that fails': [{ type: 'status', status: 500 }, 'FORKFS_BACKEND'],
    'connections that are reset': [{ type: 'reset' }, 'FORKFS_NETWORK'],
    'bodies that are cut': [{ type: 'cut', afterBytes: 10 }, 'FORKFS_TRUNCATED'],
    'ranges that are ignored': [{ type: 'ignoreRange' }, 'FORKFS_PROTOCOL'],
    'ranges that are wrong': [{ type: 'wrongContentRange' }, 'FORKFS_PROTOCOL'],
    'a flood of headers': [{ type: 'headerFlood' }, 'FORKFS_PROTOCOL']
  }
  for (const [name, [action, expected]] of Object.entries(lasting)) {
    it(`gives up on ${name} after as many requests as there are attempts`, async () => {
      await fault(action, { operation: 'GetObject' }, 100)
      const tried = keep({ retry: { attempts: 3, baseMs: 1, maxMs: 2 } })
      await assert.rejects(tried.catFile('test/small', { start: 1, end: 100 }), code(expected, { retry: 'exhausted', path: 'test/small', protocol: 's3' }))
      assert.equal(await gets(), 3)
      assert.deepEqual([tried.stats.requests, tried.stats.retries], [3, 2])
    })
  }

  it('waits as long as Retry-After says, but no longer than maxMs', async () => {
    const waits: number[] = []
    const { subscribe, unsubscribe } = await import('node:diagnostics_channel')
    const listen = (message: unknown): void => { waits.push((message as { waitMs: number }).waitMs) }
    subscribe('forkfs:retry', listen)
    await fault({ type: 'status', status: 503, headers: { 'Retry-After': '3600' } })
    const start = performance.now()
    holds(await keep({ retry: { baseMs: 1, maxMs: 60 } }).catFile('test/small'), small)
    unsubscribe('forkfs:retry', listen)
    assert.ok(performance.now() - start < 3000)
    assert.deepEqual(waits, [60])
  })

  it('stops retrying a whole instance when its budget is used up', async () => {
    await fault({ type: 'status', status: 500 }, { operation: 'GetObject' }, 10_000)
    const tried = keep({ retry: { attempts: 100, baseMs: 0.01, maxMs: 0.1 } })
    await Promise.allSettled(Array.from({ length: 20 }, () => tried.catFile('test/small')))
    assert.equal(tried.stats.retries, 100)
    assert.equal(await gets(), 120)
  })

  for (const [name, action, operation] of [
    ['a connection that is never read', { type: 'stall', at: 'connect', ms: 400 }, undefined],
    ['a reply that never comes', { type: 'stall', at: 'headers' }, 'GetObject'],
    ['a body that stops', { type: 'stall', at: 'body', afterBytes: 100 }, 'GetObject']
  ] as const) {
    it(`reads again after ${name}, once the idle time is over`, async () => {
      const tried = keep({ idleTimeoutMs: 60 })
      await server.addFault({ action, ...(operation === undefined ? {} : { match: { operation } }) })
      holds(await tried.catFile('test/small'), small)
      assert.equal(tried.stats.retries, 1)
    })

    it(`gives up at the deadline on ${name}`, async () => {
      const tried = keep({ timeoutMs: 120 })
      await server.addFault({ action, times: 10, ...(operation === undefined ? {} : { match: { operation } }) })
      const start = performance.now()
      await assert.rejects(tried.catFile('test/small'), code('ETIMEDOUT'))
      assert.ok(performance.now() - start < 1500)
    })
  }

  it('does not give up on a body that trickles', async () => {
    await fault({ type: 'trickle', bytesPerTick: 500, tickMs: 10 })
    const tried = keep({ idleTimeoutMs: 200 })
    holds(await tried.catFile('test/small', { end: 15_000 }), small.subarray(0, 15_000))
    assert.equal(tried.stats.retries, 0)
  })

  it('verifies the checksum that comes with a whole object', async () => {
    const sum = Buffer.alloc(4)
    sum.writeUInt32BE(crc32(small))
    await fs.pipeFile('test/summed', small)
    holds(await fs.catFile('test/summed'), small)
    const wrong: FaultAction = { type: 'garbage', text: 'x'.repeat(small.length) }
    await fault(wrong)
    holds(await fs.catFile('test/summed'), small)
    await fault(wrong, { operation: 'GetObject' }, 100)
    await assert.rejects(fs.catFile('test/summed'), code('FORKFS_CHECKSUM', { retry: 'exhausted' }))
    assert.equal((await keep({ checksums: false }).catFile('test/summed')).length, small.length)
  })

  it('begins a whole read again, once, when the version changes between its parts', async () => {
    await fault({ type: 'changeEtag' }, { operation: 'GetObject', nth: 1 })
    holds(await fs.catFile('test/large'), large)
    await fault({ type: 'changeEtag' }, { operation: 'GetObject' }, 100)
    await assert.rejects(fs.catFile('test/large'), code('FORKFS_CHANGED'))
  })

  it('refuses another version than the one asked for from a store that does not look', async () => {
    const { etag } = await fs.info('test/small')
    await fault({ type: 'changeEtag', value: '"other"' })
    await assert.rejects(fs.catFile('test/small', { start: 0, end: 10, ifMatch: etag }), code('FORKFS_CHANGED'))
    const file = await fs.open('test/large', 'r', { cache: 'none' })
    await fault({ type: 'changeEtag' }, { operation: 'GetObject', nth: 2 })
    await assert.rejects(file.readFile(), code('FORKFS_CHANGED'))
    await file.close()
  })

  const documents: Record<string, FaultAction> = {
    noise: { type: 'garbage' }, 'half a document': { type: 'garbage', text: '<?xml version="1.0"?><ListBucketResult><Contents><Key>a</Key>' },
    'another document': { type: 'garbage', text: '<html/>' }, entities: { type: 'entities' }, 'compressed text': { type: 'gzip' }
  }
  for (const [name, action] of Object.entries(documents)) {
    it(`refuses ${name} for a listing, and takes nothing from it`, async () => {
      await fault(action, { operation: 'ListObjectsV2' }, 100)
      await assert.rejects(fs.ls('test'), code('FORKFS_PROTOCOL'))
      await server.clearFaults()
      assert.equal((await fs.ls('test')).length > 1, true)
    })
  }

  it('does not list in circles', async () => {
    const text = (token: string): string => `<ListBucketResult><IsTruncated>true</IsTruncated>${token}</ListBucketResult>`
    await fault([{ type: 'status', status: 200 }, { type: 'garbage', text: text('<NextContinuationToken>same</NextContinuationToken>') }], { operation: 'ListObjectsV2' }, 100)
    await assert.rejects(fs.find('test'), code('FORKFS_PROTOCOL'))
    assert.equal((await server.counters()).requests, 2)
    await server.clearFaults()
    await fault({ type: 'garbage', text: text('') }, { operation: 'ListObjectsV2' }, 100)
    await assert.rejects(fs.find('test'), code('FORKFS_PROTOCOL'))
  })

  it('takes an error in place of a listing for what it is', async () => {
    await fault({ type: 'errorInside', code: 'SlowDown' }, { operation: 'ListObjectsV2' })
    assert.deepEqual((await fs.ls('test/dir')).map(({ name }) => name), ['test/dir/a'])
    await fault({ type: 'errorInside', code: 'AccessDenied' }, { operation: 'ListObjectsV2' })
    await assert.rejects(fs.ls('test/dir'), code('EACCES'))
  })

  it('lists through resets and cuts', async () => {
    await server.putMany('test', Array.from({ length: 2500 }, (_, index) => `many/${index}`), '')
    for (const action of [{ type: 'reset', afterBytes: 5000 }, { type: 'cut', afterBytes: 5000 }, { type: 'status', status: 503 }] as const) {
      await fault(action, { operation: 'ListObjectsV2', nth: 2 })
      assert.equal((await fs.find('test/many')).length, 2500)
    }
  })

  it('tells what is forbidden, missing, or wrong by its code', async () => {
    for (const [status, text, expected] of [[403, 'AccessDenied', 'EACCES'], [404, 'NoSuchBucket', 'ENOENT'], [403, 'SignatureDoesNotMatch', 'FORKFS_CREDENTIALS'], [403, 'InvalidObjectState', 'EACCES'], [501, 'NotImplemented', 'FORKFS_NOT_SUPPORTED']] as const) {
      await fault({ type: 'status', status, code: text })
      await assert.rejects(fs.catFile('test/small'), code(expected, { status, retry: 'never' }))
    }
    await fault({ type: 'status', status: 403, code: 'AccessDenied' }, { operation: 'HeadObject' })
    await assert.rejects(fs.exists('test/small'), code('EACCES'))
  })
})
