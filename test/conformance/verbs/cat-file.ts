import assert from 'node:assert/strict'
import { assertBytes, pattern } from '../bytes.js'
import type { Suite } from '../suite.js'

const bounds = [undefined, 0, 1, 4, 9, 10, 11, 99, -1, -4, -10, -99]

export function catFile (suite: Suite): void {
  suite.family('catFile()', suite => {
    suite.it('gives the whole file', async ({ fs, at, seed }) => {
      const data = pattern(70_000)
      await seed({ big: data, empty: '' })
      assertBytes(await fs.catFile(at('big')), data)
      assertBytes(await fs.catFile(at('empty')), new Uint8Array(0))
    }, { needs: ['read'] })

    suite.it('gives [start, end) as slice() does, never padded', async ({ fs, at, seed }) => {
      const data = pattern(10)
      await seed({ ten: data })
      const pairs = bounds.flatMap(start => bounds.map(end => ({ start, end })))
      await Promise.all(pairs.map(async ({ start, end }) => {
        assertBytes(await fs.catFile(at('ten'), { start, end }), data.slice(start, end), `slice(${start}, ${end})`)
      }))
    })

    suite.it('gives nothing of an empty file, whatever the range', async ({ fs, at, seed }) => {
      await seed({ empty: '' })
      for (const [start, end] of [[0, 5], [3, undefined], [-2, undefined], [-5, -1], [2, 1]] as const) {
        assertBytes(await fs.catFile(at('empty'), { start, end }), new Uint8Array(0), `slice(${start}, ${end})`)
      }
    })

    suite.it('rejects with ENOENT when the file is missing, whole or in part', async ({ fs, at, seed }) => {
      await seed({ 'dir/file': '' })
      for (const range of [{}, { start: 1, end: 2 }, { start: -1 }, { start: 2, end: 1 }]) {
        await assert.rejects(fs.catFile(at('dir/gone'), range), { code: 'ENOENT' }, JSON.stringify(range))
      }
    })

    suite.it('rejects when the path is a directory', async ({ fs, at, seed, options }) => {
      await seed({ 'dir/file': 'x' })
      if (options.indexPages === true) { assert.ok((await fs.catFile(at('dir/'))).length > 0); return }
      const codes = fs.capabilities.emptyDirectories ? ['EISDIR'] : ['EISDIR', 'ENOENT'] // where keys are all there is, nothing is at the name
      for (const range of [{}, { start: 0, end: 2 }]) await assert.rejects(fs.catFile(at('dir'), range), (error: { code?: string }) => codes.includes(String(error.code)))
    })

    suite.it('rejects with a RangeError when a bound is no integer', async ({ fs, at, seed }) => {
      await seed({ ten: '0123456789' })
      for (const range of [{ start: 0.5 }, { end: Number.NaN }, { start: Infinity }]) await assert.rejects(fs.catFile(at('ten'), range), { name: 'RangeError' })
    })

    suite.it('gives only the version that `ifMatch` names, else rejects with FORKFS_CHANGED', async ({ fs, at, seed }) => {
      await seed({ file: 'first version' })
      const { etag } = await fs.info(at('file'))
      if (etag === undefined) return
      assertBytes(await fs.catFile(at('file'), { ifMatch: etag, start: 0, end: 5 }), new TextEncoder().encode('first'))
      assertBytes(await fs.catFile(at('file'), { ifMatch: etag, start: -7 }), new TextEncoder().encode('version'))
      await seed({ file: 'second, longer version' })
      for (const range of [{}, { start: 0, end: 5 }, { start: -3 }, { start: -5, end: -1 }]) {
        await assert.rejects(fs.catFile(at('file'), { ifMatch: etag, ...range }), { code: 'FORKFS_CHANGED' }, JSON.stringify(range))
      }
    })

    suite.it('gives bytes that are the caller\'s own', async ({ fs, at, seed, text }) => {
      await seed({ file: 'untouched' })
      for (const range of [{}, { start: 0, end: 9 }, { start: -9 }]) (await fs.catFile(at('file'), range)).fill(0)
      assert.equal(await text('file'), 'untouched')
    })

    suite.it('answers many reads at once, each its own', async ({ fs, at, seed }) => {
      const data = pattern(4096)
      await seed({ file: data })
      await Promise.all(Array.from({ length: 64 }, async (_, index) => {
        assertBytes(await fs.catFile(at('file'), { start: index * 64, end: index * 64 + 64 }), data.slice(index * 64, index * 64 + 64), `read ${index}`)
      }))
    })
  })
}
