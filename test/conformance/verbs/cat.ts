import assert from 'node:assert/strict'
import type { FsError } from '../../../lib/index.js'
import { assertBytes, pattern, textOf } from '../bytes.js'
import type { Suite } from '../suite.js'
import type { Context } from '../types.js'

const tree = { 'c/one': '1', 'c/two': '22', 'c/sub/three': '333' }

function shown ({ under }: Context, result: unknown): unknown {
  if (!(result instanceof Map)) return result
  return [...result as Map<string, Uint8Array | Error>].map(([path, data]) => [under(path), data instanceof Uint8Array ? textOf(data) : (data as Error & { code?: string }).code])
}

export function cat (suite: Suite): void {
  suite.family('cat()', suite => {
    suite.it('gives the bytes of one plain path', async ({ fs, at, seed }) => {
      await seed(tree)
      assert.equal(textOf(await fs.cat(at('c/two'))), '22')
    })

    suite.it('gives a Map in sorted order for a list, a pattern and a directory', async context => {
      const { fs, at, patternAt, seed } = context
      await seed(tree)
      assert.deepEqual(shown(context, await fs.cat([at('c/two'), at('c/one')])), [['c/one', '1'], ['c/two', '22']])
      assert.deepEqual(shown(context, await fs.cat([at('c/one')])), [['c/one', '1']])
      assert.deepEqual(shown(context, await fs.cat(patternAt('c/*'))), [['c/one', '1'], ['c/two', '22']])
      assert.deepEqual(shown(context, await fs.cat(at('c'), { recursive: true })), [['c/one', '1'], ['c/sub/three', '333'], ['c/two', '22']])
    })

    suite.here('rejects, leaves out or gives the error of a file that is missing, as `onError` says', async context => {
      const { fs, at, patternAt, seed } = context
      await seed(tree)
      const paths = [at('c/one'), at('c/gone')]
      await assert.rejects(fs.cat(paths), { code: 'ENOENT' })
      assert.deepEqual(shown(context, await fs.cat(paths, { onError: 'omit' })), [['c/one', '1']])
      const results = await fs.cat(paths, { onError: 'return' })
      assert.deepEqual(shown(context, results), [['c/gone', 'ENOENT'], ['c/one', '1']])
      const { operation, protocol, path } = [...results.values()].find(result => result instanceof Error) as FsError
      assert.deepEqual([operation, protocol, path], ['cat', fs.protocol, at('c/gone')])
      await assert.rejects(fs.cat(patternAt('c/*.gone')), { code: 'ENOENT' })
    })
  })

  suite.family('head(), tail(), readText(), readBlock()', suite => {
    suite.it('give the ends of a file, all of a short one', async ({ fs, at, seed }) => {
      const data = pattern(3000)
      await seed({ long: data, short: 'abc', empty: '' })
      assertBytes(await fs.head(at('long')), data.slice(0, 1024))
      assertBytes(await fs.tail(at('long')), data.slice(-1024))
      assertBytes(await fs.head(at('long'), 5), data.slice(0, 5))
      assertBytes(await fs.tail(at('long'), 5), data.slice(-5))
      for (const verb of ['head', 'tail'] as const) {
        assert.equal(textOf(await fs[verb](at('short'), 10)), 'abc', verb)
        assert.equal((await fs[verb](at('empty'), 10)).length, 0, verb)
        assert.equal((await fs[verb](at('short'), 0)).length, 0, verb)
        await assert.rejects(fs[verb](at('gone')), { code: 'ENOENT' }, verb)
        await assert.rejects(fs[verb](at('short'), -1), { name: 'RangeError' }, verb)
      }
    })

    suite.it('readText() decodes, by default as UTF-8', async ({ fs, at, seed }) => {
      await seed({ file: 'grüße 🌍' })
      assert.equal(await fs.readText(at('file')), 'grüße 🌍')
      assert.equal(await fs.readText(at('file'), { encoding: 'hex' }), Buffer.from('grüße 🌍').toString('hex'))
      await assert.rejects(fs.readText(at('gone')), { code: 'ENOENT' })
    })

    suite.it('readBlock() cuts at delimiters so that each record comes once', async ({ fs, at, seed }) => {
      const text = Array.from({ length: 100 }, (_, index) => `record ${'x'.repeat(index % 13)} ${index}\n`).join('')
      await seed({ records: text })
      const delimiter = new Uint8Array([10])
      for (const length of [7, 64, 1000, 5000]) {
        let joined = ''
        for (let offset = 0; offset < text.length; offset += length) {
          if (length < 64 && offset > 100) break
          const block = textOf(await fs.readBlock(at('records'), offset, length, { delimiter }))
          assert.ok(block === '' || block.endsWith('\n'))
          joined += block
        }
        assert.equal(length < 64 ? text.startsWith(joined) && joined.length > 50 : joined === text, true, `blocks of ${length}`)
      }
      assert.equal(textOf(await fs.readBlock(at('records'), 3, 5)), text.slice(3, 8))
    })
  })
}
