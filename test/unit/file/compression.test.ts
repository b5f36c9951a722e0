import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { brotliCompressSync, brotliDecompressSync, deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib'
import * as zlib from 'node:zlib'
import { openBytes, openCompressedReader, openCompressedWriter, openLocalWriter, openWriteHandle, readerOf, resolveCompression } from '../../../lib/file/index.js'
import type { CompressionName } from '../../../lib/filesystem/types.js'
import { CountingSource, delegated, Folder, pattern } from './helpers.js'

const bytes = pattern(3_000_000)
const codecs = {
  gzip: { suffix: '.gz', pack: gzipSync, unpack: gunzipSync },
  deflate: { suffix: '.deflate', pack: deflateSync, unpack: inflateSync },
  brotli: { suffix: '.br', pack: (data: Uint8Array) => brotliCompressSync(data, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } }), unpack: brotliDecompressSync }
}

describe('compression', () => {
  let folder: Folder
  before(async () => { folder = await Folder.make() })
  after(async () => { await folder[Symbol.asyncDispose]() })

  async function sourceOf (name: string, data: Uint8Array): Promise<CountingSource> {
    await writeFile(folder.file(name), data)
    return CountingSource.of(folder.file(name))
  }

  it('goes by the suffix with infer, and by the name', () => {
    assert.deepEqual(['a.gz', 'a.BR', 'a.zst', 'a.deflate', 'a.txt', 'gz'].map(path => resolveCompression('infer', path)), ['gzip', 'brotli', 'zstd', 'deflate', undefined, undefined])
    assert.deepEqual([resolveCompression('gzip', 'a.br'), resolveCompression(null, 'a.gz'), resolveCompression(undefined, 'a.gz')], ['gzip', undefined, undefined])
    assert.throws(() => resolveCompression('rar' as CompressionName, 'a'), TypeError)
  })

  for (const [name, { suffix, pack, unpack }] of Object.entries(codecs) as Array<[CompressionName, typeof codecs.gzip]>) {
    it(`gives the decoded bytes, forwards and backwards, whole and as stream, ${name}`, async () => {
      const source = await sourceOf(`a${suffix}`, pack(bytes))
      const file = readerOf(await openCompressedReader(openBytes(source), 'infer'))
      assert.equal(file.size, undefined)
      const buffer = new Uint8Array(1000)
      await file.read(buffer)
      await file.read(buffer)
      assert.deepEqual(buffer, bytes.slice(1000, 2000))
      assert.deepEqual(await file.readRange(2_000_000, 2_000_010), bytes.slice(2_000_000, 2_000_010))
      assert.deepEqual(await file.readRange(5, 10), bytes.slice(5, 10))
      assert.equal((await file.readRange(3_000_000, 3_000_001)).length, 0)
      assert.equal(Buffer.compare(await file.readFile(), bytes), 0)
      const chunks = await file.createReadStream({ start: 10, end: 2_999_998 }).toArray() as Buffer[]
      assert.equal(Buffer.compare(Buffer.concat(chunks), bytes.subarray(10, 2_999_999)), 0)
      await file.close()
      assert.deepEqual([source.released, source.active], [1, 0])
    })

    it(`compresses what is written, ${name}`, async () => {
      const path = folder.file(`w${suffix}`)
      const staged = await openCompressedWriter(await openLocalWriter(path), path, 'infer')
      const file = openWriteHandle(path, staged, { check () {}, release () {} })
      for (let at = 0; at < bytes.length; at += 100_000) await file.write(bytes.subarray(at, at + 100_000))
      await file.close()
      assert.equal(Buffer.compare(unpack(await readFile(path)), bytes), 0)
    })

    it(`rejects with FORKFS_TRUNCATED where the end is missing and FORKFS_PROTOCOL where bytes are wrong or follow, ${name}`, async () => {
      const packed = pack(bytes)
      const cases = [
        [packed.subarray(0, -5), 'FORKFS_TRUNCATED'], [new Uint8Array(0), 'FORKFS_TRUNCATED'],
        [pattern(1000).fill(0xff, 0, 20), 'FORKFS_PROTOCOL'], [Buffer.concat([packed, Buffer.from('junk')]), 'FORKFS_PROTOCOL']
      ] as const
      for (const [data, code] of cases) {
        const source = await sourceOf('broken', data)
        const file = readerOf(await openCompressedReader(openBytes(source), name))
        await assert.rejects(file.readFile(), { code })
        await assert.rejects(file.readFile(), { code })
        await file.close()
        assert.deepEqual([source.released, source.active], [1, 0])
      }
    })
  }

  it('reads several gzip members as one', async () => {
    const file = readerOf(await openCompressedReader(openBytes(await sourceOf('m.gz', Buffer.concat([gzipSync('one '), gzipSync('two')]))), 'gzip'))
    assert.equal(await file.readFile('utf8'), 'one two')
    await file.close()
  })

  it('leaves nothing when a compressed write is aborted or fails below', async () => {
    const path = folder.file('gone.gz')
    const staged = await openCompressedWriter(await openLocalWriter(path), path, 'gzip')
    await staged.write(bytes)
    await staged.abort(new Error('enough'))
    const broken = new Error('broken')
    const below = await openLocalWriter(path)
    const failing = await openCompressedWriter({ ...delegated(below), write: () => Promise.reject(broken) }, path, 'gzip')
    const file = openWriteHandle(path, failing, { check () {}, release () {} })
    await assert.rejects(async () => {
      for (let i = 0; i < 10; i++) await file.write(bytes)
      await file.close()
    }, error => error === broken)
    await file[Symbol.asyncDispose]()
    assert.deepEqual((await folder.names()).filter(name => name.includes('gone') || name.endsWith('tmp')), [])
  })

  it('rejects with the error of the source and with FORKFS_CLOSED after close()', async () => {
    const source = await sourceOf('e.gz', gzipSync(bytes))
    const broken = new Error('broken')
    source.before = read => { if (read >= 1) throw broken }
    const file = readerOf(await openCompressedReader(openBytes(source), 'gzip'))
    await assert.rejects(file.readFile(), error => error === broken)
    await file.close()
    await assert.rejects(file.readFile(), { code: 'FORKFS_CLOSED' })
  })

  it('reads zstd where Node has it and rejects with FORKFS_MISSING_PEER where not, closing the file', async () => {
    const source = await sourceOf('z.zst', Buffer.from('KLUv/SAFKQAAaGVsbG8=', 'base64'))
    const opening = openCompressedReader(openBytes(source), 'infer')
    if ('createZstdDecompress' in zlib) assert.equal(await readerOf(await opening).readFile('utf8'), 'hello')
    else {
      await assert.rejects(opening, { code: 'FORKFS_MISSING_PEER' })
      assert.equal(source.released, 1)
    }
  })
})
