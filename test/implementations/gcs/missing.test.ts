import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FsError } from '../../../lib/index.js'
import { calls } from '../../conformance/traits/calls.js'
import { code, openFaulty } from './support.js'
import type { FaultyStore } from './support.js'

const object = 'test/none/x'
const bucket = 'forkfs-no-such-bucket-42'

/** Verbs whose answer to what is missing is none: as in fsspec. */
const empty: Readonly<Record<string, unknown>> = { exists: false, isFile: false, isDirectory: false, walk: undefined, find: [], glob: [], du: 0 }
/** A stream is an open file, and a write is refused when it is published. */
const operations: Readonly<Record<string, string>> = {
  createReadStream: 'open', readable: 'open', 'pipeFile wx': 'pipeFile', 'open w': 'commit', writable: 'commit', createWriteStream: 'commit'
}
const reads = calls.filter(({ name, needs }) => needs.length === 0 && !(name in empty)).map(({ name }) => name)
const writes = calls.filter(({ needs }) => needs.includes('write') && !needs.includes('emptyDirectories')).map(({ name }) => name)
const creates = new Set(['pipeFile', 'pipe', 'writeText', 'touch', 'open w', 'writable', 'createWriteStream', 'pipeFile wx'])

describe('GCS: what is missing', () => {
  let running: FaultyStore
  beforeEach(async () => { running = await openFaulty() })
  afterEach(() => running.close())
  const call = (name: string, path: string, fresh: string): Promise<unknown> => calls.find(each => each.name === name)!.call(running.fs, path, fresh, {})
  /** ENOENT with the verb, and with the path that is missing: one of these. */
  const refuses = async (name: string, paths: readonly string[], work: Promise<unknown>): Promise<void> => {
    await assert.rejects(work, (error: FsError) => {
      assert.deepEqual([error.code, error.operation, error.protocol], ['ENOENT', operations[name] ?? name, 'gs'], `${name}: ${error.message}`)
      assert.ok(paths.includes(error.path!), `${name}: ${error.path}`)
      return true
    })
  }
  const nothingAppeared = async (): Promise<void> => {
    assert.deepEqual((await running.fs.ls('')).map(({ name }) => name), ['test'])
    assert.deepEqual(await running.server.keys('test'), [])
  }

  for (const [what, path] of [['an object', object], ['a bucket', `${bucket}/x`]] as const) {
    for (const name of reads) {
      it(`G8: ${name} rejects with ENOENT for ${what} that is missing, naming verb and path`, async () => {
        await refuses(name, path === object ? [object] : [path, bucket], call(name, path, 'test/fresh'))
        await nothingAppeared()
      })
    }

    it(`G8: ${Object.keys(empty).join(', ')} find nothing where ${what} is missing`, async () => {
      for (const [name, expected] of Object.entries(empty)) assert.deepEqual(await call(name, path, 'test/fresh'), expected, name)
      await nothingAppeared()
    })
  }

  for (const name of writes) {
    it(`G8: ${name} rejects with ENOENT for a bucket that is missing, naming verb and path, and makes none`, async () => {
      await refuses(name, [`${bucket}/x`, `${bucket}/fresh`, bucket], call(name, `${bucket}/x`, `${bucket}/fresh`))
      if (!creates.has(name)) await refuses(name, [object], call(name, object, 'test/fresh'))
      await nothingAppeared()
    })
  }

  it('G8: copies reject with ENOENT for a target bucket that is missing, and keep their source', async () => {
    const { fs, server } = running
    await server.put('test', 'a', 'text')
    for (const name of ['cp', 'mv']) await refuses(name, [bucket], call(name, 'test/a', `${bucket}/x`))
    assert.deepEqual(await server.keys('test'), ['a'])
    await assert.rejects(fs.rmdir(bucket), code('ENOENT', { operation: 'rmdir', path: bucket, protocol: 'gs' }))
    await assert.rejects(fs.rmdir('test/none'), code('ENOENT', { operation: 'rmdir', path: 'test/none', protocol: 'gs' }))
    await assert.rejects(fs.abortUpload(`${bucket}/x`, 'none'), code('EINVAL', { operation: 'abortUpload' }))
    assert.deepEqual((await fs.ls('')).map(({ name }) => name), ['test'])
  })

  it('G8: get and put reject with ENOENT for what is missing, and make nothing on either side', async () => {
    const { fs } = running
    const folder = await mkdtemp(join(tmpdir(), 'forkfs-test-'))
    try {
      for (const path of [object, `${bucket}/x`]) await refuses('get', [path, bucket], fs.get(path, join(folder, 'got')))
      assert.deepEqual(await readdir(folder), [])
      await writeFile(join(folder, 'a'), 'text')
      await refuses('put', [`${bucket}/x`, bucket], fs.put(join(folder, 'a'), `${bucket}/x`))
      await assert.rejects(fs.put(join(folder, 'none'), 'test/x'), code('ENOENT', { operation: 'put' }))
      await nothingAppeared()
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
