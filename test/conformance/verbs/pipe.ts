import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { assertBytes, bytesOf, nineMiB, pattern } from '../bytes.js'
import type { Suite } from '../suite.js'
import type { Context } from '../types.js'

const MiB = 1024 * 1024

/** How many of the calls succeeded, and the codes of the others. */
async function outcomes (calls: ReadonlyArray<Promise<unknown>>): Promise<{ won: number, codes: string[] }> {
  const settled = await Promise.allSettled(calls)
  const codes = settled.filter(result => result.status === 'rejected').map(({ reason }) => String((reason as { code?: unknown }).code))
  return { won: settled.length - codes.length, codes: [...new Set(codes)] }
}

async function roundTrip ({ fs, at, seed }: Context, data: Uint8Array): Promise<void> {
  const size = data.length
  await seed({ 'dir/other': '' })
  const info = await fs.pipeFile(at(`dir/${size}`), data)
  assert.deepEqual([info.name, info.size, info.type], [fs.normalize(at(`dir/${size}`)), size, 'file'])
  assert.equal(await fs.size(at(`dir/${size}`)), size)
  assertBytes(await fs.catFile(at(`dir/${size}`)), data)
}

export function pipe (suite: Suite): void {
  suite.family('pipeFile()', suite => {
    for (const size of [0, 1, 64 * 1024]) suite.it(`writes ${size} bytes and tells name and size`, context => roundTrip(context, pattern(size, size + 1)))
    suite.once('writes 9 MiB, and reads ranges across 8 MiB', async context => {
      await roundTrip(context, nineMiB())
      const [start, end] = [8 * MiB - 3, 8 * MiB + 5]
      assertBytes(await context.fs.catFile(context.at(`dir/${9 * MiB}`), { start, end }), nineMiB().slice(start, end))
    })

    suite.it('writes a string as UTF-8', async ({ fs, at, seed, text }) => {
      await seed({ other: '' })
      assert.equal((await fs.pipeFile(at('file'), 'grüße 🌍')).size, bytesOf('grüße 🌍').length)
      assert.equal(await text('file'), 'grüße 🌍')
    })

    suite.it('writes the bytes of a view, not of its buffer', async ({ fs, at, seed }) => {
      await seed({ other: '' })
      const whole = pattern(100)
      await fs.pipeFile(at('view'), whole.subarray(10, 20))
      await fs.pipeFile(at('pooled'), Buffer.from('pooled'))
      assertBytes(await fs.catFile(at('view')), whole.slice(10, 20))
      assertBytes(await fs.catFile(at('pooled')), bytesOf('pooled'))
    })

    suite.it('replaces the old file as a whole', async ({ fs, at, seed, text }) => {
      await seed({ file: 'a long old text' })
      await fs.pipeFile(at('file'), 'new')
      assert.equal(await text('file'), 'new')
      assert.equal(await fs.size(at('file')), 3)
    })

    suite.here('keeps what was given, whatever happens to the buffer afterwards', async ({ fs, at, seed, text }) => {
      await seed({ other: '' })
      const data = bytesOf('as it was')
      await fs.pipeFile(at('file'), data)
      data.fill(0)
      assert.equal(await text('file'), 'as it was')
    })

    suite.it('writes over the version that `ifMatch` names only, else rejects with FORKFS_CHANGED and leaves the file', async ({ fs, at, seed, text }) => {
      await seed({ file: 'first' })
      const { etag } = await fs.info(at('file'))
      if (etag === undefined) return
      const second = await fs.pipeFile(at('file'), 'second!', { ifMatch: etag })
      await assert.rejects(fs.pipeFile(at('file'), 'third', { ifMatch: etag }), { code: 'FORKFS_CHANGED' })
      assert.equal(await text('file'), 'second!')
      if (second.etag !== undefined) await fs.pipeFile(at('file'), 'fourth', { ifMatch: second.etag })
      await assert.rejects(fs.pipeFile(at('gone'), 'x', { ifMatch: etag }), { code: 'FORKFS_CHANGED' })
      assert.equal(await fs.exists(at('gone')), false)
    })

    suite.it('leaves one whole file when many write it at once', async ({ fs, at, seed }) => {
      await seed({ file: '' })
      const versions = Array.from({ length: 8 }, (_, index) => pattern(5000 + index, index + 1))
      await Promise.all(versions.map(data => fs.pipeFile(at('file'), data)))
      const left = await fs.catFile(at('file'))
      assert.ok(versions.some(data => Buffer.compare(data, left) === 0))
    })

    suite.it('rejects with a TypeError when the data is neither text nor bytes', async ({ fs, at }) => {
      for (const data of [undefined, null, 7, [1, 2]]) await assert.rejects(fs.pipeFile(at('file'), data as unknown as string), { name: 'TypeError' })
      assert.equal(await fs.exists(at('file')), false)
    })

    suite.it('rejects with EISDIR when a directory is there', async ({ fs, at, seed, text }) => {
      await seed({ 'dir/file': 'kept' })
      await assert.rejects(fs.pipeFile(at('dir'), 'x'), { code: 'EISDIR' })
      assert.equal(await text('dir/file'), 'kept')
    }, { needs: ['emptyDirectories'] })

    suite.it('leaves nothing but the file', async ({ fs, at, seed, files }) => {
      await seed({ 'dir/file': '1' })
      await fs.pipeFile(at('dir/file'), '2')
      await assert.rejects(fs.pipeFile(at('dir/file'), '3', { ifMatch: '"no such version"' }))
      assert.deepEqual(await files(), ['dir/file'])
      assert.deepEqual((await fs.ls(at('dir'))).length, 1)
    })
  }, { needs: ['write'] })

  suite.family('pipeFile() with flag wx', suite => {
    suite.it('writes where nothing is, else rejects with EEXIST and leaves the file', async ({ fs, at, seed, text }) => {
      await seed({ old: 'old' })
      await fs.pipeFile(at('new'), 'new', { flag: 'wx' })
      for (const name of ['old', 'new']) await assert.rejects(fs.pipeFile(at(name), 'other', { flag: 'wx' }), { code: 'EEXIST' }, name)
      assert.deepEqual([await text('old'), await text('new')], ['old', 'new'])
      assert.deepEqual((await fs.ls(at(''))).length, 2)
    })

    suite.it('lets exactly one of many win', async ({ fs, at, seed, text }) => {
      await seed({ other: '' })
      const { won, codes } = await outcomes(Array.from({ length: 8 }, (_, index) => fs.pipeFile(at('file'), `writer ${index}`, { flag: 'wx' })))
      assert.deepEqual({ won, codes }, { won: 1, codes: ['EEXIST'] })
      assert.match(await text('file') ?? '', /^writer \d$/)
    })

    suite.once('rejects with EEXIST for 9 MiB, and leaves the file', async ({ fs, at, seed, text, files }) => {
      await seed({ old: 'old' })
      await assert.rejects(fs.pipeFile(at('old'), nineMiB(), { flag: 'wx' }), { code: 'EEXIST' })
      assert.equal(await text('old'), 'old')
      assert.deepEqual(await files(), ['old'])
    })
  }, { needs: ['write', 'exclusiveCreate'] })

  suite.family('pipe(), writeText(), touch()', suite => {
    suite.it('pipe() writes every entry of a Map or an object', async ({ fs, at, seed, text }) => {
      await seed({ other: '' })
      await fs.pipe(new Map<string, string | Uint8Array>([[at('a'), 'text'], [at('b'), bytesOf('bytes')]]))
      await fs.pipe({ [at('c')]: 'object' })
      assert.deepEqual([await text('a'), await text('b'), await text('c')], ['text', 'bytes', 'object'])
      await fs.pipe(new Map())
    })

    suite.here('pipe() rejects, or leaves out what can not be written, as `onError` says', async ({ fs, at, seed, text }) => {
      await seed({ other: '' })
      const top = '' // nothing can be written at the top of a filesystem
      const files = (names: readonly string[]): Map<string, string> => new Map(names.map(name => [name === top ? top : at(name), name]))
      await assert.rejects(fs.pipe(files([top, 'a'])), { name: 'FsError' })
      for (const onError of ['omit', 'return'] as const) {
        await fs.pipe(files([`${onError} 1`, top, `${onError} 2`]), { onError })
        assert.deepEqual([await text(`${onError} 1`), await text(`${onError} 2`)], [`${onError} 1`, `${onError} 2`])
      }
    })

    suite.it('writeText() writes a text and tells its size', async ({ fs, at, seed, text }) => {
      await seed({ other: '' })
      assert.equal((await fs.writeText(at('file'), 'ünï')).size, 5)
      assert.equal(await text('file'), 'ünï')
    })

    suite.it('touch() makes an empty file, empties one, and keeps one with `truncate: false`', async ({ fs, at, seed, text }) => {
      await seed({ full: 'full', kept: 'kept' })
      await fs.touch(at('new'))
      await fs.touch(at('full'))
      await fs.touch(at('fresh'), { truncate: false })
      const refused = await fs.touch(at('kept'), { truncate: false }).then(() => undefined, (error: { code?: string }) => error.code)
      assert.ok(refused === undefined || refused === 'FORKFS_NOT_SUPPORTED', `rejects with ${refused}`)
      assert.deepEqual([await text('new'), await text('full'), await text('fresh'), await text('kept')], ['', '', '', 'kept'])
    })
  }, { needs: ['write'] })

  suite.family('contentType, metadata', suite => {
    suite.here('are what was given to any verb that writes one file, where the store tells them', async ({ fs, at, seed }) => {
      await seed({ other: '' })
      const options = { contentType: 'text/x-conformance', metadata: { colour: 'deep blue' } }
      const writes: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
        pipeFile: path => fs.pipeFile(path, 'text', options),
        writeText: path => fs.writeText(path, 'text', options),
        withFile: path => fs.withFile(path, 'w', file => file.write('text'), options),
        createWriteStream: path => pipeline(Readable.from([bytesOf('text')]), fs.createWriteStream(path, options)),
        writable: path => new Response('text').body!.pipeTo(fs.writable(path, options))
      }
      for (const [verb, write] of Object.entries(writes)) {
        await write(at(verb))
        const { contentType = options.contentType, metadata = options.metadata } = await fs.info(at(verb))
        assert.deepEqual({ contentType, metadata }, options, verb)
      }
    })
  }, { needs: ['write'] })
}
