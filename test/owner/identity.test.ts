import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FileSystem, filesystem, registerImplementation, revive } from '../../lib/index.js'
import type { FileInfo, RangeRead } from '../../lib/index.js'
import { DataLoader } from '../../lib/loader/index.js'
import type { S3Server } from '../servers/index.js'
import { actorKinds, outcome, Stage } from './support.js'

const session = { accessKeyId: 'ASIAFIRST', secretAccessKey: 'first-secret', sessionToken: 'first-token' }
const renewed = { accessKeyId: 'ASIASECOND', secretAccessKey: 'second-secret', sessionToken: 'second-token' }
const lasting = { accessKeyId: 'AKIAOTHER', secretAccessKey: 'other-secret' }

function environmentOf ({ accessKeyId, secretAccessKey, sessionToken }: { accessKeyId: string, secretAccessKey: string, sessionToken?: string }): Record<string, string> {
  return { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, ...(sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: sessionToken }) }
}

describe('owners: as whom a receiver acts', function () {
  this.timeout(30_000)
  const stage = new Stage()
  let server: S3Server
  let nobody: Record<string, string>
  beforeEach(async () => {
    server = await stage.s3({ credentials: [session, renewed, lasting] })
    await server.put('test', 'a', 'text')
    nobody = { AWS_EC2_METADATA_DISABLED: 'true', HOME: await stage.folder(), NODE_NO_WARNINGS: '1' }
  })
  afterEach(() => stage.end())

  const place = (): { endpoint: string, region: string } => ({ endpoint: server.endpoint, region: server.region })

  /** Whose keys signed what the server was asked. */
  async function signers (): Promise<Set<string | undefined>> {
    const requests = await server.requests()
    return new Set(requests.map(({ rawHeaders }) => /Credential=([^/]+)/.exec(rawHeaders[rawHeaders.findIndex(name => name.toLowerCase() === 'authorization') + 1] ?? '')?.[1]))
  }

  for (const kind of actorKinds) {
    it(`F22: temporary keys that were given stay those of the instance: a ${kind} with others, or none, is refused before any request`, async () => {
      const fs = stage.fs(server, { credentials: session })
      const [same, other, later, none] = await Promise.all([environmentOf(session), environmentOf(lasting), environmentOf(renewed), nobody].map(env => stage.actor(kind, { env })))
      assert.equal(await same!.do('read', fs, 'test/a'), 'text')
      await server.resetCounters()
      for (const actor of [other!, later!, none!]) {
        assert.equal(await outcome(actor.do('read', fs, 'test/a')), 'FORKFS_CREDENTIALS')
        assert.equal(await outcome(actor.do('writeText', fs, 'test/a', 'as somebody else')), 'FORKFS_CREDENTIALS')
      }
      assert.equal((await server.counters()).requests, 0)
    })

    it(`F22: temporary keys of the environment are another's in a ${kind} that has long-term ones, and may have been renewed`, async () => {
      const [from, later, other] = await Promise.all([session, renewed, lasting].map(keys => stage.actor(kind, { env: environmentOf(keys) })))
      const sent = await from!.do<FileSystem>('make', 's3', place())
      assert.equal(await later!.do('read', sent, 'test/a'), 'text')
      await server.resetCounters()
      assert.equal(await outcome(other!.do('writeText', sent, 'test/a', 'as somebody else')), 'FORKFS_CREDENTIALS')
      assert.equal((await server.counters()).requests, 0)
    })

    it(`F22: keys of the SDK's chain are another's in a ${kind} that has long-term ones in its environment`, async () => {
      const [from, other] = await Promise.all([nobody, environmentOf(lasting)].map(env => stage.actor(kind, { env })))
      const sent = await from!.do<FileSystem>('make', 's3', place())
      assert.equal(await outcome(other!.do('writeText', sent, 'test/a', 'as somebody else')), 'FORKFS_CREDENTIALS')
      assert.equal((await server.counters()).requests, 0)
    })
  }

  it('F22: a profile travels by its name, and a receiver takes its keys from there, whatever its environment holds', async () => {
    const file = join(await stage.folder(), 'credentials')
    await writeFile(file, `[work]\naws_access_key_id = ${renewed.accessKeyId}\naws_secret_access_key = ${renewed.secretAccessKey}\naws_session_token = ${renewed.sessionToken}\n`)
    const fs = stage.fs(server, { credentials: undefined, profile: 'work' })
    const knowing = await stage.actor('thread', { env: { ...nobody, ...environmentOf(lasting), AWS_SHARED_CREDENTIALS_FILE: file } })
    assert.equal(await knowing.do('read', fs, 'test/a'), 'text')
    assert.deepEqual(await signers(), new Set([renewed.accessKeyId]))
    const ignorant = await stage.actor('thread', { env: nobody })
    assert.equal(await outcome(ignorant.do('read', fs, 'test/a')), 'FORKFS_CREDENTIALS')
  })

  it('F22: a worker of ours gets the keys of the very instance that was sent, temporary ones too, and not those of another on the same store', async () => {
    for (const credentials of [session, renewed, lasting]) await filesystemOf(credentials).readText('test/a')
    const loaders = [session, renewed, lasting].map(credentials => new DataLoader<{ data: Uint8Array }>({ shards: { fs: filesystemOf(credentials), paths: ['test/a'] }, reader: 'bytes', workers: 1 }))
    await server.resetCounters()
    const iterators = loaders.map(loader => loader[Symbol.asyncIterator]())
    for (const samples of iterators) assert.equal(Buffer.from((await samples.next()).value!.data).toString(), 'text')
    for (const samples of iterators) assert.equal((await samples.next()).done, true)
    assert.deepEqual(await signers(), new Set([session, renewed, lasting].map(({ accessKeyId }) => accessKeyId)))
  })

  it('F22: a copy that is revived where it was made acts as the instance that it came from', async () => {
    const copies = [session, lasting].map(credentials => revive(structuredClone(filesystemOf(credentials))) as FileSystem)
    await server.resetCounters()
    for (const fs of copies) assert.equal(await fs.readText('test/a'), 'text')
    assert.deepEqual(await signers(), new Set([session.accessKeyId, lasting.accessKeyId]))
  })

  function filesystemOf (credentials: typeof lasting): FileSystem { return filesystem('s3', { ...place(), credentials }) }

  it('F22: headers with the names that keys have stay at home, are named, and a receiver that is refused for want of them says so', async () => {
    const names = [
      'authorization', 'Proxy-Authorization', 'cookie', 'x-api-key', 'X-Goog-Api-Key', 'x-amz-security-token', 'x-auth-token', 'private-token', 'x-vault-token', 'ocp-apim-subscription-key',
      'x-client-secret', 'x-signature'
    ]
    const files = await stage.files({ files: { a: 'text' }, auth: { bearer: 'hunter2' } })
    const headers = { ...Object.fromEntries(names.map(name => [name, 'Bearer hunter2'])), 'x-team': 'red', accept: 'text/plain' }
    const fs = filesystem('http', { baseUrl: files.endpoint, headers }) as FileSystem
    assert.equal(await fs.readText('a'), 'text')
    const { options, withheld } = fs.toJSON().$forkfs as unknown as { options: { headers: object }, withheld: { headers: string[] } }
    assert.deepEqual([options.headers, withheld.headers], [{ 'x-team': 'red', accept: 'text/plain' }, names.map(name => name.toLowerCase()).sort()])
    const arrived = revive(structuredClone(fs)) as FileSystem
    assert.equal(await outcome(arrived.readText('a')), 'FORKFS_CREDENTIALS')
    assert.ok(!JSON.stringify([fs, arrived]).includes('hunter2'))
    await Promise.all([fs.close(), arrived.close()])
  })

  it('F22: options that no table declares are secret by their names, in depth too: they stay at home, and a receiver without them is refused', async () => {
    registerImplementation('undeclared', UndeclaredFileSystem)
    const open = { region: 'eu', nested: { port: 1 }, servers: [{ host: 'h' }, 'plain'] }
    const fs = filesystem('undeclared', {
      ...open, password: 'hunter2', token: 'hunter2', secretKey: 'hunter2', apiKey: 'hunter2', nested: { port: 1, password: 'hunter2' }, servers: [{ host: 'h', privateKey: 'hunter2' }, 'plain'],
      headers: { authorization: 'hunter2' }
    }) as FileSystem
    assert.equal(await fs.readText('a'), 'text')
    const { options, withheld } = JSON.parse(JSON.stringify(fs)).$forkfs as { options: Record<string, unknown>, withheld: { options: string[] } }
    assert.deepEqual(Object.fromEntries(Object.keys(open).map(name => [name, options[name]])), open)
    assert.deepEqual(withheld.options, ['apiKey', 'headers.authorization', 'nested.password', 'password', 'secretKey', 'servers.0.privateKey', 'token'])
    const arrived = revive(structuredClone(fs)) as FileSystem
    for (const call of [() => arrived.readText('a'), () => arrived.info('a'), () => arrived.list('').next()]) assert.equal(await outcome(call()), 'FORKFS_CREDENTIALS')
    assert.ok(!JSON.stringify([fs, arrived, structuredClone(arrived)]).includes('hunter2'))
    assert.deepEqual(structuredClone(arrived), structuredClone(fs))
    assert.equal(await (revive(fs.toJSON({ credentials: true })) as FileSystem).readText('a'), 'text')
  })

  it('F22: a declared option travels unless it is called secret, without the fields that have secret names unless it is called none', async () => {
    registerImplementation('declared', DeclaredFileSystem)
    const fs = filesystem('declared', { tokens: 5, password: 'hunter2', limits: { maxTokens: 5 }, extra: { token: 'hunter2', page: 1 } }) as FileSystem
    const { options, withheld } = structuredClone(fs).$forkfs as unknown as { options: Record<string, unknown>, withheld: { options: string[] } }
    assert.deepEqual([options['tokens'], options['limits'], options['extra'], withheld.options], [5, { maxTokens: 5 }, { page: 1 }, ['extra.token', 'password']])
    const own = revive(structuredClone(filesystem('declared', { password: 'hunter2' }))) as FileSystem
    assert.equal(await own.readText('a'), 'text', 'a class that declares a secret may find its own')
  })
})

class UndeclaredFileSystem extends FileSystem {
  static override readonly protocols: readonly string[] = ['undeclared']
  get capabilities (): FileSystem['capabilities'] {
    return { read: true, write: false, append: false, exclusiveCreate: false, rename: false, emptyDirectories: false, sign: false, ranges: true }
  }

  protected override async _info (name: string): Promise<FileInfo> { return { name, type: 'file', size: 4 } }
  protected override async *_list (): AsyncGenerator<FileInfo[], void, undefined> { yield [await this._info('a')] }
  protected override async _readRange (_path: string, start: number, end?: number): Promise<RangeRead> { return { data: Uint8Array.from(Buffer.from('text').subarray(start, end)), size: 4 } }
}

class DeclaredFileSystem extends UndeclaredFileSystem {
  static override readonly protocols: readonly string[] = ['declared']
  static override readonly options = {
    tokens: { expected: 'anything', check: () => true },
    password: { expected: 'anything', check: () => true, secret: true },
    limits: { expected: 'anything', check: () => true, secret: false },
    extra: { expected: 'anything', check: () => true }
  }
}
