import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { cp, mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { Agent } from 'undici'
import type { Dispatcher } from 'undici'
import { clearInstanceCache, FileSystem, filesystem, isFileSystem, isFsError, registerImplementation, resetForFork, urlToFs } from '../../lib/index.js'
import type { Capabilities, FileInfo, Implementation, RangeRead } from '../../lib/index.js'
import type { S3Server } from '../servers/index.js'
import { actorKinds, optionsOf, outcome, seen, Stage, until } from './support.js'

class Tiny extends FileSystem {
  static override readonly protocols: readonly string[] = ['owners-tiny']
  get capabilities (): Capabilities {
    return { read: true, write: false, append: false, exclusiveCreate: false, rename: false, emptyDirectories: false, sign: false, ranges: true }
  }

  protected override async _info (name: string): Promise<FileInfo> { return Promise.resolve({ name, size: 4, type: 'file' }) }
  protected override async *_list (): AsyncGenerator<FileInfo[]> { yield await Promise.resolve([]) }
  protected override async _readRange (): Promise<RangeRead> { return Promise.resolve({ data: new Uint8Array([1, 2, 3, 4]), size: 4 }) }
}

/** What a credentials module of a test and the test say to each other. */
interface Vault { asked: number, sealed: boolean, keys: unknown, gate: Promise<void> | undefined }

describe('owners: instances and how they come to be', function () {
  this.timeout(20_000)
  const stage = new Stage()
  let server: S3Server
  beforeEach(async () => {
    server = await stage.s3()
    await server.put('test', 'a', 'text')
  })
  afterEach(() => stage.end())

  /** A module with credentials, and the hands on it. */
  async function vault (name: string): Promise<{ readonly module: string, readonly vault: Vault }> {
    const key = `forkfsVault${name}`
    const { accessKeyId, secretAccessKey } = server
    const made: Vault = { asked: 0, sealed: false, keys: { accessKeyId, secretAccessKey }, gate: undefined }
    Object.defineProperty(globalThis, key, { value: made, configurable: true })
    stage.later(async () => Promise.resolve(Reflect.deleteProperty(globalThis, key)))
    const module = join(await stage.folder(), `${name}.mjs`)
    await writeFile(module, `
      export default async () => {
        const vault = globalThis.${key}
        vault.asked++
        await vault.gate
        if (vault.sealed) throw new Error('the vault is sealed')
        return vault.keys
      }`)
    return { module, vault: made }
  }

  it('F4: fifty first uses at once share one instance and one start; one that fails is told to all of them, and not remembered', async () => {
    const { module, vault: shared } = await vault('F4')
    const options = { ...optionsOf(server), credentials: undefined, credentialsModule: module, retry: { attempts: 1 }, maxConcurrency: 50 }
    const use = async (): Promise<unknown> => outcome(filesystem('s3', { ...options }).readText('test/a'))
    const fifty = (): Promise<unknown[]> => Promise.all(Array.from({ length: 50 }, use))
    shared.sealed = true
    assert.deepEqual(new Set(await fifty()), new Set(['FORKFS_CREDENTIALS']))
    assert.deepEqual([shared.asked, (await server.counters()).requests], [1, 0])
    shared.sealed = false
    assert.deepEqual(new Set(await fifty()), new Set(['fulfilled']))
    assert.equal(shared.asked, 2)
    assert.equal(new Set(Array.from({ length: 50 }, () => filesystem('s3', { ...options }))).size, 1)
    await filesystem('s3', options).close()
  })

  it('F4: of fifty first uses those that `maxConcurrency` lets begin share one start; when it fails, the next ones try again', async () => {
    const { module, vault: shared } = await vault('F4')
    const options = { ...optionsOf(server), credentials: undefined, credentialsModule: module, retry: { attempts: 1 }, maxConcurrency: 4 }
    const fifty = (): Promise<unknown[]> => Promise.all(Array.from({ length: 50 }, () => outcome(filesystem('s3', { ...options }).readText('test/a'))))
    shared.sealed = true
    assert.deepEqual(new Set(await fifty()), new Set(['FORKFS_CREDENTIALS']))
    const failed = shared.asked
    assert.ok(failed <= 13, `${failed} questions for 50 calls, 4 at a time`)
    shared.sealed = false
    assert.deepEqual(new Set(await fifty()), new Set(['fulfilled']))
    assert.equal(shared.asked, failed + 1)
    assert.ok((await server.counters()).sockets.ever <= 4)
    await filesystem('s3', options).close()
  })

  it('F5: an instance that starts slowly holds up no other, of its protocol or of one that still loads', async () => {
    const { module, vault: shared } = await vault('F5')
    let open = (): void => {}
    shared.gate = new Promise<void>(resolve => { open = resolve })
    const slow = outcome(stage.fs(server, { credentials: undefined, credentialsModule: module }).readText('test/a'))
    let give = (_type: Implementation): void => {}
    registerImplementation('owners-slowly', { load: () => new Promise<Implementation>(resolve => { give = resolve }) })
    const loading = urlToFs('owners-slowly://x')
    await until(() => shared.asked === 1)
    assert.equal(await stage.fs(server).readText('test/a'), 'text')
    const [other] = await urlToFs('s3://test/a', { s3: { ...optionsOf(server) } })
    assert.equal(await other.readText('test/a'), 'text')
    await other.close()
    give(Tiny as unknown as Implementation)
    assert.ok((await loading)[0] instanceof Tiny)
    open()
    assert.equal(await slow, 'fulfilled')
  })

  it('F6: clearing the cache amid a call waits for it; who holds the instance goes on with it, and it does not come back into the cache', async () => {
    const ask = (): FileSystem => filesystem('s3', optionsOf(server) as Record<string, unknown>)
    const fs = ask()
    await server.addFault({ action: { type: 'delay', ms: 80 }, match: { operation: 'GetObject' }, times: 1 })
    let read = false
    const reading = fs.readText('test/a').then(text => { read = true; return text })
    await until(async () => await seen(server, 'GetObject') === 1)
    const clearing = clearInstanceCache('s3')
    const successor = ask()
    assert.notEqual(successor, fs)
    await clearing
    assert.equal(read, true)
    assert.equal(await reading, 'text')
    await until(async () => (await server.counters()).sockets.open === 0)
    assert.equal(await fs.readText('test/a'), 'text')
    assert.equal(ask(), successor)
    await fs.close()
  })

  it('F6: clearing the cache, or a reset, while an implementation loads gives who waits an instance of the owner that is there then', async () => {
    for (const [protocol, clear] of [['owners-clearing', () => clearInstanceCache()], ['owners-resetting', async () => Promise.resolve(resetForFork())]] as const) {
      let give = (_type: Implementation): void => {}
      registerImplementation(protocol, { load: () => new Promise<Implementation>(resolve => { give = resolve }) })
      const waiting = [urlToFs(`${protocol}://x`), urlToFs(`${protocol}://y`)]
      await clear()
      give(Tiny as unknown as Implementation)
      const [[one], [two]] = await Promise.all(waiting) as [[FileSystem, string], [FileSystem, string]]
      // The clearing came before the first instance of the protocol was made: what is in the cache now is not one that was cleared out of it.
      assert.equal(one, two)
      assert.equal(filesystem(protocol), one)
      assert.equal((await one.catFile('x')).length, 4)
    }
  })

  it('F7: equal options are one instance with one token whatever their order and spelling; another secret is another, and shows nowhere', () => {
    const secretAccessKey = 'the-secret-of-F7'
    const credentials = { accessKeyId: 'AKID', secretAccessKey }
    const fs = filesystem('s3', { endpoint: server.endpoint, region: 'us-east-1', credentials, retry: { attempts: 5 } })
    const alike = filesystem('s3', { retry: {}, checksums: true, timeoutMs: 60_000, profile: undefined, credentials: { secretAccessKey, accessKeyId: 'AKID' }, region: 'us-east-1', endpoint: server.endpoint })
    const other = filesystem('s3', { endpoint: server.endpoint, region: 'us-east-1', credentials: { ...credentials, secretAccessKey: 'another' } })
    assert.equal(alike, fs)
    assert.notEqual(other, fs)
    assert.notEqual(other.token, fs.token)
    for (const text of [fs.token, inspect(fs, { showHidden: true, depth: 9 }), JSON.stringify(fs)]) assert.equal(text.includes(secretAccessKey), false)
    const of = (options: unknown): FileSystem => filesystem('owners-tiny', { options })
    registerImplementation('owners-tiny', Tiny, { clobber: true })
    assert.equal(of(new Map([['a', 1], ['b', 2]])), of(new Map([['b', 2], ['a', 1]])))
    assert.equal(of({ a: 1, b: { c: [1, 2] } }), of({ b: { c: [1, 2] }, a: 1 }))
    const different = [{ a: 1 }, { a: '1' }, { a: true }, { a: [1] }, { a: null }, { a: 1n }, { a: { b: 1 } }, ['a', 1], 'a', new Map([['a', 1]])].map(of)
    assert.equal(new Set(different).size, different.length)
    assert.equal(new Set(different.map(({ token }) => token)).size, different.length)
  })

  for (const kind of actorKinds) {
    it(`F7: a token can not be compared with that of a ${kind}: nobody can guess a secret by it`, async () => {
      const fs = filesystem('s3', optionsOf(server) as Record<string, unknown>)
      const actor = await stage.actor(kind)
      assert.notEqual(await actor.do('tokenOf', 's3', optionsOf(server)), fs.token)
    })
  }

  it('F8: live objects among the options are told apart by identity, never by their text, and each instance uses its own', async () => {
    const used: string[] = []
    const counting = (name: string): { readonly agent: Agent, readonly dispatcher: Dispatcher } => {
      const agent = new Agent()
      const dispatcher = agent.compose(dispatch => (options, handler) => { used.push(name); return dispatch(options, handler) })
      return { agent, dispatcher }
    }
    const [one, two] = [counting('one'), counting('two')]
    const fs = filesystem('s3', { ...optionsOf(server), dispatcher: one.dispatcher })
    const other = filesystem('s3', { ...optionsOf(server), dispatcher: two.dispatcher })
    assert.notEqual(fs, other)
    assert.equal(filesystem('s3', { ...optionsOf(server), dispatcher: one.dispatcher }), fs)
    await fs.readText('test/a')
    await other.readText('test/a')
    assert.deepEqual(used, ['one', 'two'])
    await Promise.all([one.agent.close(), two.agent.close()])
    registerImplementation('owners-tiny', Tiny, { clobber: true })
    class Named { toString (): string { return 'the same' } }
    const make = (): (() => number) => () => 1
    const opaque = [new Named(), new Named(), make(), make(), Symbol('s'), Symbol('s'), Symbol.for('s'), new Date(0), new Date(0), /x/, /x/]
    assert.equal(new Set(opaque.map(live => filesystem('owners-tiny', { live }))).size, opaque.length)
    for (const live of opaque) assert.equal(filesystem('owners-tiny', { live }), filesystem('owners-tiny', { live }))
  })

  it('F29: two first uses of a lazy protocol load it once; a load that failed is tried again; the same class again changes nothing', async () => {
    let loads = 0
    let broken = true
    const load = async (): Promise<Implementation> => {
      loads++
      await new Promise(resolve => { setImmediate(resolve) })
      if (broken) throw new Error('no such package')
      return Tiny as unknown as Implementation
    }
    const loader = { load, install: 'forkfs-lazy' }
    registerImplementation('owners-raced', loader)
    const race = (): Promise<unknown[]> => Promise.all([urlToFs('owners-raced://x'), urlToFs('owners-raced://y'), urlToFs('owners-raced://z')].map(outcome))
    assert.deepEqual([await race(), loads], [Array.from({ length: 3 }, () => 'FORKFS_MISSING_PEER'), 1])
    broken = false
    assert.deepEqual([await race(), loads], [Array.from({ length: 3 }, () => 'fulfilled'), 2])
    registerImplementation('owners-raced', loader)
    registerImplementation('owners-raced', Tiny)
    await urlToFs('owners-raced://x')
    assert.equal(loads, 2)
    assert.throws(() => { registerImplementation('owners-raced', class extends Tiny {}) }, { code: 'FORKFS_CONFIG' })
  })

  it('F29: copies of the package share implementations, brands and resets, and keep their instances apart', async () => {
    const root = new URL('../../', import.meta.url)
    const folder = await mkdtemp(fileURLToPath(new URL('copy-', root)))
    process.once('exit', () => { rmSync(folder, { recursive: true, force: true }) }) // not before: the copy helps workers of this thread, too
    for (const part of ['lib', 'implementations']) await cp(new URL(part, root), join(folder, part), { recursive: true })
    const copy = await import(pathToFileURL(join(folder, 'lib/index.js')).href) as typeof import('../../lib/index.js')
    assert.notEqual(copy.filesystem, filesystem)
    registerImplementation('owners-shared', Tiny)
    copy.registerImplementation('owners-shared', Tiny)
    assert.ok(copy.filesystem('owners-shared') instanceof Tiny)
    assert.throws(() => { copy.registerImplementation('owners-shared', class extends Tiny {}) }, { code: 'FORKFS_CONFIG' })
    const options = optionsOf(server) as Record<string, unknown>
    const [here, there] = [filesystem('s3', options), copy.filesystem('s3', options) as FileSystem]
    assert.notEqual(here, there)
    assert.deepEqual([isFileSystem(there), copy.isFileSystem(here)], [true, true])
    assert.equal(copy.revive(structuredClone(here)) instanceof copy.FileSystem, true)
    const refused = await there.readText('test/none').catch((error: unknown) => error)
    assert.ok(isFsError(refused, 'ENOENT') && !(refused instanceof (await import('../../lib/index.js')).FsError))
    await Promise.all([here.readText('test/a'), there.readText('test/a')])
    await server.addFault({ action: { type: 'stall', at: 'headers' }, match: { operation: 'GetObject' }, times: 2 })
    const pending = [outcome(here.readText('test/a')), outcome(there.readText('test/a'))]
    await until(async () => (await server.counters()).faults === 2)
    copy.resetForFork()
    assert.deepEqual(await Promise.all(pending), ['FORKFS_RESET', 'FORKFS_RESET'])
    assert.notEqual(filesystem('s3', options), here)
    await until(async () => (await server.counters()).sockets.open === 0)
  })

  it('F34: what is built twice around a reset is disposed of at once: in the end nothing is open that nobody uses', async () => {
    const fs = stage.fs(server)
    resetForFork()
    const outcomes = new Set<unknown>()
    for (let round = 0; round < 80; round++) {
      // One client of the round before, never a second that was built too late.
      assert.ok(resetForFork().clients <= 1)
      const reads = Array.from({ length: 3 }, () => outcome(fs.readText('test/a')))
      // The reset meets every step of the start: they are microtasks apart.
      for (let turns = round; turns > 0; turns--) await Promise.resolve()
      if (round % 2 === 0) resetForFork()
      else fs.reset()
      reads.push(outcome(fs.readText('test/a')))
      const last = (await Promise.all(reads)).map(code => { outcomes.add(code); return code }).at(-1)
      assert.equal(last, 'fulfilled')
    }
    assert.deepEqual(outcomes, new Set(['FORKFS_RESET', 'fulfilled']))
    await until(async () => (await server.counters()).sockets.open <= 1)
    assert.ok(fs.stats.sockets <= 1)
    assert.equal(resetForFork().clients, 1)
    await until(async () => (await server.counters()).sockets.open === 0)
  })
})
