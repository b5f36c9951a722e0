import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { Agent } from 'undici'
import {
  availableProtocols, clearInstanceCache, configure, FileSystem, filesystem, isFsError, loadImplementation, open, registerImplementation, resetForFork, urlToFs
} from '../../../lib/index.js'
import type { Capabilities, FileInfo, Implementation, RangeRead } from '../../../lib/index.js'
import { MemoryFileSystem } from '../../../implementations/memory/index.js'

const secretAccessKey = 'a-very-secret-key'
const keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey }
const code = (wanted: string) => (error: unknown): boolean => isFsError(error) && error.code === wanted

class Tiny extends FileSystem {
  static override readonly protocols: readonly string[] = ['tiny']
  get capabilities (): Capabilities {
    return { read: true, write: false, append: false, exclusiveCreate: false, rename: false, emptyDirectories: false, sign: false, ranges: true }
  }

  protected override async _info (name: string): Promise<FileInfo> { return Promise.resolve({ name, size: 4, type: 'file' }) }
  protected override async *_list (): AsyncGenerator<FileInfo[]> { yield await Promise.resolve([]) }
  protected override async _readRange (): Promise<RangeRead> { return Promise.resolve({ data: new Uint8Array([1, 2, 3, 4]), size: 4 }) }
}

describe('filesystem()', () => {
  afterEach(() => { resetForFork() })

  it('gives the same object for the same options, whatever their order, defaults and undefined included', () => {
    const fs = filesystem('s3', { region: 'eu-west-1', endpoint: 'http://127.0.0.1:9', credentials: keys })
    assert.equal(filesystem('s3', { credentials: { secretAccessKey, accessKeyId: 'AKIDEXAMPLE' }, endpoint: 'http://127.0.0.1:9', region: 'eu-west-1' }), fs)
    assert.equal(filesystem('s3', { region: 'eu-west-1', endpoint: 'http://127.0.0.1:9', credentials: keys, timeoutMs: 60_000, checksums: true, profile: undefined }), fs)
    assert.equal(filesystem('s3', { region: 'eu-west-1', endpoint: 'http://127.0.0.1:9', credentials: keys, retry: { attempts: 5 } }), fs)
    assert.notEqual(filesystem('s3', { region: 'eu-west-2', endpoint: 'http://127.0.0.1:9', credentials: keys }), fs)
  })

  it('sees what changed in an options object that is used again', () => {
    const credentials = { ...keys }
    const options: { region: string, credentials: typeof keys, timeoutMs?: number } = { region: 'eu-west-1', credentials }
    const ask = (): FileSystem => filesystem('s3', options)
    const first = [ask(), ask(), ask()]
    assert.equal(new Set(first).size, 1)
    credentials.accessKeyId = 'SOMEBODYELSE'
    const second = ask()
    options.timeoutMs = 5
    const third = ask()
    delete options.timeoutMs
    credentials.accessKeyId = keys.accessKeyId
    assert.equal(new Set([first[0], second, third]).size, 3)
    assert.equal(ask(), first[0])
  })

  it('gives one instance for all aliases of a protocol', () => {
    assert.equal(filesystem('local'), filesystem('file'))
    assert.equal(filesystem('https'), filesystem('http'))
    assert.equal(filesystem('local').protocol, 'file')
  })

  it('gives a new, uncached one with fresh, which closes on dispose', async () => {
    const fs = filesystem('memory')
    const fresh = filesystem('memory', { fresh: true })
    assert.notEqual(fresh, fs)
    assert.notEqual(fresh.token, fs.token)
    assert.equal(filesystem('memory'), fs)
    await fresh[Symbol.asyncDispose]()
  })

  it('tells opaque options apart by identity', async () => {
    const [one, two] = [new Agent(), new Agent()]
    const fs = filesystem('s3', { dispatcher: one })
    assert.equal(filesystem('s3', { dispatcher: one }), fs)
    assert.notEqual(filesystem('s3', { dispatcher: two }), fs)
    assert.throws(() => structuredClone(fs), code('FORKFS_UNCLONEABLE'))
    assert.throws(() => JSON.stringify(fs), code('FORKFS_UNCLONEABLE'))
    await Promise.all([one.close(), two.close()])
  })

  it('shows no secret in token, inspect, JSON, clone or errors', () => {
    const fs = filesystem('s3', { credentials: keys, region: 'us-east-1' })
    const again = filesystem('s3', { credentials: { ...keys, secretAccessKey: 'another' }, region: 'us-east-1' })
    assert.notEqual(fs.token, again.token)
    for (const text of [fs.token, inspect(fs), JSON.stringify(fs), inspect(structuredClone(fs), { depth: 9 }), inspect(fs, { showHidden: true, depth: 9 })]) {
      assert.equal(text.includes(secretAccessKey), false)
    }
    assert.deepEqual(Object.keys(fs), ['$forkfs'])
    assert.throws(() => filesystem('s3', { credentials: { accessKeyId: 5, secretAccessKey } as never }), error => error instanceof Error && !String(error.message).includes(secretAccessKey))
  })

  it('gives another token in another epoch, equal to that of its twin there', () => {
    const fs = filesystem('memory')
    const before = fs.token
    resetForFork()
    assert.notEqual(fs.token, before)
    assert.equal(fs.token, filesystem('memory').token)
  })

  it('keeps at most 256 instances; one that left goes on working', async () => {
    const first = filesystem('memory', { name: 'tenant-0' })
    await first.pipeFile('a', 'x')
    for (let tenant = 1; tenant <= 300; tenant++) filesystem('memory', { name: `tenant-${tenant}` })
    assert.notEqual(filesystem('memory', { name: 'tenant-0' }), first)
    assert.equal(await first.readText('a'), 'x')
    assert.equal(resetForFork().instances, 256)
  })

  it('keeps the most recently used when it is full', () => {
    const kept = filesystem('memory', { name: 'kept' })
    for (let tenant = 0; tenant < 400; tenant++) {
      filesystem('memory', { name: `other-${tenant}` })
      assert.equal(filesystem('memory', { name: 'kept' }), kept)
    }
  })

  it('is emptied by a reset; instances that are held work on', async () => {
    const fs = filesystem('memory', { name: 'held' })
    await fs.pipeFile('a', 'x')
    resetForFork()
    assert.notEqual(filesystem('memory', { name: 'held' }), fs)
    assert.equal(await fs.readText('a'), 'x')
  })

  it('refuses held instances after a reset with onForeignOwner throw', async () => {
    const options = { name: 'refused', onForeignOwner: 'throw' } as const // the unnamed one is shared with other files of tests
    const fs = filesystem('memory', options)
    await fs.exists('a')
    resetForFork()
    await assert.rejects(fs.exists('a'), code('FORKFS_FOREIGN_OWNER'))
    await assert.rejects(fs.open('a'), code('FORKFS_FOREIGN_OWNER'))
    await assert.rejects(fs.list('a').next(), code('FORKFS_FOREIGN_OWNER'))
    assert.equal(await filesystem('memory', options).exists('a'), false)
  })

  it('refuses unknown protocols and options, and names the nearest', () => {
    assert.throws(() => filesystem('s4' as 's3'), code('FORKFS_UNKNOWN_PROTOCOL'))
    assert.throws(() => filesystem('s3://bucket'), TypeError)
    assert.throws(() => filesystem(5 as never), TypeError)
    assert.throws(() => filesystem('s3', { regoin: 'x' } as never), /`region`/)
    assert.throws(() => filesystem('s3', { autoMkdir: true } as never), /file/)
    assert.throws(() => filesystem('s3', { maxConcurrency: 0 }), TypeError)
    assert.throws(() => filesystem('s3', { timeoutMs: '5' as never }), TypeError)
    assert.throws(() => filesystem('s3', { retry: { attempts: 0 } }), TypeError)
    assert.throws(() => filesystem('s3', { retry: { tries: 3 } as never }), TypeError)
    assert.throws(() => filesystem('s3', null as never), TypeError)
    assert.throws(() => filesystem('s3', { endpoint: 'ftp://x' }), TypeError)
    assert.throws(() => filesystem('s3', { endpoint: 'http://user:pw@x' }), error => error instanceof TypeError && !error.message.includes('pw@'))
  })
})

describe('clearInstanceCache()', () => {
  it('forgets the instances of one protocol, or of all', async () => {
    const [memory, local] = [filesystem('memory'), filesystem('file')]
    await clearInstanceCache('memory')
    assert.notEqual(filesystem('memory'), memory)
    assert.equal(filesystem('file'), local)
    await clearInstanceCache()
    assert.notEqual(filesystem('file'), local)
  })
})

describe('registerImplementation()', () => {
  it('takes a class; the same class again is a no-op, another one needs clobber', async () => {
    registerImplementation('tiny', Tiny)
    registerImplementation('tiny', Tiny)
    class Other extends Tiny {}
    assert.throws(() => { registerImplementation('tiny', Other) }, code('FORKFS_CONFIG'))
    registerImplementation('tiny', Other, { clobber: true })
    assert.ok(filesystem('tiny') instanceof Other)
    registerImplementation('tiny', Tiny, { clobber: true })
    const fs = filesystem('tiny', { anything: { goes: [1, 'two'] } })
    assert.equal((await fs.catFile('x')).length, 4)
    assert.deepEqual(JSON.parse(JSON.stringify(fs)).$forkfs.options.anything, { goes: [1, 'two'] })
    assert.ok(availableProtocols().includes('tiny'))
  })

  it('takes a loader that is imported once, for all that ask, and again after a failure', async () => {
    let loads = 0
    let broken = true
    registerImplementation('lazy', { load: async () => {
      loads++
      await Promise.resolve()
      if (broken) { broken = false; throw new Error('no such package') }
      return Tiny as unknown as Implementation
    }, install: 'forkfs-lazy' })
    assert.throws(() => filesystem('lazy'), code('FORKFS_NOT_LOADED'))
    await assert.rejects(urlToFs('lazy://x'), code('FORKFS_MISSING_PEER'))
    const [[one], [two]] = await Promise.all([urlToFs('lazy://x'), urlToFs('lazy://y')])
    assert.equal(one, two)
    assert.equal(loads, 2)
    assert.equal(await loadImplementation('lazy'), Tiny)
    assert.ok(filesystem('lazy') instanceof Tiny)
  })

  it('refuses what is no implementation', () => {
    assert.throws(() => { registerImplementation('Bad://', Tiny) }, TypeError)
    assert.throws(() => { registerImplementation('bad', {} as never) }, TypeError)
    assert.throws(() => { registerImplementation('s3', Tiny) }, code('FORKFS_CONFIG'))
    assert.throws(() => { registerImplementation('memory', MemoryFileSystem); registerImplementation('memory', Tiny) }, code('FORKFS_CONFIG'))
  })
})

describe('configuration', () => {
  let folder: string
  before(async () => { folder = await mkdtemp(join(tmpdir(), 'forkfs-config-')) })
  after(async () => { await rm(folder, { recursive: true }) })
  afterEach(() => {
    for (const name of Object.keys(process.env)) if (name.startsWith('FORKFS_S3_') || name === 'FORKFS_CONFIG' || name === 'FORKFS_FILE_AUTO_MKDIR') delete process.env[name]
    configure('s3', { region: undefined, timeoutMs: undefined })
    resetForFork()
  })

  const options = (): Record<string, unknown> => filesystem('s3').toJSON().$forkfs['options'] as Record<string, unknown>

  it('explicit beats configure() beats the environment beats the file', async () => {
    const file = join(folder, 'config.json')
    await writeFile(file, JSON.stringify({ s3: { region: 'from-file', timeoutMs: 1, idleTimeoutMs: 2, maxConcurrency: 3 } }))
    process.env['FORKFS_CONFIG'] = file
    process.env['FORKFS_S3_REGION'] = 'from-env'
    process.env['FORKFS_S3_TIMEOUT_MS'] = '11'
    process.env['FORKFS_S3_IDLE_TIMEOUT_MS'] = '12'
    resetForFork()
    configure('s3', { region: 'from-configure', timeoutMs: 21 })
    const { region, timeoutMs, idleTimeoutMs, maxConcurrency } = options()
    assert.deepEqual([region, timeoutMs, idleTimeoutMs, maxConcurrency], ['from-configure', 21, 12, 3])
    assert.equal((filesystem('s3', { region: 'explicit' }).toJSON().$forkfs['options'] as { region: string }).region, 'explicit')
  })

  it('is part of the token: after configure() the same call gives another instance', () => {
    const before = filesystem('s3')
    configure('s3', { region: 'eu-central-1' })
    assert.notEqual(filesystem('s3'), before)
  })

  it('is read once per epoch', () => {
    process.env['FORKFS_S3_REGION'] = 'one'
    resetForFork()
    assert.equal(options()['region'], 'one')
    process.env['FORKFS_S3_REGION'] = 'two'
    assert.equal(options()['region'], 'one')
    resetForFork()
    assert.equal(options()['region'], 'two')
  })

  it('reads FORKFS_S3_FORCE_PATH_STYLE as JSON, and takes texts that are numbers where texts belong', () => {
    process.env['FORKFS_S3_FORCE_PATH_STYLE'] = 'true'
    process.env['FORKFS_S3_KMS_KEY_ID'] = '12345'
    resetForFork()
    assert.equal(options()['forcePathStyle'], true)
    assert.equal(options()['kmsKeyId'], '12345')
  })

  const broken: ReadonlyArray<readonly [what: string, arrange: () => Promise<void> | void]> = [
    ['a variable of a wrong kind', () => { process.env['FORKFS_S3_TIMEOUT_MS'] = 'soon' }],
    ['a misspelt variable', () => { process.env['FORKFS_S3_REGOIN'] = 'x' }],
    ['a file that is missing', () => { process.env['FORKFS_CONFIG'] = join(folder, 'none.json') }],
    ['a file that is no JSON', async () => { await writeFile(process.env['FORKFS_CONFIG'] = join(folder, 'broken.json'), '{ "s3": ') }],
    ['a file that holds a list', async () => { await writeFile(process.env['FORKFS_CONFIG'] = join(folder, 'list.json'), '[]') }],
    ['a section that is no object', async () => { await writeFile(process.env['FORKFS_CONFIG'] = join(folder, 'section.json'), '{ "s3": 5 }') }],
    ['an unknown option in the file', async () => { await writeFile(process.env['FORKFS_CONFIG'] = join(folder, 'unknown.json'), '{ "s3": { "regoin": "x" } }') }],
    ['an option of a wrong kind in the file', async () => { await writeFile(process.env['FORKFS_CONFIG'] = join(folder, 'kind.json'), '{ "s3": { "timeoutMs": "5" } }') }]
  ]
  for (const [what, arrange] of broken) {
    it(`is FORKFS_CONFIG for ${what}`, async () => {
      await arrange()
      resetForFork()
      assert.throws(() => filesystem('s3'), code('FORKFS_CONFIG'))
    })
  }

  it('refuses wrong defaults in configure()', () => {
    assert.throws(() => { configure('s3', { regoin: 'x' }) }, TypeError)
    assert.throws(() => { configure('s3', { timeoutMs: 'x' }) }, TypeError)
    assert.throws(() => { configure('s9', {}) }, code('FORKFS_UNKNOWN_PROTOCOL'))
  })
})

describe('urlToFs()', () => {
  it('splits URLs: strings are literal, URL objects are decoded, a bare path is local', async () => {
    assert.deepEqual((await urlToFs('memory://a/b%20c'))[1], 'a/b%20c')
    assert.deepEqual((await urlToFs(new URL('memory://a/b%20c')))[1], 'a/b c')
    assert.deepEqual((await urlToFs('s3://bucket//x/../y#z?w'))[1], 'bucket//x/../y#z?w')
    const [fs, path] = await urlToFs('/tmp/x')
    assert.deepEqual([fs.protocol, path], ['file', '/tmp/x'])
    assert.deepEqual((await urlToFs('some/file.txt'))[1], join(process.cwd(), 'some/file.txt'))
    assert.deepEqual((await urlToFs('file:///tmp/a'))[1], '/tmp/a')
    assert.equal((await urlToFs('http://h/a?b=c'))[1], 'http://h/a?b=c')
  })

  it('takes options by protocol and says where a misplaced one belongs', async () => {
    const [fs] = await urlToFs('s3://b/k', { s3: { region: 'eu-west-3' } })
    assert.equal(fs, filesystem('s3', { region: 'eu-west-3' }))
    await assert.rejects(urlToFs('s3://b/k', { region: 'eu-west-3' } as never), /s3: \{ region/)
    await assert.rejects(urlToFs('s3://b/k', { s3: { autoMkdir: true } as never }), TypeError)
    await assert.rejects(urlToFs('s3://b/k', { allowedProtocol: ['s3'] } as never), /allowedProtocols/)
  })

  it('refuses protocols that are not allowed, before any I/O', async () => {
    await assert.rejects(urlToFs('file:///etc/passwd', { allowedProtocols: ['s3'] }), code('FORKFS_NOT_ALLOWED'))
    await assert.rejects(open('/etc/passwd', 'r', { allowedProtocols: ['s3'] }), code('FORKFS_NOT_ALLOWED'))
  })

  it('allows the aliases of an implementation together, but not http with https', async () => {
    for (const [one, other] of [['file', 'local'], ['gs', 'gcs']] as const) {
      assert.equal((await urlToFs(`${one}://b/a`, { allowedProtocols: [other] }))[0], (await urlToFs(`${other}://b/a`, { allowedProtocols: [one] }))[0])
    }
    await assert.rejects(urlToFs('http://h/a', { allowedProtocols: ['https'] }), code('FORKFS_NOT_ALLOWED'))
    await assert.rejects(urlToFs('https://h/a', { allowedProtocols: ['http'] }), code('FORKFS_NOT_ALLOWED'))
    for (const name of ['constructor', '__proto__', 'nosuch', '']) await assert.rejects(urlToFs('file:///a', { allowedProtocols: [name] }), code('FORKFS_NOT_ALLOWED'))
    await assert.rejects(urlToFs('nosuch://a', { allowedProtocols: ['other'] }), code('FORKFS_NOT_ALLOWED'))
  })

  it('allows aliases of a registered implementation together, lazy or not, until one of them is another', async () => {
    const load = async (): Promise<Implementation> => Promise.resolve(Tiny)
    const lazy = { load }
    registerImplementation(['lazy-one', 'lazy-two'], lazy)
    await urlToFs('lazy-one://a', { allowedProtocols: ['lazy-two'] })
    await urlToFs('lazy-two://a', { allowedProtocols: ['lazy-one'] })
    registerImplementation('lazy-two', { load }, { clobber: true })
    await assert.rejects(urlToFs('lazy-two://a', { allowedProtocols: ['lazy-one'] }), code('FORKFS_NOT_ALLOWED'))
  })

  it('refuses what is no URL', async () => {
    for (const bad of ['', 5, null, undefined, {}]) await assert.rejects(urlToFs(bad as never), TypeError)
    await assert.rejects(urlToFs('nope://x'), code('FORKFS_UNKNOWN_PROTOCOL'))
    await assert.rejects(urlToFs('zip://a::s3://b'), code('FORKFS_NOT_SUPPORTED'))
    await assert.rejects(urlToFs(new URL('s3://user:secret@b/k')), error => error instanceof TypeError && !error.message.includes('secret'))
  })
})
