import assert from 'node:assert/strict'
import { buffer } from 'node:stream/consumers'
import { assertBytes, pattern, textOf } from '../bytes.js'
import type { Suite } from '../suite.js'

const data = pattern(64 * 1024 + 123, 5)
const strategies = ['none', 'readahead', 'block', 'all'] as const
const planned = ['bytes', 'first', 'parts', 'shared'] as const

async function collect (lines: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = []
  for await (const line of lines) found.push(line)
  return found
}

export function openRead (suite: Suite): void {
  suite.family('open() for reading', suite => {
    suite.here('reads like node:fs: forward from the current position, or at a position without moving it', async ({ fs, at, seed }) => {
      await seed({ file: '0123456789' })
      await fs.withFile(at('file'), 'r', async file => {
        const next = async (length: number, position?: number | null): Promise<string> => {
          const room = new Uint8Array(length + 2)
          const { bytesRead, buffer: same } = await file.read(room, 1, length, position)
          assert.equal(same, room)
          assert.deepEqual([room[0], room[length + 1]], [0, 0])
          return textOf(room.subarray(1, 1 + bytesRead))
        }
        assert.equal(file.size, 10)
        assert.deepEqual([await next(3), await next(2, 7), await next(3, null), await next(9), await next(1), await next(5, 8), await next(1, 99)], ['012', '78', '345', '6789', '', '89', ''])
      })
    })

    for (const cache of strategies) {
      suite.here(`gives the bytes of any range with cache '${cache}'`, async ({ fs, at, seed }) => {
        await seed({ file: data })
        await fs.withFile(at('file'), 'r', async file => {
          let state = 7
          const random = (below: number): number => (state = Math.imul(state, 48271) % 2147483647 >>> 0) % below
          for (let turn = 0; turn < 40; turn++) {
            const start = random(data.length + 50)
            const end = start + random(turn % 3 === 0 ? 20_000 : 200)
            assertBytes(await file.readRange(start, end), data.slice(start, end), `[${start}, ${end})`)
          }
          assertBytes(await file.readRange(-100, -10), data.slice(-100, -10))
          const several = await Promise.all([0, 1, 2, 3, 4].map(part => file.readRange(part * 10_000, part * 10_000 + 15_000)))
          for (const [part, bytes] of several.entries()) assertBytes(bytes, data.slice(part * 10_000, part * 10_000 + 15_000), `part ${part}`)
          assertBytes(await file.readFile(), data, 'readFile()')
        }, { cache, blockBytes: 1000 })
      })
    }

    suite.here('refuses a strategy that is not there, and a name that is none', async ({ fs, at, seed }) => {
      await seed({ file: 'x' })
      for (const cache of planned) {
        const file = await fs.open(at('file'), 'r', { cache }).catch((error: { code?: string }) => error.code)
        if (typeof file === 'object') await file.close()
        else assert.equal(file, 'FORKFS_NOT_SUPPORTED', cache)
      }
      await assert.rejects(fs.open(at('file'), 'r', { cache: 'nonsense' as 'none' }), TypeError)
      await assert.rejects(fs.open(at('file'), 'q' as 'r'), TypeError)
    })

    suite.here('reads lines, text and an empty file', async ({ fs, at, seed }) => {
      await seed({ lines: 'one\ntwo\r\n\nlast ü', empty: '' })
      await fs.withFile(at('lines'), 'r', async file => {
        assert.deepEqual(await collect(file.readLines()), ['one', 'two', '', 'last ü'])
        assert.equal(await file.readFile('utf8'), 'one\ntwo\r\n\nlast ü')
        const { size, type } = await file.stat()
        assert.deepEqual([size, type], [17, 'file'])
      })
      await fs.withFile(at('empty'), 'r', async file => {
        assert.equal((await file.readFile()).length, 0)
        assert.deepEqual(await collect(file.readLines()), [])
        assert.equal((await file.read(new Uint8Array(5))).bytesRead, 0)
        assert.equal((await file.readRange(0, 10)).length, 0)
      })
    })

    suite.here('rejects with ENOENT when the file is missing, with EISDIR for a directory', async ({ fs, at, seed }) => {
      await seed({ 'dir/file': '' })
      await assert.rejects(fs.open(at('gone')), { code: 'ENOENT' })
      await assert.rejects(fs.open(at('dir')), { code: 'EISDIR' })
    })

    suite.here('refuses to write, and everything after close(), which may be called again', async ({ fs, at, seed }) => {
      await seed({ file: 'text' })
      const file = await fs.open(at('file'))
      await assert.rejects(file.write('x'), { code: 'FORKFS_NOT_SUPPORTED' })
      await Promise.all([file.close(), file.close()])
      await file.close()
      for (const use of [() => file.read(new Uint8Array(1)), () => file.readRange(0, 1), () => file.readFile(), () => file.stat()]) await assert.rejects(use(), { code: 'FORKFS_CLOSED' })
    })

    suite.here('rejects with FORKFS_CHANGED when the file changes under the handle, never with a mixture', async ({ fs, at, seed }) => {
      await seed({ file: data })
      if ((await fs.info(at('file'))).etag === undefined) return
      for (const cache of ['none', 'readahead', 'block'] as const) {
        await fs.withFile(at('file'), 'r', async file => {
          assertBytes(await file.readRange(0, 10), data.slice(0, 10))
          await seed({ file: pattern(data.length, 100) })
          await assert.rejects(file.readRange(60_000, 60_010), { code: 'FORKFS_CHANGED' }, cache)
        }, { cache, blockBytes: 1000 })
        await seed({ file: data })
      }
    })

    suite.here('opens only the version that `ifMatch` names', async ({ fs, at, seed }) => {
      await seed({ file: 'first' })
      const { etag } = await fs.info(at('file'))
      if (etag === undefined) return
      await (await fs.open(at('file'), 'r', { ifMatch: etag })).close()
      await seed({ file: 'second one' })
      await assert.rejects(fs.open(at('file'), 'r', { ifMatch: etag }), { code: 'FORKFS_CHANGED' })
    })

    suite.here('gives a stream of a part, whose end is inclusive, beside other reads', async ({ fs, at, seed }) => {
      await seed({ file: data })
      await fs.withFile(at('file'), 'r', async file => {
        const [stream, range] = await Promise.all([buffer(file.createReadStream({ start: 10, end: 60_000 })), file.readRange(5, 9)])
        assertBytes(stream, data.slice(10, 60_001))
        assertBytes(range, data.slice(5, 9))
      })
    })
  })
}
