import assert from 'node:assert/strict'
import { assertBytes, bytesOf, nineMiB, pattern } from '../bytes.js'
import type { Suite } from '../suite.js'

export function openWrite (suite: Suite): void {
  suite.family('open() for writing', suite => {
    suite.here('shows nothing before close() and all of it afterwards', async ({ fs, at, seed, text, files }) => {
      await seed({ old: 'old' })
      const [over, fresh] = [await fs.open(at('old'), 'w'), await fs.open(at('new'), 'w')]
      for (const file of [over, fresh]) {
        assert.deepEqual(await file.write('first '), { bytesWritten: 6 })
        assert.deepEqual(await file.write(bytesOf('second')), { bytesWritten: 6 })
        assert.equal(file.size, 12)
      }
      assert.deepEqual([await text('old'), await text('new'), await files()], ['old', undefined, ['old']])
      await Promise.all([over.close(), over.close(), fresh.commit()])
      await fresh.close()
      assert.deepEqual([await text('old'), await text('new'), await files()], ['first second', 'first second', ['new', 'old']])
    })

    suite.here('writes an empty file', async ({ fs, at, seed, text }) => {
      await seed({ other: '' })
      await fs.withFile(at('empty'), 'w', async () => Promise.resolve())
      assert.equal(await text('empty'), '')
    })

    suite.here('keeps the order of writes that are not awaited, and takes the bytes at once', async ({ fs, at, seed }) => {
      await seed({ other: '' })
      const chunks = Array.from({ length: 50 }, (_, index) => pattern(1000 + index, index + 1))
      const expected = Buffer.concat(chunks)
      await fs.withFile(at('file'), 'w', async file => { await Promise.all(chunks.map(chunk => file.write(chunk))) })
      assertBytes(await fs.catFile(at('file')), expected)
      await fs.withFile(at('reused'), 'w', async file => {
        const buffer = new Uint8Array(4)
        for (let turn = 0; turn < 3; turn++) await file.write(buffer.fill(turn))
      })
      assertBytes(await fs.catFile(at('reused')), new Uint8Array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]))
    })

    suite.here('leaves the old file when it is aborted, and nothing beside it', async ({ fs, at, seed, text, files }) => {
      await seed({ 'dir/old': 'old' })
      const reason = new Error('not wanted')
      const file = await fs.open(at('dir/old'), 'w')
      await file.write('half a')
      await file.abort(reason)
      await assert.rejects(file.write('more'), reason)
      await assert.rejects(file.commit())
      await file.close()
      assert.equal(await text('dir/old'), 'old')
      assert.deepEqual(await files(), ['dir/old'])
      assert.equal((await fs.ls(at('dir'))).length, 1)
    })

    suite.here('withFile() gives the result of fn, and leaves the old file when fn throws', async ({ fs, at, seed, text, files }) => {
      await seed({ old: 'old' })
      assert.equal(await fs.withFile(at('old'), 'w', async file => (await file.write('newer')).bytesWritten), 5)
      const thrown = new Error('thrown by fn')
      await assert.rejects(fs.withFile(at('old'), 'w', async file => {
        await file.write('never seen')
        throw thrown
      }), error => error === thrown)
      await assert.rejects(fs.withFile(at('new'), 'w', () => Promise.reject(thrown)), error => error === thrown)
      assert.deepEqual([await text('old'), await files()], ['newer', ['old']])
    })

    suite.here('drops what a handle wrote that is disposed of without close(), and warns', async ({ fs, at, seed, files }) => {
      await seed({ other: '' })
      const warned: unknown[] = []
      const { emitWarning } = process
      process.emitWarning = ((warning: unknown) => { warned.push(warning) }) as typeof process.emitWarning
      try {
        const file = await fs.open(at('file'), 'w')
        await file.write('lost')
        await file[Symbol.asyncDispose]()
      } finally { process.emitWarning = emitWarning }
      assert.equal(warned.length, 1)
      assert.deepEqual(await files(), ['other'])
    })

    suite.here('refuses to read, and to write after close()', async ({ fs, at, seed }) => {
      await seed({ other: '' })
      const file = await fs.open(at('file'), 'w')
      await assert.rejects(file.readFile(), { code: 'FORKFS_NOT_SUPPORTED' })
      await file.close()
      await assert.rejects(file.write('late'), { code: 'FORKFS_CLOSED' })
    })

    suite.here('rejects with FORKFS_CHANGED when the version that `ifMatch` names is gone at close()', async ({ fs, at, seed, text, files }) => {
      await seed({ file: 'first' })
      const { etag } = await fs.info(at('file'))
      if (etag === undefined) return
      const file = await fs.open(at('file'), 'w', { ifMatch: etag })
      await file.write('mine')
      await seed({ file: 'another one was faster' })
      await assert.rejects(file.close(), { code: 'FORKFS_CHANGED' })
      assert.deepEqual([await text('file'), await files()], ['another one was faster', ['file']])
    })

    suite.once('writes 9 MiB in pieces, and drops them when it is aborted', async context => {
      const { fs, at, seed, files } = context
      await seed({ other: '' })
      const data = nineMiB()
      const write = async (name: string, end: (file: Awaited<ReturnType<typeof fs.open>>) => Promise<void>): Promise<void> => {
        const file = await fs.open(at(name), 'w')
        for (let offset = 0; offset < data.length; offset += 700_001) await file.write(data.subarray(offset, offset + 700_001))
        await end(file)
      }
      await write('kept', file => file.close())
      await write('dropped', file => file.abort())
      assertBytes(await fs.catFile(at('kept')), data)
      assert.deepEqual(await files(), ['kept', 'other'])
    })
  }, { needs: ['write'] })

  suite.family('open() with flag wx', suite => {
    suite.here('rejects with EEXIST when something is there, at open() or at close(), and leaves it', async ({ fs, at, seed, text, files }) => {
      await seed({ old: 'old' })
      await assert.rejects(fs.withFile(at('old'), 'wx', file => file.write('new')), { code: 'EEXIST' })
      assert.deepEqual([await text('old'), await files()], ['old', ['old']])
    })

    suite.here('lets one of two open handles win', async ({ fs, at, seed, text, files }) => {
      await seed({ other: '' })
      const [first, second] = [await fs.open(at('file'), 'wx'), await fs.open(at('file'), 'wx')]
      await first.write('first')
      await second.write('second')
      await second.close()
      await assert.rejects(first.close(), { code: 'EEXIST' })
      assert.deepEqual([await text('file'), await files()], ['second', ['file', 'other']])
    })
  }, { needs: ['write', 'exclusiveCreate'] })

  suite.family('open() with flag a', suite => {
    suite.here('appends to what is there', async ({ fs, at, seed, text }) => {
      await seed({ file: 'first ' })
      await fs.withFile(at('file'), 'a', async file => { await file.write('second') })
      assert.equal(await text('file'), 'first second')
    })
  }, { needs: ['write', 'append'] })
}
