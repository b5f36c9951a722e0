import assert from 'node:assert/strict'
import { crc32 } from 'node:zlib'
import type { FaultAction } from '../../servers/index.js'
import { faultsReadingSuite, large, small } from '../object-store/faults-reading.js'
import { code, s3 } from './support.js'

describe('S3: faults while reading', function () {
  this.timeout(20_000)
  const on = faultsReadingSuite(s3, {
    passing: {
      'a 500 without a body': { type: 'status', status: 502, code: 'Strange' },
      'a 429': { type: 'status', status: 429, code: 'TooManyRequests' }
    },
    refusals: [
      [403, 'AccessDenied', 'EACCES'], [404, 'NoSuchBucket', 'ENOENT'], [403, 'SignatureDoesNotMatch', 'FORKFS_CREDENTIALS'], [403, 'InvalidObjectState', 'EACCES'],
      [501, 'NotImplemented', 'FORKFS_NOT_SUPPORTED']
    ]
  })

  it('reads replies in chunks, and of HTTP/1.0 with a length', async () => {
    await on.fault({ type: 'chunked' })
    on.holds(await on.fs.catFile('test/small'), small)
    await on.fault({ type: 'chunked' })
    on.holds(await on.fs.catFile('test/small', { start: 5, end: 50 }), small.subarray(5, 50))
    await on.fault({ type: 'http10', length: true })
    on.holds(await on.fs.catFile('test/small'), small)
    await on.fault({ type: 'http10' })
    on.holds(await on.fs.catFile('test/small', { start: 5, end: 50 }), small.subarray(5, 50))
    assert.equal(await on.reads(), 4)
  })

  it('does not believe a whole object of HTTP/1.0 whose length nobody tells', async () => {
    await on.fault({ type: 'http10' }, { operation: 'GetObject' }, 5)
    await assert.rejects(on.fs.catFile('test/small'), code('FORKFS_PROTOCOL', { retry: 'exhausted' }))
  })

  it('does not take a compressed range for the range', async () => {
    await on.fault({ type: 'gzip' })
    on.holds(await on.fs.catFile('test/small', { start: 10, end: 15_000 }), small.subarray(10, 15_000))
    assert.equal(await on.reads(), 2)
  })

  it('verifies the checksum that comes with a whole object', async () => {
    const sum = Buffer.alloc(4)
    sum.writeUInt32BE(crc32(small))
    await on.fs.pipeFile('test/summed', small)
    on.holds(await on.fs.catFile('test/summed'), small)
    const wrong: FaultAction = { type: 'garbage', text: 'x'.repeat(small.length) }
    await on.fault(wrong)
    on.holds(await on.fs.catFile('test/summed'), small)
    await on.fault(wrong, { operation: 'GetObject' }, 100)
    await assert.rejects(on.fs.catFile('test/summed'), code('FORKFS_CHECKSUM', { retry: 'exhausted' }))
    assert.equal((await on.open({ checksums: false }).catFile('test/summed')).length, small.length)
  })

  it('begins a whole read again, once, when the version changes between its parts', async () => {
    await on.fault({ type: 'changeEtag' }, { operation: 'GetObject', nth: 1 })
    on.holds(await on.fs.catFile('test/large'), large)
    await on.fault({ type: 'changeEtag' }, { operation: 'GetObject' }, 100)
    await assert.rejects(on.fs.catFile('test/large'), code('FORKFS_CHANGED'))
  })

  it('refuses another version than the one asked for from a store that does not look', async () => {
    const { etag } = await on.fs.info('test/small')
    await on.fault({ type: 'changeEtag', value: '"other"' })
    await assert.rejects(on.fs.catFile('test/small', { start: 0, end: 10, ifMatch: etag }), code('FORKFS_CHANGED'))
    const file = await on.fs.open('test/large', 'r', { cache: 'none' })
    await on.fault({ type: 'changeEtag' }, { operation: 'GetObject', nth: 2 })
    await assert.rejects(file.readFile(), code('FORKFS_CHANGED'))
    await file.close()
  })

  const documents: Record<string, FaultAction> = {
    noise: { type: 'garbage' }, 'half a document': { type: 'garbage', text: '<?xml version="1.0"?><ListBucketResult><Contents><Key>a</Key>' },
    'another document': { type: 'garbage', text: '<html/>' }, entities: { type: 'entities' }, 'compressed text': { type: 'gzip' }
  }
  for (const [name, action] of Object.entries(documents)) {
    it(`refuses ${name} for a listing, and takes nothing from it`, async () => {
      await on.fault(action, { operation: 'ListObjectsV2' }, 100)
      await assert.rejects(on.fs.ls('test'), code('FORKFS_PROTOCOL'))
      await on.server.clearFaults()
      assert.equal((await on.fs.ls('test')).length > 1, true)
    })
  }

  it('does not list in circles', async () => {
    const text = (token: string): string => `<ListBucketResult><IsTruncated>true</IsTruncated>${token}</ListBucketResult>`
    await on.fault([{ type: 'status', status: 200 }, { type: 'garbage', text: text('<NextContinuationToken>same</NextContinuationToken>') }], { operation: 'ListObjectsV2' }, 100)
    await assert.rejects(on.fs.find('test'), code('FORKFS_PROTOCOL'))
    assert.equal((await on.server.counters()).requests, 2)
    await on.server.clearFaults()
    await on.fault({ type: 'garbage', text: text('') }, { operation: 'ListObjectsV2' }, 100)
    await assert.rejects(on.fs.find('test'), code('FORKFS_PROTOCOL'))
  })

  it('takes an error in place of a listing for what it is', async () => {
    await on.fault({ type: 'errorInside', code: 'SlowDown' }, { operation: 'ListObjectsV2' })
    assert.deepEqual((await on.fs.ls('test/dir')).map(({ name }) => name), ['test/dir/a'])
    await on.fault({ type: 'errorInside', code: 'AccessDenied' }, { operation: 'ListObjectsV2' })
    await assert.rejects(on.fs.ls('test/dir'), code('EACCES'))
  })

  it('tells of what may not be looked at that it is forbidden', async () => {
    await on.fault({ type: 'status', status: 403, code: 'AccessDenied' }, { operation: 'HeadObject' })
    await assert.rejects(on.fs.exists('test/small'), code('EACCES'))
  })
})
