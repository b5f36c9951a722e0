import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { identityOf as identity } from '../../../lib/checkpoint/address.js'
import { Checkpoint } from '../../../lib/checkpoint/index.js'
import { filesystem, isFsError, revive } from '../../../lib/index.js'
import { startWorker } from '../../../lib/workers/index.js'
import { code, contentsOf, onStage, sampleNames } from './support.js'
import type { Contents } from './support.js'

const secret = 'a-very-secret-key'
const identityOf = ({ filesystem: fs, path }: Checkpoint): string => identity({ fs, path })

describe('a Checkpoint', function () {
  this.timeout(60_000)

  it('C19: travels through structured clone and JSON to an equal one, secrets absent', () => {
    const fs = filesystem('s3', { region: 'eu-west-1', credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: secret } })
    const checkpoint = new Checkpoint('data/runs/1', fs)
    assert.deepEqual(Object.keys(checkpoint), ['$forkfs'])
    for (const sent of [structuredClone({ checkpoint }), JSON.parse(JSON.stringify({ checkpoint })) as unknown]) {
      assert.ok(!JSON.stringify(sent).includes(secret))
      const { checkpoint: arrived } = revive(sent) as { checkpoint: Checkpoint }
      assert.ok(arrived instanceof Checkpoint)
      assert.deepEqual([arrived.path, arrived.filesystem.protocol], ['data/runs/1', 's3'])
      assert.equal(identityOf(arrived), identityOf(checkpoint))
    }
    assert.ok(!inspect(checkpoint).includes(secret))
    assert.equal((revive({ checkpoint }) as { checkpoint: Checkpoint }).checkpoint, checkpoint)
  })

  it('is the same for one account of one store and path, whatever is tuned, and for no other', () => {
    const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: secret }
    const of = (options: object, path = 'data/runs/1'): string => identityOf(new Checkpoint(path, filesystem('s3', { region: 'eu-west-1', credentials, ...options })))
    assert.equal(new Set([{}, { maxConcurrency: 3, timeoutMs: 1000 }, { shareCredentials: true }].map(options => of(options))).size, 1)
    assert.equal(new Set([of({}), of({}, 'data/runs/2'), of({ endpoint: 'http://127.0.0.1:9' }), of({ credentials: { ...credentials, accessKeyId: 'AKIAOTHER' } }), of({ credentials: 'anonymous' })]).size, 5)
  })

  it('C19: is read where it arrives: in a thread, a process and a cluster worker, from one download', () => onStage(async stage => {
    const checkpoint = await stage.persisted('data/runs/1')
    const actors = await stage.actorsOf(['thread', 'process', 'cluster'])
    const sent = { $forkfs: { ...checkpoint.$forkfs, fs: stage.fs.toJSON({ credentials: true }) } }
    const arrived = await checkpoint.asDirectory(async folder => {
      const here = contentsOf(folder)
      const there = await Promise.all(actors.map(actor => actor.ask<{ live: boolean, path: string, contents: Contents }>({ verb: 'revive', sent })))
      assert.deepEqual(there.map(({ contents }) => contents), [here, here, here])
      return there
    })
    assert.deepEqual(arrived.map(({ live, path }) => [live, path]), Array(3).fill([true, 'data/runs/1']))
    assert.deepEqual(arrived[0]!.contents.names, sampleNames)
    assert.equal(await stage.gets('data/runs/1/model.bin'), 1)
  }))

  for (const kind of ['thread', 'process'] as const) {
    it(`C19: is an argument and a result of calls in a worker ${kind}`, () => onStage(async stage => {
      const checkpoint = await stage.persisted('data/runs/1')
      const tasks = new URL('./fixtures/tasks.js', import.meta.url)
      const worker = await startWorker({ kind })
      try {
        const { live, names, checkpoint: back } = await worker.call<{ live: boolean, names: string[], checkpoint: Checkpoint }>(tasks, 'namesOf', [checkpoint])
        assert.deepEqual([live, names, back instanceof Checkpoint, back.path], [true, sampleNames, true, checkpoint.path])
      } finally {
        await worker.close()
      }
      assert.deepEqual(await stage.copies(), [])
    }))
  }

  it('C19: of a malformed descriptor is FORKFS_DESCRIPTOR', () => {
    for (const body of [{}, { fs: 1, path: 'a' }, { fs: filesystem('file').toJSON() }, { fs: filesystem('file').toJSON(), path: 1 }]) {
      assert.throws(() => revive({ $forkfs: { v: 1, type: 'checkpoint', ...body } }), error => isFsError(error, 'FORKFS_DESCRIPTOR'))
    }
    assert.throws(() => revive({ $forkfs: new Checkpoint('s3://a/b').$forkfs }, { allowedProtocols: ['file'] }), code('FORKFS_NOT_ALLOWED'))
  })

  it('C20: used as a path throws a TypeError that names the methods', async () => {
    const checkpoint = new Checkpoint('s3://data/runs/1')
    const named = (error: unknown): boolean => error instanceof TypeError && error.message.includes('asDirectory') && error.message.includes('toDirectory')
    assert.throws(() => `${checkpoint as unknown as string}`, named)
    assert.throws(() => (checkpoint as unknown as string) + '/a', named)
    assert.throws(() => String(checkpoint), named)
    assert.throws(() => readFileSync(checkpoint as unknown as string), named)
    await assert.rejects(readFile(checkpoint as unknown as string), named)
    assert.throws(() => join(checkpoint as unknown as string, 'a'), TypeError)
  })

  it('takes URLs, local paths, `~`, URL objects and buffers, resolved when it is made', () => {
    assert.deepEqual([new Checkpoint('s3://data/runs/1/').path, new Checkpoint('s3://data/runs/1').filesystem.protocol], ['data/runs/1', 's3'])
    for (const path of ['/tmp/a/../b//c/', pathToFileURL('/tmp/b/c'), 'file:///tmp/b/c', Buffer.from('/tmp/b/c')]) {
      assert.deepEqual([new Checkpoint(path).path, Checkpoint.fromDirectory(path).path], ['/tmp/b/c', '/tmp/b/c'])
    }
    assert.equal(new Checkpoint('~/runs').path, join(homedir(), 'runs'))
    assert.equal(new Checkpoint('runs/~').path, join(process.cwd(), 'runs/~'))
    assert.equal(new Checkpoint('~/runs', filesystem('memory')).path, '~/runs')
    assert.equal(inspect(new Checkpoint('s3://data/runs/1')), 'Checkpoint { protocol: \'s3\', path: \'data/runs/1\' }')
  })

  it('refuses wrong arguments before any I/O', async () => {
    for (const path of ['', undefined, 1, null, {}]) assert.throws(() => new Checkpoint(path as string), TypeError)
    assert.throws(() => new Checkpoint('s3://data/a', filesystem('memory')), TypeError)
    assert.throws(() => new Checkpoint('a', structuredClone(filesystem('memory'))), TypeError)
    assert.throws(() => new Checkpoint('nothing://a'), code('FORKFS_UNKNOWN_PROTOCOL'))
    assert.throws(() => Checkpoint.fromDirectory('s3://data/a'), TypeError)
    await assert.rejects(new Checkpoint('s3://data/a').toDirectory('s3://data/b'), TypeError)
    await assert.rejects(new Checkpoint('s3://data/a').toDirectory(''), TypeError)
  })
})
