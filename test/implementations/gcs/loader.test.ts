import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GcsFileSystem } from '../../../implementations/gcs/index.js'
import { DataLoader } from '../../../lib/loader/index.js'
import type { LoaderOptions } from '../../../lib/loader/index.js'
import { keysOf, places, takeSome, tarShard, textOf } from '../../systems/loader/support.js'
import type { BytesSample } from '../../../lib/loader/index.js'
import { spawnGcsServer } from '../../servers/index.js'
import type { GcsServer } from '../../servers/index.js'
import { optionsOf } from './support.js'

const counts = [40, 0, 25, 60]
const keys = counts.flatMap((count, shard) => Array.from({ length: count }, (_, at) => `s${shard}-${at}`))

describe('GCS: DataLoader', function () {
  this.timeout(30_000)
  let server: GcsServer
  let fs: GcsFileSystem
  let folder: string
  let shards: LoaderOptions['shards']
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'forkfs-test-'))
    server = await spawnGcsServer({ buckets: ['data'], anonymous: false })
    const module = join(folder, 'token.mjs')
    await writeFile(module, `import { threadId } from 'node:worker_threads'
      export default async () => {
        if (threadId !== 0 || process.pid !== ${process.pid}) throw new Error('asked in a worker')
        return { token: ${JSON.stringify(server.accessToken)} }
      }`)
    fs = new GcsFileSystem({ ...optionsOf(server), credentialsModule: module, useAuthWithCustomEndpoint: true, retry: { baseMs: 1, maxMs: 5 } })
    for (const [shard, count] of counts.entries()) await server.put('data', `tar/s${shard}.tar`, await tarShard(`s${shard}`, count))
    shards = { fs, paths: counts.map((_, shard) => `data/tar/s${shard}.tar`) }
  })
  after(async () => {
    await fs.close()
    await server.close()
    await rm(folder, { recursive: true })
  })
  afterEach(() => server.clearFaults())

  for (const { label, ...place } of places) {
    it(`gives all samples in order with ${label}, with the token of this thread alone`, async () => {
      assert.deepEqual(await keysOf({ shards, reader: 'tar', ...place }), keys)
    })

    it(`gives all samples once with ${label} while the store fails now and then`, async () => {
      for (const action of [{ type: 'status', status: 503 }, { type: 'reset', afterBytes: 700 }, { type: 'cut', afterBytes: 900 }] as const) {
        await server.addFault({ action, match: { operation: 'objects.getMedia', every: 3 }, times: 2 })
      }
      assert.deepEqual(await keysOf({ shards, reader: 'tar', ...place }), keys)
    })
  }

  it('stops and goes on elsewhere without loss', async () => {
    const options: LoaderOptions = { shards, reader: 'tar', workers: 2 }
    const first = await takeSome(options, 55)
    assert.deepEqual([...first.keys, ...await keysOf({ ...options, workers: 1, resume: first.state })], keys)
  })

  it('gives what a glob finds, odd names among it', async () => {
    await server.put('data', 'text/a b#1.txt', 'one')
    await server.put('data', 'text/b.txt', 'two')
    const samples: string[] = []
    for await (const sample of new DataLoader<BytesSample>({ shards: { fs, paths: 'data/text/*' }, reader: 'bytes', workers: 1 })) samples.push(textOf(sample))
    assert.deepEqual(samples, ['one', 'two'])
  })
})
