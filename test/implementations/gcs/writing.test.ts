import assert from 'node:assert/strict'
import { writingSuite } from '../object-store/writing.js'
import { gcs, MiB, openFaulty, pattern } from './support.js'

const limit = 8 * MiB

describe('GCS: writing', function () {
  this.timeout(60_000)
  const metadata = { Colour: 'blue', 'n ü': '1 2' }
  writingSuite(gcs, {
    lengths: [0, 1, limit, limit + 1, 16 * MiB, 16 * MiB + 1, 32 * MiB, 33 * MiB + 7],
    metadata: { given: metadata, kept: metadata },
    noVersion: 'no generation'
  })
})

describe('GCS: uploads', function () {
  this.timeout(60_000)

  it('G17: sends chunks of multiples of 256 KiB whatever is written, and keeps the bytes in order', async () => {
    await using running = await openFaulty()
    const { fs, server } = running
    const whole = pattern(4 * MiB)
    let seed = 42
    const random = (most: number): number => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return Math.floor(seed / 2 ** 32 * most) }
    for (let round = 0; round < 60; round++) {
      const partBytes = 1 + random(MiB)
      const length = random(whole.length)
      await fs.withFile('test/chunks', 'w', async file => {
        for (let at = 0; at < length;) {
          const step = Math.min(length - at, 1 + random(random(2) === 0 ? 1000 : 900_000))
          await file.write(whole.subarray(at, at + step))
          at += step
        }
      }, { partBytes })
      assert.ok(Buffer.from((await server.get('test', 'chunks'))!).equals(whole.subarray(0, length)), `round ${round}`)
    }
    const puts = (await server.requests()).filter(({ operation }) => operation === 'uploads.put')
    const ranges = puts.map(({ rawHeaders }) => /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(rawHeaders[rawHeaders.findIndex(name => name.toLowerCase() === 'content-range') + 1]!)!)
    assert.ok(ranges.length > 60)
    for (const [text, from, to, total] of ranges) if (total === '*') assert.equal((Number(to) + 1 - Number(from)) % (256 * 1024), 0, text)
  })

  it('G17: holds two chunks at most, and settles once whatever is called at once', async () => {
    await using running = await openFaulty()
    const { fs, server } = running
    const file = await fs.open('test/once', 'w', { partBytes: MiB })
    await file.write(pattern(3 * MiB))
    await Promise.all([file.close(), file.close(), file.close()])
    assert.equal((await server.get('test', 'once'))!.length, 3 * MiB)
    const other = await fs.open('test/never', 'w', { partBytes: MiB })
    await other.write(pattern(3 * MiB))
    await Promise.all([other.abort(), other.abort(), other.close().catch(() => {})])
    assert.equal(await server.get('test', 'never'), undefined)
    assert.deepEqual(await server.uploads('test'), [])
  })
})
