import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import type { FileSystem, WriteOptions } from '../../../lib/index.js'
import { assertBytes, pattern } from '../bytes.js'
import type { Suite } from '../suite.js'

const data = pattern(300_000, 9)

async function gather (stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** A whole file through a stream. */
const writers: Readonly<Record<string, (fs: FileSystem, path: string, text: string, options: WriteOptions) => Promise<void>>> = {
  createWriteStream: (fs, path, text, options) => pipeline(Readable.from([text]), fs.createWriteStream(path, options)),
  writable: (fs, path, text, options) => new Response(text).body!.pipeTo(fs.writable(path, options))
}

export function streams (suite: Suite): void {
  suite.family('createReadStream(), readable()', suite => {
    suite.here('give the whole file, an empty one too', async ({ fs, at, seed }) => {
      await seed({ file: data, empty: '' })
      assertBytes(await buffer(fs.createReadStream(at('file'), { highWaterMark: 10_000 })), data)
      assertBytes(await gather(fs.readable(at('file'))), data)
      assert.equal((await buffer(fs.createReadStream(at('empty')))).length, 0)
      assert.equal((await gather(fs.readable(at('empty')))).length, 0)
    })

    suite.here('createReadStream() gives [start, end] as node:fs does, end included', async ({ fs, at, seed }) => {
      await seed({ file: data })
      for (const [start, end] of [[0, 0], [10, 19], [299_990, 400_000], [300_000, 300_001], [5, undefined]] as const) {
        assertBytes(await buffer(fs.createReadStream(at('file'), { start, end })), data.slice(start, end === undefined ? undefined : end + 1), `[${start}, ${end}]`)
      }
    })

    suite.here('readable() gives [start, end) as slice() does', async ({ fs, at, seed }) => {
      await seed({ file: data })
      const spans = [[0, 1], [10, 20], [299_990, 400_000], [300_000, 300_001], [5, undefined], [-10, undefined], [-20, -10], [0, -299_999], [-400_000, 5], [9, 3]] as const
      for (const [start, end] of spans) {
        assertBytes(await gather(fs.readable(at('file'), { start, end })), data.slice(start, end), `slice(${start}, ${end})`)
      }
    })

    suite.here('end with ENOENT when the file is missing', async ({ fs, at, seed }) => {
      await seed({ other: '' })
      await assert.rejects(buffer(fs.createReadStream(at('gone'))), { code: 'ENOENT' })
      await assert.rejects(gather(fs.readable(at('gone'))), { code: 'ENOENT' })
    })

    suite.here('readable() gives only the version that `ifMatch` names, else ends with FORKFS_CHANGED', async ({ fs, at, seed }) => {
      await seed({ file: data })
      const { etag: ifMatch } = await fs.info(at('file'))
      if (ifMatch === undefined) return
      assertBytes(await gather(fs.readable(at('file'), { ifMatch, start: 10, end: 20 })), data.slice(10, 20))
      await seed({ file: pattern(300_000, 10) })
      for (const range of [{}, { start: 10, end: 20 }]) await assert.rejects(gather(fs.readable(at('file'), { ifMatch, ...range })), { code: 'FORKFS_CHANGED' })
    })

    suite.here('let go when they are left early', async ({ fs, at, seed }) => {
      await seed({ file: data })
      const stream = fs.createReadStream(at('file'), { highWaterMark: 1000 })
      for await (const chunk of stream) { assert.ok((chunk as Buffer).length > 0); break }
      assert.equal(stream.destroyed, true)
      const reader = fs.readable(at('file')).getReader()
      assert.equal((await reader.read()).done, false)
      await reader.cancel(new Error('enough'))
      await fs.close()
    })
  })

  suite.family('createWriteStream(), writable()', suite => {
    suite.here('publish at the end, and show nothing before', async ({ fs, at, seed, files }) => {
      await seed({ other: '' })
      const node = fs.createWriteStream(at('node'))
      await new Promise<void>((resolve, reject) => { node.write(data.subarray(0, 1000), error => { if (error == null) resolve(); else reject(error) }) })
      const web = fs.writable(at('web')).getWriter()
      await web.write(data.subarray(0, 1000))
      assert.deepEqual(await files(), ['other'])
      node.end(data.subarray(1000))
      await once(node, 'finish')
      await web.write(data.subarray(1000))
      await web.close()
      assertBytes(await fs.catFile(at('node')), data)
      assertBytes(await fs.catFile(at('web')), data)
      assert.deepEqual(await files(), ['node', 'other', 'web'])
    })

    suite.here('take a pipeline, and drop everything when its source fails', async ({ fs, at, seed, files }) => {
      await seed({ file: data })
      await pipeline(fs.createReadStream(at('file')), fs.createWriteStream(at('copy')))
      await fs.readable(at('file')).pipeTo(fs.writable(at('web')))
      assertBytes(await fs.catFile(at('copy')), data)
      assertBytes(await fs.catFile(at('web')), data)
      const broken = Readable.from((async function * () {
        yield data
        throw await Promise.resolve(new Error('the source failed'))
      })())
      await assert.rejects(pipeline(broken, fs.createWriteStream(at('half'))))
      assert.deepEqual(await files(), ['copy', 'file', 'web'])
    })

    suite.here('leave the old file when they are destroyed or aborted', async ({ fs, at, seed, text, files }) => {
      await seed({ old: 'old' })
      const node = fs.createWriteStream(at('old'))
      node.on('error', () => {})
      node.write('half')
      node.destroy()
      await once(node, 'close')
      const web = fs.writable(at('old')).getWriter()
      await web.write(data)
      await web.abort(new Error('not wanted'))
      assert.deepEqual([await text('old'), await files()], ['old', ['old']])
    })

    for (const [verb, write] of Object.entries(writers)) {
      suite.here(`${verb}() with flag wx writes where nothing is, else fails with EEXIST and leaves the file`, async ({ fs, at, seed, text, files }) => {
        await seed({ old: 'old' })
        await write(fs, at('new'), 'new', { flag: 'wx' })
        for (const name of ['old', 'new']) await assert.rejects(write(fs, at(name), 'other', { flag: 'wx' }), { code: 'EEXIST' }, name)
        assert.deepEqual([await text('old'), await text('new'), await files()], ['old', 'new', ['new', 'old']])
      }, { needs: ['exclusiveCreate'] })

      suite.here(`${verb}() writes over the version that \`ifMatch\` names only, else fails with FORKFS_CHANGED and leaves the file`, async ({ fs, at, seed, text, files }) => {
        await seed({ file: 'first' })
        const { etag: ifMatch } = await fs.info(at('file'))
        if (ifMatch === undefined) return
        await write(fs, at('file'), 'second', { ifMatch })
        for (const name of ['file', 'gone']) await assert.rejects(write(fs, at(name), 'third', { ifMatch }), { code: 'FORKFS_CHANGED' }, name)
        assert.deepEqual([await text('file'), await files()], ['second', ['file']])
      })
    }

    suite.here('write an empty file when nothing is written', async ({ fs, at, seed, text }) => {
      await seed({ other: '' })
      const node = fs.createWriteStream(at('node'))
      node.end()
      await once(node, 'finish')
      await fs.writable(at('web')).getWriter().close()
      assert.deepEqual([await text('node'), await text('web')], ['', ''])
    })
  }, { needs: ['write'] })
}
