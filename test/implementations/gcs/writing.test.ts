import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'
import { GcsFileSystem } from '../../../implementations/gcs/index.js'
import { collectGarbage } from '../../garbage.js'
import { spawnGcsServer } from '../../servers/index.js'
import { writingSuite } from '../object-store/writing.js'
import { gcs, KiB, MiB, openFaulty, optionsOf, pattern } from './support.js'

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

  it('G17: sends chunks of multiples of 256 KiB in 1,000 patterns of writes, and keeps the bytes in order', async function () {
    this.timeout(180_000)
    await using running = await openFaulty()
    const { fs, server } = running
    const whole = pattern(768 * KiB)
    let seed = 42
    const random = (most: number): number => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return Math.floor(seed / 2 ** 32 * most) }
    const write = async (round: number): Promise<void> => {
      const [partBytes, length, most] = [1 + random(512 * KiB), random(whole.length), random(2) === 0 ? 20_000 : 600_000]
      const steps: number[] = []
      for (let left = length; left > 0; left -= steps.at(-1)!) steps.push(Math.min(left, 1 + random(most)))
      await fs.withFile(`test/chunks-${round % 8}`, 'w', async file => {
        let at = 0
        for (const step of steps) await file.write(whole.subarray(at, at += step))
      }, { partBytes })
      assert.ok(Buffer.from((await server.get('test', `chunks-${round % 8}`))!).equals(whole.subarray(0, length)), `round ${round}`)
    }
    let parts = 0
    for (let round = 0; round < 1000; round += 8) {
      await Promise.all(Array.from({ length: 8 }, (_, lane) => write(round + lane)))
      for (const { operation, rawHeaders } of await server.requests()) {
        if (operation !== 'uploads.put') continue
        const [text, from, to, total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(rawHeaders[rawHeaders.findIndex(name => name.toLowerCase() === 'content-range') + 1]!)!
        if (total !== '*') continue
        parts++
        assert.equal((Number(to) + 1 - Number(from)) % (256 * KiB), 0, text)
      }
      await server.resetCounters()
    }
    assert.ok(parts > 300, `only ${parts} chunks were not the last of theirs`)
  })

  it('G17: holds two chunks and 8 MiB at most, also while the store is slow', async () => {
    await using server = await spawnGcsServer()
    const fs = new GcsFileSystem(optionsOf(server))
    const [chunk, step] = [16 * MiB, pattern(4 * MiB)]
    await fs.pipeFile('test/warm', step.subarray(0, 10))
    await server.addFault({ action: { type: 'delay', ms: 150 }, match: { operation: 'uploads.put', every: 2 } })
    const before = await bytesAtRest()
    let most = 0
    await fs.withFile('test/long', 'w', async file => {
      for (let written = 0; written < 6 * chunk; written += step.length) {
        await file.write(step)
        most = Math.max(most, bytesHeld() - before)
      }
    }, { partBytes: chunk })
    assert.equal(await fs.size('test/long'), 6 * chunk)
    await fs.close()
    assert.ok(most > chunk, 'nothing was measured')
    assert.ok(most <= 2 * chunk + 8 * MiB, `${(most / MiB).toFixed(1)} MiB were held`)
  })

  it('G17: settles once whatever is called at once', async () => {
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

/** Memory that is in use when all that can be collected is, in bytes: of objects, and of buffers. */
function bytesHeld (): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** The same, when nothing more of what went before is let go: buffers are freed beside this thread. */
async function bytesAtRest (): Promise<number> {
  for (let [before, still] = [bytesHeld(), 0]; ; before = bytesHeld()) {
    await setTimeout(10)
    if (bytesHeld() < before - 64 * KiB) still = 0
    else if (++still === 5) return before
  }
}
