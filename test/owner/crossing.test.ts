import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { Agent } from 'undici'
import { currentOwner, filesystem, isFsError, resetForFork, urlToFs } from '../../lib/index.js'
import type { FsError, OwnerTag } from '../../lib/index.js'
import { DataLoader } from '../../lib/loader/index.js'
import { liveLeases } from '../../lib/locks/index.js'
import type { S3Server } from '../servers/index.js'
import { actorKinds, MiB, optionsOf, outcome, pattern, processKinds, Stage, until, verbs } from './support.js'

describe('owners: what crosses to another thread or process', function () {
  this.timeout(30_000)
  const stage = new Stage()
  let server: S3Server
  beforeEach(async () => {
    server = await stage.s3()
    await server.put('test', 'a', 'text')
  })
  afterEach(() => stage.end())

  for (const kind of actorKinds) {
    it(`F1: an instance arrives in a ${kind} as a descriptor without a verb, which nothing takes for a filesystem, and revive() gives it life`, async () => {
      const fs = stage.fs(server, { shareCredentials: true })
      const actor = await stage.actor(kind)
      assert.deepEqual(await actor.do('look', fs, 'test/a'), { keys: ['$forkfs'], verbs: [], recognised: false, mapper: 'refused', loader: 'text', text: 'text' })
    })

    it(`F3: resetForFork() in a ${kind} leaves the requests and sockets of its parent alone`, async () => {
      await server.put('test', 'slow', pattern(MiB))
      await server.addFault({ action: { type: 'stall', at: 'body', afterBytes: 1000 }, match: { key: 'slow' }, times: 1 })
      const fs = stage.fs(server, { shareCredentials: true })
      const actor = await stage.actor(kind)
      await actor.do('read', fs, 'test/a')
      const { sockets } = fs.stats
      const controller = new AbortController()
      const reading = fs.catFile('test/slow', { signal: controller.signal })
      const ended = outcome(reading)
      await until(async () => (await server.counters()).faults === 1)
      assert.deepEqual(await actor.do<{ instances: number, clients: number }>('reset').then(({ instances, clients }) => ({ instances, clients })), { instances: 1, clients: 1 })
      assert.equal(await actor.do('read', fs, 'test/a'), 'text')
      assert.equal(await fs.readText('test/a'), 'text')
      assert.equal(fs.stats.retries, 0)
      assert.ok(fs.stats.sockets > sockets)
      controller.abort('enough')
      assert.equal(await ended, 'enough')
    })

    it(`F9: an instance that is sent to a ${kind} stays what its sender configured; one made there follows the environment there`, async () => {
      const theirs = await stage.s3({ credentials: [{ accessKeyId: 'theirs', secretAccessKey: 'secret' }] })
      await theirs.put('test', 'a', 'from the environment of the worker')
      const fs = stage.fs(server, { shareCredentials: true })
      const actor = await stage.actor(kind, { env: {
        FORKFS_S3_ENDPOINT: theirs.endpoint, FORKFS_S3_REGION: 'us-east-1', FORKFS_S3_TIMEOUT_MS: '1', AWS_ACCESS_KEY_ID: 'theirs', AWS_SECRET_ACCESS_KEY: 'secret'
      } })
      assert.equal(await actor.do('read', fs, 'test/a'), 'text')
      assert.equal(await actor.do('readOwn', 's3', { timeoutMs: 5000 }, 'test/a'), 'from the environment of the worker')
    })

    it(`F22: keys stay at home: a ${kind} uses its own, and one with others is refused before any request`, async () => {
      const { accessKeyId, secretAccessKey } = server
      const fs = stage.fs(server)
      const [same, other, none] = await Promise.all([
        stage.actor(kind, { env: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } }),
        stage.actor(kind, { env: { AWS_ACCESS_KEY_ID: 'somebody', AWS_SECRET_ACCESS_KEY: 'else' } }),
        stage.actor(kind, { env: { AWS_EC2_METADATA_DISABLED: 'true', HOME: await stage.folder(), NODE_NO_WARNINGS: '1' } })
      ])
      assert.equal(await same.do('read', fs, 'test/a'), 'text')
      await server.resetCounters()
      assert.equal(await outcome(other.do('read', fs, 'test/a')), 'FORKFS_CREDENTIALS')
      assert.equal(await outcome(none.do('read', fs, 'test/a')), 'FORKFS_CREDENTIALS')
      assert.equal((await server.counters()).requests, 0)
      const shown = await same.do<string>('show', fs, 'test/none') + await other.do<string>('show', fs, 'test/none')
      assert.ok(shown.includes(accessKeyId))
      assert.ok(!shown.includes(secretAccessKey))
    })

    it(`F22: an authorization header stays at home: a ${kind} without it is told so, and never shows it`, async () => {
      const files = await stage.files({ files: { a: 'text' }, auth: { bearer: 'hunter2' } })
      const fs = filesystem('http', { baseUrl: files.endpoint, headers: { authorization: 'Bearer hunter2', 'x-team': 'red' } })
      assert.equal(await fs.readText('a'), 'text')
      const actor = await stage.actor(kind)
      assert.equal(await outcome(actor.do('read', fs, 'a')), 'FORKFS_CREDENTIALS')
      const shown = await actor.do<string>('show', fs, 'a')
      assert.ok(shown.includes('red'))
      assert.ok(!shown.includes('hunter2'))
      await fs.close()
    })

    it(`F26: an error comes back from a ${kind} with class, code, path, fields and causes`, async () => {
      const fs = stage.fs(server, { shareCredentials: true })
      const actor = await stage.actor(kind)
      const error = await actor.do('fail', fs, 'test/none').then(() => undefined, (thrown: unknown) => thrown) as AggregateError & { code: string, detail: { when: Date }, remoteStack: string }
      assert.ok(error instanceof AggregateError)
      assert.deepEqual([error.name, error.message, error.code, error.detail], ['AggregateError', 'both', 'MINE', { when: new Date(0) }])
      assert.match(error.remoteStack, /deeds\.js/)
      const { name, code, path, operation, protocol, status, retry } = error.cause as FsError
      assert.ok(isFsError(error.cause, 'ENOENT'))
      assert.deepEqual({ name, code, path, operation, protocol, status, retry },
        { name: 'FsError', code: 'ENOENT', path: 'test/none', operation: 'readText', protocol: 's3', status: 404, retry: 'never' })
      assert.ok(isFsError(error.errors[0], 'ENOENT') && error.errors[1] instanceof RangeError)
    })

    it(`F28: a file read here and in two ${kind === 'process' ? 'processes' : `${kind === 'thread' ? 'threads' : 'cluster children'}`} at once has a position for each reader`, async () => {
      const data = pattern(2 * MiB + 123)
      await server.put('test', 'big', data)
      const hash = createHash('sha256').update(data).digest('hex')
      const fs = stage.fs(server, { shareCredentials: true })
      const { hashOf } = await import('./fixtures/deeds.js')
      const [one, two] = await Promise.all([stage.actor(kind), stage.actor(kind)])
      const read = await Promise.all([
        one.do('hashBySteps', fs, 'test/big', 70_001), two.do('hashBySteps', fs, 'test/big', 300_007),
        fs.withFile('test/big', 'r', file => hashOf(file, 9_999)), fs.withFile('test/big', 'r', file => hashOf(file, 1_048_576))
      ])
      assert.deepEqual(read, [hash, hash, hash, hash])
    })
  }

  it('F2: an instance that is held works on in a new epoch by every verb, with a client of its own', async () => {
    const files = await stage.files({ files: { 'd/x': 'text' } })
    const folder = await stage.folder()
    await writeFile(join(folder, 'a'), 'text')
    const memory = filesystem('memory', { name: 'held' })
    await memory.writeText('d/x', 'text')
    for (const [fs, path] of [[stage.fs(server), 'test/a'], [filesystem('http', { baseUrl: files.endpoint }), 'd/x'], [filesystem('file'), join(folder, 'a')], [memory, 'd/x']] as const) {
      for (const [verb, call] of Object.entries(verbs(fs, path))) {
        const { epoch } = resetForFork()
        const code = await outcome(call())
        assert.ok(code === 'fulfilled' || (fs.protocol === 'http' && code === 'ENOENT'), `${fs.protocol} ${verb}: ${String(code)}`)
        assert.equal(fs.owner.epoch, epoch)
      }
    }
  })

  it('F2: onForeignOwner \'throw\' refuses every verb in a new epoch, and nothing is sent', async () => {
    const strict = stage.fs(server, { onForeignOwner: 'throw' })
    await strict.readText('test/a')
    resetForFork()
    await server.resetCounters()
    for (const [verb, call] of Object.entries(verbs(strict, 'test/a'))) assert.equal(await outcome(call()), 'FORKFS_FOREIGN_OWNER', verb)
    assert.equal((await server.counters()).requests, 0)
  })

  it('F3: a reset drops its own sockets and leaves a dispatcher of the caller open, with the connections it has', async () => {
    const dispatcher = new Agent()
    const [own, lent] = [stage.fs(server), stage.fs(server, { dispatcher })]
    await own.readText('test/a')
    await lent.readText('test/a')
    assert.equal((await server.counters()).sockets.open, 2)
    resetForFork()
    await until(async () => (await server.counters()).sockets.open === 1)
    assert.equal(await lent.readText('test/a'), 'text')
    assert.equal((await server.counters()).sockets.ever, 2)
    assert.deepEqual([dispatcher.closed, dispatcher.destroyed], [false, false])
    await dispatcher.close()
  })

  it('F9: configure() after the first use gives another instance, and leaves the first as it was', async () => {
    const other = await stage.s3({ credentials: [{ accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey }] })
    await other.put('test', 'a', 'other')
    const { configure } = await import('../../lib/index.js')
    configure('s3', optionsOf(server) as Record<string, unknown>)
    try {
      const before = filesystem('s3')
      assert.equal(await before.readText('test/a'), 'text')
      configure('s3', { endpoint: other.endpoint })
      assert.equal(await filesystem('s3').readText('test/a'), 'other')
      assert.equal(await before.readText('test/a'), 'text')
    } finally {
      configure('s3', { endpoint: undefined, region: undefined, credentials: undefined })
    }
  })

  it('F30: an open file refuses every channel where it is sent, and has no descriptor number to give', async () => {
    const folder = await stage.folder()
    await writeFile(join(folder, 'a'), 'text')
    const program = fileURLToPath(new URL('./fixtures/actor.js', import.meta.url))
    const thread = await stage.actor('thread')
    const child = fork(program, { serialization: 'advanced' })
    try {
      for (const fs of [filesystem('file'), stage.fs(server), filesystem('memory', { name: 'f30' })]) {
        const path = fs.protocol === 'file' ? join(folder, 'a') : 'test/a'
        if (fs.protocol === 'memory') await fs.writeText(path, 'text')
        for (const flags of ['r', 'w'] as const) {
          const file = await fs.open(path, flags)
          const sends: Array<() => unknown> = [
            () => structuredClone(file), () => JSON.stringify({ file }), () => new Worker(program, { workerData: { file } }),
            () => child.send({ file } as never)
          ]
          for (const [at, send] of sends.entries()) assert.throws(send, { code: 'FORKFS_UNCLONEABLE' }, `${fs.protocol} ${flags} ${at}`)
          assert.equal(await outcome(thread.do('owner', file)), 'FORKFS_UNCLONEABLE')
          assert.equal('fd' in file, false)
          await file.abort()
          await file.close().catch(() => {})
        }
      }
    } finally {
      child.kill('SIGKILL')
    }
  })

  for (const kind of processKinds) {
    it(`F31: a ${kind} that takes the place of a dead one has another owner, whatever its pid`, async () => {
      const tags: OwnerTag[] = [currentOwner()]
      for (let round = 0; round < 3; round++) {
        const actor = await stage.actor(kind)
        tags.push(await actor.do<OwnerTag>('owner'))
        await actor.kill()
      }
      assert.deepEqual(tags.slice(1).map(({ threadId, epoch }) => [threadId, epoch]), [[0, 1], [0, 1], [0, 1]])
      assert.equal(new Set(tags.map(({ realm }) => realm)).size, tags.length)
    })

    it(`F31: what a dead ${kind} left counts for nothing, also when its pid belongs to a process that lives`, async () => {
      const folder = join(await stage.folder(), 'leases')
      const actor = await stage.actor(kind)
      await actor.do('lease', folder)
      const [file] = await readdir(folder)
      const record = JSON.parse(await readFile(join(folder, file!), 'utf8')) as { readonly owner: OwnerTag }
      assert.deepEqual([record.owner.pid, (await liveLeases(folder)).length], [actor.pid, 1])
      await actor.kill()
      await writeFile(join(folder, file!), JSON.stringify({ ...record, owner: { ...record.owner, pid: process.pid } }))
      assert.deepEqual(await liveLeases(folder), [])
    })

    it(`F32: a relative path is settled where it is written: a ${kind} elsewhere reads the same file`, async () => {
      const [here, there] = [await stage.folder(), await stage.folder()]
      await writeFile(join(here, 'a'), 'here')
      await writeFile(join(there, 'a'), 'there')
      const before = process.cwd()
      const actor = await stage.actor(kind, { cwd: there })
      process.chdir(here)
      try {
        const [fs, path] = await urlToFs('a')
        assert.equal(await actor.do('read', fs, path), 'here')
        assert.equal(await actor.do('read', fs, 'a'), 'there')
        await writeFile(join(here, 'keys.mjs'), `export default () => (${JSON.stringify({ accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey })})`)
        const s3 = stage.fs(server, { credentials: undefined, credentialsModule: './keys.mjs' })
        process.chdir(before)
        assert.equal(await s3.readText('test/a'), 'text')
        assert.equal((s3.toJSON().$forkfs['options'] as { credentialsModule: string }).credentialsModule, new URL(`file://${here}/keys.mjs`).href)
      } finally {
        process.chdir(before)
      }
    })
  }

  it('F32: files, streams and loaders that were opened by relative paths go on with their files when the working directory changes', async () => {
    const [here, there] = [await stage.folder(), await stage.folder()]
    await mkdir(join(here, 'd'))
    await writeFile(join(here, 'd/read'), 'x'.repeat(3 * MiB))
    const fs = filesystem('file')
    const before = process.cwd()
    process.chdir(here)
    try {
      const [reading, writing] = [await fs.open('d/read'), await fs.open('d/written', 'w')]
      const stream = fs.createReadStream('d/read')
      const loader = new DataLoader<{ data: Uint8Array }>({ shards: ['d/read', 'd/read'], reader: 'bytes', workers: 1, prefetchBytes: 1000 })
      const samples = loader[Symbol.asyncIterator]()
      assert.equal((await samples.next()).value?.data.length, 3 * MiB)
      process.chdir(there)
      await writing.write('whole')
      await writing.close()
      assert.equal(await fs.readText(join(here, 'd/written')), 'whole')
      assert.equal((await reading.readFile()).length, 3 * MiB)
      await reading.close()
      let streamed = 0
      for await (const chunk of stream) streamed += (chunk as Uint8Array).length
      assert.equal(streamed, 3 * MiB)
      assert.equal((await samples.next()).value?.data.length, 3 * MiB)
      assert.equal((await samples.next()).done, true)
    } finally {
      process.chdir(before)
    }
  })
})
