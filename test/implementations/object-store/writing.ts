import assert from 'node:assert/strict'
import { pipeline } from 'node:stream/promises'
import type { FileSystem } from '../../../lib/index.js'
import { code, MiB, pattern } from '../data.js'
import { titled } from './kind.js'
import type { Kind } from './kind.js'
import { storeStage } from './stage.js'
import type { StoreStage } from './stage.js'
import type { ObjectServer, SharedOptions } from './stores.js'

interface WritingOptions {
  /** Lengths in bytes of what is written, the last one in several parts. */
  readonly lengths: readonly number[]
  /** Metadata as it is given, and as the store keeps it. */
  readonly metadata: { readonly given: Readonly<Record<string, string>>, readonly kept: Readonly<Record<string, string>> }
  /** What can not be a version. */
  readonly noVersion: string
}

export interface WritingStage<Fs extends FileSystem = FileSystem, Options = SharedOptions> extends StoreStage<Fs, Options> {
  /** Where a test writes: nothing is there before it. */
  readonly path: string
  /** Several parts of it. */
  readonly big: Uint8Array
  holds (expected: Uint8Array | string, path?: string): Promise<void>
}

/** Writes of many lengths in every form, conditional ones, copies and buckets. */
export function writingSuite<Fs extends FileSystem, Server extends ObjectServer, ServerOptions, Options extends SharedOptions> (
  kind: Kind<Fs, Server, ServerOptions, Options>, options: WritingOptions
): WritingStage<Fs, Options> {
  const stage = storeStage(() => kind.openStore())
  const big = pattern(options.lengths.at(-1)!)
  let path: string
  beforeEach(() => { path = `${stage.store.bucket}/write/${Math.random().toString(36).slice(2)}` })
  const on: WritingStage<Fs, Options> = {
    get store () { return stage.store },
    get fs () { return stage.fs },
    get path () { return path },
    big,
    holds: async (expected, at = path) => {
      assert.ok(Buffer.from(await stage.fs.catFile(at)).equals(Buffer.from(expected as string)), `it does not hold the ${expected.length} bytes`)
    }
  }
  wholeTests(on, options)
  conditionTests(kind, on, options)
  refusalTests(kind, on)
  bucketTests(kind, on)
  return on
}

function wholeTests (on: WritingStage, { lengths, metadata: { given, kept } }: WritingOptions): void {
  const { big } = on
  for (const length of lengths) {
    it(`puts ${length} bytes at once`, async () => {
      const { fs, path } = on
      const info = await fs.pipeFile(path, big.subarray(0, length), { contentType: 'text/x-test', metadata: given })
      assert.deepEqual([info.size, info.name], [length, path])
      await on.holds(big.subarray(0, length))
      const found = await fs.info(path)
      assert.deepEqual([found.etag, found['contentType'], found['metadata'], found.size], [info.etag, 'text/x-test', kept, length])
    })

    it(`writes ${length} bytes through a handle`, async () => {
      const { fs, path } = on
      await fs.withFile(path, 'w', async file => {
        for (let at = 0; at < length; at += 3 * MiB) await file.write(big.subarray(at, Math.min(length, at + 3 * MiB)))
      }, { contentType: 'text/x-test', metadata: { a: 'b' } })
      await on.holds(big.subarray(0, length))
      const found = await fs.info(path)
      assert.deepEqual([found['contentType'], found['metadata']], ['text/x-test', { a: 'b' }])
    })
  }

  it('writes through streams of Node and of the web', async () => {
    const { fs, path } = on
    await pipeline((function * () { for (let at = 0; at < big.length; at += MiB) yield big.subarray(at, at + MiB) })(), fs.createWriteStream(path))
    await on.holds(big)
    const writer = fs.writable(path).getWriter()
    await writer.write(new TextEncoder().encode('web'))
    await writer.close()
    await on.holds('web')
  })

  it('shows its own writes at once, everywhere', async () => {
    const { fs, path } = on
    assert.equal(await fs.exists(path), false)
    await fs.pipeFile(path, 'x')
    assert.equal(await fs.exists(path), true)
    assert.ok((await fs.find(`${on.store.bucket}/write`)).includes(path))
    await fs.rm(path)
    assert.equal(await fs.exists(path), false)
  })
}

function conditionTests (kind: Pick<Kind, 'named'>, on: WritingStage, { noVersion }: WritingOptions): void {
  const { big } = on
  it(titled(kind, 'G9', 'writes only where nothing is yet, and leaves what is there'), async () => {
    const { fs, path } = on
    await fs.pipeFile(path, 'first', { flag: 'wx' })
    await assert.rejects(fs.pipeFile(path, 'second', { flag: 'wx' }), code('EEXIST'))
    await assert.rejects(fs.pipeFile(path, big, { flag: 'wx' }), code('EEXIST'))
    await assert.rejects(fs.open(path, 'wx'), code('EEXIST'))
    await on.holds('first')
    assert.deepEqual((await fs.info(path))['metadata'], {})
  })

  for (const length of [5, big.length]) {
    it(titled(kind, 'G9', `lets one of two exclusive writers of ${length} bytes win, whoever began first`), async () => {
      const { fs } = on
      for (const first of [0, 1]) {
        const path = `${on.path}-${first}`
        const files = [await fs.open(path, 'wx'), await fs.open(path, 'wx')]
        const contents = [big.subarray(0, length), big.subarray(0, length).toReversed()]
        for (const at of [0, 1]) await files[at]!.write(contents[at]!)
        await files[first]!.close()
        await assert.rejects(files[1 - first]!.close(), code('EEXIST'))
        await on.holds(contents[first]!, path)
      }
    })
  }

  it(titled(kind, 'G9', 'lets one of 50 creators at once win'), async () => {
    const { fs, path } = on
    const results = await Promise.allSettled(Array.from({ length: 50 }, (_, index) => fs.pipeFile(path, `from ${index}`, { flag: 'wx' })))
    const winner = results.findIndex(({ status }) => status === 'fulfilled')
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
    for (const result of results) if (result.status === 'rejected') assert.equal((result.reason as { code: string }).code, 'EEXIST')
    await on.holds(`from ${winner}`)
  })

  it(titled(kind, 'G11', 'writes only over the version that is named'), async () => {
    const { fs, path } = on
    const first = await fs.pipeFile(path, 'first')
    const second = await fs.pipeFile(path, 'second', { ifMatch: first.etag })
    await assert.rejects(fs.pipeFile(path, 'third', { ifMatch: first.etag }), code('FORKFS_CHANGED'))
    await assert.rejects(fs.pipeFile(path, 'third', { ifMatch: noVersion }), code('FORKFS_CHANGED'))
    await assert.rejects(fs.pipeFile(path, big, { ifMatch: first.etag }), code('FORKFS_CHANGED'))
    await on.holds('second')
    await fs.pipeFile(path, big, { ifMatch: second.etag })
    await on.holds(big)
    await fs.rm(path)
    await assert.rejects(fs.pipeFile(path, 'x', { ifMatch: second.etag }), code('FORKFS_CHANGED'))
    assert.equal(await fs.exists(path), false)
  })

  for (const length of [5, big.length]) {
    it(titled(kind, 'G18', `leaves the old object when a write of ${length} bytes throws`), async () => {
      const { fs, path } = on
      await fs.pipeFile(path, 'old')
      const reason = new Error('no')
      await assert.rejects(fs.withFile(path, 'w', async file => {
        await file.write(big.subarray(0, length))
        throw reason
      }), error => error === reason)
      await on.holds('old')
    })
  }
}

function refusalTests (kind: Pick<Kind, 'named' | 'protocol'>, on: WritingStage): void {
  it(titled(kind, 'G8', 'refuses what it can not do, and makes no bucket on the way'), async () => {
    const { fs, path, big } = on
    const { protocol } = kind
    for (const flag of ['a', 'r+'] as const) await assert.rejects(fs.open(path, flag), code('FORKFS_NOT_SUPPORTED'))
    await assert.rejects(fs.pipeFile(on.store.bucket, 'x'), code('EISDIR'))
    await assert.rejects(fs.pipeFile(path, 'x', { partBytes: 0 }), RangeError)
    const missing = 'forkfs-no-such-bucket-42'
    for (const data of ['x', big]) await assert.rejects(fs.pipeFile(`${missing}/x`, data), code('ENOENT', { operation: 'pipeFile', path: `${missing}/x`, protocol }))
    await fs.pipeFile(path, 'x')
    await assert.rejects(fs.cp(path, `${missing}/x`), code('ENOENT', { operation: 'cp' }))
    await assert.rejects(fs.cp(`${path}-none`, path), code('ENOENT', { operation: 'cp', path: `${path}-none` }))
    await assert.rejects(fs.mv(`${path}-none`, path), code('ENOENT', { operation: 'mv', path: `${path}-none` }))
    await assert.rejects(fs.rm(`${path}-none`), code('ENOENT', { operation: 'rm', path: `${path}-none` }))
    for (const verb of ['info', 'catFile', 'ls', 'size', 'checksum', 'readText', 'head'] as const) {
      await assert.rejects(fs[verb](`${missing}/x`), code('ENOENT', { operation: verb, protocol }))
      await assert.rejects(fs[verb](`${path}-none`), code('ENOENT', { operation: verb, path: `${path}-none` }))
    }
    await assert.rejects(fs.open(`${path}-none`), code('ENOENT', { operation: 'open', path: `${path}-none` }))
    assert.deepEqual([await fs.exists(missing), await fs.exists('No_Such.Bucket!/x')], [false, false])
  })
}

function bucketTests (kind: Pick<Kind, 'named'>, on: WritingStage): void {
  it(titled(kind, 'G22', 'copies and moves in a bucket and between buckets, with content type and metadata'), async () => {
    const { fs, path, store: { other } } = on
    await fs.pipeFile(path, 'copied', { contentType: 'text/x-test', metadata: { a: 'b' } })
    for (const target of [`${path}-copy`, `${other}/copy`]) {
      await fs.cp(path, target)
      assert.equal(await fs.readText(target), 'copied')
      const { contentType, metadata } = await fs.info(target)
      assert.deepEqual([contentType, metadata], ['text/x-test', { a: 'b' }])
    }
    await fs.mv(`${path}-copy`, `${path}-moved`)
    assert.deepEqual([await fs.exists(`${path}-copy`), await fs.readText(`${path}-moved`)], [false, 'copied'])
    await fs.mv(`${path}-moved`, `${other}/moved`)
    assert.deepEqual([await fs.exists(`${path}-moved`), await fs.readText(`${other}/moved`)], [false, 'copied'])
    await fs.pipe({ [`${path}-tree/a/b`]: '1', [`${path}-tree/c`]: '2' })
    await fs.mv(`${path}-tree`, `${path}-other`, { recursive: true })
    assert.deepEqual(await fs.find(`${path}-other`), [`${path}-other/a/b`, `${path}-other/c`])
    assert.equal(await fs.exists(`${path}-tree`), false)
  })

  it('makes and removes buckets, and nothing below them', async () => {
    const { fs } = on
    const name = `${on.store.bucket}-new`
    await fs.mkdir(name)
    await assert.rejects(fs.mkdir(name), code('EEXIST'))
    await assert.rejects(fs.makedirs(name), code('EEXIST'))
    await fs.makedirs(name, { existOk: true })
    await fs.makedirs(`${name}/below`)
    await fs.mkdir(`${name}/below`)
    assert.equal(await fs.exists(`${name}/below`), false)
    await fs.pipeFile(`${name}/object`, '')
    await assert.rejects(fs.rmdir(name), code('ENOTEMPTY'))
    await fs.rm(`${name}/object`)
    await fs.rmdir(name)
    assert.equal(await fs.exists(name), false)
    await assert.rejects(fs.rmdir(name), code('ENOENT'))
    for (const bad of ['No_Bucket', 'No Bucket']) await assert.rejects(fs.mkdir(bad), code('EINVAL'))
    await assert.rejects(fs.rmdir(''), code('EINVAL'))
  })
}
