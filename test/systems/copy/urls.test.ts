import assert from 'node:assert/strict'
import { MemoryFileSystem } from '../../../implementations/memory/index.js'
import { copy } from '../../../lib/index.js'
import type { UrlOptions } from '../../../lib/index.js'
import { code, MiB, onStores, pattern, Recorder, text } from './support.js'

type Copy = typeof copy
type Row = readonly [mistake: string, error: string | typeof TypeError, source: unknown, target: unknown, options?: unknown]

const rows: readonly Row[] = [
  ['a source that is a number', TypeError, 5, 's3://data/y'],
  ['a source that is a URL object', TypeError, new URL('s3://data/x'), 's3://data/y'],
  ['a list with something else in it', TypeError, ['gs://data/x', 5], 's3://data/y'],
  ['a target that is a list', TypeError, ['gs://data/x'], ['s3://data/y']],
  ['an empty target', TypeError, 'gs://data/x', ''],
  ['a list of two filesystems', TypeError, ['gs://data/x', 's3://data/x'], 's3://data/y'],
  ['an option of one protocol outside of it', TypeError, 'gs://data/x', 's3://data/y', { region: 'r' }],
  ['an option that nobody has', TypeError, 'gs://data/x', 's3://data/y', { recursiv: true }],
  ['a maxDepth of 0', 'RangeError', 'gs://data/x', 's3://data/y', { recursive: true, maxDepth: 0 }],
  ['a maxConcurrency of 0', 'RangeError', 'gs://data/x', 's3://data/y', { maxConcurrency: 0 }],
  ['an onError that is none', TypeError, 'gs://data/x', 's3://data/y', { onError: 'ignore' }],
  ['a signal that is none', TypeError, 'gs://data/x', 's3://data/y', { signal: {} }],
  ['a protocol that nobody has', 'FORKFS_UNKNOWN_PROTOCOL', 'nope://x', 's3://data/y'],
  ['a source that is not allowed', 'FORKFS_NOT_ALLOWED', 'gs://data/x', 's3://data/y', { allowedProtocols: ['s3'] }],
  ['a target that is not allowed', 'FORKFS_NOT_ALLOWED', 'gs://data/x', 's3://data/y', { allowedProtocols: ['gs'] }],
  ['a target that can not be written', 'FORKFS_NOT_SUPPORTED', 'gs://data/x', 'http://127.0.0.1:1/y']
]

describe('URLs of copy()', function () {
  this.timeout(30_000)

  it('and options that are wrong are refused before any I/O', async () => {
    await onStores(async ({ s3, gs, options }) => {
      for (const [mistake, expected, source, target, more] of rows) {
        await assert.rejects((copy as (...args: readonly unknown[]) => ReturnType<Copy>)(source, target, { ...options, ...more as object }), (error: Error & { code?: string }) =>
          typeof expected === 'string' ? (error.code ?? error.name) === expected : error instanceof expected, mistake)
      }
      assert.deepEqual([(await s3.counters()).requests, (await gs.counters()).requests], [0, 0])
    })
  })

  it('of one filesystem are copied by the store itself', async () => {
    await onStores(async ({ s3, gs, options }) => {
      await s3.put('data', 'x/a', 'A')
      await gs.put('data', 'x/a', 'A')
      await copy('s3://data/x', 's3://data/y', { recursive: true, ...options })
      await copy('gs://data/x', 'gcs://data/y', { recursive: true, ...options })
      const [{ operations }, { operations: others }] = [await s3.counters(), await gs.counters()]
      assert.deepEqual([operations['CopyObject'], operations['GetObject'], others['objects.getMedia'], await s3.keys('data'), await gs.keys('data')],
        [1, undefined, undefined, ['x/a', 'y/a'], ['x/a', 'y/a']])
    })
  })

  it('in an empty list copy nothing', async () => {
    await onStores(async ({ s3, options }) => {
      const progress = new Recorder()
      await copy([], 's3://data/x', { progress, ...options })
      assert.deepEqual([progress.said, await s3.keys('data')], [['size 0', 'closed'], []])
    })
  })

  it('with options `fresh` leave no socket open', async () => {
    await onStores(async ({ s3, gs, options }) => {
      const fresh: UrlOptions = { s3: { ...options.s3, fresh: true }, gs: { ...options.gs, fresh: true } }
      await s3.put('data', 'x/a', pattern(9 * MiB))
      await copy(['s3://data/x/a', 's3://data/x/a'], 'gs://data/y', fresh)
      for (const server of [s3, gs]) await server.reached({ sockets: 0 })
      await assert.rejects(copy('s3://data/none', 'gs://data/y', fresh), code('ENOENT'))
      for (const server of [s3, gs]) await server.reached({ sockets: 0 })
      await copy('s3://data/x/a', 's3://data/x/b', fresh)
      assert.equal((await s3.counters()).operations['CopyObject'], 1)
      await s3.reached({ sockets: 0 })
    })
  })

  it('from memory and into it name the tree of the options', async () => {
    await onStores(async ({ s3, options }) => {
      const memory = new MemoryFileSystem({ name: 'copy-urls' })
      await memory.writeText('a', 'A')
      await copy('memory://a', 's3://data/x', { ...options, memory: { name: 'copy-urls' } })
      await copy('s3://data/x', 'memory://deep/er/b', { ...options, memory: { name: 'copy-urls' } })
      assert.equal(text(await s3.get('data', 'x')), 'A')
      assert.equal(await memory.readText('deep/er/b'), 'A')
    })
  })
})
