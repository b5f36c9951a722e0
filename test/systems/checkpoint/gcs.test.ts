import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Checkpoint } from '../../../lib/checkpoint/index.js'
import { clearInstanceCache, filesystem } from '../../../lib/index.js'
import type { FileSystem } from '../../../lib/index.js'
import { code, contentsOf, MiB, pattern, sample, sampleNames } from './support.js'
import { inTemporaryFolder } from '../../process/support.js'
import { startGcsServer } from '../../servers/index.js'
import type { GcsServer } from '../../servers/index.js'

interface Place {
  readonly server: GcsServer
  readonly folder: string
  readonly fs: FileSystem
  /** A local directory with these files. */
  local (name: string, files?: Readonly<Record<string, Uint8Array | string>>): Promise<string>
}

function onPlace (work: (place: Place) => Promise<void>): Promise<void> {
  return inTemporaryFolder('forkfs-checkpoint-', async folder => {
    const server = await startGcsServer({ buckets: ['data'] })
    const fs = filesystem('gs', { apiEndpoint: server.endpoint, retry: { attempts: 2, baseMs: 1, maxMs: 20 } })
    const local = async (name: string, files: Readonly<Record<string, Uint8Array | string>> = sample): Promise<string> => {
      for (const [file, data] of Object.entries(files)) {
        await mkdir(dirname(join(folder, name, file)), { recursive: true })
        await writeFile(join(folder, name, file), data)
      }
      return join(folder, name)
    }
    try {
      await work({ server, folder, fs, local })
    } finally {
      await clearInstanceCache()
      await server.close()
    }
  }, 'tmp')
}

describe('a checkpoint on Google Cloud Storage', function () {
  this.timeout(60_000)

  it('is uploaded whole, with a manifest and without a marker, and reads the same', () => onPlace(async ({ server, fs, folder, local }) => {
    const source = await local('run', { ...sample, 'big.bin': pattern(17 * MiB) })
    const checkpoint = await Checkpoint.persist(source, 'data/runs/1', { filesystem: fs })
    assert.deepEqual(await server.keys('data'), [...sampleNames, 'big.bin'].map(name => `runs/1/${name}`).sort())
    await checkpoint.asDirectory(async path => {
      for (const name of [...Object.keys(sample), 'big.bin']) assert.ok((await readFile(join(path, name))).equals(await readFile(join(source, name))), name)
    }, { requireComplete: true })
    const copy = await checkpoint.toDirectory(join(folder, 'copy'))
    assert.deepEqual(contentsOf(copy).names.filter(name => !name.startsWith('.')), [...Object.keys(sample), 'big.bin'].sort())
    await assert.rejects(Checkpoint.persist(source, 'data/runs/1', { filesystem: fs }), code('EEXIST'))
    await assert.rejects(new Checkpoint('data/runs/2', fs).asDirectory(), code('ENOENT', { protocol: 'gs', path: 'data/runs/2' }))
  }))

  it('leaves nothing when its upload fails, and is not listed before it is complete', () => onPlace(async ({ server, fs, local }) => {
    const source = await local('run')
    const first = await Checkpoint.persist(source, 'data/runs/1', { filesystem: fs })
    await server.addFault({ match: { operation: 'objects.insert', key: 'runs/2/model.bin', from: 1 }, action: { type: 'status', status: 403, code: 'forbidden' } })
    await assert.rejects(Checkpoint.persist(source, 'data/runs/2', { filesystem: fs }), code('EACCES'))
    assert.deepEqual(await server.keys('data', 'runs/2/'), [])
    for (const [name, data] of Object.entries(sample)) await server.put('data', `runs/3/${name}`, data)
    await server.put('data', 'runs/3/.checkpoint.incomplete', '{}')
    assert.equal((await Checkpoint.latestComplete('data/runs', fs))?.path, first.path)
    await assert.rejects(new Checkpoint('data/runs/3', fs).asDirectory(), code('FORKFS_INCOMPLETE'))
  }))

  it('is found as the latest one, and pruned', () => onPlace(async ({ server, fs, local }) => {
    assert.equal(await Checkpoint.latestComplete('data/runs', fs), undefined)
    const source = await local('run', { a: 'b' })
    for (const name of ['b', 'c', 'a']) await Checkpoint.persist(source, `data/runs/${name}`, { filesystem: fs })
    await server.put('data', 'runs/ray/a', 'of somebody else')
    assert.equal((await Checkpoint.latestComplete('data/runs', fs))?.path, 'data/runs/a')
    assert.deepEqual((await Checkpoint.prune('data/runs', { keep: 1, filesystem: fs })).sort(), ['data/runs/b', 'data/runs/c'])
    assert.deepEqual(await server.keys('data'), ['runs/a/.checkpoint.json', 'runs/a/a', 'runs/ray/a'])
  }))

  it('loses nothing of 20 updates of its metadata at once', () => onPlace(async ({ server, fs }) => {
    const own = (): FileSystem => filesystem('gs', { apiEndpoint: server.endpoint, fresh: true })
    const updates = Array.from({ length: 20 }, async (_, n) => {
      await using mine = own()
      await new Checkpoint('data/run', mine).updateMetadata({ [`key ${n}`]: n })
    })
    await Promise.all(updates)
    const metadata = await new Checkpoint('data/run', fs).getMetadata()
    assert.deepEqual(Object.values(metadata).sort((a, b) => Number(a) - Number(b)), Array.from({ length: 20 }, (_, n) => n))
    assert.deepEqual(JSON.parse(String(await server.get('data', 'run/.metadata.json'))), metadata)
  }))

  it('loses nothing of an update from another host, which knows nothing of our locks', () => onPlace(async ({ server, fs }) => {
    const checkpoint = new Checkpoint('data/run', fs)
    await checkpoint.setMetadata({ first: 1 })
    await server.addFault({ match: { operation: 'objects.getMedia', key: 'run/.metadata.json' }, action: { type: 'delay', ms: 300, applied: true } })
    await server.resetCounters()
    const updating = checkpoint.updateMetadata({ ours: 2 })
    await server.reached({ faults: 1 })
    await server.put('data', 'run/.metadata.json', JSON.stringify({ first: 1, theirs: 3 }))
    await updating
    assert.deepEqual(await checkpoint.getMetadata(), { first: 1, theirs: 3, ours: 2 })
    assert.equal((await server.counters()).statuses['412'], 1)
  }))

  it('of which names would leave the directory is refused before any is written', () => onPlace(async ({ server, fs, folder }) => {
    for (const [index, name] of ['../../evil', 'a/../../../evil', './a', 'a//b', '/absolute'].entries()) {
      await server.put('data', `hostile/${index}/fine`, 'x')
      await server.put('data', `hostile/${index}/${name}`, 'evil')
      const checkpoint = new Checkpoint(`data/hostile/${index}`, fs)
      await assert.rejects(checkpoint.asDirectory(), code('EINVAL'))
      const target = join(folder, 'new', String(index))
      await assert.rejects(checkpoint.toDirectory(target), code('EINVAL'))
      assert.equal(existsSync(target), false)
    }
    assert.equal(existsSync(join(folder, 'evil')) || existsSync(join(folder, 'new', 'evil')), false)
  }))
})
