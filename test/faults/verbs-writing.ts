/** The verbs that write, on stores that can. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Mapper } from '../../lib/index.js'
import { noSingleCopies } from '../implementations/s3/partwise.js'
import { bigContent, content, equal, manyNames, MiB, old, oneOf, pattern, text } from './content.js'
import type { Scene, VerbForm } from './types.js'

const KiB = 1024
const enough = new Error('enough')

/** A write of `data` over the object `old`: whole or not at all. */
function writing (name: string, data: Uint8Array, write: (scene: Scene, path: string) => Promise<unknown>, more: Partial<VerbForm> = {}): VerbForm {
  return {
    name,
    run: async scene => {
      await write(scene, `${scene.base}/old`)
      equal((await scene.stored('old'))!, data)
    },
    holds: async scene => { oneOf(await scene.stored('old'), old, data) },
    ...more
  }
}

/** How a store takes an object in parts, and what it calls that. */
interface Parts {
  /** The smallest that it takes. */
  readonly partBytes: number
  readonly heavy: boolean
  /** Requests that are the first of their kind. */
  readonly first: readonly string[]
  /** The second part. */
  readonly second: string
  /** What makes the object of its parts. */
  readonly end: string
  readonly abort: string
}

/** Writes of two parts: a whole one and a few bytes. */
function inParts ({ partBytes, heavy, first, second, end, abort }: Parts): readonly VerbForm[] {
  const twoParts = pattern(partBytes + 100, 4)
  const write = (scene: Scene, path: string): Promise<unknown> => scene.fs.withFile(path, 'w', file => file.write(twoParts), { partBytes })
  return [
    writing('withFile, in parts', twoParts, write, { only: first, heavy }),
    writing('withFile, between parts', twoParts, write, { only: [second], from: 2, heavy }),
    {
      name: 'withFile, exclusive, in parts',
      only: [end],
      from: end === second ? 2 : undefined,
      heavy,
      run: async scene => {
        await scene.fs.withFile(`${scene.base}/new`, 'wx', file => file.write(twoParts), { partBytes })
        equal((await scene.stored('new'))!, twoParts)
      },
      holds: async scene => { oneOf(await scene.stored('new'), undefined, twoParts) }
    },
    {
      name: 'withFile that throws, in parts',
      only: [abort],
      heavy,
      run: async scene => {
        await assert.rejects(scene.fs.withFile(`${scene.base}/old`, 'w', async file => {
          await file.write(twoParts)
          throw enough
        }, { partBytes }), (error: unknown) => {
          if (error !== enough) throw error
          return true
        })
      },
      holds: async scene => { equal((await scene.stored('old'))!, old) }
    }
  ]
}

const partsOfS3 = inParts({ partBytes: 5 * MiB, heavy: true, first: ['CreateMultipartUpload', 'CompleteMultipartUpload'], second: 'UploadPart', end: 'CompleteMultipartUpload', abort: 'AbortMultipartUpload' })
const partsOfGcs = inParts({ partBytes: 256 * KiB, heavy: false, first: ['uploads.start', 'uploads.put'], second: 'uploads.put of the last bytes', end: 'uploads.put of the last bytes', abort: 'uploads.cancel' })

const plain: readonly VerbForm[] = [
  writing('pipeFile', content, ({ fs }, path) => fs.pipeFile(path, content)),
  {
    name: 'pipeFile, exclusive',
    run: async scene => {
      await scene.fs.pipeFile(`${scene.base}/new`, content, { flag: 'wx' })
      equal((await scene.stored('new'))!, content)
    },
    holds: async scene => { oneOf(await scene.stored('new'), undefined, content) }
  },
  writing('pipeFile over one version', content, async ({ fs }, path) => fs.pipeFile(path, content, { ifMatch: (await fs.info(path)).etag })),
  writing('pipe', content, ({ fs }, path) => fs.pipe({ [path]: content })),
  writing('writeText', Buffer.from(text), ({ fs }, path) => fs.writeText(path, text)),
  writing('touch', new Uint8Array(0), ({ fs }, path) => fs.touch(path, { truncate: true })),
  writing('withFile', content, ({ fs }, path) => fs.withFile(path, 'w', file => file.write(content)))
]

function moving (name: string, more: Partial<VerbForm> = {}): VerbForm {
  return {
    name,
    run: async scene => {
      await scene.fs.mv(`${scene.base}/a`, `${scene.base}/moved`)
      equal((await scene.stored('moved'))!, content)
      assert.equal(await scene.stored('a'), undefined)
    },
    holds: async scene => {
      const [from, to] = [await scene.stored('a'), await scene.stored('moved')]
      assert.ok(from !== undefined || to !== undefined, 'it is in neither place')
      for (const data of [from, to]) oneOf(data, undefined, content)
    },
    ...more
  }
}

function removing (name: string, more: Partial<VerbForm> = {}): VerbForm {
  return {
    name,
    run: async scene => {
      await scene.fs.rm(`${scene.base}/dir`, { recursive: true })
      for (const name of ['dir/one', 'dir/two', 'dir/sub/three']) assert.equal(await scene.stored(name), undefined)
    },
    holds: async scene => { equal((await scene.stored('a'))!, content) },
    ...more
  }
}

/** A tree of more names than a listing or a delete takes at once. */
function removingMany (name: string, more: Partial<VerbForm>): VerbForm {
  return {
    name,
    heavy: true,
    briefly: true,
    run: async scene => {
      await scene.fill()
      await scene.fs.rm(`${scene.base}/many`, { recursive: true })
      for (const name of [manyNames[0], manyNames[999], manyNames[1001]]) assert.equal(await scene.stored(`many/${name}`), undefined)
    },
    holds: async scene => { equal((await scene.stored('a'))!, content) },
    ...more
  }
}

const others: readonly VerbForm[] = [
  writing('createWriteStream', content, ({ fs }, path) => pipeline(Readable.from([content]), fs.createWriteStream(path))),
  writing('writable', content, ({ fs }, path) => Readable.toWeb(Readable.from([content])).pipeTo(fs.writable(path))),
  writing('transaction', content, ({ fs }, path) => fs.transaction(() => fs.pipeFile(path, content))),
  writing('put', content, async ({ fs, local }, path) => {
    await writeFile(local, content)
    await fs.put(local, path)
  }),
  writing('cp', content, ({ fs, base }, path) => fs.cp(`${base}/a`, path)),
  moving('mv'),
  {
    name: 'rm',
    run: async scene => {
      await scene.fs.rm(`${scene.base}/a`)
      assert.equal(await scene.stored('a'), undefined)
    }
  },
  removing('rm of a tree'),
  removingMany('rm of a tree, second page', { only: ['ListObjectsV2', 'objects.list'], from: 3 }), // the first one asks whether anything is there
  removingMany('rm of a tree, between deletes', { only: ['DeleteObjects', 'batch'], from: 2 }),
  { name: 'Mapper.set', run: async scene => { await new Mapper(scene.fs, scene.base).set('new', content); equal((await scene.stored('new'))!, content) } }
]

export const writesOfS3: readonly VerbForm[] = [
  ...plain, ...partsOfS3, ...others,
  writing('cp, in parts', bigContent, ({ fs, big }, path) => fs.cp(big, path), {
    only: ['CreateMultipartUpload', 'UploadPartCopy', 'CompleteMultipartUpload'], given: noSingleCopies
  })
]

const notThere = (operation: string): VerbForm['given'] => ({ match: { operation }, action: { type: 'status', status: 501 }, times: Infinity })
const twoChunks = pattern(256 * KiB + 100, 5)
const writeTwo = ({ fs }: Scene, path: string): Promise<unknown> => fs.withFile(path, 'w', file => file.write(twoChunks), { partBytes: 256 * KiB })

export const writesOfGcs: readonly VerbForm[] = [
  ...plain, ...partsOfGcs, ...others,
  writing('pipeFile of many bytes', bigContent, ({ fs }, path) => fs.pipeFile(path, bigContent), { only: ['uploads.put of the last bytes'], heavy: true, untimed: true }),
  writing('withFile, asking what has come', twoChunks, writeTwo, { only: ['uploads.query'], given: { match: { operation: 'uploads.put' }, action: { type: 'reset' } } }),
  writing('withFile, asking how it ended', twoChunks, writeTwo, { only: ['uploads.query of the end'], given: { match: { operation: 'uploads.put', nth: 2 }, action: { type: 'reset' } } }),
  writing('cp, between calls', bigContent, ({ fs, big }, path) => fs.cp(big, path), { only: ['objects.rewrite'], from: 2 }),
  moving('mv without moveTo', { only: ['objects.rewrite', 'objects.delete'], given: notThere('objects.move') }),
  removing('rm of a tree without batches', { only: ['objects.delete'], given: notThere('batch') })
]

/** Buckets, and directories that only a listing knows. */
export const ofBuckets: readonly VerbForm[] = [
  { name: 'info of a bucket', run: async ({ fs, base }) => { assert.equal((await fs.info(base.split('/')[0]!)).type, 'directory') } },
  { name: 'ls of all buckets', run: async ({ fs, base }) => { assert.ok((await fs.ls('')).some(({ name }) => name === base.split('/')[0])) } },
  { name: 'info of a directory', run: async ({ fs, base }) => { assert.equal((await fs.info(`${base}/dir`)).type, 'directory') } },
  { name: 'mkdir', run: async ({ fs, bucket }) => { await fs.mkdir(bucket) } },
  { name: 'makedirs', run: async ({ fs, bucket }) => { await fs.makedirs(bucket, { existOk: true }) } },
  {
    name: 'rmdir',
    run: async ({ fs, bucket }) => {
      await fs.mkdir(bucket)
      await fs.rmdir(bucket)
    }
  }
]
