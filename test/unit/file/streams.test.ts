import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { nodeReadable, nodeWritable, openBytes, openLocalWriter, webReadable, webWritable } from '../../../lib/file/index.js'
import type { StagedWriter } from '../../../lib/filesystem/types.js'
import { CountingSource, Folder, gate, pattern, until } from './helpers.js'

const MiB = 1024 * 1024
const bytes = pattern(5 * MiB + 11)

let folder: Folder
let source: CountingSource
before(async () => {
  folder = await Folder.make()
  await writeFile(folder.file('a'), bytes)
})
after(async () => { await folder[Symbol.asyncDispose]() })
beforeEach(async () => { source = await CountingSource.of(folder.file('a')) })

describe('nodeReadable()', () => {
  it('gives all bytes in large chunks and closes its reader', async () => {
    const chunks = await nodeReadable(openBytes(source)).toArray() as Buffer[]
    assert.equal(Buffer.compare(Buffer.concat(chunks), bytes), 0)
    assert.equal(chunks.length, 6)
    assert.deepEqual([source.released, source.bytes], [1, bytes.length])
  })

  it('opens its reader at the first read and emits what opening rejects with', async () => {
    const stream = nodeReadable(async () => Promise.resolve(openBytes(source)), { start: 5, end: 9 })
    assert.deepEqual(Buffer.concat(await stream.toArray() as Buffer[]), Buffer.from(bytes.subarray(5, 10)))
    const broken = new Error('broken')
    await assert.rejects(nodeReadable(() => Promise.reject(broken)).toArray(), error => error === broken)
  })

  it('asks for nothing more while the consumer pauses, and for the rest afterwards', async () => {
    const stream = nodeReadable(openBytes(source, { blockBytes: 64 * 1024 }), { highWaterMark: 64 * 1024 })
    const first = once(stream, 'readable')
    stream.read(0)
    await first
    stream.read(10)
    await until(() => source.active === 0)
    const asked = source.bytes
    for (let i = 0; i < 50; i++) await new Promise(resolve => { setImmediate(resolve) })
    assert.equal(source.bytes, asked)
    assert.ok(asked < MiB)
    assert.equal((await stream.toArray() as Buffer[]).reduce((sum, chunk) => sum + chunk.length, 0), bytes.length - 10)
  })

  it('leaves nothing under way when for await is left, when it is destroyed and when the signal aborts', async () => {
    const reason = new Error('enough')
    const controller = new AbortController()
    const ends: Array<(stream: Readable) => Promise<void>> = [
      async stream => { for await (const _ of stream) break; await new Promise(resolve => { stream.once('close', resolve) }) },
      async stream => { stream.once('data', () => stream.destroy()); await once(stream, 'close') },
      async stream => { stream.once('data', () => { controller.abort(reason) }); await assert.rejects(once(stream, 'close'), error => error === reason) }
    ]
    for (const [i, end] of ends.entries()) {
      await end(nodeReadable(openBytes(source, { blockBytes: 64 * 1024 }), { highWaterMark: 64 * 1024, signal: controller.signal }))
      assert.deepEqual([source.released, source.active], [i + 1, 0])
    }
  })

  it('aborts the read that is under way when it is destroyed', async () => {
    const held = gate()
    source.before = () => held.opened
    const stream = nodeReadable(openBytes(source))
    stream.resume()
    await until(() => source.active === 1)
    stream.destroy()
    held.open()
    await once(stream, 'close')
    assert.deepEqual([source.aborted, source.active, source.released], [1, 0, 1])
  })

  it('emits the error of the source once and closes its reader', async () => {
    const broken = new Error('broken')
    source.before = read => { if (read >= 3) throw broken }
    await assert.rejects(nodeReadable(openBytes(source)).toArray(), error => error === broken)
    assert.equal(source.released, 1)
  })
})

describe('webReadable()', () => {
  it('gives all bytes in chunks of their own, also when the consumer transfers each', async () => {
    const parts: Uint8Array[] = []
    for await (const chunk of webReadable(openBytes(source), { chunkBytes: 256 * 1024 })) parts.push(structuredClone(chunk, { transfer: [chunk.buffer] }))
    assert.equal(Buffer.compare(Buffer.concat(parts), bytes), 0)
    assert.equal(parts.length, 21)
    assert.equal(source.released, 1)
  })

  it('gives the half-open range, offsets from the end too, and reads nothing before it is asked', async () => {
    const stream = webReadable(async () => Promise.resolve(openBytes(source)), { start: -10, end: -5 })
    for (let i = 0; i < 10; i++) await new Promise(resolve => { setImmediate(resolve) })
    assert.equal(source.reads.length, 0)
    assert.deepEqual(new Uint8Array(await new Response(stream).arrayBuffer()), bytes.slice(-10, -5))
    assert.equal(await new Response(webReadable(openBytes(source), { start: 7, end: 7 })).text(), '')
  })

  it('ends what is under way when it is cancelled or its signal aborts', async () => {
    const cancelled = webReadable(openBytes(source))
    const reader = cancelled.getReader()
    await reader.read()
    await reader.cancel()
    assert.deepEqual([source.released, source.active], [1, 0])
    const controller = new AbortController()
    const reason = new Error('enough')
    const held = gate()
    const aborted = webReadable(openBytes(source), { signal: controller.signal }).getReader()
    source.before = () => held.opened
    const reading = aborted.read()
    await until(() => source.active === 1)
    controller.abort(reason)
    await assert.rejects(reading, error => error === reason)
    held.open()
    await until(() => source.released === 2)
    assert.equal(source.active, 0)
  })

  it('errors with the error of the source and closes its reader', async () => {
    const broken = new Error('broken')
    source.before = read => { if (read >= 2) throw broken }
    await assert.rejects(new Response(webReadable(openBytes(source))).arrayBuffer(), error => error === broken)
    assert.equal(source.released, 1)
  })
})

describe('nodeWritable() and webWritable()', () => {
  function target (name: string): { path: string, released: number, options: { path: string, release: () => void } } {
    const state = { path: folder.file(name), released: 0, options: { path: folder.file(name), release: () => { state.released++ } } }
    return state
  }
  const left = async (): Promise<string[]> => (await folder.names()).filter(name => name !== 'a')

  afterEach(async () => { assert.deepEqual((await left()).filter(name => name.endsWith('.forkfs-tmp')), []) })

  it('finish only after the file is published, and take what node streams give', async () => {
    const to = target('b')
    const stream = nodeWritable(() => openLocalWriter(to.path), to.options)
    let publishedAtFinish: Promise<Buffer> | undefined
    stream.once('finish', () => { publishedAtFinish = readFile(to.path) })
    await pipeline(nodeReadable(openBytes(source)), stream)
    assert.equal(Buffer.compare(await publishedAtFinish ?? Buffer.alloc(0), bytes), 0)
    await until(() => to.released === 1)
  })

  it('take many small chunks and text', async () => {
    const to = target('small')
    await pipeline(Readable.from(Array.from({ length: 5000 }, (_, i) => `${i},`), { objectMode: false }), nodeWritable(await openLocalWriter(to.path), to.options))
    assert.equal(await readFile(to.path, 'utf8'), Array.from({ length: 5000 }, (_, i) => `${i},`).join(''))
  })

  it('leave nothing when they are destroyed, when the source fails and when the signal aborts', async () => {
    const to = target('c')
    const destroyed = nodeWritable(await openLocalWriter(to.path), to.options)
    destroyed.write('half')
    destroyed.destroy()
    await once(destroyed, 'close')
    const broken = new Error('broken')
    const source = Readable.from((async function * () { yield 'half'; throw broken })())
    await assert.rejects(pipeline(source, nodeWritable(() => openLocalWriter(to.path), to.options)), error => error === broken)
    const reason = new Error('enough')
    const controller = new AbortController()
    const aborted = nodeWritable(() => openLocalWriter(to.path), { ...to.options, signal: controller.signal })
    aborted.write('half')
    controller.abort(reason)
    await assert.rejects(once(aborted, 'close'), error => error === reason)
    await until(() => to.released === 3)
    assert.ok(!(await left()).includes('c'))
  })

  it('emit what the staged write rejects with and drop it', async () => {
    const to = target('d')
    const broken = new Error('broken')
    const staged = await openLocalWriter(to.path)
    const stream = nodeWritable({ write: () => Promise.reject(broken), commit: () => staged.commit(), abort: reason => staged.abort(reason) }, to.options)
    await assert.rejects(pipeline(Readable.from(['x']), stream), error => error === broken)
    await until(() => to.released === 1)
    const failing: StagedWriter = { write: () => Promise.reject(broken), commit: () => staged.commit(), abort: reason => staged.abort(reason) }
    const web = webWritable(() => Promise.resolve(failing), to.options).getWriter()
    await assert.rejects(web.write(new Uint8Array(1)), error => error === broken)
    await until(() => to.released === 2)
  })

  it('publish when a web stream closes, and leave nothing when it is aborted or gets what are no bytes', async () => {
    const to = target('e')
    await webReadable(openBytes(source)).pipeTo(webWritable(() => openLocalWriter(to.path), to.options))
    assert.equal(Buffer.compare(await readFile(to.path), bytes), 0)
    const none = target('f')
    const aborted = webWritable(() => openLocalWriter(none.path), none.options).getWriter()
    await aborted.write(new Uint8Array(10))
    await aborted.abort(new Error('enough'))
    const wrong = webWritable(() => openLocalWriter(none.path), none.options).getWriter()
    await assert.rejects(wrong.write('text' as unknown as Uint8Array), TypeError)
    const controller = new AbortController()
    const signalled = webWritable(() => openLocalWriter(none.path), { ...none.options, signal: controller.signal }).getWriter()
    await signalled.write(new Uint8Array(10))
    const reason = new Error('enough')
    controller.abort(reason)
    await assert.rejects(signalled.closed, error => error === reason)
    await until(() => none.released === 3)
    assert.ok(!(await left()).includes('f'))
  })
})
