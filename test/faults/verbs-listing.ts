/** Listings that take more than one request, which goes wrong after the first. */
import assert from 'node:assert/strict'
import { content, manyNames, names } from './content.js'
import { all } from './verbs-reading.js'
import type { Scene, VerbForm } from './types.js'

/** These names, each once, in any order. */
function whole ({ many }: Scene, found: readonly string[]): void { names(found, many, manyNames) }

/** Page after page of one directory. */
export const pages: readonly VerbForm[] = ([
  ['ls', async scene => { whole(scene, (await scene.fs.ls(scene.many)).map(({ name }) => name)) }],
  ['list', async scene => { whole(scene, (await all(scene.fs.list(scene.many))).map(({ name }) => name)) }],
  ['walk', async scene => {
    const steps = await all(scene.fs.walk(scene.many, { onError: 'raise' }))
    assert.equal(steps.length, 1)
    whole(scene, steps[0]![2].map(({ name }) => name))
  }],
  ['find', async scene => { whole(scene, await scene.fs.find(scene.many)) }],
  ['du', async scene => { assert.equal(await scene.fs.du(scene.many), 0) }],
  ['glob', async scene => { whole(scene, await scene.fs.glob(`${scene.many}/*`)) }]
] satisfies ReadonlyArray<readonly [verb: string, run: VerbForm['run']]>).map(([verb, run]) => ({
  name: `${verb}, second page`, only: ['ListObjectsV2', 'objects.list'], from: 2, heavy: true, run
}))

/** Directory after directory of a tree of pages with links. */
export const levels: readonly VerbForm[] = ([
  ['walk', async ({ fs, many }) => { names((await all(fs.walk(many, { onError: 'raise' }))).map(([path]) => path), many.slice(0, many.lastIndexOf('/')), ['many', 'many/a', 'many/b']) }],
  ['find', async ({ fs, many }) => { names(await fs.find(many), many, ['a/one', 'b/two']) }],
  ['du', async ({ fs, many }) => { assert.equal(await fs.du(many), 2 * content.length) }],
  ['glob', async ({ fs, many }) => { names(await fs.glob(`${many}/*/*`), many, ['a/one', 'b/two']) }]
] satisfies ReadonlyArray<readonly [verb: string, run: VerbForm['run']]>).map(([verb, run]) => ({
  name: `${verb}, second page`, only: ['GET of a page'], from: 2, heavy: true, run
}))
