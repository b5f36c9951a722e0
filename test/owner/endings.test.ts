import assert from 'node:assert/strict'
import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { filesystem, resetForFork } from '../../lib/index.js'
import type { FileSystem } from '../../lib/index.js'
import { acquireLock, tryLock } from '../../lib/locks/index.js'
import { localTemporaryPattern } from '../../lib/file/local-temporary.js'
import type { S3Server } from '../servers/index.js'
import { actorKinds, MiB, optionsOf, outcome, pattern, processKinds, seen, Stage, until } from './support.js'
import type { Actor } from './support.js'

const program = fileURLToPath(new URL('./fixtures/ending.child.js', import.meta.url))

describe('owners: how they end', function () {
  this.timeout(30_000)
  const stage = new Stage()
  let server: S3Server
  let folder: string
  beforeEach(async () => {
    server = await stage.s3()
    folder = await stage.folder()
    await server.put('test', 'a', 'text')
    await server.put('test', 'big', pattern(4 * MiB))
    await writeFile(join(folder, 'old'), 'old')
  })
  afterEach(() => stage.end())

  interface Ended { readonly code: number, readonly output: string, readonly warnings: number, readonly ms: number }

  async function runToItsEnd (what: string, how: string): Promise<Ended> {
    const start = performance.now()
    const job = JSON.stringify({ what, how, options: optionsOf(server), folder })
    return new Promise(resolve => {
      execFile(process.execPath, [program, job], { timeout: 15_000, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
        resolve({ code, output: stdout, warnings: stderr.split('ForkfsWarning').length - 1, ms: performance.now() - start })
      })
    })
  }

  /** Nothing of the write is there, the old file is whole, nothing is staged or left behind at the store. */
  async function untouched (uploads = 0): Promise<void> {
    assert.deepEqual(await readdir(folder), ['old'])
    assert.equal(await readFile(join(folder, 'old'), 'utf8'), 'old')
    assert.deepEqual(await server.keys('test'), ['a', 'big'])
    assert.equal((await server.uploads('test')).length, uploads)
    await until(async () => (await server.counters()).sockets.open === 0)
  }

  for (const [what, warnings] of Object.entries({
    'an idle pool': 0, 'a file that is read': 0, 'an iterator that is not finished': 0, 'streams that nobody reads': 0, 'a small write': 1, 'an upload': 1, 'a local write': 1
  })) {
    it(`F16: a process ends by itself with ${what}, ${warnings === 0 ? 'silently' : 'drops it and says so once'}`, async () => {
      const ended = await runToItsEnd(what, 'natural')
      assert.deepEqual({ ...ended, ms: 0 }, { code: 0, output: '', warnings, ms: 0 })
      assert.ok(ended.ms < 5000, `${ended.ms} ms`)
      await untouched()
    })
  }

  for (const how of ['exit', 'throw'] as const) {
    it(`F16: process.${how === 'exit' ? 'exit()' : 'on(\'uncaughtException\')'} waits for nothing: a staged file is removed, an upload stays to be swept`, async () => {
      for (const what of ['a local write', 'an upload', 'an idle pool']) {
        const ended = await runToItsEnd(what, how)
        assert.deepEqual([ended.code, ended.output], [how === 'exit' ? 0 : 1, ''])
        assert.ok(ended.ms < 5000, `${ended.ms} ms`)
        await untouched(what === 'an idle pool' || what === 'an upload' ? 1 : 0)
      }
    })
  }

  it('F16: a thread ends by itself with everything open, and drops what was not closed', async () => {
    for (const what of ['an idle pool', 'a file that is read', 'streams that nobody reads', 'an upload', 'a local write']) {
      const worker = new Worker(program, { workerData: { what, how: 'natural', options: optionsOf(server), folder }, stderr: true })
      worker.stderr.resume()
      const [code] = await once(worker, 'exit') as [number]
      assert.equal(code, 0, what)
      await untouched()
    }
  })

  it('F17: what became garbage lets its sockets go, with a busy loop, after a reset and at the end, and nothing is thrown', async () => {
    const child = fork(new URL('./fixtures/garbage.child.js', import.meta.url), [JSON.stringify(optionsOf(server))], { execArgv: ['--expose-gc'] })
    stage.later(async () => Promise.resolve(child.kill('SIGKILL')))
    await once(child, 'message')
    const order = async (name: string): Promise<void> => {
      child.send(name)
      assert.deepEqual((await once(child, 'message'))[0], [])
    }
    const open = async (): Promise<number> => (await server.counters()).sockets.open
    for (const way of ['forget', 'busy', 'reset']) {
      await order('use')
      const used = performance.now()
      assert.ok(await open() >= 20, `${way}: ${await open()} sockets`)
      await until(async () => {
        await order(way)
        return await open() === 0
      }, way)
      assert.ok(performance.now() - used < 3000, 'they ended by their own timer') // idle connections live for four seconds
    }
    await order('use')
    child.send('end')
    assert.deepEqual((await once(child, 'exit'))[0], 0)
  })

  it('F18: closing, disposing and aborting one write in any order and at once publishes it once, or drops it once', async () => {
    const listeners = process.listenerCount('exit')
    const data = pattern(12 * MiB)
    const fs = stage.fs(server)
    for (const [at, ends] of ([
      file => [file.close(), file.close(), file[Symbol.asyncDispose]()],
      file => [file.commit(), file.close(), file.abort()],
      file => [file.close(), file.abort(), file.commit()]
    ] as Array<(file: import('../../lib/index.js').FileHandle) => Array<Promise<unknown>>>).entries()) {
      const file = await fs.open(`test/closed-${at}`, 'w')
      await file.write(data)
      await Promise.all(ends(file).map(outcome))
      await file[Symbol.asyncDispose]()
      assert.equal((await server.get('test', `closed-${at}`))?.length, data.length)
      assert.deepEqual([await seen(server, 'CompleteMultipartUpload'), await seen(server, 'AbortMultipartUpload')], [at + 1, 0])
    }
    const dropped = await fs.open('test/dropped', 'w')
    await dropped.write(data)
    await Promise.all([dropped.abort(), dropped.close(), dropped.abort(), dropped[Symbol.asyncDispose]()].map(outcome))
    assert.deepEqual([await seen(server, 'AbortMultipartUpload'), await server.get('test', 'dropped'), await server.uploads('test')], [1, undefined, []])
    assert.equal(process.listenerCount('exit'), listeners)
  })

  it('F18: an instance that is closed many times at once, while it is used, and again after a reset is closed, and opens again', async () => {
    const fs = stage.fs(server)
    for (let round = 0; round < 10; round++) {
      const reads = [fs.readText('test/a'), fs.readText('test/a')]
      await Promise.all([fs.close(), ...reads, fs.close(), fs[Symbol.asyncDispose]()])
    }
    await fs.close()
    await until(async () => (await server.counters()).sockets.open === 0)
    await fs.readText('test/a')
    const closing = fs.close()
    resetForFork()
    await Promise.all([closing, fs.close()])
    await until(async () => (await server.counters()).sockets.open === 0)
    assert.equal(await fs.readText('test/a'), 'text')
  })

  for (const kind of actorKinds) {
    it(`F19: a ${kind} that is killed amid an upload leaves the old object, and an upload that can be found; nobody else is disturbed`, async () => {
      await server.put('test', 'target', 'old')
      await server.addFault({ action: { type: 'stall', at: 'headers' }, match: { operation: 'UploadPart', nth: 2 } })
      const fs = stage.fs(server, { shareCredentials: true })
      await fs.readText('test/a')
      const actor = await stage.actor(kind)
      const writing = outcome(actor.do('write', fs, 'test/target', 20 * MiB))
      await until(async () => await seen(server, 'UploadPart') >= 2)
      await actor.kill()
      await writing
      await until(async () => (await server.counters()).sockets.open === fs.stats.sockets)
      assert.equal(await fs.readText('test/target'), 'old')
      assert.deepEqual((await server.uploads('test')).map(({ key }) => key), ['target'])
      await fs.pipeFile('test/target', pattern(12 * MiB))
      assert.equal((await fs.info('test/target')).size, 12 * MiB)
      assert.equal(fs.stats.retries, 0)
    })

    it(`F19: a ${kind} that is killed amid a local write leaves the old file, and one staged file of a name of its own that no listing shows`, async () => {
      const path = join(folder, 'old')
      const fs = filesystem('file')
      const actor = await stage.actor(kind)
      await actor.do('beginWrite', fs, path, 'half')
      await actor.kill()
      assert.equal(await fs.readText(path), 'old')
      const staged = (await readdir(folder)).filter(name => name !== 'old')
      assert.deepEqual(staged.map(name => localTemporaryPattern.exec(name)?.[1]), [String(actor.pid)])
      assert.deepEqual((await fs.ls(folder)).map(({ name }) => name), [path])
      await fs.writeText(path, 'new')
      assert.equal(await fs.readText(path), 'new')
    })

    it(`F19: a lock that a ${kind} holds when it is killed goes to the next who waits`, async () => {
      const actor = await stage.actor(kind)
      await actor.do('lock', 'mine', folder)
      assert.equal(await tryLock('mine', { directory: folder }), undefined)
      const waiting = acquireLock('mine', { directory: folder, timeoutMs: 10_000 })
      await actor.kill()
      const lock = await waiting
      assert.equal(lock.held, true)
      await lock.release()
    })

    it(`F23: a file that a ${kind} and its parent write over and over is read whole at every moment, here and there`, async () => {
      const path = join(folder, 'shared')
      const fs = filesystem('file')
      const [writer, reader] = await Promise.all([stage.actor(kind), stage.actor(kind)])
      await fs.pipeFile(path, new Uint8Array(300_000).fill(1))
      const writing = [writer.do('writeOften', fs, path, 300_000, 25, 2), writeOften(fs, path, 3)]
      const sizes = await reader.do<string[]>('readOften', fs, path, 60)
      await Promise.all(writing)
      assert.deepEqual(sizes.filter(kind => !/^300000 of [123]$/.test(kind)), [])
      assert.deepEqual((await readdir(folder)).sort(), ['old', 'shared'])
    })

    it(`F23: a download of one object to one place by two of kind ${kind} at once is there whole or not at all`, async () => {
      const fs = stage.fs(server, { shareCredentials: true })
      const actors = await Promise.all([stage.actor(kind), stage.actor(kind)])
      const path = join(folder, 'copy')
      const sizes = new Set<number | undefined>()
      let over = false
      const downloads = Promise.all(actors.map(actor => actor.do('download', fs, 'test/big', path, 8))).finally(() => { over = true })
      while (!over) {
        sizes.add(await readFile(path).then(data => data.length, () => undefined))
        await delay(1)
      }
      await downloads
      assert.deepEqual([...sizes].filter(size => size !== undefined && size !== 4 * MiB), [])
      assert.deepEqual(new Uint8Array(await readFile(path)), pattern(4 * MiB))
      assert.deepEqual((await readdir(folder)).sort(), ['copy', 'old'])
    })
  }

  async function writeOften (fs: FileSystem, path: string, fill: number): Promise<void> {
    for (let time = 0; time < 25; time++) await fs.pipeFile(path, new Uint8Array(300_000).fill(fill))
  }

  for (const kind of processKinds) {
    it(`F19: a lock that a frozen ${kind} holds is not given to another: it holds on when it thaws`, async () => {
      const actor: Actor = await stage.actor(kind)
      await actor.do('lock', 'mine', folder)
      actor.freeze()
      assert.equal(await outcome(acquireLock('mine', { directory: folder, timeoutMs: 400 })), 'FORKFS_LOCK_TIMEOUT')
      actor.thaw()
      assert.equal(await actor.do('holdsLock'), true)
      await actor.kill()
      await (await acquireLock('mine', { directory: folder, timeoutMs: 10_000 })).release()
    })
  }

  it('F24: a block whose fetch failed is fetched again: no strategy gives bytes that never came', async () => {
    const data = pattern(4 * MiB)
    for (const cache of ['none', 'readahead', 'block', 'all'] as const) {
      const fs = stage.fs(server, { retry: { attempts: 1 } })
      await fs.withFile('test/big', 'r', async file => {
        assert.deepEqual(await file.readRange(0, 10), data.slice(0, 10))
        await server.addFault({ action: { type: 'cut', afterBytes: 1000 }, match: { operation: 'GetObject' }, times: 1 })
        const failed = await outcome(file.readRange(2 * MiB, 3 * MiB))
        assert.ok(failed === 'FORKFS_TRUNCATED' || cache === 'all', `${cache}: ${String(failed)}`)
        await server.clearFaults()
        assert.deepEqual(await file.readRange(2 * MiB - 5, 3 * MiB + 5), data.slice(2 * MiB - 5, 3 * MiB + 5), cache)
        assert.deepEqual(await file.readFile(), data, cache)
      }, { cache })
    }
  })

  describe('F25: an abort amid a bulk operation', () => {
    const count = 60
    const paths = Array.from({ length: count }, (_, at) => `test/many/${String(at).padStart(2, '0')}`)
    /** One directory of its own for each, so that a walk by levels lists them one by one. */
    const apart = paths.map(path => `${path}/x`)
    /** Pages of names: a page is listed and deleted at once, and two deletes are under way. */
    const pages = Array.from({ length: 7000 }, (_, at) => `test/many/${String(at).padStart(4, '0')}`)
    interface Bulk { readonly there?: readonly string[], readonly seenBefore?: number, readonly atOnce?: number }
    const operations: Readonly<Record<string, readonly [operation: string, run: (fs: FileSystem, signal: AbortSignal) => Promise<unknown>, bulk?: Bulk]>> = {
      cat: ['GetObject', (fs, signal) => fs.cat(paths, { signal })],
      catRanges: ['GetObject', (fs, signal) => fs.catRanges(paths.map(path => ({ path, start: 1, end: 3 })), { signal })],
      get: ['GetObject', (fs, signal) => fs.get('test/many', join(folder, 'got'), { recursive: true, signal })],
      pipe: ['PutObject', (fs, signal) => fs.pipe(Object.fromEntries(paths.map(path => [path.replace('many', 'piped'), 'new'])), { signal })],
      put: ['PutObject', (fs, signal) => fs.put(join(folder, 'many'), 'test/put', { recursive: true, signal })],
      cp: ['CopyObject', (fs, signal) => fs.cp('test/many', 'test/copied', { recursive: true, signal })],
      mv: ['CopyObject', (fs, signal) => fs.mv('test/many', 'test/moved', { recursive: true, signal })],
      rm: ['DeleteObjects', (fs, signal) => fs.rm('test/many', { recursive: true, signal }), { there: pages, seenBefore: 0, atOnce: 2 }],
      find: ['ListObjectsV2', (fs, signal) => fs.find('test/many', { maxDepth: 2, signal }), { there: apart }],
      du: ['ListObjectsV2', (fs, signal) => fs.du('test/many', { maxDepth: 2, signal }), { there: apart }],
      expandPath: ['ListObjectsV2', (fs, signal) => fs.expandPath('test/many', { recursive: true, maxDepth: 2, signal }), { there: apart }]
    }
    for (const [name, [operation, run, { there = paths, seenBefore = 8, atOnce = 4 } = {}]] of Object.entries(operations)) {
      it(`${name}: ends what is under way, starts nothing more, rejects with the reason when all has settled, and nothing lands late`, async () => {
        const slow = await stage.s3({ latencyMs: 10 })
        await slow.putMany('test', there.map(path => path.slice('test/'.length)), 'text')
        if (name === 'put') {
          await filesystem('file').makedirs(join(folder, 'many'))
          for (const path of paths) await writeFile(join(folder, path.slice('test/'.length)), 'text')
        }
        const fs = stage.fs(slow, { maxConcurrency: 4 })
        const controller = new AbortController()
        const reason = { mine: true }
        await slow.addFault({ action: { type: 'stall', at: 'headers' }, match: { operation, from: seenBefore + 1 }, times: 100 })
        const running = outcome(run(fs, controller.signal))
        await until(async () => (await slow.counters()).faults === atOnce)
        controller.abort(reason)
        assert.equal(await running, reason)
        await until(async () => (await slow.counters()).aborted >= atOnce) // rm lists ahead: that ends as well
        const settled = { requests: (await slow.counters()).requests, keys: await slow.keys('test'), local: await readdir(folder, { recursive: true }) }
        assert.ok(await seen(slow, operation) < 40)
        await delay(120)
        const { inFlight, requests } = await slow.counters()
        assert.equal(inFlight.now, 0)
        assert.deepEqual({ requests, keys: await slow.keys('test'), local: await readdir(folder, { recursive: true }) }, settled)
        assert.deepEqual(settled.local.filter(file => file.includes('forkfs-tmp')), [])
        if (name !== 'rm') assert.deepEqual(settled.keys.filter(key => key.startsWith('many/')), there.map(path => path.slice('test/'.length)))
      })
    }
  })

  describe('F27: a write that fails', () => {
    const kinds = ['s3', 'file', 'memory'] as const
    const reason = new Error('the source broke')
    for (const kind of kinds) {
      it(`leaves what was there on ${kind}, whichever way it was written, and the filesystem usable`, async () => {
        const fs: FileSystem = kind === 's3' ? stage.fs(server) : kind === 'file' ? filesystem('file') : filesystem('memory', { name: 'f27', fresh: true })
        const path = kind === 'file' ? join(folder, 'old') : 'test/old'
        if (kind !== 'file') await fs.writeText(path, 'old')
        const chunk = pattern(6 * MiB)
        const source = async function * (): AsyncGenerator<Uint8Array> {
          yield chunk
          yield chunk
          await Promise.resolve()
          throw reason
        }
        const ways: Readonly<Record<string, () => Promise<unknown>>> = {
          withFile: () => fs.withFile(path, 'w', async file => { await file.write(chunk); await file.write(chunk); throw reason }),
          'withFile, small': () => fs.withFile(path, 'w', async file => { await file.write('x'); throw reason }),
          createWriteStream: () => pipeline(Readable.from(source()), fs.createWriteStream(path)),
          writable: () => Readable.toWeb(Readable.from(source())).pipeTo(fs.writable(path) as never),
          transaction: () => fs.transaction(async () => { await fs.writeText(path, 'new'); await fs.pipeFile(path, chunk); throw reason }),
          'withFile in a transaction': () => fs.transaction(async () => fs.withFile(path, 'w', async file => { await file.write('x'); throw reason }))
        }
        for (const [way, write] of Object.entries(ways)) {
          assert.equal(await outcome(write()), reason, way)
          assert.equal(await fs.readText(path), 'old', way)
          // pipeline() does not wait for the stream it destroys.
          await until(async () => (await server.uploads('test')).length === 0 && (kind !== 'file' || (await readdir(folder)).length === 1), way)
          if (kind === 'file') assert.deepEqual(await readdir(folder), ['old'], way)
        }
        await fs.transaction(async () => { await fs.writeText(path, 'new') })
        assert.equal(await fs.readText(path), 'new')
      })
    }
  })
})
