import assert from 'node:assert/strict'
import { collectGarbage } from '../../garbage.js'
import { GcsFileSystem } from '../../../implementations/gcs/index.js'
import { spawnGcsServer } from '../../servers/index.js'
import { MiB, optionsOf } from './support.js'

/** FORKFS_TEST_KEYS=1000000: the long form, some minutes, which is what G7 asks for. */
const total = Number(process.env['FORKFS_TEST_KEYS'] ?? 30_000)
const perDirectory = 1000

/** What is still held when everything that can be collected is, in bytes: in the heap, and outside of it (bodies of pages under way among it). */
function held (): { heap: number, outside: number } {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return { heap: heapUsed, outside: external }
}

describe('GCS: many keys in many directories', function () {
  this.timeout(60_000 + total * 0.6)

  for (const [what, walked] of Object.entries<(fs: GcsFileSystem) => AsyncIterable<number>>({
    'list()': async function * (fs) { for await (const _ of fs.list('test', { recursive: true })) yield 1 },
    'walk()': async function * (fs) { for await (const [, , files] of fs.walk('test')) yield files.length }
  })) {
    it(`G7: ${what} goes through ${total.toLocaleString('en')} keys, and the heap grows by less than 8 MiB`, async () => {
      const server = await spawnGcsServer()
      try {
        for (let at = 0; at < total; at += perDirectory) {
          const names = Array.from({ length: Math.min(perDirectory, total - at) }, (_, index) => `d${String(at).padStart(8, '0')}/${String(index).padStart(6, '0')}`)
          await server.putMany('test', names, 'x')
        }
        const fs = new GcsFileSystem(optionsOf(server))
        let [seen, next] = [0, total / 50] // by then it is connected, compiled, and holds its first pages
        let first: ReturnType<typeof held> | undefined
        const most = { heap: 0, outside: 0 }
        for await (const count of walked(fs)) {
          seen += count
          if (seen < next) continue
          next += total / 20
          const now = held()
          first ??= now
          most.heap = Math.max(most.heap, now.heap - first.heap)
          most.outside = Math.max(most.outside, now.outside - first.outside)
        }
        await fs.close()
        assert.equal(seen, total)
        const grown = `heap ${(most.heap / MiB).toFixed(2)} MiB, outside of it ${(most.outside / MiB).toFixed(2)} MiB`
        if (process.env['FORKFS_TEST_KEYS'] !== undefined) process.stdout.write(`      ${what} grew by: ${grown}\n`)
        assert.ok(most.heap < 8 * MiB && most.outside < 16 * MiB, grown)
      } finally {
        await server.close()
      }
    })
  }
})
