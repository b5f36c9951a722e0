import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { getEventListeners } from 'node:events'
import { S3FileSystem } from '../../implementations/s3/index.js'
import { startS3Server } from '../servers/index.js'
import { equal, pattern } from './content.js'
import { holdResources, resourcesBefore } from './support.js'

const enough = 10_000
const lanes = 24
const sizes = [100, 20_000, 150_000]

/** Numbers in [0, 1) that a seed repeats. */
function randomOf (seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ state >>> 15, 1 | state)
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32
  }
}

describe('aborted reads', function () {
  this.timeout(180_000) // a few seconds where nobody else works

  it('10,000 of them at random moments settle with their reason or the right bytes, and leave no socket, request or listener', async () => {
    const seed = Number(process.env['FORKFS_TEST_SEED'] ?? randomInt(2 ** 31))
    const random = randomOf(seed)
    const before = await resourcesBefore()
    const server = await startS3Server()
    const { endpoint, region, accessKeyId, secretAccessKey } = server
    const contents = sizes.map((size, at) => pattern(size, at + 1))
    for (const [at, data] of contents.entries()) await server.put('test', String(at), data)
    const fs = new S3FileSystem({ endpoint, region, credentials: { accessKeyId, secretAccessKey }, maxConcurrency: 32 })
    const reason = new Error('enough')
    const counts = { aborted: 0, whole: 0 }
    /** What a read takes here and now, so that aborts come at every moment of one. */
    let usualMs = 20
    const one = async (): Promise<void> => {
      const controller = new AbortController()
      const { signal } = controller
      const at = Math.floor(random() ** 2 * sizes.length)
      const waitMs = random() * usualMs * 0.8
      const spared = random() < 0.03
      const began = performance.now()
      const reading = random() < 0.85
        ? fs.catFile(`test/${at}`, { signal })
        : fs.withFile(`test/${at}`, 'r', file => file.readFile(), { signal })
      const timer = spared ? undefined : setTimeout(() => { controller.abort(reason) }, waitMs)
      try {
        equal(await reading, contents[at]!)
        counts.whole++
        if (spared) usualMs = 0.9 * usualMs + 0.1 * (performance.now() - began)
      } catch (error) {
        assert.equal(error, reason)
        counts.aborted++
      } finally {
        clearTimeout(timer)
      }
      assert.equal(getEventListeners(signal, 'abort').length, 0)
    }
    try {
      await Promise.all(Array.from({ length: lanes }, async () => { while (counts.aborted < enough) await one() }))
      assert.ok(counts.aborted >= enough && counts.whole > 0)
      assert.ok(fs.stats.sockets <= 32, `${fs.stats.sockets} sockets`)
      equal(await fs.catFile('test/2'), contents[2]!)
      await fs.close()
      await server.reached({ sockets: 0, inFlight: 0 })
    } catch (error) {
      throw new Error(`with seed ${seed}`, { cause: error })
    } finally {
      await server.close()
    }
    await holdResources(before)
  })
})
