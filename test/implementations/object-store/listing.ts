import assert from 'node:assert/strict'
import { code } from '../data.js'
import type { Kind } from './kind.js'
import { storeStage } from './stage.js'

const padded = (index: number): string => String(index).padStart(7, '0')

/** Listings of no, some and more objects than a page holds, and their removal. */
export function listingSuite (kind: Kind): void {
  const on = storeStage(() => kind.openStore())

  for (const count of [0, 1, 1000, 1001, 2500]) {
    it(`lists ${count} objects and removes them`, async () => {
      const { fs } = on
      const root = `${on.store.bucket}/many-${count}`
      const names = Array.from({ length: count }, (_, index) => `${root}/${padded(index)}&<é`)
      await fs.pipe(new Map(names.map(name => [name, 'x'])))
      assert.deepEqual(await fs.find(root), names)
      if (count > 0) assert.deepEqual((await fs.ls(root)).map(({ name }) => name), names)
      const seen: string[] = []
      if (count > 0) for await (const { name } of fs.list(root, { recursive: true })) seen.push(name)
      assert.deepEqual(seen, names)
      if (count > 0) await fs.rm(names)
      assert.deepEqual(await fs.find(root), [])
    })
  }

  it('lists more directories than fit a page, each once', async () => {
    const { fs } = on
    const root = `${on.store.other}/wide`
    const names = Array.from({ length: 1001 }, (_, index) => `${root}/${padded(index)}`)
    await fs.pipe(new Map(names.map(name => [`${name}/object`, ''])))
    const entries = await fs.ls(root)
    assert.deepEqual(entries.map(({ name }) => name), names)
    assert.ok(entries.every(({ type }) => type === 'directory'))
    await fs.rm(root, { recursive: true })
    assert.equal(await fs.exists(root), false)
  })

  it('stops a listing when its iterator is left', async () => {
    const at = (name: string): string => `${on.store.bucket}/left/${name}`
    await on.fs.pipe({ [at('a')]: '', [at('b')]: '' })
    for await (const { name } of on.fs.list(`${on.store.bucket}/left`)) { assert.equal(name, at('a')); break }
  })

  it(`removes one object and many, ${kind.tellsMissing ? 'says afterwards which was missing' : 'some of them missing'}, and refuses a directory without recursive`, async () => {
    const { fs } = on
    const at = (name: string): string => `${on.store.bucket}/gone/${name}`
    await fs.pipe({ [at('a')]: 'a', [at('b')]: 'b', [at('c')]: 'c' })
    await assert.rejects(fs.rm(`${on.store.bucket}/gone`), code('EISDIR'))
    await fs.rm(at('a'))
    await assert.rejects(fs.rm(at('a')), code('ENOENT'))
    const many = [at('b'), at('a'), at('c')]
    if (kind.tellsMissing) await assert.rejects(fs.rm(many), code('ENOENT', { path: at('a') }))
    else await fs.rm(many)
    assert.equal(await fs.exists(`${on.store.bucket}/gone`), false)
  })
}
