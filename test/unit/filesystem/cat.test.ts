import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { FsError } from '../../../lib/errors/index.js'
import { cat, head, readBlock, readText, tail } from '../../../lib/filesystem/cat.js'
import { Recorder, Store } from './copy-core.js'

const store = (): Store => new Store({}, { 'b/one': '1', 'b/two': '22', 'b/dir/three': '333', 'b/dir/sub/four': '4444' })
const text = (result: Awaited<ReturnType<typeof cat>>): unknown => result instanceof Map
  ? Object.fromEntries([...result].map(([name, data]) => [name, data instanceof Error ? (data as FsError).code : Buffer.from(data).toString()]))
  : Buffer.from(result).toString()

describe('cat()', () => {
  it('returns bytes for one plain path, a Map for lists, patterns and directories', async () => {
    const core = store().core()
    assert.equal(text(await cat(core, 'b/one')), '1')
    assert.equal(text(await cat(core, 'b/one', { recursive: true })), '1')
    assert.deepEqual(text(await cat(core, ['b/one'])), { 'b/one': '1' })
    assert.deepEqual(text(await cat(core, ['b/two', 'b/one'])), { 'b/one': '1', 'b/two': '22' })
    assert.deepEqual(text(await cat(core, 'b/on*')), { 'b/one': '1' })
    assert.deepEqual(text(await cat(core, 'b/*')), { 'b/one': '1', 'b/two': '22' })
    assert.deepEqual(text(await cat(core, 'b/dir', { recursive: true })), { 'b/dir/sub/four': '4444', 'b/dir/three': '333' })
    assert.deepEqual(text(await cat(core, 'b/dir', { recursive: true, maxDepth: 1 })), { 'b/dir/three': '333' })
  })

  it('rejects with ENOENT when a file is missing or nothing matches', async () => {
    const core = store().core()
    for (const path of ['b/gone', 'b/*.x', ['b/one', 'b/gone']]) await assert.rejects(cat(core, path), { code: 'ENOENT' })
  })

  it('leaves out what failed, or gives its error, as onError says', async () => {
    const core = store().core()
    assert.deepEqual(text(await cat(core, ['b/one', 'b/gone'], { onError: 'omit' })), { 'b/one': '1' })
    assert.deepEqual(text(await cat(core, ['b/one', 'b/gone'], { onError: 'return' })), { 'b/gone': 'ENOENT', 'b/one': '1' })
  })

  it('tells its progress of each file', async () => {
    for (const [path, files] of [['b/one', 1], ['b/**', 4]] as const) {
      const progress = new Recorder()
      await cat(store().core(), path, { progress })
      assert.deepEqual([progress.size, progress.done, progress.closed], [files, files, 1])
    }
  })
})

describe('head() and tail()', () => {
  it('return the ends of a file, all of it where it is shorter', async () => {
    for (const options of [{}, { sizes: false }]) {
      const core = new Store(options, { x: '0123456789', empty: '' }).core()
      for (const bytes of [0, 1, 9, 10, 11, undefined]) {
        assert.equal(Buffer.from(await head(core, 'x', bytes)).toString(), '0123456789'.slice(0, bytes ?? 1024))
        assert.equal(Buffer.from(await tail(core, 'x', bytes)).toString(), '0123456789'.slice(Math.max(0, 10 - (bytes ?? 1024))))
      }
      assert.equal((await tail(core, 'empty')).length, 0)
      await assert.rejects(head(core, 'x', -1), RangeError)
      await assert.rejects(tail(core, 'gone'), { code: 'ENOENT' })
    }
  })
})

describe('readText()', () => {
  it('decodes the whole file', async () => {
    const core = new Store({}, { x: 'é' }).core()
    assert.equal(await readText(core, 'x'), 'é')
    assert.equal(await readText(core, 'x', 'hex'), 'c3a9')
    await assert.rejects(readText(core, 'x', 'utf9' as BufferEncoding), TypeError)
  })
})

describe('readBlock()', () => {
  const boundary = (data: string, position: number, delimiter: string): number => {
    if (position === 0) return 0
    const found = data.indexOf(delimiter, position)
    return found === -1 || position > data.length ? data.length : found + delimiter.length
  }

  it('begins and ends just after delimiters, so that blocks side by side hold the file once', async () => {
    const file = fc.array(fc.constantFrom('a', ';', '\n', 'ab'), { maxLength: 60 }).map(parts => parts.join(''))
    await fc.assert(fc.asyncProperty(file, fc.integer({ min: 1, max: 20 }), fc.constantFrom('\n', ';\n', 'a;a'), async (data, length, delimiter) => {
      const core = new Store({}, { x: data }).core()
      const blocks: string[] = []
      for (let offset = 0; offset <= data.length; offset += length) {
        const block = Buffer.from(await readBlock(core, 'x', offset, length, { delimiter: Buffer.from(delimiter) })).toString()
        assert.equal(block, data.slice(boundary(data, offset, delimiter), boundary(data, offset + length, delimiter)))
        blocks.push(block)
      }
      assert.equal(blocks.join(''), data)
    }), { numRuns: 200 })
  })

  it('finds a delimiter far away and across the border of two reads', async () => {
    const gap = 64 * 1024
    const data = 'x'.repeat(gap + 9) + '\r\n' + 'y'.repeat(3 * gap) + '\r\n' + 'z'
    const core = new Store({}, { x: data }).core()
    const block = await readBlock(core, 'x', 10, gap, { delimiter: Buffer.from('\r\n') })
    assert.equal(Buffer.from(block).toString(), data.slice(gap + 11, gap + 11 + 3 * gap + 2))
    assert.equal((await readBlock(core, 'x', data.length - 1, 10, { delimiter: Buffer.from('\r\n') })).length, 0)
  })

  it('returns exactly the range without a delimiter, and refuses wrong arguments', async () => {
    const core = new Store({}, { x: '0123456789' }).core()
    assert.equal(Buffer.from(await readBlock(core, 'x', 8, 5)).toString(), '89')
    await assert.rejects(readBlock(core, 'x', -1, 5), RangeError)
    await assert.rejects(readBlock(core, 'x', 0, 5, { delimiter: new Uint8Array(0) }), RangeError)
    await assert.rejects(readBlock(core, 'x', 0, 5, { delimiter: '\n' as unknown as Uint8Array }), TypeError)
  })

  it('rejects with FORKFS_CHANGED when the file changes between two reads', async () => {
    const changing = new Store({}, { x: 'x'.repeat(300_000) })
    changing.fault = () => { if (changing.count('readRange') === 2) changing.put('x', 'y'.repeat(300_000)) }
    await assert.rejects(readBlock(changing.core(), 'x', 1, 10, { delimiter: Buffer.from('\n') }), { code: 'FORKFS_CHANGED' })
  })
})
