import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { FileSystem, FsError } from '../../../lib/index.js'
import { readBack, spelt } from '../context.js'
import { assertBytes, nineMiB, pattern } from '../bytes.js'
import type { Suite } from '../suite.js'
import { scenarios } from '../tables/copy-scenarios.js'
import type { Scenario } from '../tables/copy-scenarios.js'
import type { Context, Spelling } from '../types.js'

type Paths = string | readonly string[]

/** One end of a copy: the store, or a local folder. */
interface Side {
  path (name: string): string
  add (names: readonly string[]): Promise<void>
  directory (name: string): Promise<void>
  files (directory: string): Promise<string[]>
  text (name: string): Promise<string | undefined>
}

/** An object keeps a directory where the store does not. */
const marker = '.marker'

function storeSide ({ fs, at, patternAt, seed, files, text }: Context): Side {
  return {
    path: patternAt, // names in the tables hold no wildcards
    add: names => seed(Object.fromEntries(names.map(name => [name, contentsOf(name)]))),
    directory: name => fs.capabilities.emptyDirectories ? fs.makedirs(at(name), { existOk: true }) : seed({ [`${name}/${marker}`]: '' }),
    files: async name => (await files(name)).filter(file => file !== marker),
    text
  }
}

/** Files that come from URLs keep the spelling that they have there. */
function localSide (folder: string, options: Spelling = {}): Side {
  const path = (name: string): string => `${folder}/${spelt(name, options)}` // a closing slash counts
  return {
    path,
    add: async names => {
      for (const name of names) {
        await mkdir(dirname(path(name)), { recursive: true })
        await writeFile(path(name), contentsOf(name))
      }
    },
    directory: async name => { await mkdir(path(name), { recursive: true }) },
    files: async name => {
      const entries = await readdir(path(name), { recursive: true, withFileTypes: true }).catch(() => [])
      return entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name).slice(path(name).length + 1)).map(name => readBack(name, options)).sort()
    },
    text: name => readFile(path(name), 'utf8').catch(() => undefined)
  }
}

/** A file holds its name without the number of the tree that it is in. */
function contentsOf (name: string): string { return name.slice(name.indexOf('/') + 1) }

type CopyVerb = 'cp' | 'get' | 'put'

/** All scenarios of one verb, each with a target of its own, over sources that are written once. @returns what went wrong */
async function play ({ fs, options }: Context, verb: CopyVerb, from: Side, to: Side): Promise<unknown[]> {
  const trees = new Map<readonly string[], string>()
  for (const { tree } of scenarios) {
    if (trees.has(tree)) continue
    trees.set(tree, `tree${trees.size}`)
    await from.add(tree.map(name => `${trees.get(tree)}/${name}`))
  }
  const wrong: unknown[] = []
  const waiting = [...scenarios.entries()].filter(([, { source }]) => options.urls !== true || typeof source !== 'string' || !source.includes('?'))
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, scenario] = next
      const problem = await playOne(fs, verb, { from, to, tree: trees.get(scenario.tree)!, into: `into${index}` }, scenario)
      if (problem !== undefined) wrong.push({ title: scenario.title, target: scenario.target, ...problem })
    }
  }
  await Promise.all(Array.from({ length: 8 }, lane))
  return wrong
}

interface Stage { readonly from: Side, readonly to: Side, readonly tree: string, readonly into: string }

async function playOne (fs: FileSystem, verb: CopyVerb, { from, to, tree, into }: Stage, scenario: Scenario): Promise<object | undefined> {
  const { title: _title, tree: names, source, target, absent = false, times = 1, result, ...options } = scenario
  const at = (side: Side, top: string, paths: Paths): Paths => typeof paths === 'string' ? side.path(`${top}/${paths}`) : paths.map(path => side.path(`${top}/${path}`))
  try {
    if (!absent) await to.directory(`${into}/target`)
    for (let time = 0; time < times; time++) await fs[verb](at(from, tree, source), at(to, into, target), options)
    const found = await to.files(`${into}/target`)
    if (JSON.stringify(found) !== JSON.stringify(result)) return { found, wanted: result }
    for (const file of found) {
      const text = await to.text(`${into}/target/${file}`)
      if (text === undefined || !names.includes(text)) return { file, text }
      const keepsName = typeof target === 'string' && !/new(file)?$/.test(file)
      if (keepsName && text.slice(text.lastIndexOf('/') + 1) !== file.slice(file.lastIndexOf('/') + 1)) return { file, text }
    }
    for (const [index, path] of typeof target === 'string' ? [] : target.entries()) {
      const text = await to.text(`${into}/${path}`)
      if (text !== source[index]) return { path, text }
    }
    return undefined
  } catch (error) {
    return { error }
  }
}

export function copy (suite: Suite): void {
  suite.family('cp(), get(), put()', suite => {
    suite.once(`cp() gives the names of the copying tables (${scenarios.length} scenarios)`, async context => {
      const side = storeSide(context)
      assert.deepEqual(await play(context, 'cp', side, side), [])
    }, { needs: ['write'] })

    suite.once('get() gives the names of the copying tables', async context => {
      assert.deepEqual(await play(context, 'get', storeSide(context), localSide(await context.folder(), context.options)), [])
    })

    suite.once('put() gives the names of the copying tables', async context => {
      assert.deepEqual(await play(context, 'put', localSide(await context.folder()), storeSide(context)), [])
    }, { needs: ['write'] })

    suite.it('cp() copies one file and a tree, and leaves the sources', async ({ fs, at, seed, files, text }) => {
      await seed({ 's/a': 'a', 's/d/b': 'b', other: '' })
      await fs.cp(at('s/a'), at('copy'))
      await fs.cp(at('s'), at('t'), { recursive: true })
      assert.deepEqual(await files(), ['copy', 'other', 's/a', 's/d/b', 't/a', 't/d/b'])
      assert.deepEqual([await text('copy'), await text('t/d/b')], ['a', 'b'])
      await fs.cp(at('s/a'), at('s/a'))
      assert.equal(await text('s/a'), 'a')
    }, { needs: ['write'] })

    suite.it('get() and put() carry bytes both ways, empty files too', async ({ fs, at, seed, folder }) => {
      const local = await folder()
      const data = pattern(100_000, 11)
      await seed({ 'from/big': data, 'from/empty': '' })
      await fs.get(at('from'), `${local}/down`, { recursive: true })
      assertBytes(await readFile(`${local}/down/big`), data)
      assert.equal((await readFile(`${local}/down/empty`)).length, 0)
      if (!fs.capabilities.write) return
      await fs.put(`${local}/down`, at('up'), { recursive: true })
      assertBytes(await fs.catFile(at('up/big')), data)
      assert.equal(await fs.size(at('up/empty')), 0)
    })

    suite.once('get() and put() carry 9 MiB', async ({ fs, at, seed, folder }) => {
      const local = await folder()
      const data = nineMiB()
      await seed({ big: data })
      await fs.get(at('big'), `${local}/big`)
      assertBytes(await readFile(`${local}/big`), data)
      if (!fs.capabilities.write) return
      await fs.put(`${local}/big`, at('back'))
      assertBytes(await fs.catFile(at('back')), data)
    })

    suite.it('reject with ENOENT when a source is missing or a pattern matches nothing', async ({ fs, at, patternAt, seed, folder, files }) => {
      const local = await folder()
      await seed({ 's/a': 'a' })
      for (const [source, recursive] of [['gone', false], ['gone', true], ['s/*.gone', false]] as const) {
        await assert.rejects(fs.get(patternAt(source), `${local}/x`, { recursive }), { code: 'ENOENT' }, `get ${source}`)
        if (!fs.capabilities.write) continue
        await assert.rejects(fs.cp(patternAt(source), at('x'), { recursive }), { code: 'ENOENT' }, `cp ${source}`)
        await assert.rejects(fs.put(`${local}/${source}`, at('x'), { recursive }), { code: 'ENOENT' }, `put ${source}`)
      }
      assert.deepEqual(await files(), ['s/a'])
      assert.deepEqual(await readdir(local), [])
    })

    suite.here('reject at once, go on without what fails, or go on and reject with all of it, as `onError` says', async ({ fs, at, seed, folder, files }) => {
      const local = await folder()
      await seed({ 's/a': 'a', 's/z': 'z' })
      const names = ['s/a', 's/gone', 's/lost', 's/z']
      const copies: Record<string, (into: string, onError?: 'raise' | 'omit' | 'return') => Promise<void>> = {
        get: (into, onError) => fs.get(names.map(at), `${local}/${into}/`, { onError })
      }
      if (fs.capabilities.write) {
        await mkdir(`${local}/s`)
        for (const name of ['s/a', 's/z']) await writeFile(`${local}/${name}`, name)
        copies['cp'] = (into, onError) => fs.cp(names.map(at), `${at(into)}/`, { onError })
        copies['put'] = (into, onError) => fs.put(names.map(name => `${local}/${name}`), `${at(into)}/`, { onError })
      }
      for (const [verb, copy] of Object.entries(copies)) {
        const landed = async (into: string): Promise<string[]> => verb === 'get' ? (await readdir(`${local}/${into}`)).sort() : files(into)
        await assert.rejects(copy(`${verb}-default`), { code: 'ENOENT' }, verb)
        await assert.rejects(copy(`${verb}-raise`, 'raise'), { code: 'ENOENT' }, verb)
        await copy(`${verb}-omit`, 'omit')
        assert.deepEqual(await landed(`${verb}-omit`), ['a', 'z'], verb)
        await assert.rejects(copy(`${verb}-return`, 'return'), (error: { errors?: ReadonlyArray<{ code?: string }> }) => {
          assert.deepEqual(error.errors?.map(({ code }) => code), ['ENOENT', 'ENOENT'], verb)
          return true
        })
        assert.deepEqual(await landed(`${verb}-return`), ['a', 'z'], verb)
      }
    })

    suite.it('reject with a RangeError when lists differ in length, or for maxDepth 0', async ({ fs, at, seed }) => {
      await seed({ 's/a': 'a' })
      await assert.rejects(fs.cp([at('s/a')], [at('x'), at('y')]), { name: 'RangeError' })
      await assert.rejects(fs.cp(at('s'), at('t'), { recursive: true, maxDepth: 0 }), { name: 'RangeError' })
    }, { needs: ['write'] })
  })

  suite.family('mv()', suite => {
    suite.it('moves a file, over an old one too', async ({ fs, at, seed, files, text }) => {
      await seed({ a: 'a', b: 'b', 'dir/c': 'c' })
      await fs.mv(at('a'), at('b'))
      await fs.mv(at('dir/c'), at('c'))
      assert.deepEqual(await files(), ['b', 'c'])
      assert.deepEqual([await text('b'), await text('c')], ['a', 'c'])
      await fs.mv(at('b'), at('b'))
      assert.equal(await text('b'), 'a')
    })

    suite.it('moves a directory with all that is below it, into one that exists too', async ({ fs, at, seed, files }) => {
      await seed({ 'd/a': 'a', 'd/e/b': 'b', dd: 'sibling', 'in/x': '' })
      await fs.mv(at('d'), at('moved'), { recursive: true })
      assert.deepEqual(await files(), ['dd', 'in/x', 'moved/a', 'moved/e/b'])
      await fs.mv(at('moved'), at('in'), { recursive: true })
      assert.deepEqual(await files(), ['dd', 'in/moved/a', 'in/moved/e/b', 'in/x'])
      assert.equal(await fs.exists(at('moved')), false)
    })

    suite.it('moves what a pattern or a list names', async ({ fs, at, patternAt, seed, files }) => {
      await seed({ 's/a1': '', 's/a2': '', 's/b': '', 't/x': '' })
      await fs.mv(patternAt('s/a*'), at('t/'))
      await fs.mv([at('s/b')], at('t'))
      assert.deepEqual(await files(), ['t/a1', 't/a2', 't/b', 't/x'])
    })

    suite.it('moves what is there and tells what is not by its own path, with `onError` return', async ({ fs, at, seed, files }) => {
      await seed({ a: 'a', 't/x': 'x' })
      await assert.rejects(fs.mv([at('gone'), at('a')], at('t'), { onError: 'return' }), ({ errors }: AggregateError) => {
        assert.deepEqual(errors.map(({ code, operation, path }: FsError) => [code, operation, path]), [['ENOENT', 'mv', at('gone')]])
        return true
      })
      assert.deepEqual(await files(), ['t/a', 't/x'])
    })

    suite.it('rejects and leaves everything when the source is missing, or a directory is moved into itself', async ({ fs, at, seed, files }) => {
      await seed({ 'd/a': 'a' })
      await assert.rejects(fs.mv(at('gone'), at('x')), { code: 'ENOENT' })
      await assert.rejects(fs.mv(at('d'), at('d/e'), { recursive: true }), { code: 'EINVAL' })
      assert.deepEqual(await files(), ['d/a'])
    })
  }, { needs: ['write'] })
}
