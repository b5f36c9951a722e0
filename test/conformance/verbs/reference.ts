import assert from 'node:assert/strict'
import type { Suite } from '../suite.js'
import { queries, trees } from '../tables/fsspec-results.js'
import type { Query } from '../tables/fsspec-results.js'
import type { Context } from '../types.js'

/** A file of a target that is there at first. */
const kept = '.keep'

async function ask (context: Context, { tree, verb, path, target, options }: Query, index: number): Promise<string[]> {
  const { fs, at, patternAt, seed, files, text, under } = context
  const paths = typeof path === 'string' ? patternAt(`tree${tree}/${path}`) : path.map(each => patternAt(`tree${tree}/${each}`))
  const within = (name: string): string => under(name).slice(`tree${tree}/`.length) || '.'
  if (verb === 'glob' || verb === 'find') return (await fs[verb](paths as string, options)).map(within)
  if (verb === 'expandPath') return (await fs.expandPath(paths, options)).map(within)
  const into = `into${index}`
  if (target!.startsWith('exists')) await seed({ [`${into}/exists/${kept}`]: '' })
  else if (fs.capabilities.emptyDirectories) await fs.makedirs(at(into), { existOk: true })
  await fs.cp(paths, `${at(into)}/${target}`, options)
  const copied = (await files(into)).filter(name => !name.endsWith(kept))
  return Promise.all(copied.map(async name => `${name}=${await text(`${into}/${name}`)}`))
}

export function reference (suite: Suite): void {
  suite.family('fsspec', suite => {
    suite.once(`gave the same answers to ${queries.length} random queries`, async context => {
      const { fs, seed, options } = context
      await seed(Object.fromEntries(trees.flatMap((names, tree) => names.map(name => [`tree${tree}/${name}`, name]))))
      const wrong: unknown[] = []
      const waiting = [...queries.entries()].filter(([, { verb, path }]) => {
        return (verb !== 'cp' || fs.capabilities.write) && !(options.urls === true && String(path).includes('?'))
      })
      const lane = async (): Promise<void> => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          const [index, query] = next
          const found = await ask(context, query, index).then(names => names.sort().join(' '), (error: { code?: string }) => error.code ?? String(error))
          const wanted = query.result.split(' ').sort().join(' ')
          if (found !== wanted) wrong.push({ ...query, found })
        }
      }
      await Promise.all(Array.from({ length: 8 }, lane))
      assert.deepEqual(wrong, [])
    })
  })
}
