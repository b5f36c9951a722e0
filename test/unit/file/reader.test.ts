import assert from 'node:assert/strict'
import { appendFile, open, writeFile } from 'node:fs/promises'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { FsError } from '../../../lib/errors/index.js'
import { openReader } from '../../../lib/file/index.js'
import type { FileHandle } from '../../../lib/filesystem/types.js'
import { CountingSource, Folder, gate, pattern, until } from './helpers.js'

const KiB = 1024

describe('openReader()', () => {
  let folder: Folder
  let source: CountingSource
  const bytes = pattern(200 * KiB + 3)

  before(async () => {
    folder = await Folder.make()
    await writeFile(folder.file('a'), bytes)
  })
  after(async () => { await folder[Symbol.asyncDispose]() })
  beforeEach(async () => { source = await CountingSource.of(folder.file('a')) })

  async function textFile (name: string, text: string | Uint8Array): Promise<FileHandle> {
    await writeFile(folder.file(name), text)
    return openReader(await CountingSource.of(folder.file(name)), { blockBytes: 7 })
  }

  async function lines (file: FileHandle): Promise<string[]> {
    const found: string[] = []
    for await (const line of file.readLines()) found.push(line)
    return found
  }

  it('reads nothing before it is asked and tells path, size and info', async () => {
    await using file = openReader(source)
    assert.deepEqual([file.path, file.size, await file.stat()], [source.path, bytes.length, source.info])
    assert.deepEqual(source.reads, [])
  })

  it('read() answers as node:fs does, for any offsets, lengths and positions', async () => {
    const step = fc.record({ offset: fc.nat(50), length: fc.nat(50), position: fc.option(fc.nat(bytes.length + 10)) })
    const model = await open(folder.file('a'))
    try {
      await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 15 }), async steps => {
        await using file = openReader(source, { blockBytes: 64 })
        let at = 0
        for (const { offset, length, position } of steps) {
          const [expected, got] = [new Uint8Array(100), new Uint8Array(100)]
          const { bytesRead } = await model.read(expected, offset, length, position ?? at)
          if (position === null) at += bytesRead
          const answer = await file.read(got, offset, length, position)
          assert.deepEqual([answer.bytesRead, answer.buffer === got], [bytesRead, true])
          assert.deepEqual(got, expected)
        }
      }), { numRuns: 40 })
    } finally {
      await model.close()
    }
  })

  it('read() queues reads of the current position that are made at once', async () => {
    await using file = openReader(source)
    const results = await Promise.all(Array.from({ length: 10 }, () => file.read(new Uint8Array(1000))))
    assert.deepEqual(results.map(({ buffer }) => buffer), Array.from({ length: 10 }, (_, i) => bytes.slice(i * 1000, i * 1000 + 1000)))
  })

  it('read() leaves the position where it was after a failure', async () => {
    await using file = openReader(source, { cache: 'none' })
    source.before = read => { if (read === 1) throw new Error('broken') }
    await assert.rejects(file.read(new Uint8Array(5)), { message: 'broken' })
    assert.deepEqual((await file.read(new Uint8Array(5))).buffer, bytes.slice(0, 5))
  })

  it('refuses options that it does not know, before it reads', async () => {
    await using file = openReader(source)
    await assert.rejects(file.readRange(0, 5, { singal: AbortSignal.abort() } as never), TypeError)
    await assert.rejects(file.readFile({ encode: 'utf8' } as never), TypeError)
    assert.throws(() => file.createReadStream({ begin: 5 } as never), TypeError)
    assert.deepEqual(source.reads, [])
  })

  it('read() rejects with TypeError or RangeError for wrong arguments', async () => {
    await using file = openReader(source)
    const buffer = new Uint8Array(10)
    await assert.rejects(file.read('x' as unknown as Uint8Array), TypeError)
    for (const [offset, length, position] of [[11, 0, 0], [-1, 1, 0], [5, 6, 0], [0, 1.5, 0], [0, 1, -2]] as const) {
      await assert.rejects(file.read(buffer, offset, length, position), RangeError)
    }
  })

  it('readRange() is shorter at the end only, counts negative offsets from the end, and aborts with the reason', async () => {
    await using file = openReader(source)
    assert.deepEqual(await file.readRange(10, 20), bytes.slice(10, 20))
    assert.deepEqual(await file.readRange(-5, bytes.length + 100), bytes.slice(-5))
    assert.equal((await file.readRange(bytes.length + 1, bytes.length + 2)).length, 0)
    assert.equal((await file.readRange(20, 10)).length, 0)
    const reason = new Error('enough')
    await assert.rejects(file.readRange(0, 1, { signal: AbortSignal.abort(reason) }), error => error === reason)
  })

  it('readFile() gives all bytes again and again, or text', async () => {
    await using file = await textFile('t', 'grüße')
    assert.equal(await file.readFile('utf8'), 'grüße')
    assert.deepEqual(await file.readFile(), new Uint8Array(Buffer.from('grüße')))
    assert.equal(await file.readFile('base64'), Buffer.from('grüße').toString('base64'))
    await assert.rejects(file.readFile('utf-9' as BufferEncoding), TypeError)
  })

  it('readLines() splits at LF and CRLF, with characters that lie across blocks', async () => {
    const cases: Array<[text: string, lines: string[]]> = [
      ['€'.repeat(700_000), ['€'.repeat(700_000)]], ['', []], ['a', ['a']], ['a\n', ['a']], ['\n', ['']], ['a\r\nb\r\n\r\nc', ['a', 'b', '', 'c']],
      ['äöüäöü€\n😀😀😀\nx\ry', ['äöüäöü€', '😀😀😀', 'x\ry']]
    ]
    for (const [text, expected] of cases) {
      await using file = await textFile('t', text)
      assert.deepEqual(await lines(file), expected)
    }
  })

  it('readLines() leaves nothing under way when the loop is left early', async () => {
    await writeFile(folder.file('l'), 'line\n'.repeat(1_000_000))
    const own = await CountingSource.of(folder.file('l'))
    const file = openReader(own, { blockBytes: KiB })
    for await (const line of file.readLines()) { assert.equal(line, 'line'); break }
    await file.close()
    assert.deepEqual([own.active, own.released], [0, 1])
    assert.ok(own.bytes < 3_000_000)
  })

  it('createReadStream() gives what node:fs gives for inclusive ends', async () => {
    await using file = openReader(source, { blockBytes: 4 * KiB })
    const ranges = [{}, { start: 5 }, { start: 5, end: 5 }, { end: 100 }, { start: 1000, end: 150_000 }, { start: bytes.length }, { start: 3, end: 1e9 }]
    for (const options of ranges) {
      const chunks = await file.createReadStream(options).toArray() as Buffer[]
      const { start = 0, end = Infinity } = options
      assert.equal(Buffer.compare(Buffer.concat(chunks), bytes.subarray(start, end + 1)), 0)
    }
    assert.throws(() => file.createReadStream({ start: 2, end: 1 }), RangeError)
  })

  it('rejects with FORKFS_CHANGED when the file changes underneath', async () => {
    await writeFile(folder.file('c'), bytes)
    await using file = openReader(await CountingSource.of(folder.file('c')), { blockBytes: KiB })
    await file.readRange(0, 10)
    await appendFile(folder.file('c'), '!')
    await assert.rejects(file.readRange(100_000, 100_010), { code: 'FORKFS_CHANGED' })
  })

  it('close() waits for reads under way, ends streams, releases once, and can be called any number of times', async () => {
    const held = gate()
    source.before = () => held.opened
    const file = openReader(source, { cache: 'none' })
    const reading = file.readRange(0, 10)
    const stream = file.createReadStream()
    const failed = assert.rejects(stream.toArray(), { code: 'FORKFS_CLOSED' })
    const idle = file.createReadStream() // nobody listens to this one
    await until(() => source.active === 2)
    const closing = Promise.all([file.close(), file.close()])
    held.open()
    assert.deepEqual(await reading, bytes.slice(0, 10))
    await closing
    await failed
    await file.close()
    assert.deepEqual([source.released, source.active, idle.destroyed], [1, 0, true])
    for (const use of [() => file.read(new Uint8Array(1)), () => file.readRange(0, 1), () => file.readFile(), () => file.stat(), () => file.commit()]) {
      await assert.rejects(use, { code: 'FORKFS_CLOSED' })
    }
    assert.throws(() => file.createReadStream(), { code: 'FORKFS_CLOSED' })
    assert.throws(() => file.readLines(), { code: 'FORKFS_CLOSED' })
  })

  it('rejects with FORKFS_RESET in every method after a reset, and still releases', async () => {
    const file = openReader(source)
    source.reset = new FsError('FORKFS_RESET', 'another epoch')
    for (const use of [
      () => file.read(new Uint8Array(1)), () => file.readRange(0, 1), () => file.readFile(), () => file.stat(),
      () => file.commit(), () => file.abort(), () => file.write('x'), () => file.close()
    ]) await assert.rejects(use, { code: 'FORKFS_RESET' })
    await file[Symbol.asyncDispose]()
    assert.equal(source.released, 1)
  })

  it('refuses to be cloned, sent or turned into JSON, and can be inspected', async () => {
    await using file = openReader(source)
    const { port1, port2 } = new MessageChannel()
    try {
      for (const send of [() => structuredClone(file), () => { port1.postMessage({ file }) }, () => JSON.stringify({ file })]) {
        assert.throws(send, { code: 'FORKFS_UNCLONEABLE' })
      }
    } finally {
      port1.close()
      port2.close()
    }
    assert.deepEqual(Object.keys(file), ['$forkfs'])
    assert.ok(inspect(file, { getters: true, showHidden: true }).includes(file.path))
  })

  it('refuses to write', async () => {
    await using file = openReader(source)
    await assert.rejects(file.write('x'), { code: 'FORKFS_NOT_SUPPORTED' })
    await file.commit()
    await file.abort()
  })
})
