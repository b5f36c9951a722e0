import assert from 'node:assert/strict'
import { escapeGlob } from '../../../lib/index.js'
import { pattern } from '../bytes.js'
import type { Suite } from '../suite.js'
import type { Context } from '../types.js'

const odd = [
  'with space', ' leading and trailing ', 'a#b', 'a?b', 'a%b', 'a%20b', 'a%2Fb', 'a&b=c;d', 'a+b', 'a[1]', 'a*b', '{a,b}', '~a', '$a', '!a', '@a', 'a\'b"c', 'a\\b', 'a|b<c>d:e',
  'a..b', '..a', '...', '-a', '.hidden', 'ünïcödé', '漢字', '🌍', 'a\tb', '&amp;', '<a>', 'null', '0', 'a=b', 'a,b', 'a(b)'
]
/** Kept exactly by stores whose keys are opaque; a tree of directories would resolve them. */
const opaque = ['a//b', 'a/./b', 'a/../b', './c', '../c', 'b/.', 'b/..']

/** A name of so many bytes in all, in components that any file system takes. */
function longName (root: string, bytes: number): string {
  let name = ''
  for (let left = bytes - Buffer.byteLength(root) - 1; left > 0; left -= 200) name += `${name === '' ? '' : '/'}${'k'.repeat(Math.min(left, 200) - (left > 200 ? 1 : 0))}`
  return name
}

async function keeps ({ fs, at, under, seed, text }: Context, names: readonly string[]): Promise<void> {
  await seed(Object.fromEntries(names.map(name => [`n/${name}`, name])))
  for (const name of names) {
    const path = at(`n/${name}`)
    assert.equal(await text(`n/${name}`), name, `the contents of ${name}`)
    assert.equal(under((await fs.info(path)).name), `n/${name}`, `info() of ${name}`)
    assert.equal(fs.normalize(fs.url(path)), fs.normalize(path), `url() of ${name}`)
  }
  assert.deepEqual((await fs.find(at('n'))).map(under).sort(), names.map(name => `n/${name}`).sort())
}

export function names (suite: Suite): void {
  suite.family('names', suite => {
    suite.it('are kept exactly, whatever letters they hold', async context => {
      const { fs, at, under } = context
      await keeps(context, odd.map(name => `x/${name}`))
      assert.deepEqual((await fs.ls(at('n/x'))).map(({ name }) => under(name).slice('n/x/'.length)).sort(), [...odd].sort())
      if (!fs.capabilities.write) return
      for (const name of odd) await fs.rm([at(`n/x/${name.replace(/[*?[]/g, '[$&]')}`)])
      assert.deepEqual(await fs.find(at('n/x')), [])
    })

    suite.here('are matched by their escaped form alone', async ({ fs, at, seed }) => {
      const names = odd.map(name => `e/${name}`)
      await seed(Object.fromEntries(names.map(name => [name, ''])))
      const found = await Promise.all(names.map(name => fs.glob(escapeGlob(at(name)))))
      assert.deepEqual(found, names.map(name => [fs.normalize(at(name))]))
    })

    suite.it('are kept exactly as components in the middle', context => keeps(context, odd.map(name => `${name}/file`)))

    suite.it('differ by composed and decomposed letters', async context => {
      const [composed, decomposed] = ['caf\u00e9', 'cafe\u0301']
      if (context.options.foldsUnicode === true) return
      await keeps(context, [composed, decomposed])
    })

    suite.it('may be 1,024 bytes long', async context => {
      const name = longName(context.at('n'), 1024)
      assert.equal(Buffer.byteLength(context.at(`n/${name}`)), 1024)
      await keeps(context, [name])
    })

    suite.it('may be 255 bytes long in one component, for every verb that writes', async ({ fs, at, seed, files, text }) => {
      const [first, second, third] = ['a', 'b', 'c'].map(letter => letter.repeat(255)) as [string, string, string]
      await seed({ [`d/${first}`]: 'text' })
      await fs.cp(at(`d/${first}`), at(`d/${second}`))
      await fs.mv(at(`d/${first}`), at(`d/${third}`))
      await fs.pipeFile(at(`d/${second}`), 'other')
      assert.deepEqual(await files('d'), [second, third])
      assert.deepEqual([await text(`d/${second}`), await text(`d/${third}`)], ['other', 'text'])
    }, { needs: ['write'] })

    suite.it('differ by letter case and by their ends', async context => {
      await keeps(context, ['a', 'A', 'a.b', 'a-b', 'aa', 'b/a', 'b/a.b'])
    })

    suite.it('hold //, . and .. where keys are opaque', async context => {
      const { fs, at, seed, text, under } = context
      if (context.options.opaqueKeys === 'refused') {
        if (fs.capabilities.write) for (const name of ['r/a//b', 'r/./a/b', 'r/a/x/../b']) await assert.rejects(fs.writeText(at(name), name), { code: 'EINVAL' }, name)
        return
      }
      if (context.options.opaqueKeys !== true) {
        await seed({ 'r/a/b': 'resolved' })
        for (const name of ['r/a//b', 'r/./a/b', 'r/a/x/../b']) assert.equal(await text(name), 'resolved', name)
        return
      }
      await seed(Object.fromEntries([...opaque, 'a/b'].map(name => [`r/${name}`, name])))
      for (const name of [...opaque, 'a/b']) assert.equal(await text(`r/${name}`), name, name)
      if (context.options.indexPages === true) return // links on pages can not lead to all of them
      assert.deepEqual((await fs.find(at('r'))).map(under).sort(), [...opaque, 'a/b'].map(name => `r/${name}`).sort())
    })
  })

  suite.family('url(), normalize()', suite => {
    suite.it('take off the protocol and closing slashes, and are each other\'s inverse', async ({ fs, at, options }) => {
      const path = fs.normalize(at('a/b'))
      for (const same of [at('a/b'), options.urls === true ? path : at('a/b/'), fs.url(at('a/b'))]) assert.equal(fs.normalize(same), path)
      assert.equal(fs.normalize(path), path)
      assert.ok(fs.url(path).startsWith(`${fs.protocol}:`))
      assert.throws(() => fs.normalize(7 as unknown as string), TypeError)
      await Promise.resolve()
    })
  })

  suite.family('checksum()', suite => {
    suite.it('changes with the contents and not without', async ({ fs, at, seed }) => {
      await seed({ file: 'first' })
      const first = await fs.checksum(at('file'))
      assert.equal(await fs.checksum(at('file')), first)
      await seed({ file: 'other' })
      assert.notEqual(await fs.checksum(at('file')), first)
      await assert.rejects(fs.checksum(at('gone')), { code: 'ENOENT' })
    })
  })

  suite.family('sign()', suite => {
    suite.it('gives a URL that works without credentials', async ({ fs, at, seed }) => {
      const data = pattern(1000)
      await seed({ 'a b/signed#1': data })
      const response = await fetch(await fs.sign(at('a b/signed#1'), { expiresSeconds: 60 }))
      assert.equal(response.status, 200)
      assert.equal(Buffer.compare(Buffer.from(await response.arrayBuffer()), data), 0)
      await assert.rejects(fs.sign(at('a b/signed#1'), { expiresSeconds: 0 }), { name: 'RangeError' })
    })
  }, { needs: ['sign'] })
}
