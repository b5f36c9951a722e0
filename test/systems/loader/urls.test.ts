import assert from 'node:assert/strict'
import { DataLoader } from '../../../lib/loader/index.js'
import type { LoaderOptions } from '../../../lib/loader/index.js'
import { startFileServer } from '../../servers/index.js'
import type { FileServer, FileServerOptions } from '../../servers/index.js'
import { all, keysOf, tarShard } from './support.js'

describe('loader: shards of plain URLs', function () {
  this.timeout(30_000)
  let server: FileServer | undefined

  afterEach(async () => {
    await server?.close()
    server = undefined
  })

  async function served (options: FileServerOptions): Promise<string> {
    server = await startFileServer(options)
    return server.endpoint
  }

  it('takes a URL with a query for one shard and looks for no others', async () => {
    const endpoint = await served({ files: { 'a.tar': await tarShard('a', 3) } })
    const shards = `${endpoint}/a.tar?signature=x*y`
    assert.deepEqual(await keysOf({ shards, reader: 'tar', workers: 0 }), ['a-0', 'a-1', 'a-2'])
    assert.deepEqual((await server!.requests()).map(({ method }) => method), ['GET'])
  })

  it('reads shards whose length nobody tells, all of them and in order', async () => {
    const files = { 'a.tar': await tarShard('a', 300, () => 5000), 'b.tar': await tarShard('b', 2), 'c.jsonl': '1\n{"x":2}\n', 'd.bin': 'bytes' }
    const endpoint = await served({ files, ranges: false, contentLength: false })
    const at = (name: string): string => `${endpoint}/${name}`
    const wanted = [...Array.from({ length: 300 }, (_, sample) => `a-${sample}`), 'b-0', 'b-1']
    for (const options of [{ workers: 0 }, { workers: 2 }, { workers: 1, prefetchBytes: 64 * 1024 }] satisfies Array<Partial<LoaderOptions>>) {
      const bytes = (sample: number): number => sample < 300 ? 5000 : 100
      const keys = (await all(new DataLoader<{ key: string, files: Record<string, Uint8Array> }>({ shards: [at('a.tar'), at('b.tar')], reader: 'tar', ...options }))).map(({ key, files: parts }) => {
        assert.equal(parts['bin']!.length, key.startsWith('a') ? bytes(0) : 100)
        return key
      })
      assert.deepEqual(keys, wanted)
    }
    assert.deepEqual(await all(new DataLoader({ shards: [at('c.jsonl')], reader: 'jsonl', workers: 0 })), [1, { x: 2 }])
    const [sample] = await all(new DataLoader<{ data: Uint8Array }>({ shards: [at('d.bin')], reader: 'bytes', workers: 1 }))
    assert.equal(Buffer.from(sample!.data).toString(), 'bytes')
  })
})
