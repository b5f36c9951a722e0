import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { copy, registerImplementation } from '../../../lib/index.js'
import { startFileServer } from '../../servers/index.js'
import type { FileServer, FileServerOptions } from '../../servers/index.js'
import { counts, SinkFileSystem, SourceFileSystem } from './counted.js'
import { MiB, onStores, pattern, Recorder, same } from './support.js'

async function onServer (options: FileServerOptions, fn: (server: FileServer) => Promise<void>): Promise<void> {
  const server = await startFileServer(options)
  try { await fn(server) } finally { await server.close() }
}

describe('bytes of copy() between filesystems', function () {
  this.timeout(60_000)

  it('arrive as they were, a file of 64 MiB in parts of 8 MiB, from S3 to Google Cloud Storage and back', async () => {
    await onStores(async ({ s3, gs, options }) => {
      const data = pattern(64 * MiB)
      await s3.put('data', 'large', data)
      await copy('s3://data/large', 'gs://data/there', options)
      assert.ok(same(await gs.get('data', 'there'), data))
      assert.equal((await s3.counters()).operations['GetObject'], 8)
      await copy('gs://data/there', 's3://data/back', options)
      assert.ok(same(await s3.get('data', 'back'), data))
      const { operations } = await s3.counters()
      assert.deepEqual([operations['UploadPart'], operations['CompleteMultipartUpload'], operations['PutObject']], [8, 1, undefined])
    })
  })

  it('arrive as they were between files and S3, at sizes around those of parts', async () => {
    await onStores(async ({ s3, folder, options }) => {
      for (const size of [0, 1, MiB + 1, 8 * MiB, 8 * MiB + 1, 25 * MiB + 3]) {
        const data = pattern(size, size)
        await writeFile(join(folder, 'a'), data)
        await copy(join(folder, 'a'), 's3://data/b', options)
        assert.ok(same(await s3.get('data', 'b'), data), `up ${size}`)
        await copy('s3://data/b', join(folder, 'c'), options)
        assert.ok(same(await readFile(join(folder, 'c')), data), `down ${size}`)
      }
    })
  })

  it('arrive as they were when several large files share the buffers', async () => {
    await onStores(async ({ s3, gs, options }) => {
      const files = [12, 9, 17, 10, 11, 3].map((size, seed) => pattern(size * MiB + 1, seed))
      for (const [index, data] of files.entries()) await s3.put('data', `x/${index}`, data)
      await copy('s3://data/x/', 'gs://data/y', { recursive: true, ...options })
      for (const [index, data] of files.entries()) assert.ok(same(await gs.get('data', `y/${index}`), data), String(index))
    })
  })

  it('of unknown number, from a web server that names no length, come piece by piece', async () => {
    const data = pattern(12 * MiB)
    await onStores(async ({ s3, options }) => {
      for (const switches of [{ contentLength: false, head: 'noLength', ranges: false }, { gzip: 'always' }] as const) {
        await onServer({ files: { 'f.bin': data }, ...switches }, async server => {
          const progress = new Recorder()
          await copy(`${server.endpoint}/f.bin`, 's3://data/f', { progress, ...options })
          assert.ok(same(await s3.get('data', 'f'), data))
          const [child] = progress.children.values()
          assert.deepEqual(child!.said.slice(-2), [`size ${data.length}`, 'closed'])
          assert.equal(child!.said.filter(word => word.startsWith('+')).reduce((sum, word) => sum + Number(word), 0), data.length)
        })
      }
    })
  })

  it('of a web server that breaks off begin again, and are counted once', async () => {
    const data = pattern(20 * MiB)
    await onStores(async ({ s3, options }) => {
      await onServer({ files: { 'f.bin': data }, contentLength: false, head: 'noLength', ranges: false }, async server => {
        await server.addFault({ match: { method: 'GET', nth: 2 }, action: { type: 'reset', afterBytes: 12 * MiB } })
        const progress = new Recorder()
        await copy(`${server.endpoint}/f.bin`, 's3://data/f', { progress, ...options, http: { retry: { attempts: 3, baseMs: 1, maxMs: 5 } } })
        assert.equal((await server.counters()).faults, 1)
        assert.ok(same(await s3.get('data', 'f'), data))
        const [child] = progress.children.values()
        assert.equal(child!.said.filter(word => word.startsWith('+')).reduce((sum, word) => sum + Number(word), 0), data.length)
      })
      assert.deepEqual(await s3.uploads('data'), [])
    })
  })

  it('of a web server without ranges cost one request, whatever is read ahead', async () => {
    const data = pattern(24 * MiB)
    await onStores(async ({ s3, options }) => {
      await onServer({ files: { 'f.bin': data }, ranges: false }, async server => {
        await copy(`${server.endpoint}/f.bin`, 's3://data/f', options)
        assert.ok(same(await s3.get('data', 'f'), data))
        const { bytes } = await server.counters()
        assert.ok(bytes.out < 1.5 * data.length, `${bytes.out} bytes`)
      })
    })
  })

  it('are held in 4 parts of 8 MiB for one file and in 16 for many, whatever their sizes', async () => {
    registerImplementation('counted-source', SourceFileSystem)
    registerImplementation('counted-sink', SinkFileSystem)
    for (const [paths, held] of [[['a/64'], 32], [['a/512'], 32], [['a/64', 'b/65', 'c/66', 'd/67', 'e/68', 'f/69', 'g/70', 'h/71'], 128]] as const) {
      Object.assign(counts, { read: 0, written: 0, most: 0 })
      await copy(paths.map(path => `counted-source://${path}`), 'counted-sink://t')
      assert.equal(counts.written, counts.read)
      assert.equal(counts.most / MiB, held)
    }
  })

  it('and files are told to a progress, exactly', async () => {
    await onStores(async ({ s3, options }) => {
      await s3.put('data', 'x/a', 'abc')
      await s3.put('data', 'x/large', pattern(20 * MiB))
      const progress = new Recorder()
      await copy('s3://data/x', 'gs://data/y', { recursive: true, maxConcurrency: 1, progress, ...options })
      assert.deepEqual(progress.said, ['size 2', '+1', '+1', 'closed'])
      assert.deepEqual([...progress.children].map(([name, { said }]) => [name, said]), [
        ['data/x/a -> data/y/a', ['size 3', '+3', 'closed']],
        ['data/x/large -> data/y/large', [`size ${20 * MiB}`, `+${8 * MiB}`, `+${8 * MiB}`, `+${4 * MiB}`, 'closed']]
      ])
    })
  })

  it('of at most `maxConcurrency` files are under way', async () => {
    await onStores(async ({ s3, gs, options }) => {
      for (let index = 0; index < 12; index++) await s3.put('data', `x/${index}`, 'a')
      await gs.addFault({ match: { operation: 'objects.insert' }, times: Infinity, action: { type: 'delay', ms: 20 } })
      await copy('s3://data/x', 'gs://data/y', { recursive: true, maxConcurrency: 3, ...options })
      const { peak } = (await gs.counters()).inFlight
      assert.ok(peak > 1 && peak <= 3, `${peak} at once`)
      assert.equal((await gs.keys('data')).length, 12)
    })
  })
})
