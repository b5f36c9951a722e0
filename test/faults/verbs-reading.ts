/** The verbs that read: the same for every store. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { Mapper } from '../../lib/index.js'
import { bigContent, content, equal, hugeContent, MiB, names, text } from './content.js'
import type { VerbForm } from './types.js'

export async function all<T> (items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

/** Metadata and listings. */
export const looking: readonly VerbForm[] = [
  { name: 'info', run: async ({ fs, base }) => { assert.equal((await fs.info(`${base}/a`)).size, content.length) } },
  { name: 'exists', run: async ({ fs, base }) => { assert.equal(await fs.exists(`${base}/a`), true) } },
  { name: 'isFile', run: async ({ fs, base }) => { assert.equal(await fs.isFile(`${base}/a`), true) } },
  { name: 'isDirectory', run: async ({ fs, base }) => { assert.equal(await fs.isDirectory(`${base}/a`), false) } },
  { name: 'size', run: async ({ fs, base }) => { assert.equal(await fs.size(`${base}/a`), content.length) } },
  { name: 'du', run: async ({ fs, base }) => { assert.equal(await fs.du(`${base}/dir`), 3 * content.length) } },
  { name: 'checksum', run: async ({ fs, base }) => { assert.ok((await fs.checksum(`${base}/a`)).length > 0) } },
  { name: 'ls', run: async ({ fs, base }) => { names((await fs.ls(`${base}/dir`)).map(({ name }) => name), base, ['dir/one', 'dir/two', 'dir/sub']) } },
  { name: 'list', run: async ({ fs, base }) => { names((await all(fs.list(`${base}/dir`))).map(({ name }) => name), base, ['dir/one', 'dir/two', 'dir/sub']) } },
  { name: 'walk', run: async ({ fs, base }) => { names((await all(fs.walk(`${base}/dir`))).map(([path]) => path), base, ['dir', 'dir/sub']) } },
  { name: 'find', run: async ({ fs, base }) => { names(await fs.find(`${base}/dir`), base, ['dir/one', 'dir/two', 'dir/sub/three']) } },
  { name: 'glob', run: async ({ fs, base }) => { names(await fs.glob(`${base}/dir/t*`), base, ['dir/two']) } },
  { name: 'expandPath', run: async ({ fs, base }) => { names(await fs.expandPath(`${base}/dir/o*`), base, ['dir/one']) } }
]

/** A range that is not the first one of its call. */
const later = { only: ['GetObject of a range', 'objects.getMedia of a range', 'GET', 'GET of a range'], from: 2, heavy: true } as const

/** Content. */
export const reading: readonly VerbForm[] = [
  { name: 'catFile', run: async ({ fs, base }) => { equal(await fs.catFile(`${base}/a`), content) } },
  { name: 'catFile of a range', run: async ({ fs, base }) => { equal(await fs.catFile(`${base}/a`, { start: 10, end: 900 }), content.subarray(10, 900)) } },
  { name: 'cat', run: async ({ fs, base }) => { equal(await fs.cat(`${base}/a`), content) } },
  {
    name: 'cat of two',
    run: async ({ fs, base }) => {
      const found = await fs.cat([`${base}/a`, `${base}/text`])
      assert.ok(found instanceof Map)
      assert.equal(found.size, 2)
      for (const [path, data] of found) equal(data as Uint8Array, path.endsWith('/a') ? content : Buffer.from(text))
    }
  },
  {
    name: 'catRanges',
    run: async ({ fs, base }) => {
      const [one, two] = await fs.catRanges([{ path: `${base}/a`, start: 5, end: 900 }, { path: `${base}/text`, start: 0, end: 880 }], { onError: 'raise' })
      equal(one as Uint8Array, content.subarray(5, 900))
      equal(two as Uint8Array, Buffer.from(text).subarray(0, 880))
    }
  },
  { name: 'readText', run: async ({ fs, base }) => { assert.equal(await fs.readText(`${base}/text`), text) } },
  { name: 'head', run: async ({ fs, base }) => { equal(await fs.head(`${base}/a`, 900), content.subarray(0, 900)) } },
  { name: 'tail', run: async ({ fs, base }) => { equal(await fs.tail(`${base}/a`, 900), content.subarray(-900)) } },
  { name: 'readBlock', run: async ({ fs, base }) => { equal(await fs.readBlock(`${base}/a`, 100, 850), content.subarray(100, 950)) } },
  {
    name: 'open',
    run: async ({ fs, base }) => {
      const file = await fs.open(`${base}/a`)
      try {
        equal(await file.readRange(50, 950), content.subarray(50, 950))
        equal(await file.readFile(), content)
      } finally {
        await file.close()
      }
    }
  },
  {
    name: 'readLines',
    run: async ({ fs, base }) => {
      await fs.withFile(`${base}/text`, 'r', async file => { assert.deepEqual(await all(file.readLines()), text.split('\n').slice(0, -1)) })
    }
  },
  { name: 'createReadStream', run: async ({ fs, base }) => { equal(await buffer(fs.createReadStream(`${base}/a`)), content) } },
  { name: 'readable', run: async ({ fs, base }) => { equal(await buffer(fs.readable(`${base}/a`)), content) } },
  {
    name: 'get',
    run: async ({ fs, base, local }) => {
      await fs.get(`${base}/a`, local)
      equal(await readFile(local), content)
    },
    holds: async ({ local }) => {
      const data = await readFile(local).catch(() => undefined)
      if (data !== undefined) equal(data, content)
    }
  },
  { name: 'Mapper.get', run: async ({ fs, base }) => { equal((await new Mapper(fs, base).get('a'))!, content) } },
  { name: 'catFile, between parts', ...later, run: async ({ fs, big }) => { equal(await fs.catFile(big, { start: 1 }), bigContent.subarray(1)) } },
  {
    name: 'catRanges, between parts',
    ...later,
    run: async ({ fs, big }) => {
      const [one, two] = await fs.catRanges([{ path: big, start: 5, end: 3 * MiB }, { path: big, start: 6 * MiB, end: 6 * MiB + 900 }], { onError: 'raise' })
      equal(one as Uint8Array, bigContent.subarray(5, 3 * MiB))
      equal(two as Uint8Array, bigContent.subarray(6 * MiB, 6 * MiB + 900))
    }
  },
  {
    name: 'open, between blocks',
    ...later,
    run: async ({ fs, big }) => {
      await fs.withFile(big, 'r', async file => {
        for (const start of [0, 3 * MiB, 6 * MiB]) equal(await file.readRange(start, start + 1000), bigContent.subarray(start, start + 1000))
      }, { cache: 'block', blockBytes: 256 * 1024 })
    }
  },
  { name: 'createReadStream, between parts', ...later, run: async ({ fs, big }) => { equal(await buffer(fs.createReadStream(big)), bigContent) } },
  { name: 'readable, between parts', ...later, run: async ({ fs, big }) => { equal(await buffer(fs.readable(big)), bigContent) } },
  {
    name: 'get, between parts',
    ...later,
    run: async ({ fs, huge, local }) => {
      await fs.get(huge, local)
      equal(await readFile(local), hugeContent)
    },
    holds: async ({ local }) => {
      const data = await readFile(local).catch(() => undefined)
      if (data !== undefined) equal(data, hugeContent)
    }
  }
]
